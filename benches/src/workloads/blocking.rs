//! Threads: blocking closures, and the life of a runtime.

use std::time::{Duration, Instant};

use super::{in_task, Scale};
use crate::runtimes::Rt;

/// Batches of a thousand closures that do nothing, awaited in order.
pub(crate) fn many<R: Rt>(rt: &R, ops: u64) -> Duration {
    const BATCH: u64 = 1000;
    in_task(rt, async move {
        let mut joins = Vec::with_capacity(BATCH as usize);
        let start = Instant::now();
        for _ in 0..ops / BATCH {
            for n in 0..BATCH {
                joins.push(R::spawn_blocking(move || n));
            }
            for join in joins.drain(..) {
                join.await;
            }
        }
        start.elapsed()
    })
}

/// The median, in microseconds, of making a runtime, running one task, and stopping it.
pub(crate) fn start_and_stop<R: Rt>(_: &R, scale: &Scale) -> Vec<Option<f64>> {
    let times = scale.iters.unwrap_or(if scale.quick { 50 } else { 300 });
    let mut samples = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        if R::start_and_stop(scale.workers).is_none() {
            return vec![None];
        }
        samples.push(start.elapsed());
    }
    samples.sort_unstable();
    vec![samples.get(samples.len() / 2).map(|median| median.as_secs_f64() * 1e6)]
}
