#![allow(unsafe_code)]
//! A channel for one value.
//!
//! Protocol. One allocation, without a reference count: the state word tells who is still there, and
//! the last one frees it. Its bits:
//!
//! - `COMPLETE`: the sender has decided; the value's cell (full, or empty if it was dropped) belongs to
//!   the receiver. Before, it belongs to the sender.
//! - `CLOSED`: the receiver takes nothing any more. Set only without `COMPLETE`.
//! - `RX_TASK`, `TX_TASK`: that side's waker cell is full. Who clears the bit owns the waker: the side
//!   itself to replace it, the other side to wake it.
//! - `TX_GONE`, `RX_GONE`: that side will not touch the memory again.
//!
//! 1. `send` writes the value, then sets `COMPLETE`, in one compare-exchange. If no receiver waits that is
//!    its last touch, so the same operation sets `TX_GONE`. If one waits, the operation clears `RX_TASK`
//!    instead; the sender moves the waker out, sets `TX_GONE`, and wakes. If it finds `CLOSED` it takes
//!    the value back. So of `send` and `close` exactly one wins.
//! 2. `poll` reads the word; without `COMPLETE` or `CLOSED` it writes its waker, sets `RX_TASK`, and looks
//!    at what the word was: a `COMPLETE` that came in between is seen there, or the sender sees the bit.
//! 3. `close` sets `CLOSED` and clears both task bits: it drops its own waker and wakes the sender's. The
//!    other direction of step 2 is `poll_closed`.
//! 4. Comparing wakers reads the cell without owning it, while the other side may move the waker out:
//!    both only read, and the comparison looks at addresses only.
//! 5. Who leaves and finds that the other side is gone frees the memory, without a further
//!    read-modify-write if a load showed it.

use std::error::Error;
use std::fmt;
use std::future::{poll_fn, Future};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{ready, Context, Poll, Waker};

use super::block_on::block_on;
use crate::g::coop;
use crate::primitives::pool;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, UnsafeCell};

use error::{RecvError, TryRecvError};

/// Errors of `oneshot`.
pub mod error {
    use super::*;

    /// The sender was dropped without sending, or the receiver was closed before.
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub struct RecvError(pub(super) ());

    /// Why [`try_recv`](super::Receiver::try_recv) got no value.
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub enum TryRecvError {
        /// Nothing was sent yet.
        Empty,
        /// Nothing will be sent any more, or the value was taken already.
        Closed,
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl Error for RecvError {}

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty",
                TryRecvError::Closed => "channel closed",
            })
        }
    }

    impl Error for TryRecvError {}
}

const COMPLETE: usize = 1;
const CLOSED: usize = 2;
const RX_TASK: usize = 4;
const TX_TASK: usize = 8;
const TX_GONE: usize = 16;
const RX_GONE: usize = 32;

/// A waker's place; full while its bit is set.
struct Task(UnsafeCell<MaybeUninit<Waker>>);

