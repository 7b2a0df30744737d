//! Tasks that do nothing but exist: what a task costs from spawn to join.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_task;
use super::slot::Slot;
use crate::runtimes::Rt;

pub(crate) const BATCH: u64 = 100_000;

/// Spawns in batches of 100k and awaits each batch in order.
async fn many<R: Rt>(ops: u64) -> Duration {
    let mut joins = Vec::with_capacity(BATCH as usize);
    let start = Instant::now();
    let mut left = ops;
    while left > 0 {
        let batch = left.min(BATCH);
        for _ in 0..batch {
            joins.push(R::spawn(async {}));
        }
        for join in joins.drain(..) {
            join.await;
        }
        left -= batch;
    }
    start.elapsed()
}

pub(crate) fn many_from_task<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, many::<R>(ops))
}

pub(crate) fn many_from_main<R: Rt>(rt: &R, ops: u64) -> Duration {
    rt.main(many::<R>(ops))
}

pub(crate) fn many_from_block_on<R: Rt>(rt: &R, ops: u64) -> Duration {
    rt.block_on(many::<R>(ops))
}

async fn one<R: Rt>(ops: u64) -> Duration {
    let start = Instant::now();
    for i in 0..ops {
        assert_eq!(R::spawn(async move { i }).await, i);
    }
    start.elapsed()
}

pub(crate) fn one_from_task<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, one::<R>(ops))
}

pub(crate) fn one_from_main<R: Rt>(rt: &R, ops: u64) -> Duration {
    rt.main(one::<R>(ops))
}

pub(crate) fn one_from_block_on<R: Rt>(rt: &R, ops: u64) -> Duration {
    rt.block_on(one::<R>(ops))
}

/// Each task spawns the next and ends; the last one signals.
pub(crate) fn chain<R: Rt>(rt: &R, ops: u64) -> Duration {
    fn link<R: Rt>(left: u64, done: Arc<Slot<()>>) {
        R::spawn_detached(async move {
            if left == 0 {
                done.put(());
            } else {
                link::<R>(left - 1, done);
            }
        });
    }
    in_task(rt, async move {
        let done = Arc::new(Slot::new());
        let start = Instant::now();
        link::<R>(ops - 1, Arc::clone(&done));
        done.take().await;
        start.elapsed()
    })
}

type Counted = Pin<Box<dyn Future<Output = u64> + Send>>;

/// A tree in which each task spawns ten, down to the leaves, and adds up what they return.
pub(crate) fn skynet<R: Rt>(rt: &R, leaves: u64) -> Duration {
    fn node<R: Rt>(first: u64, leaves: u64) -> Counted {
        Box::pin(async move {
            if leaves == 1 {
                return first;
            }
            let below = leaves / 10;
            let children: [_; 10] =
                std::array::from_fn(|i| R::spawn(node::<R>(first + i as u64 * below, below)));
            let mut sum = 0;
            for child in children {
                sum += child.await;
            }
            sum
        })
    }
    let leaves = 10_u64.pow(leaves.max(1).ilog10());
    in_task(rt, async move {
        let start = Instant::now();
        let sum = R::spawn(node::<R>(0, leaves)).await;
        let elapsed = start.elapsed();
        assert_eq!(sum, leaves * (leaves - 1) / 2);
        elapsed
    })
}

pub(crate) const FIB: u32 = 20;

/// Tasks that `fib(FIB)` spawns: fib(n) spawns one and both its parts' own.
pub(crate) const FIB_TASKS: u64 = fib_tasks(FIB);

const fn fib_tasks(n: u32) -> u64 {
    if n < 2 {
        0
    } else {
        1 + fib_tasks(n - 1) + fib_tasks(n - 2)
    }
}

pub(crate) const fn fib_value(n: u32) -> u64 {
    if n < 2 {
        n as u64
    } else {
        fib_value(n - 1) + fib_value(n - 2)
    }
}

/// One half is spawned, the other computed in place; the operation is a spawned task.
pub(crate) fn fib<R: Rt>(rt: &R, ops: u64) -> Duration {
    fn part<R: Rt>(n: u32) -> Counted {
        Box::pin(async move {
            if n < 2 {
                return u64::from(n);
            }
            let one = R::spawn(part::<R>(n - 1));
            let two = part::<R>(n - 2).await;
            one.await + two
        })
    }
    in_task(rt, async move {
        let start = Instant::now();
        for _ in 0..ops / FIB_TASKS {
            assert_eq!(part::<R>(FIB).await, fib_value(FIB));
        }
        start.elapsed()
    })
}
