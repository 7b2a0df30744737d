//! Going from one task to another: yields and wakes, with no channel in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_task;
use super::slot::Slot;
use crate::runtimes::Rt;

/// A thousand tasks that yield in turn; the operation is a yield.
pub(crate) fn yields<R: Rt>(rt: &R, ops: u64) -> Duration {
    const TASKS: u64 = 1000;
    in_task(rt, async move {
        let start = Instant::now();
        let joins: Vec<_> = (0..TASKS)
            .map(|_| {
                R::spawn(async move {
                    for _ in 0..ops / TASKS {
                        R::yield_now().await;
                    }
                })
            })
            .collect();
        for join in joins {
            join.await;
        }
        start.elapsed()
    })
}

/// Two tasks hand a number to and fro; the operation is a round trip, two wakes.
pub(crate) fn ping_pong<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, async move {
        let there = Arc::new(Slot::new());
        let back = Arc::new(Slot::new());
        let answers = {
            let (there, back) = (Arc::clone(&there), Arc::clone(&back));
            R::spawn(async move {
                for _ in 0..ops {
                    let n: u64 = there.take().await;
                    back.put(n + 1);
                }
            })
        };
        let asks = R::spawn(async move {
            let start = Instant::now();
            for n in 0..ops {
                there.put(n);
                assert_eq!(back.take().await, n + 1);
            }
            start.elapsed()
        });
        answers.await;
        asks.await
    })
}