impl Task {
    fn new() -> Self {
        Task(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// # Safety
    ///
    /// The bit is clear, and only the caller may set it.
    unsafe fn put(&self, waker: Waker) {
        // SAFETY: the caller's cell; nothing is overwritten that would need a drop.
        self.0.with_mut(|cell| unsafe { (*cell).write(waker) });
    }

    /// # Safety
    ///
    /// The caller has cleared the bit (or owns the whole memory and saw it set), and calls this once.
    unsafe fn take(&self) -> Waker {
        // SAFETY: the cell was full, and is the caller's. It is only read: step 4.
        self.0.with(|cell| unsafe { (*cell).assume_init_read() })
    }

    /// # Safety
    ///
    /// The caller's side filled the cell and has not touched it since.
    unsafe fn is(&self, waker: &Waker) -> bool {
        // SAFETY: the bytes are still there; the comparison follows no pointer (step 4).
        self.0.with(|cell| unsafe { (*cell).assume_init_ref() }.will_wake(waker))
    }
}

struct Inner<T> {
    state: AtomicUsize,
    value: UnsafeCell<Option<T>>,
    rx_task: Task,
    tx_task: Task,
}

impl<T> Inner<T> {
    /// The receiver's value, if `state` (read with Acquire) says that the cell is its own and full.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    unsafe fn received(&self, state: usize) -> Option<T> {
        if state & COMPLETE == 0 {
            return None;
        }
        // SAFETY: with `COMPLETE` the cell is the receiver's.
        unsafe { self.take_value() }
    }

    /// # Safety
    ///
    /// The caller owns the value's cell by the rule of `COMPLETE`.
    unsafe fn take_value(&self) -> Option<T> {
        // SAFETY: the caller's.
        self.value.with_mut(|cell| unsafe { (*cell).take() })
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        // Relaxed: whoever frees has acquired the word.
        let state = self.state.load(Relaxed);
        if state & RX_TASK != 0 {
            // SAFETY: full, and all memory is ours.
            drop(unsafe { self.rx_task.take() });
        }
        if state & TX_TASK != 0 {
            // SAFETY: as above.
            drop(unsafe { self.tx_task.take() });
        }
        if cfg!(all(test, gmp_loom)) {
            // Under the checker these accesses conflict with a side that is not gone.
            self.rx_task.0.with_mut(|_| ());
            self.tx_task.0.with_mut(|_| ());
            self.value.with_mut(|_| ());
        }
    }
}

/// One side's claim to the memory.
struct Side<T> {
    inner: NonNull<Inner<T>>,
    _owns: PhantomData<Inner<T>>,
}

impl<T> Side<T> {
    fn get(&self) -> &Inner<T> {
        // SAFETY: neither side frees before the other's `GONE` bit is set, and this one's is not.
        unsafe { self.inner.as_ref() }
    }

    /// Step 5. `seen` is the word as an Acquire operation of this side read it last.
    fn leave(self, seen: usize, own: usize, other: usize) {
        // Ordering(oneshot-gone): the Acquire that `seen` was read with pairs with the Release below, of
        // the other side.
        let gone = seen & other != 0 || {
            // Ordering(oneshot-gone): Release: this side's touches come before the other's free;
            // Acquire: the reverse.
            let order = if broken("oneshot-leave-relaxed") { Relaxed } else { AcqRel };
            self.get().state.fetch_or(own, order) & other != 0
        };
        if gone {
            // SAFETY: made in `channel`; the other side is gone, and `self` is used up.
            unsafe { pool::free(self.inner) };
        }
    }
}

/// Sends the one value. Made by [`channel`].
///
/// Dropping it without sending lets the receiver end with an error.
pub struct Sender<T> {
    side: ManuallyDrop<Side<T>>,
}

/// Receives the one value: a future with the output `Result<T, RecvError>`. Made by [`channel`].
///
/// # Cancel safety
///
/// Polling it by reference (`&mut receiver`) and going away loses nothing.
///
/// # Panics
///
/// When it is polled again after it was ready.
pub struct Receiver<T> {
    /// `None` after the end.
    side: Option<Side<T>>,
}

// SAFETY: the sides share nothing but the word, and cells whose owner it names; values and wakers move
// between threads.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: a shared sender only reads the word.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as for the sender.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: a shared receiver reads the word, and whether its own cell is full.
unsafe impl<T: Send> Sync for Receiver<T> {}
impl<T> Unpin for Sender<T> {}
impl<T> Unpin for Receiver<T> {}

/// Makes a channel for one value. It needs no runtime. It allocates once, or takes memory that another one
/// has left.
///
/// ```
/// use gmp::sync::oneshot;
///
/// let (tx, rx) = oneshot::channel();
/// std::thread::spawn(move || tx.send("done"));
/// assert_eq!(rx.blocking_recv(), Ok("done"));
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let inner = pool::place(Inner {
        state: AtomicUsize::new(0),
        value: UnsafeCell::new(None),
        rx_task: Task::new(),
        tx_task: Task::new(),
    });
    let side = || Side { inner, _owns: PhantomData };
    (Sender { side: ManuallyDrop::new(side()) }, Receiver { side: Some(side()) })
}

