//! The floor: about the least that any runtime must do for a row, on one thread.
//!
//! No other thread is awaited, nothing is stolen, no waker exists (a task is woken by its number), and
//! nothing is atomic, nobody is fair. It is plain safe Rust and not a record: a runtime whose structures are better may
//! well be below it. Where a row is about threads, the floor is the system's own: a channel of std's between
//! two threads, threads that are started and joined, one thread for each task that blocks.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gmp_stall::{Case, Outcome};

use crate::limits;
use crate::workloads::pinned::quantile;
use crate::workloads::sockets::{most_clients, rate};
use crate::workloads::spawn::{BATCH, FIB_TASKS};
use crate::workloads::{calibrate, files, nanos_per_op, Scale};

mod exec;
mod net;
mod tasks;
mod threads;
mod timers;

/// The name of the column.
pub(crate) const NAME: &str = "floor";

/// A workload that is timed: the unit of its number of operations, and itself.
type Timed = (u64, fn(u64) -> Duration);

fn timed(workload: &str) -> Option<Timed> {
    Some(match workload {
        "spawn-task" => (BATCH, tasks::many),
        "join-task" => (1000, tasks::one),
        "chain" => (1000, tasks::chain),
        "yield" => (100_000, tasks::yields),
        "pingpong-slot" => (1000, tasks::ping_pong),
        "fib" => (FIB_TASKS, tasks::fib),
        "fan-in" => (8000, tasks::fan_in),
        "mutex-handoff" => (1000, |ops| tasks::mutex(8, ops, true)),
        "mutex-contended" => (8000, |ops| tasks::mutex(8, ops, false)),
        "mutex-free" => (1000, |ops| tasks::mutex(1, ops, false)),
        "spawn-foreign" => (1000, threads::spawns),
        "wake-foreign" => (1000, |ops| threads::wakes(100, ops / 100)),
        "call-foreign" => (100, |ops| threads::wakes(1, ops)),
        "sleep-drop" => (1000, timers::dropped),
        "timeout-yield" => (1000, timers::timeouts),
        "echo-1" => (100, net::echo_one),
        "udp" => (100, net::udp),
        _ => return None,
    })
}

/// Whether there is a floor under a workload.
pub(crate) fn has(workload: &str) -> bool {
    const OTHERS: &[&str] = &[
        "skynet",
        "sleeps-cpu",
        "sleep-late-p50",
        "task-bytes",
        "start-stop",
        "echo-64",
        "echo-1000",
        "accept",
        "fs-read",
        "http",
        "block-tick",
        "compute-tick",
    ];
    timed(workload).is_some() || OTHERS.contains(&workload)
}

/// A figure for each row of a workload; `None` if there is no floor.
pub(crate) fn measure(workload: &str, scale: &Scale) -> Option<Vec<Option<f64>>> {
    if let Some((unit, run)) = timed(workload) {
        let ops = calibrate(scale, unit, run);
        return Some(vec![Some(nanos_per_op(run(ops), ops))]);
    }
    Some(match workload {
        "skynet" => {
            let leaves = scale.iters.unwrap_or(if scale.quick { 100_000 } else { 1_000_000 });
            tasks::skynet(leaves / 10);
            vec![Some(nanos_per_op(tasks::skynet(leaves), leaves))]
        }
        "sleeps-cpu" => {
            let sleeps = scale.iters.unwrap_or(100_000);
            timers::many_cpu(sleeps / 10);
            vec![timers::many_cpu(sleeps).map(|cpu| nanos_per_op(cpu, sleeps))]
        }
        "sleep-late-p50" => {
            let mut late =
                timers::lateness(scale.iters.unwrap_or(if scale.quick { 100 } else { 500 }));
            vec![quantile(&mut late, 0.5), quantile(&mut late, 0.99)]
        }
        "task-bytes" => vec![Some(tasks::bytes(scale.iters.unwrap_or(100_000)))],
        "start-stop" => {
            let times = scale.iters.unwrap_or(if scale.quick { 50 } else { 300 });
            let mut samples: Vec<f64> =
                (0..times).map(|_| threads::start_and_stop(scale.workers)).collect();
            vec![quantile(&mut samples, 0.5)]
        }
        "echo-64" => rate(640, scale, |ops| net::echo_many(64, ops)),
        "echo-1000" => {
            let clients = most_clients(scale);
            if limits::connections(clients) < clients {
                return None;
            }
            rate(clients * 10, scale, |ops| net::echo_many(clients, ops))
        }
        "accept" => rate(160, scale, net::accepts),
        "fs-read" => {
            let files = files::number(scale);
            let folder = files::Folder::with(files).expect("a place for temporary files");
            threads::reads(&folder, files);
            let elapsed = threads::reads(&folder, files);
            vec![Some(elapsed.as_secs_f64() * 1e6 / files as f64)]
        }
        _ => return None,
    })
}

/// As many operations, once.
pub(crate) fn once(workload: &str, ops: u64) -> Option<Duration> {
    timed(workload).map(|(_, run)| run(ops))
}

/// Starts the HTTP server of the floor.
pub(crate) fn serve_http() -> Result<SocketAddr, String> {
    net::serve_http().map_err(|err| format!("the floor's HTTP server: {err}"))
}

/// The rows beside tasks that block or compute: a thread for each.
pub(crate) fn hogs(case: &Case) -> io::Result<Outcome> {
    threads::hogs(case)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::runtimes::tokio_rt::Subject;
    use crate::workloads;

    #[test]
    fn every_floor_is_filled() {
        let scale =
            Scale { workers: 2, target: Duration::from_nanos(1), quick: true, iters: Some(10) };
        let mut found = 0;
        for workload in workloads::all::<Subject>() {
            if !has(workload.name()) || workload.outside().is_some() {
                continue;
            }
            found += 1;
            let figures = measure(workload.name(), &scale).unwrap_or_default();
            assert_eq!(figures.len(), workload.rows.len(), "{}", workload.name());
            for figure in figures {
                assert!(figure.is_some_and(f64::is_finite), "{}", workload.name());
            }
        }
        assert!(found > 20, "only {found}: names differ from the table's");
    }
}
