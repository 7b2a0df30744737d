//! Nothing moved for 20 seconds: print what is known, and abort.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gmp::runtime::Handle;

use super::case::Case;
use super::tally::{Tally, PROGRESS};

const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    what: String,
    tally: Arc<Tally>,
    runtimes: Vec<Handle>,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

pub(crate) fn start() {
    std::thread::Builder::new().name("watchdog".into()).spawn(watch).expect("a thread");
}

/// Says which program runs from here on.
pub(crate) fn now_running(case: &Case) {
    let what = format!("--only {} --procs {} (seed {})", case.name, case.procs, case.seed);
    let running = Running { what, tally: case.tally.clone(), runtimes: Vec::new() };
    let before = RUNNING.lock().unwrap().replace(running);
    // Handles of the program before: the last ones of their schedulers.
    drop(before);
}

/// Adds a runtime to the picture.
pub(crate) fn add(handle: &Handle) {
    if let Some(running) = &mut *RUNNING.lock().unwrap() {
        // What the last ones show is what matters.
        if running.runtimes.len() == 8 {
            running.runtimes.remove(0);
        }
        running.runtimes.push(handle.clone());
    }
}

/// Prints what is known.
pub(crate) fn picture() {
    // Who has it may be who is stuck.
    let Ok(running) = RUNNING.try_lock() else { return };
    let Some(running) = &*running else { return };
    let mut text = format!("stress: {}\n  {}\n", running.what, running.tally);
    for runtime in &running.runtimes {
        let metrics = runtime.metrics();
        let _ = writeln!(text, "  {runtime:?} {metrics:?} global {}", metrics.global_queue_depth());
        for p in 0..metrics.num_workers() {
            let (parks, both) = (metrics.worker_park_count(p), metrics.worker_park_unpark_count(p));
            let state = if both % 2 == 1 { "idle" } else { "taken" };
            let _ = writeln!(text, "    P {p}: {state}, given up {parks} times");
        }
    }
    eprint!("{text}");
}

fn watch() {
    let mut seen = PROGRESS.load(Relaxed);
    let mut since = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = PROGRESS.load(Relaxed);
        if now != seen {
            seen = now;
            since = Instant::now();
        } else if since.elapsed() > PATIENCE {
            eprintln!("stress: no progress for {PATIENCE:?}");
            picture();
            std::process::abort();
        }
    }
}
