#![allow(unsafe_code)]
//! A slot for one waker: one side registers, any thread wakes, no lock.
//!
//! Protocol. The word holds two bits, `REGISTERING` and `WAKING`; the waker's cell belongs to whoever
//! took the word from 0 to one of them.
//!
//! 1. `register`: 0 → `REGISTERING`, write the cell, `REGISTERING` → 0. If `WAKING` appeared meanwhile,
//!    the one who set it left the cell alone: take the waker out, clear the word, wake.
//! 2. `register` that finds `WAKING`: someone is emptying the cell right now, so the event has already
//!    happened: wake the caller at once instead of storing.
//! 3. `wake`: set `WAKING`. If the word was 0, take the waker, clear `WAKING`, wake. Else step 1 or
//!    another `wake` does it.
//!
//! Why no wake-up is lost: both sides do a read-modify-write on the same word. A `wake` ordered before a
//! `register` publishes what it announces, and the registrar looks at its condition after registering; a
//! `wake` ordered after it finds the waker. So the rule for users is: **announce, then `wake`; register,
//! then look**.
//!
//! Two concurrent calls of `register` are not meant to happen (there is one owner); if they do, the
//! later one wakes its caller and stores nothing.

use std::fmt;
use std::task::Waker;

use super::sync::atomic::{AtomicUsize, Ordering::*};
use super::sync::{broken, UnsafeCell};

const REGISTERING: usize = 1;
const WAKING: usize = 2;

/// See the module's text.
pub(crate) struct AtomicWaker {
    word: AtomicUsize,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the cell is touched only by the one who took the word from 0 (module text); a `Waker` may
// move to and be used from any thread.
unsafe impl Send for AtomicWaker {}
// SAFETY: as above.
unsafe impl Sync for AtomicWaker {}

impl AtomicWaker {
    const_unless_loom! {
        pub(crate) const fn new() -> Self {
            AtomicWaker { word: AtomicUsize::new(0), waker: UnsafeCell::new(None) }
        }
    }

    /// Stores a clone of `waker`, unless an equal one is there; look at the condition afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        // Ordering(atomic-waker): Acquire pairs with the Release that ended the last span of the cell,
        // and makes visible what an earlier `wake` announced.
        if self.word.compare_exchange(0, REGISTERING, Acquire, Acquire).is_err() {
            // Step 2.
            waker.wake_by_ref();
            return;
        }
        // The span is over before foreign code runs: only a pointer comparison happens inside of it.
        // SAFETY: the word was taken from 0, the cell is ours (module text).
        let same = self
            .waker
            .with(|cell| unsafe { &*cell }.as_ref().is_some_and(|stored| stored.will_wake(waker)));
        let mut old = None;
        if !same {
            // Nobody waits for the end of this span, so cloning inside of it blocks no one; if it
            // panics the guard ends the span.
            let span = EndSpan(self);
            let new = waker.clone();
            std::mem::forget(span);
            // SAFETY: as above.
            old = self.waker.with_mut(|cell| unsafe { &mut *cell }.replace(new));
        }
        // Ordering(atomic-waker): Release gives the cell to the next `wake`; Acquire on failure: what
        // that `wake` announced is visible to the look that follows.
        if self.word.compare_exchange(REGISTERING, 0, AcqRel, Acquire).is_err() {
            // Step 1, a `wake` came in between.
            // SAFETY: `WAKING` was set by someone who left the cell to us.
            let taken = self.waker.with_mut(|cell| unsafe { &mut *cell }.take());
            // Ordering(atomic-waker): Release gives the cell back, Acquire as above.
            self.word.swap(0, AcqRel);
            if let Some(taken) = taken {
                taken.wake();
            }
        }
        drop(old);
    }

    /// Wakes and removes the stored waker, if there is one.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// Takes the stored waker out, for the caller to wake.
    pub(crate) fn take(&self) -> Option<Waker> {
        let order = if broken("atomic-waker-relaxed") { Relaxed } else { AcqRel };
        // Ordering(atomic-waker): Release publishes what the caller announces to the next `register`;
        // Acquire pairs with the Release that ended `register`, so that the cell's content is visible.
        if self.word.fetch_or(WAKING, order) != 0 {
            return None;
        }
        // SAFETY: the word was taken from 0, the cell is ours (module text).
        let waker = self.waker.with_mut(|cell| unsafe { &mut *cell }.take());
        // Ordering(atomic-waker): Release gives the cell back. AcqRel keeps it one chain with the
        // announcements of other `wake`s that came while ours ran.
        self.word.fetch_and(!WAKING, AcqRel);
        waker
    }
}

/// Ends a registration whose clone panicked. A wake-up that came in the span is lost with it, like the
/// registration itself: its caller sees the panic.
struct EndSpan<'a>(&'a AtomicWaker);

impl Drop for EndSpan<'_> {
    fn drop(&mut self) {
        // Ordering(atomic-waker): Release gives the cell back.
        self.0.word.swap(0, AcqRel);
    }
}

impl fmt::Debug for AtomicWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomicWaker").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::Arc;
    use std::task::Wake;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn wakes_the_last_registered_once() {
        let (a, b) = (Arc::new(Count(0.into())), Arc::new(Count(0.into())));
        let slot = AtomicWaker::new();
        slot.wake();
        slot.register(&Waker::from(a.clone()));
        slot.register(&Waker::from(b.clone()));
        assert_eq!(Arc::strong_count(&a), 1, "the replaced waker is dropped");
        slot.wake();
        slot.wake();
        assert_eq!((a.0.load(SeqCst), b.0.load(SeqCst)), (0, 1));
        assert_eq!(Arc::strong_count(&b), 1);
    }
}
