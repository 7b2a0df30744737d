//! The rows of the table: what each one runs, and how much of it.
//!
//! A workload is a function of a started runtime and a number of operations; it returns the time
//! they took. Setting up (tasks that must exist before the first operation, connections) is outside
//! of that time. Some workloads yield other figures than time per operation; they fill several rows
//! or one with a unit of its own.

use std::borrow::Cow;
use std::time::Duration;

use crate::runtimes::Rt;
use crate::{hogs, http};

mod blocking;
mod channels;
pub(crate) mod files;
mod foreign;
pub(crate) mod memory;
mod mutex;
#[macro_use]
pub(crate) mod pinned;
mod slot;
pub(crate) mod sockets;
pub(crate) mod spawn;
pub(crate) mod streams;
mod switch;
mod sync;

pub(crate) use files::Files;
pub(crate) use pinned::Pinned;
pub(crate) use sockets::Sockets;
pub(crate) use streams::{StreamRow, Streams};
pub(crate) use sync::SyncTypes;

/// A runtime with all that the rows ask for.
pub(crate) trait Measured: Rt + Pinned + Sockets + Streams + Files + SyncTypes {}

impl<R: Rt + Pinned + Sockets + Streams + Files + SyncTypes> Measured for R {}

/// One line of the table.
#[derive(Clone)]
pub(crate) struct Row {
    /// How the child names it in its output, and what `--only` looks at.
    pub(crate) name: Cow<'static, str>,
    pub(crate) label: Cow<'static, str>,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) workers: usize,
    /// How long the measured run of a calibrated workload should take.
    pub(crate) target: Duration,
    /// Smaller fixed sizes, for a look rather than a measurement.
    pub(crate) quick: bool,
    /// Operations of the measured run, instead of a calibrated number.
    pub(crate) iters: Option<u64>,
}

type Timed<R> = fn(&R, u64) -> Duration;
type TimedIfAny<R> = fn(&R, u64) -> Option<Duration>;
type Figures<R> = fn(&R, &Scale) -> Vec<Option<f64>>;
/// Measures a runtime, given by its name, that may live in another process.
type Outside = fn(&str, &Scale) -> Result<Vec<Option<f64>>, String>;

enum Body<R> {
    /// Nanoseconds per operation; the number of operations is a multiple of `unit`, found by
    /// running more and more until it takes long enough.
    Calibrated { unit: u64, run: Timed<R> },
    /// As `Calibrated`; `None` where the runtime cannot.
    Optional { unit: u64, run: TimedIfAny<R> },
    /// Nanoseconds per operation; always as many operations.
    Fixed { ops: u64, quick: u64, run: Timed<R> },
    /// Megabytes a second; the number is that of chunks of `streams::CHUNK` bytes.
    Stream(TimedIfAny<R>),
    /// One figure for each row.
    Figures(Figures<R>),
    /// As `Figures`, of a service.
    Outside(Outside),
}

/// What one child process runs.
pub(crate) struct Workload<R> {
    pub(crate) rows: Vec<Row>,
    body: Body<R>,
}

impl<R: Rt> Workload<R> {
    /// The name given to the child: that of the first row.
    pub(crate) fn name(&self) -> &str {
        &self.rows[0].name
    }

    /// How to measure it, if it takes no runtime in this process.
    pub(crate) fn outside(&self) -> Option<Outside> {
        match self.body {
            Body::Outside(measure) => Some(measure),
            _ => None,
        }
    }

    /// As many operations, once; `None` where there is no such number, or the runtime cannot.
    pub(crate) fn once(&self, rt: &R, ops: u64) -> Option<Duration> {
        match self.body {
            Body::Calibrated { run, .. } | Body::Fixed { run, .. } => Some(run(rt, ops)),
            Body::Optional { run, .. } | Body::Stream(run) => run(rt, ops),
            Body::Figures(_) | Body::Outside(_) => None,
        }
    }

