//! Each runtime's own async mutex; the operation is a lock and its release.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_task;
use crate::runtimes::Rt;

/// `tasks` tasks share one mutex; with `hold`, each yields while it holds the lock, so that every
/// release finds somebody in the queue.
async fn share<R: Rt>(tasks: u64, ops: u64, hold: bool) -> Duration {
    let mutex = Arc::new(R::mutex(0));
    let start = Instant::now();
    let joins: Vec<_> = (0..tasks)
        .map(|_| {
            let mutex = Arc::clone(&mutex);
            R::spawn(async move {
                for _ in 0..ops / tasks {
                    let mut count = R::lock(&mutex).await;
                    *count += 1;
                    if hold {
                        R::yield_now().await;
                    }
                    drop(count);
                }
            })
        })
        .collect();
    for join in joins {
        join.await;
    }
    let elapsed = start.elapsed();
    assert_eq!(*R::lock(&mutex).await, ops);
    elapsed
}

pub(crate) fn hand_off<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, share::<R>(8, ops, true))
}

pub(crate) fn contended<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, share::<R>(8, ops, false))
}

pub(crate) fn uncontended<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, share::<R>(1, ops, false))
}
