//! What a task holds, and how often the hot paths ask the allocator.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{channels, in_task, sockets, Pinned, Scale, Sockets};
use crate::alloc;
use crate::runtimes::Rt;

/// Waits for ever, once it has told that it does: three words, one for the count and two for its
/// waker. It keeps the waker because a task that nothing can wake any more may be freed at once,
/// and some runtimes do so.
pub(crate) struct Waiting {
    count: Arc<AtomicU64>,
    waker: Option<Waker>,
}

impl Waiting {
    pub(crate) fn new(count: &Arc<AtomicU64>) -> Self {
        Waiting { count: Arc::clone(count), waker: None }
    }
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.waker.replace(cx.waker().clone()).is_none() {
            self.count.fetch_add(1, Ordering::Release);
        }
        Poll::Pending
    }
}

/// Live heap bytes that each of 100k tasks adds while it waits, its own future of 24 bytes included.
/// Nothing else of the test allocates meanwhile; a runtime's tables that grow with the tasks count.
pub(crate) fn bytes_per_task<R: Rt>(rt: &R, scale: &Scale) -> Vec<Option<f64>> {
    let tasks = scale.iters.unwrap_or(100_000);
    // One that ends first, so that threads and queues exist.
    in_task(rt, async { R::spawn(async {}).await });
    let live = in_task(rt, async move {
        let waiting = Arc::new(AtomicU64::new(0));
        alloc::count();
        for _ in 0..tasks {
            R::spawn_detached(Waiting::new(&waiting));
        }
        while waiting.load(Ordering::Acquire) < tasks {
            R::yield_now().await;
        }
        alloc::counted().live
    });
    vec![Some(live as f64 / tasks as f64)]
}

/// Calls to the allocator per operation once everything is warm.
pub(crate) fn allocator_calls<R: Rt + Pinned + Sockets>(rt: &R, scale: &Scale) -> Vec<Option<f64>> {
    let ops = scale.iters.unwrap_or(if scale.quick { 2000 } else { 10_000 });
    let per_op = |run: &dyn Fn(u64) -> Duration| {
        run(ops);
        // Counted between two sizes of the same thing: what setting it up takes cancels out.
        let count = |ops| {
            alloc::count();
            run(ops);
            alloc::counted().calls as f64
        };
        let (one, three) = (count(ops), count(ops * 3));
        Some(((three - one) / (ops * 2) as f64).max(0.0))
    };
    vec![
        per_op(&|ops| super::spawn::one_from_task(rt, ops)),
        per_op(&|ops| in_task(rt, channels::oneshot_round_trips::<R>(ops))),
        per_op(&|ops| in_task(rt, channels::mpsc_round_trips::<R>(ops))),
        per_op(&|ops| R::sleep_dropped(rt, ops)),
        per_op(&|ops| R::echo_one(rt, sockets::SMALL, ops)),
    ]
}