    /// Warms up, measures once, and returns a figure for each row.
    pub(crate) fn measure(&self, rt: &R, scale: &Scale) -> Vec<Option<f64>> {
        match self.body {
            Body::Calibrated { unit, run } => {
                let ops = calibrate(scale, unit, |ops| run(rt, ops));
                vec![Some(nanos_per_op(run(rt, ops), ops))]
            }
            Body::Optional { unit, run } => {
                if run(rt, unit).is_none() {
                    return vec![None];
                }
                let ops = calibrate(scale, unit, |ops| run(rt, ops).unwrap_or_default());
                vec![run(rt, ops).map(|elapsed| nanos_per_op(elapsed, ops))]
            }
            Body::Fixed { ops, quick, run } => {
                let ops = scale.iters.unwrap_or(if scale.quick { quick } else { ops });
                run(rt, ops / 10);
                vec![Some(nanos_per_op(run(rt, ops), ops))]
            }
            Body::Stream(run) => {
                if run(rt, streams::UNIT).is_none() {
                    return vec![None];
                }
                let chunks = calibrate(scale, streams::UNIT, |n| run(rt, n).unwrap_or_default());
                vec![run(rt, chunks).map(|elapsed| streams::megabytes_a_second(chunks, elapsed))]
            }
            Body::Figures(figures) => figures(rt, scale),
            Body::Outside(_) => unreachable!("`outside` is asked first"),
        }
    }
}

pub(crate) fn nanos_per_op(elapsed: Duration, ops: u64) -> f64 {
    elapsed.as_nanos() as f64 / ops as f64
}

/// Finds how many operations take the target time, by running; that is the warm-up too.
pub(crate) fn calibrate(scale: &Scale, unit: u64, mut run: impl FnMut(u64) -> Duration) -> u64 {
    const MOST: u64 = 1 << 32;
    let mut ops = unit;
    loop {
        let elapsed = run(ops).max(Duration::from_nanos(1));
        if elapsed * 4 >= scale.target || ops >= MOST {
            let per_unit = elapsed.as_secs_f64() / (ops / unit) as f64;
            let units = (scale.target.as_secs_f64() / per_unit).round().max(1.0) as u64;
            return scale.iters.unwrap_or(units * unit).div_ceil(unit) * unit;
        }
        // Small runs are mostly noise: approach the target in steps of at most 16.
        let factor = scale.target.as_secs_f64() / 2.0 / elapsed.as_secs_f64();
        ops = (ops / unit) * (factor.ceil() as u64).clamp(2, 16) * unit;
    }
}

fn row(name: &'static str, label: &'static str, unit: &'static str, better: Better) -> Row {
    Row { name: name.into(), label: label.into(), unit, better }
}

fn timed<R>(name: &'static str, label: &'static str, unit: u64, run: Timed<R>) -> Workload<R> {
    Workload {
        rows: vec![row(name, label, "ns", Better::Lower)],
        body: Body::Calibrated { unit, run },
    }
}

fn if_any<R>(
    name: &'static str,
    label: &'static str,
    unit: u64,
    run: TimedIfAny<R>,
) -> Workload<R> {
    Workload {
        rows: vec![row(name, label, "ns", Better::Lower)],
        body: Body::Optional { unit, run },
    }
}

fn streamed<R>(name: &'static str, label: &'static str, run: TimedIfAny<R>) -> Workload<R> {
    Workload { rows: vec![row(name, label, "MB/s", Better::Higher)], body: Body::Stream(run) }
}

