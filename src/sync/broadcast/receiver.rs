//! The receiver's end.

use std::fmt;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use super::cell::{Guard, MAX_WANTED};
use super::error::{RecvError, TryRecvError};
use super::Shared;
use crate::primitives::foreign;
use crate::primitives::sync::atomic::Ordering::*;
use crate::primitives::sync::{broken, Arc};
use crate::sync::block_on::block_on;
use crate::sync::budget::budgeted;

/// Receives from a broadcast channel. It is not `Clone`; [`resubscribe`](Receiver::resubscribe) makes
/// another one. Dropping it gives up what it has not seen.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    place: Place,
}

/// How far a receiver is.
struct Place {
    /// Number of the next value.
    next: u64,
    /// An end that it saw, not below `next`.
    end: u64,
}

/// A value's cell, locked, after this receiver was counted down: it counts as seen, whatever happens next.
struct Look<'a, T>(Guard<'a, T>);

impl<'a, T> Look<'a, T> {
    /// Step 2: the value that `next` names; `next` moves on.
    #[inline]
    fn at(shared: &'a Shared<T>, place: &mut Place) -> Result<Look<'a, T>, TryRecvError> {
        loop {
            if place.next == place.end {
                place.look_at_end(shared)?;
            }
            let number = place.next;
            // Ordering(broadcast-cell): Acquire pairs with the store in `send`. The end has shown which cell it
            // was; if it is a newer one by now, the numbers will differ.
            let index = shared.slot(number).load(Acquire);
            let mut cell = Guard::lock(shared, index);
            if cell.number() == number {
                place.next += 1;
                cell.count_down();
                return Ok(Look(cell));
            }
            drop(cell);
            place.overtaken(shared);
        }
    }

    /// The value itself, if nobody else wants it.
    #[inline]
    fn take(&mut self) -> Option<T> {
        match self.0.is_last() {
            true => self.0.take(),
            false => None,
        }
    }

    #[inline]
    fn into_value(mut self) -> T
    where
        T: Clone,
    {
        // Step 3.
        match self.take().or_else(|| self.0.clone_value()) {
            Some(value) => value,
            None => unreachable!("a value is there until the last receiver has had it"),
        }
    }
}

impl Place {
    /// The value is there, or why not.
    fn look_at_end<T>(&mut self, shared: &Shared<T>) -> Result<(), TryRecvError> {
        let (end, closed) = shared.end();
        if self.next == end {
            return Err(if closed { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        self.end = end;
        let kept = end.saturating_sub(shared.capacity());
        if self.next < kept {
            let missed = kept - self.next;
            self.next = kept;
            return Err(TryRecvError::Lagged(missed));
        }
        Ok(())
    }

    /// A sender is between the cell and the end, or has been: wait for it, and forget the old end.
    #[cold]
    fn overtaken<T>(&mut self, shared: &Shared<T>) {
        drop(shared.tail.lock());
        self.end = self.next;
    }
}

impl<T> Receiver<T> {
    /// One more receiver, of what is sent from now on.
    pub(super) fn at_end(shared: Arc<Shared<T>>) -> Self {
        let mut tail = shared.tail.lock();
        assert!(tail.receivers < MAX_WANTED, "too many receivers");
        tail.receivers += 1;
        let end = tail.end;
        drop(tail);
        Receiver { shared, place: Place { next: end, end } }
    }

    /// The number of values that were sent and not yet received by this receiver. More than the capacity
    /// when it has lagged: then the next `recv` says so.
    pub fn len(&self) -> usize {
        (self.shared.end().0 - self.place.next) as usize
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
        let (shared, place) = (&*self.shared, &mut self.place);
        budgeted(async move {
            loop {
                if let Some(answer) = Self::look(shared, place) {
                    return answer;
                }
                // Step 6.
                let notified = match broken("broadcast-notified-late") {
                    true => None,
                    false => Some(shared.sent.notified()),
                };
                if let Some(answer) = Self::look(shared, place) {
                    return answer;
                }
                notified.unwrap_or_else(|| shared.sent.notified()).await;
            }
        })
        .await
    }

    /// `None`: there is reason to wait.
    #[inline]
    fn look(shared: &Shared<T>, place: &mut Place) -> Option<Result<T, RecvError>> {
        match Look::at(shared, place).map(Look::into_value) {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Empty) => None,
        }
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
        Look::at(&self.shared, &mut self.place).map(Look::into_value)
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
        while self.place.next < until {
            let value = match Look::at(&self.shared, &mut self.place) {
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
