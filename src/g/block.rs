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
//! 4. Who polls one future and drives no tasks (`Handle::block_on` of a current_thread runtime) calls
//!    [`forbid_undriven`]: nothing is behind that thread, so `block_in_place` has nothing to give away and may
//!    [`allow`].
//! 5. Blocking calls ask [`may_block`] first and panic when the answer is no.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local_const! {
    static SPAN: Cell<Span> = Cell::new(Span::Free);
}

/// What this thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    /// It may block.
    Free,
    /// Step 4.
    Undriven,
    /// Step 1.
    Drives,
}

/// True on a thread that drives no async task right now. Also true while thread locals are torn down:
/// no task runs by then.
#[inline]
pub(crate) fn may_block() -> bool {
    SPAN.try_with(|span| span.get() == Span::Free).unwrap_or(true)
}

/// True in the span of [`forbid_undriven`].
pub(crate) fn is_undriven() -> bool {
    SPAN.try_with(|span| span.get() == Span::Undriven).unwrap_or(false)
}

/// Restores the outer answer.
#[derive(Debug)]
#[must_use = "dropping it at once ends the span"]
pub(crate) struct Guard {
    before: Span,
    /// Belongs to this thread.
    _here: PhantomData<*const ()>,
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        let _ = SPAN.try_with(|span| span.set(self.before));
    }
}

#[inline]
fn open(span: Span) -> Guard {
    let before = SPAN.try_with(|current| current.replace(span)).unwrap_or(Span::Free);
    Guard { before, _here: PhantomData }
}

/// From here to the guard's drop this thread drives async tasks.
#[inline]
pub(crate) fn forbid() -> Guard {
    open(Span::Drives)
}

/// From here to the guard's drop this thread polls a future, and drives no tasks.
pub(crate) fn forbid_undriven() -> Guard {
    open(Span::Undriven)
}

/// From here to the guard's drop this thread may block, whatever is around it.
#[inline]
pub(crate) fn allow() -> Guard {
    open(Span::Free)
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
                let _undriven = forbid_undriven();
                assert!(!may_block() && is_undriven());
            }
            assert!(!may_block() && !is_undriven());
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
