//! `Barrier`: lets tasks wait for each other, again and again.
//!
//! Protocol. A [`WaitList`] beside two numbers that change under its lock only: how many have arrived in
//! this generation, and which generation it is. A queued node's value is its generation.
//!
//! 1. Who arrives counts itself, under the lock. Any but the last queues; it is a part of the generation
//!    from then on, also if it is dropped.
//! 2. The last of `n` is the leader: it begins the next generation and serves all nodes of older ones, in
//!    batches. Nodes are queued in the order of their generations, so those are at the front. Between two
//!    batches the next generation may gather, or even be completed by another leader, who then serves what
//!    is left of this one too.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use pin_project_lite::pin_project;

use super::waitlist::{WaitList, Waiter};
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::primitives::sync::broken;

/// Lets `n` tasks wait until all of them have come, any number of times.
///
/// It needs no runtime.
///
/// ```
/// use gmp::sync::Barrier;
/// use std::sync::Arc;
///
/// # let runtime = gmp::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         gmp::spawn(async move { barrier.wait().await.is_leader() })
///     })
///     .collect();
/// let mut leaders = 0;
/// for task in tasks {
///     leaders += task.await.unwrap() as u32;
/// }
/// assert_eq!(leaders, 1);
/// # });
/// ```
pub struct Barrier {
    n: usize,
    arrived: AtomicUsize,
    /// One bit shorter than a word, as nodes' values are.
    generation: AtomicUsize,
    waiters: WaitList,
}

impl Barrier {
    /// Makes a barrier for `n` tasks; 0 counts as 1.
    #[track_caller]
    pub fn new(n: usize) -> Barrier {
        Barrier {
            n: n.max(1),
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            waiters: WaitList::new(),
        }
    }

    /// Waits until `n` tasks have called this. One of them, the last to come, is told that it is the
    /// leader; after that the barrier can be used again.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: from its first poll on the call counts as arrived, also when the future is dropped.
    pub async fn wait(&self) -> BarrierWaitResult {
        Wait { barrier: self, queued: false, node: Waiter::new() }.await
    }

    /// Step 2, by the leader, after the next generation has begun.
    fn release(&self) {
        self.waiters.drain(|list, wakes| {
            // Relaxed: changed under this lock.
            let now = self.generation.load(Relaxed);
            while list.front_value().is_some_and(|queued| queued != now) {
                if !wakes.can_push() {
                    return true;
                }
                list.finish_front(0, wakes);
                if broken("barrier-serves-one") {
                    break;
                }
            }
            false
        });
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("n", &self.n).finish_non_exhaustive()
    }
}

pin_project! {
    struct Wait<'a> {
        barrier: &'a Barrier,
        queued: bool,
        #[pin]
        node: Waiter,
    }

    impl PinnedDrop for Wait<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.queued {
                // It stays counted (step 1); the waker is dropped after the lock.
                let left = this.barrier.waiters.lock().leave(this.node);
                drop(left);
            }
        }
    }
}

impl Future for Wait<'_> {
    type Output = BarrierWaitResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        let this = self.project();
        let barrier = *this.barrier;
        if *this.queued {
            ready!(barrier.waiters.repoll(this.node, cx));
            *this.queued = false;
            return Poll::Ready(BarrierWaitResult(false));
        }
        let waker = cx.waker().clone();
        let mut list = barrier.waiters.lock();
        // Relaxed, both numbers: they change under this lock.
        let generation = barrier.generation.load(Relaxed);
        let arrived = barrier.arrived.load(Relaxed) + 1;
        if arrived < barrier.n {
            barrier.arrived.store(arrived, Relaxed);
            list.push_back(this.node, generation, Some(waker));
            *this.queued = true;
            return Poll::Pending;
        }
        barrier.arrived.store(0, Relaxed);
        if !broken("barrier-generation-kept") {
            barrier.generation.store(generation.wrapping_add(1) & (usize::MAX >> 1), Relaxed);
        }
        drop(list);
        drop(waker);
        barrier.release();
        Poll::Ready(BarrierWaitResult(true))
    }
}

/// What [`Barrier::wait`] answers.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Was this the last to come? True for one of each `n`.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
