//! Hammers the runtime with random programs, and counts.
//!
//! ```text
//! stress [--seed N] [--secs S] [--only NAME] [--procs N]
//! ```
//!
//! Each program runs on 1, 2, 4, 8 and 64 Ps (1 P: every other time on the current_thread flavour),
//! again and again until the seconds are over, and at least once. Each run prints its seed; the same
//! `--seed`, `--only` and `--procs` draw the same random numbers again, though not the same interleaving.
//!
//! Every future is wrapped (see `tally.rs`): as many must be dropped as were made, each must end in
//! exactly one way, none may be polled after its end or by two threads at once. If nothing moves for
//! 20 seconds, a watchdog prints what is known and aborts: a hang is a failure with a picture.

mod aborts;
mod blocking;
mod case;
mod echo;
mod joins;
mod lifecycle;
mod lock;
mod pingpong;
#[cfg(gmp_tsan)]
mod race;
mod rand;
mod retake_storm;
mod spawn;
mod tally;
mod timers;
mod wakes;
mod watchdog;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use case::Case;
use rand::Rand;

/// A program: what it does with one runtime, or several, and one seed.
type Program = fn(&Case);

const PROGRAMS: &[(&str, Program)] = &[
    ("spawn", spawn::run),
    ("pingpong", pingpong::run),
    ("wakes", wakes::run),
    ("aborts", aborts::run),
    ("joins", joins::run),
    ("timers", timers::run),
    ("echo", echo::run),
    ("blocking", blocking::run),
    ("lifecycle", |case| lifecycle::run(case, case.scale(100))),
    ("retake_storm", retake_storm::run),
];

/// Only when named: a program with a fault, to see that the fault is seen.
const ON_DEMAND: &[(&str, Program)] = &[
    #[cfg(gmp_tsan)]
    ("race", race::run),
];

const PROCS: &[usize] = &[1, 2, 4, 8, 64];

struct Options {
    seed: u64,
    secs: f64,
    only: Option<String>,
    procs: Option<usize>,
}

fn options() -> Result<Options, String> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut options = Options {
        seed: clock.map_or(1, |since| since.as_nanos() as u64) % 1_000_000_007,
        secs: 30.0,
        only: None,
        procs: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let bad = |_| format!("{name}: {value:?} is not a number");
        match name.as_str() {
            "--seed" => options.seed = value.parse().map_err(bad)?,
            "--secs" => {
                options.secs = value.parse().map_err(|_| format!("--secs: {value:?}"))?;
            }
            "--procs" => options.procs = Some(value.parse().map_err(bad)?),
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
            eprintln!("{error}\nusage: stress [--seed N] [--secs S] [--only NAME] [--procs N]");
            return ExitCode::from(2);
        }
    };
    println!("stress --seed {}", options.seed);
    any_panic_is_the_end();
    watchdog::start();
    let chosen: Vec<_> = match options.only.as_deref() {
        Some(only) => PROGRAMS.iter().chain(ON_DEMAND).filter(|(name, _)| *name == only).collect(),
        None => PROGRAMS.iter().collect(),
    };
    let procs: Vec<usize> = options.procs.map_or(PROCS.to_vec(), |procs| vec![procs]);
    let end = Instant::now() + Duration::from_secs_f64(options.secs.max(0.0));
    // Each draws from the seed alone, so that `--only` does not change what a program does.
    let mut round = 0;
    loop {
        for (name, program) in &chosen {
            for &procs in &procs {
                let seed = Rand::new(options.seed ^ name.len() as u64 ^ (procs as u64) << 8)
                    .next()
                    .wrapping_add(round);
                one(name, *program, procs, seed);
                if round > 0 && Instant::now() >= end {
                    return ExitCode::SUCCESS;
                }
            }
        }
        round += 1;
        if Instant::now() >= end {
            return ExitCode::SUCCESS;
        }
    }
}

/// The programs throw their own panics past the hook: what comes here is an assertion that failed, maybe
/// inside of a task that nobody joins.
fn any_panic_is_the_end() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // tokio's text, for a timer that is first polled while its runtime goes down in the background.
        let text = info.payload().downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| info.payload().downcast_ref::<&str>().copied());
        if text.is_some_and(|text| text.contains("it is being shutdown")) {
            return;
        }
        print(info);
        watchdog::picture();
        std::process::abort();
    }));
}

fn one(name: &'static str, program: Program, procs: usize, seed: u64) {
    let case = Case::new(name, procs, seed);
    watchdog::now_running(&case);
    let start = Instant::now();
    program(&case);
    case.tally.settle();
    println!(
        "{name:<12} procs {procs:>2}  seed {seed:<20}  {:>6.0} ms  {}",
        start.elapsed().as_secs_f64() * 1e3,
        case.tally
    );
}