/// All workloads in the order of the table.
pub(crate) fn all<R: Measured>() -> Vec<Workload<R>> {
    use Better::{Higher, Lower};
    vec![
        timed("spawn-task", "spawn 100k from a task, await all", 100_000, spawn::many_from_task),
        timed("spawn-root", "the same from main's root", 100_000, spawn::many_from_main),
        timed("spawn-block-on", "the same from `block_on`", 100_000, spawn::many_from_block_on),
        timed("join-task", "spawn one and join, from a task", 1000, spawn::one_from_task),
        timed("join-root", "the same from main's root", 1000, spawn::one_from_main),
        timed("join-block-on", "the same from `block_on`", 1000, spawn::one_from_block_on),
        timed("chain", "chain of spawns", 1000, spawn::chain),
        timed("yield", "yield, 1000 tasks", 100_000, switch::yields),
        timed("pingpong-slot", "ping-pong over a shared slot", 1000, switch::ping_pong),
        timed("pingpong-mpsc", "ping-pong over mpsc", 1000, channels::ping_pong_mpsc),
        timed("pingpong-oneshot", "ping-pong over oneshots", 1000, channels::ping_pong_oneshot),
        timed("ring", "ring of 503 over mpsc", 503 * 4, channels::ring),
        Workload {
            rows: vec![row("skynet", "skynet, 1 M leaves (quick: 100k)", "ns", Lower)],
            body: Body::Fixed { ops: 1_000_000, quick: 100_000, run: spawn::skynet },
        },
        timed("fib", "fork-join fib(20)", spawn::FIB_TASKS, spawn::fib),
        timed("fan-in", "mpsc fan-in, 8 to 1", 8000, channels::fan_in),
        timed("mutex-handoff", "mutex, hand-off", 1000, mutex::hand_off),
        timed("mutex-contended", "mutex, contended", 8000, mutex::contended),
        timed("mutex-free", "mutex, uncontended", 1000, mutex::uncontended),
        if_any("rwlock-free", "rwlock, uncontended", 1000, sync::rwlock_free),
        if_any("rwlock-contended", "rwlock, contended, 1/8 writes", 8000, sync::rwlock_contended),
        if_any("semaphore-free", "semaphore, uncontended", 1000, sync::semaphore_free),
        if_any("semaphore-handoff", "semaphore of 2, hand-off", 1000, sync::semaphore_hand_off),
        if_any("broadcast", "broadcast fan-out, 1 to 8", 8000, sync::broadcast_fan_out),
        if_any("watch", "watch fan-out, 1 to 8", 800, sync::watch_fan_out),
        timed("spawn-foreign", "spawn from a foreign thread", 1000, foreign::spawns),
        timed("wake-foreign", "wake from a foreign thread", 1000, foreign::wakes),
        timed("call-foreign", "foreign thread wakes and waits", 100, foreign::calls),
        timed("blocking", "spawn_blocking, many", 1000, blocking::many),
        timed("sleep-drop", "sleep polled once, dropped", 1000, R::sleep_dropped),
        timed("timeout-yield", "timeout around a yield", 1000, R::timeout_yield),
        Workload {
            rows: vec![row("sleeps-cpu", "100k sleeps, CPU per timer", "ns", Lower)],
            body: Body::Figures(R::sleeps_cpu),
        },
        Workload {
            rows: vec![
                row("sleep-late-p50", "1 ms sleep, lateness p50, idle", "µs", Lower),
                row("sleep-late-p99", "1 ms sleep, lateness p99, idle", "µs", Lower),
            ],
            body: Body::Figures(R::sleep_lateness),
        },
        Workload {
            rows: vec![row("task-bytes", "bytes per waiting task (future: 24)", "B", Lower)],
            body: Body::Figures(memory::bytes_per_task),
        },
        Workload {
            rows: vec![
                row("allocs-spawn", "allocator calls: spawn and join", "calls", Lower),
                row("allocs-oneshot", "allocator calls: oneshot round trip", "calls", Lower),
                row("allocs-mpsc", "allocator calls: mpsc round trip", "calls", Lower),
                row("allocs-sleep", "allocator calls: sleep, dropped", "calls", Lower),
                row("allocs-echo", "allocator calls: TCP round trip", "calls", Lower),
            ],
            body: Body::Figures(memory::allocator_calls),
        },
        Workload {
            rows: vec![row("start-stop", "runtime start and stop", "µs", Lower)],
            body: Body::Figures(blocking::start_and_stop),
        },
        timed("echo-1", "TCP echo in process, round trip", 100, |rt, ops| {
            R::echo_one(rt, sockets::SMALL, ops)
        }),
        Workload {
            rows: vec![
                row("echo-64", "TCP echo, 64 connections", "kops/s", Higher),
                row("echo-64-cpu", "TCP echo, 64 connections, CPU", "µs", Lower),
            ],
            body: Body::Figures(|rt, scale| R::echo_many(rt, sockets::SMALL, 64, scale)),
        },
        Workload {
            rows: vec![
                row("echo-1000", "TCP echo, 1000 connections (quick: 200)", "kops/s", Higher),
                row("echo-1000-cpu", "TCP echo, 1000 connections, CPU", "µs", Lower),
            ],
            body: Body::Figures(|rt, scale| {
                R::echo_many(rt, sockets::SMALL, sockets::most_clients(scale), scale)
            }),
        },
        timed("echo-1-64k", "TCP echo of 64 KiB, round trip", 10, |rt, ops| {
            R::echo_one(rt, sockets::LARGE, ops)
        }),
        Workload {
            rows: vec![
                row("echo-64-64k", "TCP echo of 64 KiB, 64 connections", "kops/s", Higher),
                row("echo-64-64k-cpu", "TCP echo of 64 KiB, 64 connections, CPU", "µs", Lower),
            ],
            body: Body::Figures(|rt, scale| R::echo_many(rt, sockets::LARGE, 64, scale)),
        },
        Workload {
            rows: vec![
                row("accept", "connections made, accepted and closed", "kops/s", Higher),
                row("accept-cpu", "the same, CPU", "µs", Lower),
            ],
            body: Body::Figures(R::accepts),
        },
        timed("udp", "UDP ping-pong", 100, R::udp),
        Workload {
            rows: vec![
                row("conn-rss", "resident bytes per idle connection, both ends", "B", Lower),
                row("conn-heap", "heap bytes per idle connection, both ends", "B", Lower),
            ],
            body: Body::Figures(R::idle),
        },
        streamed("duplex", "duplex in memory, one way", |rt, n| {
            rt.stream_row(StreamRow::Duplex, n)
        }),
        streamed("copy-duplex", "copy, duplex to duplex", |rt, n| {
            rt.stream_row(StreamRow::CopyDuplex, n)
        }),
        streamed("copy-tcp", "copy, TCP to TCP", |rt, n| rt.stream_row(StreamRow::CopyTcp, n)),
        streamed("copy-both", "copy_bidirectional, TCP and TCP", |rt, n| {
            rt.stream_row(StreamRow::CopyBoth, n)
        }),
        Workload {
            rows: vec![row("fs-read", "fs::read of a file of 4 KiB, one task", "µs", Lower)],
            body: Body::Figures(|rt, scale| files::reads(rt, 1, scale)),
        },
        Workload {
            rows: vec![row("fs-read-64", "fs::read of files of 4 KiB, 64 tasks", "µs", Lower)],
            body: Body::Figures(|rt, scale| files::reads(rt, 64, scale)),
        },
        Workload {
            rows: vec![
                row("http", "HTTP hello under wrk, 64 connections", "kreq/s", Higher),
                row("http-cpu", "HTTP, CPU of the server per request", "µs", Lower),
                row("http-p99", "HTTP, latency p99", "µs", Lower),
            ],
            body: Body::Outside(http::measure),
        },
        Workload {
            rows: vec![
                row("block-tick", "1 ms ticker beside 8 tasks blocking 100 ms, p99", "ms", Lower),
                row("block-echo", "TCP echo beside 8 tasks blocking 100 ms, p99", "ms", Lower),
            ],
            body: Body::Outside(hogs::blocking),
        },
        Workload {
            rows: vec![
                row("compute-tick", "1 ms ticker beside 8 tasks computing 50 ms, p99", "ms", Lower),
                row("compute-echo", "TCP echo beside 8 tasks computing 50 ms, p99", "ms", Lower),
            ],
            body: Body::Outside(hogs::computing),
        },
    ]
}

