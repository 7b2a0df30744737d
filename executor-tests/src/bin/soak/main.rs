//! Everything at once, for minutes: nothing may be lost, nothing happen twice, nothing grow.
//!
//! ```text
//! soak [--minutes M] [--seed N] [--only LANE]
//! ```
//!
//! One runtime serves all lanes at the same time; a lane repeats rounds of one kind of work (see `LANES`)
//! until the minutes are over, and each round checks its own results. Every ten seconds a line says what
//! was done. What ends the run with a failure:
//!
//! - a result that is wrong, or any panic that no lane planned: at once;
//! - nothing moves for 20 seconds, or one lane ends no round for two minutes: with a picture;
//! - at the end: a future that was dropped never or twice, or ended in two ways; a message that was dropped
//!   never or twice; tasks that the runtime still counts; permits that are missing; CPU time that an idle
//!   runtime uses; threads and descriptors that were not there before;
//! - resident memory that grew from the third quarter of the run to the fourth.

mod machine;
mod messages;
mod outside;
mod stalls;
mod tasks;
mod waits;
mod world;

// What the stress programs count with, and the one that makes and ends runtimes.
#[path = "../stress/case.rs"]
#[allow(dead_code)]
mod case;
#[path = "../stress/lifecycle.rs"]
mod lifecycle;
#[path = "../stress/rand.rs"]
mod rand;
#[path = "../stress/tally.rs"]
mod tally;
#[path = "../stress/watchdog.rs"]
mod watchdog;

use std::process::ExitCode;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, Runtime};

use case::Case;
use machine::Usage;
use tally::broken;
use world::{Lane, Round, World};

const LANES: &[(&str, Round)] = &[
    ("storm", tasks::storm),
    ("aborts", tasks::aborts),
    ("join_set", tasks::join_set),
    ("local_set", tasks::local_set),
    ("foreign", tasks::foreign),
    ("mpsc", messages::mpsc),
    ("broadcast", messages::broadcast),
    ("watch", messages::watch),
    ("oneshot", messages::oneshot),
    ("locks", waits::locks),
    ("timers", waits::timers),
    ("sockets", outside::sockets),
    ("files", outside::files),
    ("children", outside::children),
    ("closures", stalls::closures),
    ("stalls", stalls::stalls),
    ("resizes", stalls::resizes),
    ("runtimes", stalls::runtimes),
];

/// Ps at the beginning, and at the end.
const PROCS: usize = 4;

const REPORT: Duration = Duration::from_secs(10);

/// A lane that ends no round for so long is stuck. The longest rounds, of whole runtimes, last seconds.
const LANE_PATIENCE: Duration = Duration::from_secs(120);

/// For things that come to be some time after the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the idle runtime is watched, and the CPU time that it may use meanwhile: a sleeping one uses
/// none, one that polls in a loop a hundred times more than this.
const SILENCE: Duration = Duration::from_secs(3);
const SILENCE_CPU: Duration = Duration::from_millis(200);

/// A shorter run has not warmed up: its memory says nothing.
const JUDGED_FROM: Duration = Duration::from_secs(120);

struct Options {
    minutes: f64,
    seed: u64,
    only: Option<String>,
}

fn options() -> Result<Options, String> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = clock.map_or(1, |since| since.as_nanos() as u64) % 1_000_000_007;
    let mut options = Options { minutes: 10.0, seed, only: None };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let bad = || format!("{name}: {value:?} is not a number");
        match name.as_str() {
            "--minutes" => {
                let minutes = value.parse().map_err(|_| bad())?;
                if !(0.0..=100_000.0).contains(&minutes) {
                    return Err(format!("--minutes: {value:?} is not from 0 to 100000"));
                }
                options.minutes = minutes;
            }
            "--seed" => options.seed = value.parse().map_err(|_| bad())?,
            "--only" if LANES.iter().any(|(lane, _)| *lane == value) => options.only = Some(value),
            "--only" => {
                let names: Vec<_> = LANES.iter().map(|(lane, _)| *lane).collect();
                return Err(format!("--only: {value:?} is none of {}", names.join(", ")));
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
            eprintln!("{error}\nusage: soak [--minutes M] [--seed N] [--only LANE]");
            return ExitCode::from(2);
        }
    };
    println!("soak --minutes {} --seed {}", options.minutes, options.seed);
    any_panic_is_the_end();
    watchdog::start();
    let only = options.only.as_deref();
    // What stays for good is there from here on: the allocator's arenas, the pipe of the signal handlers.
    soak(only, options.seed, Duration::ZERO, None);
    let before = machine::usage();
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let memory = soak(only, options.seed.wrapping_add(1), length, Some(&before));
    match memory.growth(length >= JUDGED_FROM) {
        Ok(text) => {
            println!("soak: passed; {text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            println!("soak: FAILED; {text}");
            ExitCode::FAILURE
        }
    }
}

