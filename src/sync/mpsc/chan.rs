#![allow(unsafe_code)]
//! What bounded and unbounded channels have in common: the list, the receiver's waker, the counts.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{ready, Context, Poll};

use super::error::TryRecvError;
use super::list::{self, Head, Tail, Ticket};
use crate::g::coop;
use crate::primitives::atomic_waker::AtomicWaker;
use crate::primitives::padded::Padded;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, hint, Arc, UnsafeCell};
use crate::sync::block_on::park_until;
use crate::sync::Notify;

/// What decides who may send.
pub(super) trait Gate {
    /// Does closing stop sends at the tail, or does the gate itself refuse?
    const CLOSES_TAIL: bool;

    /// `n` values were taken out.
    fn taken(&self, n: usize);

    /// No more permission is given.
    fn close(&self);

    /// Is nobody left who has a permission and has not sent?
    fn is_idle(&self) -> bool;
}

pub(super) struct Chan<T, G> {
    tail: Padded<Tail<T>>,
    /// The receiver's, who is one and holds `&mut`.
    head: Padded<UnsafeCell<Head<T>>>,
    rx_waker: AtomicWaker,
    /// For `closed()`.
    rx_closed: Notify,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    pub(super) gate: G,
}

// SAFETY: values move from senders to the receiver; the head is used by the one receiver, or by drop.
unsafe impl<T: Send, G: Send> Send for Chan<T, G> {}
// SAFETY: as above; no two threads see the same value.
unsafe impl<T: Send, G: Sync> Sync for Chan<T, G> {}
// A panic in foreign code leaves a channel as it is: values are moved in and out whole.
impl<T, G> UnwindSafe for Chan<T, G> {}
impl<T, G> RefUnwindSafe for Chan<T, G> {}

/// The receiver's part of a channel.
pub(super) struct Rx<T, G: Gate> {
    pub(super) chan: Arc<Chan<T, G>>,
}

/// A sender's part of a channel: counted.
pub(super) struct Tx<T, G> {
    pub(super) chan: Arc<Chan<T, G>>,
}

/// A part that keeps the memory but not the channel.
pub(super) struct WeakTx<T, G> {
    chan: Arc<Chan<T, G>>,
}

pub(super) fn new<T, G: Gate>(gate: G) -> (Tx<T, G>, Rx<T, G>) {
    let (tail, head) = list::new();
    let chan = Arc::new(Chan {
        tail: Padded(tail),
        head: Padded(UnsafeCell::new(head)),
        rx_waker: AtomicWaker::new(),
        rx_closed: Notify::new(),
        senders: AtomicUsize::new(1),
        weak_senders: AtomicUsize::new(0),
        gate,
    });
    (Tx { chan: chan.clone() }, Rx { chan })
}

impl<T, G> Chan<T, G> {
    /// A position at the tail; `None` when the tail is closed.
    #[inline]
    pub(super) fn claim(&self) -> Option<Ticket> {
        self.tail.claim()
    }

    #[inline]
    pub(super) fn write(&self, ticket: Ticket, value: T) {
        if self.tail.write(ticket, value) {
            self.rx_waker.wake();
        }
    }

    /// Wakes the receiver to look at the gate again.
    pub(super) fn wake_receiver(&self) {
        self.rx_waker.wake();
    }

    pub(super) fn is_tail_closed(&self) -> bool {
        self.tail.is_closed()
    }

    pub(super) fn strong_count(&self) -> usize {
        // Ordering(mpsc-senders): Acquire pairs with the last sender's drop.
        self.senders.load(Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        // Relaxed: a number to look at.
        self.weak_senders.load(Relaxed)
    }

    /// Waits until `is_closed`, which the receiver makes true before it notifies.
    pub(super) async fn closed(&self, is_closed: impl Fn(&Self) -> bool) {
        // Made first: a close after the look is not missed.
        let notified = self.rx_closed.notified();
        if !is_closed(self) {
            notified.await;
        }
    }
}

impl<T, G: Gate> Rx<T, G> {
    /// The head, for the receiver's methods.
    #[inline]
    fn with_head<R>(&mut self, f: impl FnOnce(&mut Head<T>, &Chan<T, G>) -> R) -> R {
        let chan = &*self.chan;
        // SAFETY: there is one receiver, and this is `&mut` of it.
        chan.head.with_mut(|head| f(unsafe { &mut *head }, chan))
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        let value = self.with_head(|head, chan| head.pop(&chan.tail));
        if value.is_some() {
            self.chan.gate.taken(1);
        }
        value
    }

    /// Is it certain that nothing more will come than what is ready now?
    fn is_over(&mut self) -> bool {
        let closed = self.with_head(|head, chan| {
            head.is_at_end() || (!G::CLOSES_TAIL && head.is_closed() && chan.gate.is_idle())
        });
        closed || self.chan.strong_count() == 0
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let unit = ready!(coop::poll_proceed(cx));
        let value = ready!(self.poll_with(cx, |rx| rx.pop()));
        unit.made_progress();
        Poll::Ready(value)
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let unit = ready!(coop::poll_proceed(cx));
        let count = ready!(self.poll_with(cx, |rx| rx.pop_many(buffer, limit))).unwrap_or(0);
        unit.made_progress();
        Poll::Ready(count)
    }

    fn pop_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> Option<usize> {
        let mut count = 0;
        while count < limit {
            match self.with_head(|head, chan| head.pop(&chan.tail)) {
                Some(value) => buffer.push(value),
                None => break,
            }
            count += 1;
        }
        if count == 0 {
            return None;
        }
        self.chan.gate.taken(count);
        Some(count)
    }

