//! What a runtime costs that has nothing to do, and one that has one timer every 10 or 150 ms.

use std::thread;
use std::time::Duration;

use crate::clock;
use crate::runtimes::Rt;
use crate::with_runtime;
use crate::workloads::Pinned;

/// gmp's watcher thread.
const WATCHER: &str = "gmp-sysmon";

pub(crate) fn run(runtime: &str, time: Duration, workers: usize) {
    with_runtime!(runtime, R => run_on::<R>(runtime, time, workers));
}

fn run_on<R: Rt + Pinned>(name: &str, time: Duration, workers: usize) {
    // Spinning, and whatever else follows work, ends within this time.
    let settle = Duration::from_secs(1);
    // The longer one is longer than what a watcher would call quiet.
    for every in [None, Some(10), Some(150)] {
        let rt = R::start(workers);
        // A runtime that never ran anything may not have made its threads.
        for _ in 0..1000 {
            rt.main(async { R::spawn(async {}).await });
        }
        let doing = match every {
            None => "idle".to_string(),
            Some(ms) => {
                R::tick(&rt, Duration::from_millis(ms));
                format!("a sleep of {ms} ms, for ever")
            }
        };
        thread::sleep(settle);
        report(name, &doing, time);
    }
}

/// Sleeps and says what the other threads did meanwhile. This thread's own sleep is one context
/// switch of the figure.
fn report(name: &str, doing: &str, time: Duration) {
    // The CPU time is read inside of the other readings, which cost more than an idle runtime.
    let watcher = clock::thread_called(WATCHER);
    let switches = clock::context_switches();
    let cpu = clock::process_cpu();
    thread::sleep(time);
    let cpu = clock::process_cpu().zip(cpu).map(|(after, before)| after - before);
    let after = clock::context_switches();
    let watcher = clock::thread_called(WATCHER).zip(watcher);
    let secs = time.as_secs_f64();
    let cpu = cpu.map_or("-".to_string(), |cpu| {
        format!("{:.1} µs CPU per second", cpu.as_secs_f64() * 1e6 / secs)
    });
    let switches =
        after.zip(switches).map_or("-".to_string(), |((after, threads), (before, _))| {
            let switches = after.saturating_sub(before);
            let per_second = switches as f64 / secs;
            format!("{switches} context switches ({per_second:.1} per second) on {threads} threads")
        });
    let watcher = watcher.map_or(String::new(), |(after, before)| {
        let share = after.0.saturating_sub(before.0).as_secs_f64() / secs * 100.0;
        format!("; of it {WATCHER}: {share:.3} % of a core, {} switches", after.1 - before.1)
    });
    println!("{name}, {doing}: {cpu}, {switches}{watcher}");
}
