//! May this thread block? A thread that drives async tasks must not: what it waits for could be behind
//! it in its own queue.
//!
//! Protocol.
//!
//! 1. Whoever polls tasks (an M, the caller of `block_on`) calls [`forbid`] and keeps the guard while it
//!    does.
//! 2. What may block after all inside of such a span (blocking closures, `block_in_place`) calls
//!    [`allow`].
//! 3. Guards restore what was there before, so spans nest; drop them in reverse order.
//! 4. Blocking calls ask [`may_block`] first and panic when the answer is no.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local_const! {
    static DRIVES_TASKS: Cell<bool> = Cell::new(false);
}

/// True on a thread that drives no async task right now. Also true while thread locals are torn down:
/// no task runs by then.
#[inline]
pub(crate) fn may_block() -> bool {
    DRIVES_TASKS.try_with(|drives| !drives.get()).unwrap_or(true)
}

/// Restores the outer answer.
#[derive(Debug)]
#[must_use = "dropping it at once ends the span"]
pub(crate) struct Guard {
    before: bool,
    /// Belongs to this thread.
    _here: PhantomData<*const ()>,
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        let _ = DRIVES_TASKS.try_with(|drives| drives.set(self.before));
    }
}

#[inline]
fn open(value: bool) -> Guard {
    let before = DRIVES_TASKS.try_with(|drives| drives.replace(value)).unwrap_or(false);
    Guard { before, _here: PhantomData }
}

/// From here to the guard's drop this thread drives async tasks.
#[inline]
pub(crate) fn forbid() -> Guard {
    open(true)
}

/// From here to the guard's drop this thread may block, whatever is around it.
#[inline]
pub(crate) fn allow() -> Guard {
    open(false)
}

/// Panics, at the caller's line, when this thread may not block.
#[track_caller]
#[inline]
pub(crate) fn assert_may_block() {
    if !may_block() {
        panic!(
            "Cannot block the current thread from within a runtime. This happens because a function \
             attempted to block the current thread while the thread is being used to drive \
             asynchronous tasks."
        );
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn spans_nest_and_are_restored_by_unwinding() {
        assert!(may_block());
        {
            let _tasks = forbid();
            assert!(!may_block());
            {
                let _closure = allow();
                assert!(may_block());
            }
            assert!(!may_block());
            assert!(
                std::thread::spawn(may_block).join().unwrap(),
                "other threads are not concerned"
            );
        }
        assert!(may_block());
        let unwound = std::panic::catch_unwind(|| {
            let _tasks = forbid();
            panic!("on purpose");
        });
        assert!(unwound.is_err());
        assert!(may_block());
    }
}
