//! Plays small programs by seeds, in the deterministic mode, and looks for one that fails.
//!
//! ```text
//! seeds [--from SEED] [--count N] [--only NAME] [--procs N] [--tasks N]
//! seeds --study
//! ```
//!
//! Each program runs with each seed, on a number of Ps and with a number of tasks that the seed says, unless
//! they are given. A failure is made smaller, fewer tasks and fewer Ps for as long as some seed still fails
//! there, and the line is printed that plays it again.
//!
//! `--study` prints what the scheduler does on 1 to 1024 Ps: steps, searches, steals and sleeps per poll, and
//! how long tasks wait.

mod programs;
mod study;

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use programs::{Case, Totals, ON_DEMAND, PROGRAMS};

const USAGE: &str =
    "usage: seeds [--from SEED] [--count N] [--only NAME] [--procs N] [--tasks N] | \
                     seeds --study";

/// Seeds tried at a size, before it counts as one that does not fail.
const TRIES: u64 = 100;

/// A game that lasts longer, in real seconds, goes round in circles.
const PATIENCE: u64 = 120;

/// Payload of a panic that a program means; it is thrown past the panic hook.
pub(crate) struct Planned;

struct Options {
    from: u64,
    count: u64,
    only: Option<String>,
    procs: Option<usize>,
    tasks: Option<usize>,
    study: bool,
}

fn options() -> Result<Options, String> {
    let mut options =
        Options { from: 0, count: 1000, only: None, procs: None, tasks: None, study: false };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--study" {
            options.study = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name}: {value:?} is not a number"));
        let size = |most: u64| match number() {
            Ok(n) if (1..=most).contains(&n) => Ok(Some(n as usize)),
            Ok(n) => Err(format!("{name}: {n} is not in 1 to {most}")),
            Err(error) => Err(error),
        };
        match name.as_str() {
            "--from" => options.from = number()?,
            "--count" => options.count = number()?,
            "--procs" => options.procs = size(1024)?,
            "--tasks" => options.tasks = size(1_000_000)?,
            "--only" => {
                if !PROGRAMS.iter().chain(ON_DEMAND).any(|(program, _)| *program == value) {
                    let names: Vec<_> = PROGRAMS.iter().map(|(program, _)| *program).collect();
                    return Err(format!("--only: {value:?} is none of {}", names.join(", ")));
                }
                options.only = Some(value);
            }
            _ => return Err(format!("{name}: unknown option")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.study {
        study::run();
        return ExitCode::SUCCESS;
    }
    // A failure is caught and told here.
    std::panic::set_hook(Box::new(|_| {}));
    watchdog();
    let chosen = PROGRAMS.iter().chain(ON_DEMAND).filter(|(name, _)| match &options.only {
        Some(only) => only == name,
        None => !ON_DEMAND.iter().any(|(other, _)| other == name),
    });
    for (name, program) in chosen {
        let start = Instant::now();
        let mut totals = Totals::default();
        for seed in options.from..options.from.saturating_add(options.count) {
            let case = Case::new(seed, options.procs, options.tasks);
            match play(*program, &case) {
                Ok(part) => totals.add(&part),
                Err(text) => {
                    println!("{name}: FAILED, {case}: {text}");
                    let (small, text) = shrink(*program, case, text);
                    println!("{name}: smallest, {small}: {text}");
                    println!(
                        "again: seeds --only {name} --from {} --count 1 --procs {} --tasks {}",
                        small.seed, small.procs, small.tasks
                    );
                    return ExitCode::FAILURE;
                }
            }
        }
        println!(
            "{name:<10} {} seeds  {:>6.0} ms  {totals}",
            options.count,
            start.elapsed().as_secs_f64() * 1e3
        );
    }
    ExitCode::SUCCESS
}

/// Goes up with each game.
static GAMES: AtomicU64 = AtomicU64::new(0);

fn play(program: programs::Program, case: &Case) -> Result<Totals, String> {
    GAMES.fetch_add(1, Relaxed);
    catch_unwind(AssertUnwindSafe(|| program(case))).map_err(text)
}

fn text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => "a panic without a text".to_owned(),
        },
    }
}

/// Fewer tasks, then fewer Ps, for as long as one of some seeds still fails.
fn shrink(program: programs::Program, mut case: Case, mut why: String) -> (Case, String) {
    loop {
        let (tasks, procs) = (case.tasks, case.procs);
        let sizes =
            [(tasks / 2, procs), (tasks - 1, procs), (tasks, procs / 2), (tasks, procs - 1)];
        let smaller = sizes.into_iter().filter(|&(tasks, procs)| tasks > 0 && procs > 0);
        let found = smaller.into_iter().find_map(|(tasks, procs)| {
            // The same seed first: it draws other numbers there, but who knows.
            (case.seed..case.seed.saturating_add(TRIES)).find_map(|seed| {
                let smaller = Case::new(seed, Some(procs), Some(tasks));
                play(program, &smaller).err().map(|why| (smaller, why))
            })
        });
        match found {
            Some(found) => (case, why) = found,
            None => return (case, why),
        }
    }
}

/// Ends the process if a game does not.
fn watchdog() {
    std::thread::spawn(|| {
        let mut last = 0;
        loop {
            std::thread::sleep(Duration::from_secs(PATIENCE));
            let now = GAMES.load(Relaxed);
            if now == last {
                println!("a game lasts longer than {PATIENCE} s: it goes round in circles");
                programs::say_what_runs();
                std::process::exit(1);
            }
            last = now;
        }
    });
}
