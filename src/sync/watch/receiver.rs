//! The receiver's end.

use std::fmt;

use super::error::RecvError;
use super::{Ref, Shared, Version};
use crate::primitives::sync::atomic::Ordering::*;
use crate::primitives::sync::{broken, Arc};
use crate::sync::budget::budgeted;

/// Looks at the value of a watch channel, and waits for changes. Each clone keeps its own mind of what it
/// has seen, beginning with what the original had.
pub struct Receiver<T> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) seen: Version,
}

impl<T> Receiver<T> {
    /// One more receiver.
    pub(super) fn counted(shared: Arc<Shared<T>>, seen: Version) -> Self {
        // Relaxed: whoever counts up has a sender or a receiver; senders look again after a wake-up.
        shared.receivers.fetch_add(1, Relaxed);
        Receiver { shared, seen }
    }

    /// The value, borrowed; see [`Ref`] for what that means to others. It does not count as seen.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.look(self.seen).0
    }

    /// The value, borrowed, and counted as seen: [`changed`](Receiver::changed) waits for a newer one. In
    /// a loop with `changed` this is the one to use, as `borrow` may show a value that came after the
    /// change, which is then reported again.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let (value, version) = self.shared.look(self.seen);
        self.seen = version;
        value
    }

    /// Is there a value that this receiver has not seen?
    ///
    /// # Errors
    ///
    /// [`RecvError`] as soon as all senders are gone, even if there is an unseen value, which
    /// [`changed`](Receiver::changed) still reports.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        match self.shared.state() {
            (_, true) => Err(RecvError(())),
            (version, false) => Ok(version != self.seen),
        }
    }

    /// Are all senders gone?
    pub fn is_closed(&self) -> bool {
        self.shared.state().1
    }

    /// Counts the present value as not seen.
    ///
    /// ```
    /// use gmp::sync::watch;
    ///
    /// let (_tx, mut rx) = watch::channel("hello");
    /// assert!(!rx.has_changed().unwrap());
    /// rx.mark_changed();
    /// assert!(rx.has_changed().unwrap());
    /// rx.mark_unchanged();
    /// assert!(!rx.has_changed().unwrap());
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.state().0.previous();
    }

    /// Counts the present value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.state().0;
    }

    /// Waits for a value that this receiver has not seen, and counts it as seen. Does not wait at all when
    /// there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when all senders are gone and nothing is unseen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a change that it has not reported stays unseen.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.seen = budgeted(self.shared.changed(self.seen)).await?;
        Ok(())
    }

    /// Waits until the value satisfies `f`, which is asked about the present value first, seen or not, and
    /// then about each change that is noticed. What it was asked about counts as seen.
    ///
    /// `f` runs under the value's lock: it must not borrow from this channel.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when all senders are gone and the last value does not satisfy `f`.
    ///
    /// # Panics
    ///
    /// When `f` does; the channel is not affected.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but what `f` has been asked about.
    pub async fn wait_for(
        &mut self,
        mut f: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let (shared, seen) = (&*self.shared, &mut self.seen);
        budgeted(async move {
            loop {
                {
                    // Made anew in a block: a `Ref` must not be alive across the wait.
                    let (value, version) = shared.look(*seen);
                    *seen = version;
                    if f(&value) {
                        return Ok(value);
                    }
                }
                shared.changed(*seen).await?;
            }
        })
        .await
    }

    /// Do both belong to the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::counted(self.shared.clone(), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Ordering(watch-receivers): Release: who sees that nobody is left sees what they did; Acquire keeps
        // it one chain.
        if self.shared.receivers.fetch_sub(1, AcqRel) == 1 && !broken("watch-deserted-silent") {
            self.shared.deserted.notify_waiters();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("shared", &self.shared)
            .field("seen", &(self.seen.0 / super::VERSION))
            .finish()
    }
}