/// The lanes throw their own panics past the hook: what comes here is an assertion that failed, maybe
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

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(PROCS)
        .thread_name("soak-m")
        .thread_keep_alive(Duration::from_millis(500))
        // As impatient as it gets: permits are taken all the time.
        .blocked_threshold(Duration::from_millis(1))
        .computing_threshold(Duration::from_millis(2))
        .max_extra_threads(8)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// One life of the runtime, with at least one round of each lane. With `before` it must leave the process
/// as it was.
fn soak(
    only: Option<&str>,
    seed: u64,
    length: Duration,
    before: Option<&Usage>,
) -> machine::Memory {
    let case = Case::new("soak", PROCS, seed);
    watchdog::now_running(&case);
    let runtime = runtime();
    watchdog::add(runtime.handle());
    let world = World::new(&case, runtime.handle().clone());
    let mut rand = case.rand();
    let lanes: Vec<Arc<Lane>> = LANES
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == *name))
        .map(|(name, round)| Lane::start(name, *round, &world, rand.fork()))
        .collect();
    let memory = watch(&world, &lanes, length);
    world.over.store(true, SeqCst);
    await_that("every lane ends its last round", &lanes, || {
        lanes.iter().all(|lane| lane.ended.load(SeqCst))
    });
    case.tally.settle();
    world.settle();
    let (handle, metrics) = (runtime.handle(), runtime.metrics());
    handle.set_max_procs(PROCS).expect("the first number of Ps");
    await_that("no task is left", &lanes, || metrics.num_alive_tasks() == 0);
    if before.is_some() {
        await_that("all permits are idle", &lanes, || metrics.idle_permits() == PROCS);
        silence();
        println!(
            "end: {}; {}; retaken {}, regained {}, retired {}, handed off {}",
            case.tally,
            world.messages,
            metrics.retakes(),
            metrics.regains(),
            metrics.retirements(),
            metrics.handoffs(),
        );
    }
    drop(runtime);
    if let Some(before) = before {
        await_that("threads and descriptors are as before", &lanes, || {
            let now = machine::usage();
            now.threads <= before.threads && now.fds <= before.fds
        });
    }
    memory
}

/// Sits and looks until the time is over; at least until every lane has ended a round.
fn watch(world: &World, lanes: &[Arc<Lane>], length: Duration) -> machine::Memory {
    let start = Instant::now();
    let mut memory = machine::Memory::default();
    let mut reported = Duration::ZERO;
    let mut seen: Vec<(u64, Instant)> = lanes.iter().map(|_| (0, start)).collect();
    loop {
        thread::sleep(Duration::from_millis(if length.is_zero() { 10 } else { 500 }));
        let elapsed = start.elapsed();
        memory.sample(elapsed);
        for (lane, (rounds, since)) in lanes.iter().zip(&mut seen) {
            let now = lane.rounds.load(Relaxed);
            if now != *rounds {
                (*rounds, *since) = (now, Instant::now());
            } else if since.elapsed() > LANE_PATIENCE {
                report(world, lanes, elapsed);
                eprintln!("{}", world.handle.dump());
                broken(&format!("the lane {} ends no round for {LANE_PATIENCE:?}", lane.name));
            }
        }
        if elapsed >= length && seen.iter().all(|(rounds, _)| *rounds > 0) {
            if !length.is_zero() {
                report(world, lanes, elapsed);
            }
            return memory;
        }
        if elapsed - reported >= REPORT {
            reported = elapsed;
            report(world, lanes, elapsed);
        }
    }
}

fn report(world: &World, lanes: &[Arc<Lane>], elapsed: Duration) {
    let usage = machine::usage();
    let lanes: Vec<String> =
        lanes.iter().map(|l| format!("{} {}", l.name, l.rounds.load(Relaxed))).collect();
    println!(
        "{:>5.0} s  rss {:>6} KiB  threads {:>3}  fds {:>3}  Ps {}  tasks {}  retakes {}  |  {}",
        elapsed.as_secs_f64(),
        usage.rss_kib,
        usage.threads,
        usage.fds,
        world.handle.max_procs(),
        world.handle.metrics().num_alive_tasks(),
        world.handle.metrics().retakes(),
        lanes.join(", "),
    );
}

/// Waits for something that must come to be.
#[track_caller]
fn await_that(what: &str, lanes: &[Arc<Lane>], mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > PATIENCE + LANE_PATIENCE {
            let late: Vec<_> =
                lanes.iter().filter(|l| !l.ended.load(SeqCst)).map(|l| l.name).collect();
            broken(&format!("still not: {what} (lanes at work: {late:?}; {:?})", machine::usage()));
        }
        tally::progress();
        thread::sleep(Duration::from_millis(10));
    }
}

/// An idle runtime uses no CPU.
fn silence() {
    // The last closures' threads go.
    thread::sleep(Duration::from_secs(1));
    let before = machine::cpu_time();
    thread::sleep(SILENCE);
    let used = machine::cpu_time().saturating_sub(before);
    println!("silence: {used:?} of CPU time in {SILENCE:?}");
    if used > SILENCE_CPU {
        broken(&format!("an idle runtime used {used:?} of CPU time in {SILENCE:?}"));
    }
}
