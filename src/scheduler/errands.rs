//! Foreign wakers that a thread without time has: an M without a permit calls them.
//!
//! sysmon fires timers and looks at the poller when nobody else does. What it readies it queues; but a waker
//! that is no G's is foreign code and may take its time, or block, and sysmon must come back. Blocking
//! closures are no way out: their number has a limit, and closures that wait for the very thing that such
//! a waker brings may have reached it. So errands have a queue of their own and no limit but `max_threads`.
//!
//! Protocol, as that of closures: push, then under `sched.lock` take an idle M, or make one. An M that is
//! about to sleep looks at the queue under the lock (`enter_midle`), so one of the two sees the other.
//! Whoever comes first runs an errand; who was woken for it in vain goes to sleep again.

use std::task::Waker;

use crossbeam_queue::SegQueue;

use super::sched::Sched;
use super::start::First;
use crate::g::{block, coop};
use crate::primitives::foreign;

/// Errands that wait for an M.
pub(super) struct Errands(SegQueue<WakeAll>);

/// Wakes them when it is dropped, so also if no M comes any more.
struct WakeAll(Vec<Waker>);

impl Drop for WakeAll {
    fn drop(&mut self) {
        foreign::wake_all(self.0.drain(..));
    }
}

impl Errands {
    pub(super) fn new() -> Errands {
        Errands(SegQueue::new())
    }
}

impl Sched {
    /// Has the wakers called by an M; by the caller, if there can be none.
    pub(super) fn send_errand(&self, wakers: Vec<Waker>) {
        self.errands.0.push(WakeAll(wakers));
        let m = {
            let mut locked = self.lock.lock();
            if self.is_closed() {
                drop(locked);
                return self.run_errands();
            }
            locked.midle.pop()
        };
        if let Some(m) = m {
            m.note.wakeup();
        } else if let Err(error) = self.newm(First::Look) {
            self.warn_no_thread(&error);
            self.run_errands();
        }
    }

    /// Is there one that an M about to sleep has to run first?
    pub(super) fn errand_waits(&self) -> bool {
        !self.errands.0.is_empty()
    }

    /// Called by every M that woke up without a P, whatever for.
    pub(super) fn run_errands(&self) {
        while let Some(wakers) = self.errands.0.pop() {
            let _may = block::allow();
            let _unlimited = coop::enter_unconstrained();
            drop(wakers);
        }
    }
}
