//! What a runtime costs that has nothing to do, and one that has one timer every 10 ms.

use std::thread;
use std::time::Duration;

use crate::clock;
use crate::runtimes::Rt;
use crate::with_runtime;
use crate::workloads::Pinned;

pub(crate) fn run(runtime: &str, time: Duration, workers: usize) {
    with_runtime!(runtime, R => run_on::<R>(runtime, time, workers));
}

fn run_on<R: Rt + Pinned>(name: &str, time: Duration, workers: usize) {
    let rt = R::start(workers);
    // A runtime that never ran anything may not have made its threads.
    for _ in 0..1000 {
        rt.main(async { R::spawn(async {}).await });
    }
    // Spinning, and whatever else follows work, ends within this time.
    let settle = Duration::from_secs(1);
    thread::sleep(settle);
    report(name, "idle", time);
    R::tick(&rt);
    thread::sleep(settle);
    report(name, "a sleep of 10 ms, for ever", time);
}

/// Sleeps and says what the other threads did meanwhile. This thread's own sleep is one context
/// switch of the figure.
fn report(name: &str, doing: &str, time: Duration) {
    // The CPU time is read inside of the other readings, which cost more than an idle runtime.
    let switches = clock::context_switches();
    let cpu = clock::process_cpu();
    thread::sleep(time);
    let cpu = clock::process_cpu().zip(cpu).map(|(after, before)| after - before);
    let after = clock::context_switches();
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
    println!("{name}, {doing}: {cpu}, {switches}");
}