/// Runs `work` as a task and returns what it returns.
fn in_task<R: Rt, F>(rt: &R, work: F) -> F::Output
where
    F: std::future::Future + Send + 'static,
    F::Output: Send + 'static,
{
    rt.main(async { R::spawn(work).await })
}

// Elsewhere than on Linux, the rows of CPU time or of resident bytes are empty on every runtime.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::with_runtime;

    /// Every workload runs to its end at the smallest size and fills each of its rows, except where
    /// the runtime cannot.
    fn all_rows_are_filled<R: Measured>(cannot: &[&str]) {
        let scale =
            Scale { workers: 2, target: Duration::from_nanos(1), quick: true, iters: Some(1) };
        let rt = R::start(scale.workers);
        for workload in all::<R>() {
            if workload.outside().is_some() {
                // Seconds each, and processes of their own.
                continue;
            }
            let figures = workload.measure(&rt, &scale);
            assert_eq!(figures.len(), workload.rows.len(), "{}", workload.name());
            for (row, figure) in workload.rows.iter().zip(figures) {
                assert_eq!(figure.is_none(), cannot.contains(&&*row.name), "{}", row.name);
                assert!(figure.is_none_or(f64::is_finite), "{}: {figure:?}", row.name);
            }
        }
    }

    #[test]
    fn gmp_runs_all() {
        with_runtime!("gmp", R => all_rows_are_filled::<R>(&[]));
    }

    #[test]
    fn tokio_runs_all() {
        with_runtime!("tokio", R => all_rows_are_filled::<R>(&[]));
    }

    #[test]
    fn smol_runs_all() {
        const NONE: &[&str] = &[
            "duplex",
            "copy-duplex",
            "copy-both",
            "rwlock-free",
            "rwlock-contended",
            "semaphore-free",
            "semaphore-handoff",
            "broadcast",
            "watch",
        ];
        with_runtime!("smol", R => all_rows_are_filled::<R>(NONE));
    }

    #[test]
    fn nio_runs_all() {
        const NONE: &[&str] = &["start-stop", "duplex", "copy-duplex", "copy-tcp", "copy-both"];
        with_runtime!("nio", R => all_rows_are_filled::<R>(NONE));
    }

    #[test]
    fn names_are_unique() {
        let workloads = all::<crate::runtimes::tokio_rt::Subject>();
        let mut names: Vec<_> = workloads.iter().flat_map(|w| &w.rows).map(|r| &r.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