    /// Steps 6 and 7: takes what there is, or waits. `Ready(None)` is the end.
    #[inline]
    fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Self) -> Option<R>,
    ) -> Poll<Option<R>> {
        if let Some(taken) = take(self) {
            return Poll::Ready(Some(taken));
        }
        self.chan.rx_waker.register(cx.waker());
        let empty = self.with_head(|head, chan| head.wait(&chan.tail));
        if !empty && !broken("mpsc-wait-no-second-look") {
            return Poll::Ready(take(self));
        }
        if self.is_over() {
            // What came before the end is visible now.
            return Poll::Ready(take(self));
        }
        Poll::Pending
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if let Some(value) = self.pop() {
            return Ok(value);
        }
        if self.is_over() {
            return self.pop().ok_or(TryRecvError::Disconnected);
        }
        if self.len() == 0 {
            return Err(TryRecvError::Empty);
        }
        // A sender has its position and is about to write. Later ones may be done, so "empty" would be
        // wrong; it will not take long.
        for _ in 0..SPINS {
            if let Some(value) = self.pop() {
                return Ok(value);
            }
            hint::spin_loop();
        }
        // The waker of an earlier poll would be replaced: its owner shall look again.
        self.chan.rx_waker.wake();
        park_until(std::future::poll_fn(|cx| self.poll_with(cx, |rx| rx.pop())))
            .ok_or(TryRecvError::Disconnected)
    }

    pub(super) fn close(&mut self) {
        self.with_head(|head, chan| {
            head.set_closed();
            if G::CLOSES_TAIL {
                head.close_tail(&chan.tail);
            }
        });
        self.chan.gate.close();
        self.chan.rx_closed.notify_waiters();
    }

    /// Has the receiver closed it, or is no sender left?
    pub(super) fn is_closed(&self) -> bool {
        // SAFETY: `&self` of the one receiver: nobody changes the head meanwhile.
        let closed = self.chan.head.with(|head| unsafe { &*head }.is_closed());
        closed || self.chan.strong_count() == 0
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: as above.
        self.chan.head.with(|head| unsafe { &*head }.len(&self.chan.tail))
    }
}

/// Rounds of looking for a half-done send before the thread parks. A guess: the sender has a few
/// instructions to go, unless it was descheduled.
const SPINS: usize = if cfg!(all(test, gmp_loom)) { 0 } else { 64 };

impl<T, G: Gate> Drop for Rx<T, G> {
    fn drop(&mut self) {
        self.close();
        // A waker keeps its task's memory, and this one has nothing to wait for any more.
        drop(self.chan.rx_waker.take());
        // If a value's drop panics, the guard's drop goes on with the next one.
        let mut rest = Rest(self);
        rest.drain();
    }
}

/// What is in the channel when the receiver goes.
struct Rest<'a, T, G: Gate>(&'a mut Rx<T, G>);

impl<T, G: Gate> Rest<'_, T, G> {
    fn drain(&mut self) {
        while let Some(value) = self.0.pop() {
            drop(value);
        }
    }
}

impl<T, G: Gate> Drop for Rest<'_, T, G> {
    fn drop(&mut self) {
        self.drain();
    }
}

impl<T, G> Drop for Chan<T, G> {
    fn drop(&mut self) {
        let tail = &self.tail;
        self.head.with_mut(|head| {
            // SAFETY: `&mut self`: nobody else is left.
            let head = unsafe { &mut *head };
            // What was sent between the receiver's drop and the last sender's.
            while let Some(value) = head.pop(tail) {
                drop(value);
            }
            // SAFETY: as above; all positions that were written have been taken.
            unsafe { head.free_all(tail) };
        });
    }
}

impl<T, G> Clone for Tx<T, G> {
    fn clone(&self) -> Self {
        // Relaxed: whoever counts up holds a count.
        self.chan.senders.fetch_add(1, Relaxed);
        Tx { chan: self.chan.clone() }
    }
}

impl<T, G> Drop for Tx<T, G> {
    fn drop(&mut self) {
        let order = if broken("mpsc-senders-relaxed") { Relaxed } else { AcqRel };
        // Ordering(mpsc-senders): Release: this sender's values are ready before the receiver sees the
        // count; Acquire keeps it one chain.
        if self.chan.senders.fetch_sub(1, order) == 1 && !broken("mpsc-last-sender-silent") {
            self.chan.rx_waker.wake();
        }
    }
}

impl<T, G> Tx<T, G> {
    pub(super) fn downgrade(&self) -> WeakTx<T, G> {
        WeakTx::new(&self.chan)
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }
}

impl<T, G> WeakTx<T, G> {
    fn new(chan: &Arc<Chan<T, G>>) -> Self {
        // Relaxed: a number to look at.
        chan.weak_senders.fetch_add(1, Relaxed);
        WeakTx { chan: chan.clone() }
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T, G>> {
        // Relaxed: the count is all that matters, what was sent is passed by the list.
        let mut count = self.chan.senders.load(Relaxed);
        while count != 0 {
            match self.chan.senders.compare_exchange_weak(count, count + 1, AcqRel, Relaxed) {
                Ok(_) => return Some(Tx { chan: self.chan.clone() }),
                Err(now) => count = now,
            }
        }
        None
    }

    pub(super) fn strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    pub(super) fn weak_count(&self) -> usize {
        self.chan.weak_count()
    }
}

impl<T, G> Clone for WeakTx<T, G> {
    fn clone(&self) -> Self {
        WeakTx::new(&self.chan)
    }
}

impl<T, G> Drop for WeakTx<T, G> {
    fn drop(&mut self) {
        // Relaxed: a number to look at.
        self.chan.weak_senders.fetch_sub(1, Relaxed);
    }
}
