//! The sender's end.

use std::fmt;

use super::error::SendError;
use super::{Receiver, Shared};
use crate::primitives::sync::atomic::Ordering::*;
use crate::primitives::sync::Arc;
use crate::sync::budget::budgeted;

/// Sends into a broadcast channel. Clones send into the same one; when the last is gone, the channel is
/// closed.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// A [`Sender`] that does not keep the channel open; [`upgrade`](WeakSender::upgrade) it to send.
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Makes a channel without receivers; [`subscribe`](Sender::subscribe) makes them.
    ///
    /// # Panics
    ///
    /// As [`channel`](super::channel).
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Sender { shared: Shared::new(capacity) }
    }

    /// For the models, which look inside.
    #[cfg(all(test, gmp_loom))]
    pub(in crate::sync) fn shared(&self) -> &Shared<T> {
        &self.shared
    }

    /// Sends a value to all receivers that there are at this moment, and answers how many. Never waits:
    /// when the channel is full, the oldest value is overwritten.
    ///
    /// `Ok` does not mean that anyone will see it: receivers may be dropped, or lag.
    ///
    /// # Errors
    ///
    /// The value, in a [`SendError`], when there is no receiver. Later ones may still
    /// [`subscribe`](Sender::subscribe).
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.shared.send(value).map_err(SendError)
    }

    /// A new receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::at_end(self.shared.clone())
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(&self.shared)
    }

    /// The number of values that some receiver has not seen yet; at most the capacity.
    ///
    /// ```
    /// use gmp::sync::broadcast;
    ///
    /// let (tx, mut fast) = broadcast::channel(16);
    /// let mut slow = tx.subscribe();
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// fast.try_recv().unwrap();
    /// assert_eq!(tx.len(), 2);
    /// slow.try_recv().unwrap();
    /// assert_eq!(tx.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.unseen()
    }

    /// Have all receivers seen everything?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.tail.lock().receivers
    }

    /// Do both send into the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
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

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.senders()
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.shared.weak_senders()
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
        // Ordering(broadcast-senders): the last one comes after all that the others did.
        if self.shared.senders.fetch_sub(1, AcqRel) == 1 {
            self.shared.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast::Sender").finish_non_exhaustive()
    }
}

impl<T> WeakSender<T> {
    fn new(shared: &Arc<Shared<T>>) -> Self {
        // Relaxed: a number to look at.
        shared.weak_senders.fetch_add(1, Relaxed);
        WeakSender { shared: shared.clone() }
    }

    /// A sender again; `None` when all senders are gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let up = |count: usize| (count != 0).then(|| count + 1);
        // Ordering(broadcast-senders): as the count's other changes; a failure uses only the value.
        self.shared.senders.fetch_update(AcqRel, Relaxed, up).ok()?;
        Some(Sender { shared: self.shared.clone() })
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.senders()
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.shared.weak_senders()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender::new(&self.shared)
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        // Relaxed: a number to look at.
        self.shared.weak_senders.fetch_sub(1, Relaxed);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast::WeakSender").finish_non_exhaustive()
    }
}
