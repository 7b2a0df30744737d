//! The sender's end.

use std::fmt;
use std::mem;

use super::error::SendError;
use super::{Receiver, Ref, Shared, CLOSED};
use crate::primitives::sync::atomic::Ordering::*;
use crate::primitives::sync::{broken, Arc};
use crate::sync::budget::budgeted;

/// Changes the value of a watch channel. Clones change the same one; when the last is gone the channel is
/// closed.
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Makes a channel without receivers; [`subscribe`](Sender::subscribe) makes them.
    pub fn new(init: T) -> Self {
        Sender { shared: Shared::new(init, 0) }
    }

    /// Replaces the value and wakes all receivers that wait.
    ///
    /// # Errors
    ///
    /// The value, in a [`SendError`], when there is no receiver; then nothing changes.
    /// [`send_replace`](Sender::send_replace) stores it all the same.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in place, and wakes all receivers that wait.
    ///
    /// The closure runs under the value's lock: it must not borrow from this channel.
    ///
    /// # Panics
    ///
    /// When the closure does. The value stays as the closure left it, and nobody is woken.
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place; receivers learn of it only if the closure answers true, which is also the
    /// answer of this method.
    ///
    /// ```
    /// use gmp::sync::watch;
    ///
    /// let (tx, rx) = watch::channel(7);
    /// let raise = |to: u32| tx.send_if_modified(|value| {
    ///     let higher = to > *value;
    ///     *value = to.max(*value);
    ///     higher
    /// });
    /// assert!(!raise(5));
    /// assert!(!rx.has_changed().unwrap());
    /// assert!(raise(9));
    /// assert!(rx.has_changed().unwrap());
    /// ```
    ///
    /// The closure runs under the value's lock: it must not borrow from this channel.
    ///
    /// # Panics
    ///
    /// When the closure does, as with [`send_modify`](Sender::send_modify).
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let mut value = self.shared.value.write();
        if !modify(&mut value) {
            return false;
        }
        self.shared.next_version();
        drop(value);
        if !broken("watch-send-silent") {
            self.shared.changed.notify_waiters();
        }
        true
    }

    /// Replaces the value, also when there is no receiver, and answers the old one.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|place| mem::swap(place, &mut value));
        value
    }

    /// The value, borrowed; see [`Ref`] for what that means to others.
    pub fn borrow(&self) -> Ref<'_, T> {
        let (version, _) = self.shared.state();
        let (mut value, _) = self.shared.look(version);
        value.has_changed = false;
        value
    }

    /// Is there no receiver?
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until no receiver is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn closed(&self) {
        budgeted(async {
            loop {
                // Made first: a receiver that goes after the look counts for it.
                let notified = self.shared.deserted.notified();
                if self.receiver_count() == 0 {
                    return;
                }
                notified.await;
            }
        })
        .await;
    }

    /// A new receiver, which counts the present value as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        let (seen, _) = self.shared.state();
        Receiver::counted(self.shared.clone(), seen)
    }

    /// The number of receivers.
    pub fn receiver_count(&self) -> usize {
        // Ordering(watch-receivers): Acquire pairs with a receiver's drop.
        self.shared.receivers.load(Acquire)
    }

    /// The number of senders.
    pub fn sender_count(&self) -> usize {
        // Relaxed: a number to look at.
        self.shared.senders.load(Relaxed)
    }

    /// Do both send into the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Relaxed: whoever counts up holds a count.
        self.shared.senders.fetch_add(1, Relaxed);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering(watch-closed): the last one comes after all that the others did.
        if self.shared.senders.fetch_sub(1, AcqRel) == 1 {
            // Ordering(watch-closed): Release pairs with `state`.
            self.shared.word.fetch_or(CLOSED, Release);
            if !broken("watch-close-silent") {
                self.shared.changed.notify_waiters();
            }
        }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Sender::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("shared", &self.shared).finish()
    }
}
