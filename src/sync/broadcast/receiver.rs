//! The receiver's end.

use std::fmt;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use super::error::{RecvError, TryRecvError};
use super::{Held, Shared};
use crate::primitives::foreign;
use crate::primitives::sync::atomic::{fence, Ordering::*};
use crate::primitives::sync::{broken, Arc, MutexGuard};
use crate::sync::block_on::block_on;
use crate::sync::budget::budgeted;

/// Receives from a broadcast channel. It is not `Clone`; [`resubscribe`](Receiver::resubscribe) makes
/// another one. Dropping it gives up what it has not seen.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Number of the next value.
    next: u64,
}

/// A value's cell, locked, after this receiver was counted down: it counts as seen, whatever happens next.
struct Look<'a, T> {
    shared: &'a Shared<T>,
    number: u64,
    cell: usize,
    /// Nobody else wants the value.
    last: bool,
    /// `None` only in the drop.
    held: Option<MutexGuard<'a, Held<T>>>,
}

impl<'a, T> Look<'a, T> {
    /// Step 2: the value that `next` names; `next` moves on.
    fn at(shared: &'a Shared<T>, next: &mut u64) -> Result<Look<'a, T>, TryRecvError> {
        loop {
            let (end, closed) = shared.end();
            if *next == end {
                return Err(if closed { TryRecvError::Closed } else { TryRecvError::Empty });
            }
            let kept = end.saturating_sub(shared.capacity());
            if *next < kept {
                let missed = kept - *next;
                *next = kept;
                return Err(TryRecvError::Lagged(missed));
            }
            let number = *next;
            // Ordering(broadcast-cell): Acquire pairs with the store in `send`. The end has shown which cell it
            // was; if it is a newer one by now, the numbers will differ.
            let index = shared.slot(number).cell.load(Acquire);
            let cell = shared.cell(index);
            let held = cell.held.lock();
            if held.number == number {
                *next += 1;
                // Relaxed, both: changed under the cell's lock.
                let wanted = cell.wanted.load(Relaxed) - 1;
                cell.wanted.store(wanted, Relaxed);
                return Ok(Look {
                    shared,
                    number,
                    cell: index,
                    last: wanted == 0,
                    held: Some(held),
                });
            }
            drop(held);
            // A sender is between the cell and the end, or has been: wait for it.
            drop(shared.tail.lock());
        }
    }

    /// The value itself, if nobody else wants it.
    fn take(&mut self) -> Option<T> {
        match &mut self.held {
            Some(held) if self.last => held.value.take(),
            _ => None,
        }
    }

    fn into_value(mut self) -> T
    where
        T: Clone,
    {
        if let Some(value) = self.take() {
            return value;
        }
        match self.held.as_deref() {
            // Step 3.
            Some(Held { value: Some(value), .. }) => value.clone(),
            _ => unreachable!("a value is there until the last receiver has had it"),
        }
    }
}

impl<T> Drop for Look<'_, T> {
    fn drop(&mut self) {
        drop(self.held.take());
        // Step 5.
        if !broken("broadcast-orphan-no-fence") {
            // Ordering(broadcast-orphan): pairs with the fence in `send`.
            fence(SeqCst);
        }
        // Relaxed: the fence decides, and `left_orphan` takes the locks.
        let now = self.shared.slot(self.number).cell.load(Relaxed);
        if now != self.cell && !broken("broadcast-orphan-kept") {
            self.shared.left_orphan(self.cell);
        }
    }
}

impl<T> Receiver<T> {
    /// One more receiver, of what is sent from now on.
    pub(super) fn at_end(shared: Arc<Shared<T>>) -> Self {
        let mut tail = shared.tail.lock();
        tail.receivers = tail.receivers.checked_add(1).expect("too many receivers");
        let next = tail.end;
        drop(tail);
        Receiver { shared, next }
    }

    /// The number of values that were sent and not yet received by this receiver. More than the capacity
    /// when it has lagged: then the next `recv` says so.
    pub fn len(&self) -> usize {
        (self.shared.end().0 - self.next) as usize
    }

    /// Has it received everything?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Do both belong to the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The number of senders.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.senders()
    }

    /// The number of weak senders.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.weak_senders()
    }

    /// Are all senders gone? Values may be left.
    pub fn is_closed(&self) -> bool {
        self.shared.end().1
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver of the same channel, of what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        Receiver::at_end(self.shared.clone())
    }

    /// Waits for the next value.
    ///
    /// ```
    /// use gmp::sync::broadcast::{self, error::RecvError};
    ///
    /// # let runtime = gmp::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let (tx, mut rx) = broadcast::channel(2);
    /// for n in 0..5 {
    ///     tx.send(n).unwrap();
    /// }
    /// drop(tx);
    /// assert_eq!(rx.recv().await, Err(RecvError::Lagged(3)));
    /// assert_eq!(rx.recv().await, Ok(3));
    /// assert_eq!(rx.recv().await, Ok(4));
    /// assert_eq!(rx.recv().await, Err(RecvError::Closed));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] when values were overwritten before this receiver saw them: it goes on with
    /// the oldest one kept. [`RecvError::Closed`] when all senders are gone and everything was received.
    ///
    /// # Panics
    ///
    /// When the value's `clone` does; the value counts as received.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no value.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let (shared, next) = (&*self.shared, &mut self.next);
        budgeted(async move {
            loop {
                // Step 6.
                let notified = match broken("broadcast-notified-late") {
                    true => None,
                    false => Some(shared.sent.notified()),
                };
                match Look::at(shared, next).map(Look::into_value) {
                    Ok(value) => return Ok(value),
                    Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                    Err(TryRecvError::Lagged(missed)) => return Err(RecvError::Lagged(missed)),
                    Err(TryRecvError::Empty) => {}
                }
                notified.unwrap_or_else(|| shared.sent.notified()).await;
            }
        })
        .await
    }

    /// The next value, if it is there. When another receiver is in the middle of cloning this very value,
    /// it waits for that.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when nothing is there, else as [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// When the value's `clone` does; the value counts as received.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        Look::at(&self.shared, &mut self.next).map(Look::into_value)
    }

    /// [`recv`](Receiver::recv) that blocks the thread.
    ///
    /// # Errors
    ///
    /// As `recv`.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut tail = self.shared.tail.lock();
        tail.receivers -= 1;
        let (until, deserted) = (tail.end, tail.receivers == 0);
        drop(tail);
        let mut panic = None;
        let mut keep = |result: std::thread::Result<()>| {
            if let Err(payload) = result {
                match panic {
                    None => panic = Some(payload),
                    Some(_) => foreign::discard(payload),
                }
            }
        };
        // Step 7. What others sent since does not count this receiver.
        while self.next < until {
            let value = match Look::at(&self.shared, &mut self.next) {
                Ok(mut look) => look.take(),
                Err(TryRecvError::Lagged(_)) => None,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
            // Others still have their share to count down when one value's drop panics.
            keep(catch_unwind(AssertUnwindSafe(|| drop(value))));
        }
        if deserted && !broken("broadcast-deserted-silent") {
            let deserted = &self.shared.deserted;
            keep(catch_unwind(AssertUnwindSafe(|| deserted.notify_waiters())));
        }
        if let Some(payload) = panic {
            match std::thread::panicking() {
                true => foreign::discard(payload),
                false => resume_unwind(payload),
            }
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast::Receiver").finish_non_exhaustive()
    }
}
