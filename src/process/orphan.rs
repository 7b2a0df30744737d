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
use crate::primitives::sync::{broken, Mutex};

/// Step 2: a value that anybody may ask to be looked after, and that one thread at a time looks after.
pub(super) struct Turns<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    /// `None` during a turn, and at the end.
    value: Option<T>,
    /// Step 2's mark.
    again: bool,
}

impl<T> Turns<T> {
    pub(super) fn new(value: T) -> Turns<T> {
        Turns { state: Mutex::new(State { value: Some(value), again: false }) }
    }

    /// Looks after the value; if somebody does so right now, has that one look once more. `look` gives the
    /// value back unless it has come to its end.
    pub(super) fn turn(&self, mut look: impl FnMut(T) -> Option<T>) {
        let mut value = {
            let mut state = self.state.lock();
            match state.value.take() {
                Some(value) => value,
                None => {
                    state.again = !broken("orphan_no_mark");
                    return;
                }
            }
        };
        while let Some(kept) = look(value) {
            let mut state = self.state.lock();
            if !std::mem::take(&mut state.again) {
                state.value = Some(kept);
                return;
            }
            value = kept;
        }
    }
}

struct Orphan(Turns<Watched>);

/// Looks after a process that may still run.
pub(super) fn adopt(watched: Watched) {
    reap();
    Arc::new(Orphan(Turns::new(watched))).wake();
}

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        // A task's budget is not for this; without one it would come back here at once.
        let _unlimited = coop::enter_unconstrained();
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        self.0.turn(|mut watched| match watched.poll_exit(&mut cx) {
            Poll::Ready(Ok(_)) => None,
            Poll::Ready(Err(_)) => {
                leave(watched.into_child());
                None
            }
            Poll::Pending => Some(watched),
        });
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