/// Step 1. The value comes back when the receiver wants none.
fn complete<T>(side: Side<T>, value: Option<T>) -> Result<(), Option<T>> {
    let inner = side.get();
    // SAFETY: without `COMPLETE`, which only this call sets, the cell is the sender's.
    inner.value.with_mut(|cell| unsafe { *cell = value });
    // Ordering(oneshot-closed): Acquire: a receiver that closed and left may have to be cleaned up after.
    let mut state = inner.state.load(Acquire);
    loop {
        if state & CLOSED != 0 {
            // SAFETY: still the sender's.
            let value = unsafe { inner.take_value() };
            side.leave(state, TX_GONE, RX_GONE);
            return Err(value);
        }
        let waits = state & RX_TASK != 0;
        let next = if waits { (state & !RX_TASK) | COMPLETE } else { state | COMPLETE | TX_GONE };
        let order = if broken("oneshot-complete-relaxed") { Relaxed } else { AcqRel };
        // Ordering(oneshot-value): Release: the value, and with `TX_GONE` all touches of this side;
        // Acquire: the receiver's waker.
        match inner.state.compare_exchange_weak(state, next, order, Acquire) {
            Ok(_) if waits => {
                // SAFETY: this operation cleared the bit.
                let waker = unsafe { inner.rx_task.take() };
                side.leave(0, TX_GONE, RX_GONE);
                waker.wake();
                return Ok(());
            }
            Ok(_) => return Ok(()),
            Err(now) => state = now,
        }
    }
}

impl<T> Sender<T> {
    /// Sends the value; never waits.
    ///
    /// # Errors
    ///
    /// The value itself, when the receiver was dropped or closed. `Ok` does not mean that the value will
    /// be received: the receiver may be dropped afterwards.
    pub fn send(self, t: T) -> Result<(), T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again.
        let side = unsafe { ManuallyDrop::take(&mut this.side) };
        match complete(side, Some(t)) {
            Err(Some(back)) => Err(back),
            _ => Ok(()),
        }
    }

    /// Waits until the receiver is dropped or closed: a sign that nobody wants the value any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// Is the receiver dropped or closed?
    pub fn is_closed(&self) -> bool {
        // Ordering(oneshot-closed): Acquire: what preceded the close is visible.
        self.side.get().state.load(Acquire) & CLOSED != 0
    }

    /// [`closed`](Sender::closed) as a poll function. The waker of the last call is the one woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        let inner = self.side.get();
        // Ordering(oneshot-closed): Acquire, here and below, as in `is_closed`.
        let state = inner.state.load(Acquire);
        if state & CLOSED != 0 {
            unit.made_progress();
            return Poll::Ready(());
        }
        let mut old = None;
        if state & TX_TASK != 0 {
            // SAFETY: this side filled it; the receiver at most moves it out.
            if unsafe { inner.tx_task.is(cx.waker()) } {
                return Poll::Pending;
            }
            if inner.state.fetch_and(!TX_TASK, AcqRel) & CLOSED != 0 {
                unit.made_progress();
                return Poll::Ready(());
            }
            // SAFETY: cleared by this side: only `close` does it otherwise, with `CLOSED`.
            old = Some(unsafe { inner.tx_task.take() });
        }
        drop(old);
        let waker = cx.waker().clone();
        // SAFETY: the bit is clear, and only this side sets it.
        unsafe { inner.tx_task.put(waker) };
        // Ordering(oneshot-closed): Release: the waker.
        if inner.state.fetch_or(TX_TASK, AcqRel) & CLOSED != 0 {
            unit.made_progress();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: dropped once, and not used again.
        let side = unsafe { ManuallyDrop::take(&mut self.side) };
        let _ = complete(side, None);
    }
}

