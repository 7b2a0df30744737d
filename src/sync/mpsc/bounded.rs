//! The bounded channel: senders wait, in order, for room.

use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::mem;
use std::task::{Context, Poll};

use super::chan::{self, Chan, Gate, Rx, Tx, WeakTx};
#[cfg(feature = "time")]
use super::error::SendTimeoutError;
use super::error::{SendError, TryRecvError, TrySendError};
use super::unbounded::receiver_methods;
use crate::primitives::sync::broken;
use crate::sync::batch::{BatchSemaphore, Refused};
use crate::sync::block_on::block_on;

/// One permit per free slot.
pub(super) struct Slots {
    semaphore: BatchSemaphore,
    bound: usize,
}

impl Gate for Slots {
    const CLOSES_TAIL: bool = false;

    #[inline]
    fn taken(&self, n: usize) {
        self.semaphore.release(n);
    }

    fn close(&self) {
        self.semaphore.close();
    }

    fn is_idle(&self) -> bool {
        self.semaphore.available() == self.bound
    }
}

impl<T> Chan<T, Slots> {
    /// Permits came back unused: that may have been what a closed channel's receiver waits for.
    fn settle(&self) {
        if self.gate.semaphore.is_closed() && self.gate.is_idle() && !broken("mpsc-permit-silent") {
            self.wake_receiver();
        }
    }

    fn give_back(&self, n: usize) {
        if n > 0 {
            self.gate.semaphore.release(n);
            self.settle();
        }
    }

    /// Sends with a permit.
    #[inline]
    fn send(&self, value: T) {
        match self.claim() {
            Some(ticket) => self.write(ticket, value),
            None => unreachable!("a bounded channel closes its semaphore, not its tail"),
        }
    }
}

/// Runs [`Chan::settle`] after an acquire that ended without a permit, or was dropped: what it had been
/// given so far has come back.
struct Unsettled<'a, T>(&'a Chan<T, Slots>);

impl<T> Drop for Unsettled<'_, T> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

/// Makes a channel with room for `buffer` values. Memory is allocated as it is used, in blocks of 32.
///
/// # Panics
///
/// When `buffer` is 0, or above [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    let semaphore = BatchSemaphore::new(buffer);
    let (tx, rx) = chan::new(Slots { semaphore, bound: buffer });
    (Sender { tx }, Receiver { rx })
}

/// Sends into a bounded channel. Clones send into the same one.
pub struct Sender<T> {
    tx: Tx<T, Slots>,
}

/// Receives from a bounded channel. Dropping it closes the channel and drops what is in it.
pub struct Receiver<T> {
    rx: Rx<T, Slots>,
}

/// A [`Sender`] that does not keep the channel open; [`upgrade`](WeakSender::upgrade) it to send.
pub struct WeakSender<T> {
    tx: WeakTx<T, Slots>,
}

/// Room for one value, borrowed from a [`Sender`]. Dropping it gives the room back.
pub struct Permit<'a, T> {
    chan: &'a Chan<T, Slots>,
}

/// Room for several values: an iterator over [`Permit`]s. Dropping it gives back what was not used.
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T, Slots>,
    n: usize,
}

/// Room for one value, with the [`Sender`] in it. Dropping it gives the room back.
pub struct OwnedPermit<T> {
    /// `None` after `send` and `release`, for the drop.
    sender: Option<Sender<T>>,
}

impl<T> Sender<T> {
    /// Waits for `n` permits.
    #[inline]
    async fn acquire(&self, n: usize) -> Result<(), SendError<()>> {
        let chan = &*self.tx.chan;
        let unsettled = Unsettled(chan);
        chan.gate.semaphore.acquire(n).await.map_err(|_| SendError(()))?;
        mem::forget(unsettled);
        Ok(())
    }

    fn try_acquire(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.tx.chan.gate.semaphore.try_acquire(n).map_err(|refused| match refused {
            Refused::Closed => TrySendError::Closed(()),
            Refused::NoPermits => TrySendError::Full(()),
        })
    }

