//! Children whose handles were dropped before they ended. Step 3 of the module above.
//!
//! 1. [`adopt`] polls the watch once, with a waker that *is* the orphan: when the end comes the poller (or
//!    whoever hands out signals) wakes it on an ordinary thread, and that polls again, which reaps.
//! 2. A poll takes the watch out of the orphan. A wake-up that comes meanwhile finds none, leaves a mark,
//!    and the poll goes round once more: no two polls at once, none lost, nothing under the lock.
//! 3. When the runtime ends its poller wakes everybody. The orphan finds that it is watched no longer and
//!    leaves its process to [`reap`], which each spawn calls.
//!
//! Once reaped, the orphan goes with its waker.

use std::process::Child;
use std::sync::Arc; // what `Wake` wants
use std::task::{Context, Poll, Wake, Waker};

use super::watched::Watched;
use crate::g::coop;
use crate::primitives::sync::Mutex;

struct Orphan {
    state: Mutex<State>,
}

struct State {
    /// `None` during a poll, and at the end.
    watched: Option<Watched>,
    /// Step 2's mark.
    woken: bool,
}

/// Looks after a process that may still run.
pub(super) fn adopt(watched: Watched) {
    reap();
    let state = State { watched: Some(watched), woken: false };
    Arc::new(Orphan { state: Mutex::new(state) }).turn();
}

impl Orphan {
    fn turn(self: &Arc<Self>) {
        let mut watched = {
            let mut state = self.state.lock();
            match state.watched.take() {
                Some(watched) => watched,
                None => {
                    state.woken = true;
                    return;
                }
            }
        };
        // A task's budget is not for this; without one it would come back here at once.
        let _unlimited = coop::enter_unconstrained();
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            match watched.poll_exit(&mut cx) {
                Poll::Ready(Ok(_)) => return,
                Poll::Ready(Err(_)) => return leave(watched.into_child()),
                Poll::Pending => {}
            }
            let mut state = self.state.lock();
            if !std::mem::take(&mut state.woken) {
                state.watched = Some(watched);
                return;
            }
        }
    }
}

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        self.turn();
    }
}

/// Those that nobody watches. They belong to the process, so no model has them.
static LEFT: std::sync::Mutex<Vec<Child>> = std::sync::Mutex::new(Vec::new());

fn left() -> std::sync::MutexGuard<'static, Vec<Child>> {
    LEFT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Leaves a process to later calls of [`reap`], unless its end is there, or its status somebody else's.
pub(super) fn leave(mut child: Child) {
    if matches!(child.try_wait(), Ok(None)) {
        left().push(child);
    }
}

/// Looks once at each of them.
pub(super) fn reap() {
    left().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// How many there are.
#[cfg(all(test, not(gmp_loom)))]
pub(super) fn count_left() -> usize {
    left().len()
}