/// Step 3. Answers the word as it is afterwards.
fn close<T>(inner: &Inner<T>) -> usize {
    // Ordering(oneshot-value): Acquire: the value may be there.
    let mut state = inner.state.load(Acquire);
    while state & (COMPLETE | CLOSED) == 0 {
        let next = (state | CLOSED) & !(RX_TASK | TX_TASK);
        // Ordering(oneshot-closed): Release: what preceded the close; Acquire: the sender's waker, or
        // the value.
        match inner.state.compare_exchange_weak(state, next, AcqRel, Acquire) {
            Ok(_) => {
                if state & RX_TASK != 0 {
                    // SAFETY: this operation cleared the bit.
                    drop(unsafe { inner.rx_task.take() });
                }
                if state & TX_TASK != 0 {
                    // SAFETY: this operation cleared the bit.
                    let waker = unsafe { inner.tx_task.take() };
                    if broken("oneshot-close-silent") {
                        drop(waker);
                    } else {
                        waker.wake();
                    }
                }
                return next;
            }
            Err(now) => state = now,
        }
    }
    state
}

impl<T> Receiver<T> {
    /// Closes the channel: a later `send` fails. A value that was sent before can still be received.
    pub fn close(&mut self) {
        if let Some(side) = &self.side {
            close(side.get());
        }
    }

    /// Has it ended? Then it must not be polled again.
    pub fn is_terminated(&self) -> bool {
        self.side.is_none()
    }

    /// Is there no value to take at this moment? Also true when it was taken, and when the sender was
    /// dropped.
    pub fn is_empty(&self) -> bool {
        let Some(side) = &self.side else { return true };
        let inner = side.get();
        // Ordering(oneshot-value): Acquire pairs with `complete`.
        if inner.state.load(Acquire) & COMPLETE == 0 {
            return true;
        }
        // SAFETY: after `COMPLETE` the cell is the receiver's, and `&self` means that nobody takes from
        // it now.
        inner.value.with(|cell| unsafe { (*cell).is_none() })
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when nothing was sent yet; [`TryRecvError::Closed`] when the sender was
    /// dropped, the receiver closed, or the value taken before.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(side) = &self.side else { return Err(TryRecvError::Closed) };
        // Ordering(oneshot-value): Acquire pairs with `complete`.
        let state = side.get().state.load(Acquire);
        match self.finish(state) {
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Blocks the thread until the value is there.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when the sender was dropped.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on(self)
    }

    /// Ends, if `state`, read with Acquire, says that there is something to end with.
    fn finish(&mut self, state: usize) -> Option<Result<T, RecvError>> {
        if state & (COMPLETE | CLOSED) == 0 {
            return None;
        }
        let side = self.side.take()?;
        // SAFETY: this is the receiver.
        let value = unsafe { side.get().received(state) };
        side.leave(state, RX_GONE, TX_GONE);
        Some(value.ok_or(RecvError(())))
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        let this = &mut *self;
        let inner = this.side.as_ref().expect("called after complete").get();
        // Ordering(oneshot-value): Acquire, here and below, pairs with `complete`.
        let mut state = inner.state.load(Acquire);
        if state & (COMPLETE | CLOSED) == 0 && state & RX_TASK != 0 {
            // SAFETY: this side filled it; the sender at most moves it out.
            if unsafe { inner.rx_task.is(cx.waker()) } {
                return Poll::Pending;
            }
            state = inner.state.fetch_and(!RX_TASK, AcqRel);
            if state & COMPLETE == 0 {
                // SAFETY: cleared by this side: the sender does it with `COMPLETE` only.
                drop(unsafe { inner.rx_task.take() });
            }
        }
        if state & (COMPLETE | CLOSED) == 0 {
            let waker = cx.waker().clone();
            // SAFETY: the bit is clear, and only this side sets it.
            unsafe { inner.rx_task.put(waker) };
            // Ordering(oneshot-value): Release: the waker.
            state = inner.state.fetch_or(RX_TASK, AcqRel);
            if broken("oneshot-no-second-look") {
                return Poll::Pending;
            }
        }
        match this.finish(state) {
            Some(result) => {
                unit.made_progress();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(side) = self.side.take() {
            let state = close(side.get());
            // The value dies here, not on the sender's thread.
            // SAFETY: this is the receiver.
            let value = unsafe { side.get().received(state) };
            side.leave(state, RX_GONE, TX_GONE);
            drop(value);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("terminated", &self.is_terminated())
            .field("empty", &self.is_empty())
            .finish()
    }
}