    /// Sends a value, and waits for room first if there is none.
    ///
    /// # Errors
    ///
    /// The value, in a [`SendError`], when the receiver was dropped or closed. `Ok` does not mean that the
    /// value will be received: the receiver may be dropped afterwards.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the value unsent and gives up the place in the queue. To keep the value,
    /// [`reserve`](Sender::reserve) first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.acquire(1).await {
            Ok(()) => {
                self.tx.chan.send(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Waits until the receiver is dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn closed(&self) {
        self.tx.chan.closed(|chan| chan.gate.semaphore.is_closed()).await;
    }

    /// Sends a value if there is room for it. Room that others wait for is not taken.
    ///
    /// ```
    /// use gmp::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (tx, mut rx) = mpsc::channel(1);
    /// tx.try_send(1).unwrap();
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// rx.close();
    /// assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    ///
    /// # Errors
    ///
    /// The value, in [`TrySendError::Full`] or [`TrySendError::Closed`].
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.try_acquire(1) {
            Ok(()) => {
                self.tx.chan.send(message);
                Ok(())
            }
            Err(TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        }
    }

    /// [`send`](Sender::send) with a time-out: when there is no room for so long, it gives up.
    ///
    /// ```
    /// use gmp::sync::mpsc::{self, error::SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// # let runtime = gmp::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let patience = Duration::from_millis(1);
    /// tx.send_timeout(1, patience).await.unwrap();
    /// assert_eq!(tx.send_timeout(2, patience).await, Err(SendTimeoutError::Timeout(2)));
    /// rx.close();
    /// assert_eq!(tx.send_timeout(3, patience).await, Err(SendTimeoutError::Closed(3)));
    /// assert_eq!(rx.recv().await, Some(1));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The value, in [`SendTimeoutError::Closed`] when the receiver was dropped or closed, in
    /// [`SendTimeoutError::Timeout`] when the time is over.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a runtime, or inside one without time.
    ///
    /// # Cancel safety
    ///
    /// As `send`.
    #[cfg(feature = "time")]
    pub async fn send_timeout(
        &self,
        value: T,
        timeout: std::time::Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        match crate::time::timeout(timeout, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// [`send`](Sender::send) that blocks the thread.
    ///
    /// # Errors
    ///
    /// As `send`.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// Is the receiver dropped or closed?
    pub fn is_closed(&self) -> bool {
        self.tx.chan.gate.semaphore.is_closed()
    }

    /// Waits for room for one value, and keeps it until the permit is used or dropped.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the receiver was dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(Permit { chan: &self.tx.chan })
    }

    /// Waits for room for `n` values at once.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the receiver was dropped or closed, or when `n` is above
    /// [`max_capacity`](Sender::max_capacity).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back what it had collected, and its place in the queue.
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        self.acquire(n).await?;
        Ok(PermitIterator { chan: &self.tx.chan, n })
    }

    /// Waits for room for one value, and puts the sender into the permit.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the receiver was dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the sender with it, and gives up the place in the queue.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Takes room for one value if there is any.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] or [`TrySendError::Closed`].
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire(1)?;
        Ok(Permit { chan: &self.tx.chan })
    }

    /// Takes room for `n` values if there is so much.
    ///
    /// ```
    /// use gmp::sync::mpsc;
    ///
    /// let (tx, mut rx) = mpsc::channel(2);
    /// for (permit, value) in tx.try_reserve_many(2).unwrap().zip(["a", "b"]) {
    ///     permit.send(value);
    /// }
    /// assert_eq!(rx.try_recv(), Ok("a"));
    /// assert_eq!(rx.try_recv(), Ok("b"));
    /// ```
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] (also when `n` is above the capacity) or [`TrySendError::Closed`].
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.try_acquire(n)?;
        Ok(PermitIterator { chan: &self.tx.chan, n })
    }

    /// Takes room for one value if there is any, and puts the sender into the permit.
    ///
    /// # Errors
    ///
    /// The sender, in [`TrySendError::Full`] or [`TrySendError::Closed`].
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_acquire(1) {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    /// Do both send into the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// The free slots at this moment; reserved ones are not free.
    pub fn capacity(&self) -> usize {
        self.tx.chan.gate.semaphore.available()
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// The number of slots that the channel was made with.
    pub fn max_capacity(&self) -> usize {
        self.tx.chan.gate.bound
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.tx.chan.strong_count()
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.tx.chan.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("max_capacity", &self.max_capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<T> WeakSender<T> {
    /// A sender again; `None` when all senders are gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(|tx| Sender { tx })
    }

    /// The number of senders.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// The number of weak senders.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

receiver_methods!(Receiver);

impl<T> Receiver<T> {
    /// The free slots at this moment; reserved ones are not free.
    pub fn capacity(&self) -> usize {
        self.rx.chan.gate.semaphore.available()
    }

    /// The number of slots that the channel was made with.
    pub fn max_capacity(&self) -> usize {
        self.rx.chan.gate.bound
    }
}

impl<T> Permit<'_, T> {
    /// Sends the value; cannot fail. If the receiver is gone by now, the value is dropped.
    pub fn send(self, value: T) {
        let chan = self.chan;
        mem::forget(self);
        chan.send(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Permit { chan: self.chan })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n, Some(self.n))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(self.n);
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("left", &self.n).finish_non_exhaustive()
    }
}

impl<T> OwnedPermit<T> {
    fn take(&mut self) -> Sender<T> {
        match self.sender.take() {
            Some(sender) => sender,
            None => unreachable!("an owned permit is used by value, once"),
        }
    }

    /// Sends the value and gives the sender back; cannot fail. If the receiver is gone by now, the value
    /// is dropped.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.take();
        sender.tx.chan.send(value);
        sender
    }

    /// Gives the room back without sending, and the sender with it.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take();
        sender.tx.chan.give_back(1);
        sender
    }

    /// Do both permits send into the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.sender, &other.sender) {
            (Some(a), Some(b)) => a.same_channel(b),
            _ => false,
        }
    }

    /// Does the permit send into the same channel as this sender?
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender.as_ref().is_some_and(|own| own.same_channel(sender))
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.tx.chan.give_back(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
