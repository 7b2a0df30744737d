//! Work that comes from a thread the runtime does not know: here, the program's main thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::slot::Slot;
use crate::runtimes::Rt;

/// A number of things to wait for, and the thread that waits for them.
struct Countdown {
    left: AtomicU64,
    waiter: Thread,
}

impl Countdown {
    fn new() -> Arc<Self> {
        Arc::new(Countdown { left: AtomicU64::new(0), waiter: thread::current() })
    }

    /// Before the things are started.
    fn expect(&self, count: u64) {
        self.left.store(count, Ordering::SeqCst);
    }

    fn one_done(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.waiter.unpark();
        }
    }

    fn wait(&self) {
        while self.left.load(Ordering::SeqCst) > 0 {
            thread::park();
        }
    }
}

/// The thread spawns all tasks, then waits for the last to run.
pub(crate) fn spawns<R: Rt>(rt: &R, ops: u64) -> Duration {
    let countdown = Countdown::new();
    countdown.expect(ops);
    let start = Instant::now();
    for _ in 0..ops {
        let countdown = Arc::clone(&countdown);
        rt.spawn_from_outside(async move { countdown.one_done() });
    }
    countdown.wait();
    start.elapsed()
}

/// The thread wakes a hundred waiting tasks, waits until all have run, and does so again; the
/// operation is a wake.
pub(crate) fn wakes<R: Rt>(rt: &R, ops: u64) -> Duration {
    rounds(rt, 100, ops / 100)
}

/// The thread wakes one task, sleeps until it has run, and does so again: both sides park, so the
/// operation is a wake of a worker and a wake of the thread.
pub(crate) fn calls<R: Rt>(rt: &R, ops: u64) -> Duration {
    rounds(rt, 1, ops)
}

fn rounds<R: Rt>(rt: &R, tasks: u64, rounds: u64) -> Duration {
    let countdown = Countdown::new();
    let slots: Vec<_> = (0..tasks).map(|_| Arc::new(Slot::new())).collect();
    for slot in &slots {
        let (slot, countdown) = (Arc::clone(slot), Arc::clone(&countdown));
        rt.spawn_from_outside(async move {
            let mut go_on = true;
            while go_on {
                go_on = slot.take().await;
                countdown.one_done();
            }
        });
    }
    let round = |go_on: bool| {
        countdown.expect(tasks);
        for slot in &slots {
            slot.put(go_on);
        }
        countdown.wait();
    };
    round(true);
    let start = Instant::now();
    for _ in 0..rounds {
        round(true);
    }
    let elapsed = start.elapsed();
    round(false);
    elapsed
}
