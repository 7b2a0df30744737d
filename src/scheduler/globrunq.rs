//! The global run queue: where Gs go that have no P to go to, that a full ring spills, or whose slice is
//! over.
//!
//! A lock-free FIFO (`crossbeam_deque::Injector`), so that a spawn or a wake from any thread takes no
//! lock. What Go's `sched.lock` gives there, the order of a push against a searcher's last look, comes
//! from full fences here: a submitter fences between its push and its look for idle Ps (`wakep`), a
//! searcher between giving up its P and its look at this queue. loom cannot model the Injector; a locked
//! queue stands in for it there.

use super::limits::GLOBRUNQ_BATCH;
use crate::g::raw::G;

#[cfg(not(all(test, gmp_loom)))]
mod queue {
    use super::G;
    use crossbeam_deque::{Injector, Steal};

    pub(super) struct Queue(Injector<G>);

    impl Queue {
        pub(super) fn new() -> Queue {
            Queue(Injector::new())
        }
        pub(super) fn push(&self, g: G) {
            self.0.push(g);
        }
        pub(super) fn pop(&self) -> Option<G> {
            loop {
                match self.0.steal() {
                    Steal::Success(g) => return Some(g),
                    Steal::Empty => return None,
                    Steal::Retry => std::hint::spin_loop(),
                }
            }
        }
        pub(super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
        pub(super) fn len(&self) -> usize {
            self.0.len()
        }
    }
}

#[cfg(all(test, gmp_loom))]
mod queue {
    use super::G;
    use crate::primitives::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use crate::primitives::sync::Mutex;
    use std::collections::VecDeque;

    /// Looks at the length take no lock and order nothing, as the Injector's: a lock there would hide the
    /// absence of a fence.
    pub(super) struct Queue {
        gs: Mutex<VecDeque<G>>,
        len: AtomicUsize,
    }

    impl Queue {
        pub(super) fn new() -> Queue {
            Queue { gs: Mutex::new(VecDeque::new()), len: AtomicUsize::new(0) }
        }
        pub(super) fn push(&self, g: G) {
            let mut gs = self.gs.lock();
            gs.push_back(g);
            self.len.store(gs.len(), Relaxed);
        }
        pub(super) fn pop(&self) -> Option<G> {
            let mut gs = self.gs.lock();
            let g = gs.pop_front();
            self.len.store(gs.len(), Relaxed);
            g
        }
        pub(super) fn is_empty(&self) -> bool {
            self.len() == 0
        }
        pub(super) fn len(&self) -> usize {
            self.len.load(Relaxed)
        }
    }
}

/// See the module's text.
pub(crate) struct Globrunq(queue::Queue);

impl Globrunq {
    pub(crate) fn new() -> Globrunq {
        Globrunq(queue::Queue::new())
    }

    /// Appends one G. The caller then calls `wakep`.
    #[inline]
    pub(crate) fn put(&self, g: G) {
        self.0.push(g);
    }

    /// The oldest G.
    #[inline]
    pub(crate) fn get(&self) -> Option<G> {
        self.0.pop()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many Gs one of `procs` Ps may take now: its share and one more, at most half a ring. Go's
    /// `globrunqgetbatch`.
    pub(crate) fn batch(&self, procs: usize) -> usize {
        let n = self.len();
        n.min(n / procs + 1).min(GLOBRUNQ_BATCH)
    }
}
