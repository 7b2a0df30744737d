//! The unbounded channel: sending never waits.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::chan::{self, Gate, Rx, Tx, WeakTx};
use super::error::{SendError, TryRecvError};
use crate::sync::block_on::block_on;

/// No gate: the tail itself is closed.
pub(super) struct Open;

impl Gate for Open {
    const CLOSES_TAIL: bool = true;

    #[inline]
    fn taken(&self, _n: usize) {}

    fn close(&self) {}

    fn is_idle(&self) -> bool {
        true
    }
}

/// Makes a channel without a bound: `send` never waits, and what the receiver has not taken yet piles up
/// in memory. Prefer [`channel`](super::channel) where senders may be faster than the receiver.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = chan::new(Open);
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

/// Sends into an unbounded channel. Clones send into the same one.
pub struct UnboundedSender<T> {
    tx: Tx<T, Open>,
}

/// Receives from an unbounded channel. Dropping it closes the channel and drops what is in it.
pub struct UnboundedReceiver<T> {
    rx: Rx<T, Open>,
}

/// An [`UnboundedSender`] that does not keep the channel open; [`upgrade`](WeakUnboundedSender::upgrade)
/// it to send.
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, Open>,
}

impl<T> UnboundedSender<T> {
    /// Sends a value. Never waits and never blocks, so it may be called anywhere.
    ///
    /// ```
    /// use gmp::sync::mpsc;
    ///
    /// let (tx, mut rx) = mpsc::unbounded_channel();
    /// tx.send("hello").unwrap();
    /// assert_eq!(rx.try_recv(), Ok("hello"));
    /// drop(rx);
    /// assert_eq!(tx.send("anyone?").unwrap_err().0, "anyone?");
    /// ```
    ///
    /// # Errors
    ///
    /// The value, in a [`SendError`], when the receiver was dropped or closed.
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.tx.chan.claim() {
            Some(ticket) => {
                self.tx.chan.write(ticket, message);
                Ok(())
            }
            None => Err(SendError(message)),
        }
    }

    /// Waits until the receiver is dropped or closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn closed(&self) {
        self.tx.chan.closed(|chan| chan.is_tail_closed()).await;
    }

    /// Is the receiver dropped or closed?
    pub fn is_closed(&self) -> bool {
        self.tx.chan.is_tail_closed()
    }

    /// Do both send into the same channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
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

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("closed", &self.is_closed()).finish()
    }
}

impl<T> WeakUnboundedSender<T> {
    /// A sender again; `None` when all senders are gone.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(|tx| UnboundedSender { tx })
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

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish_non_exhaustive()
    }
}

/// The methods that both receivers have alike.
macro_rules! receiver_methods {
    ($receiver:ident) => {
        impl<T> $receiver<T> {
            /// Waits for the next value. `None` when the channel is closed and empty.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no value.
            pub async fn recv(&mut self) -> Option<T> {
                poll_fn(|cx| self.rx.poll_recv(cx)).await
            }

            /// Waits until there is a value, and appends as many as there are, `limit` at most, to
            /// `buffer`. Answers how many; 0 when the channel is closed and empty, or `limit` is 0.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no value: nothing is taken before it is ready.
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
            }

            /// Takes the next value if it is there. When a sender is in the middle of writing it, this
            /// waits the moment that takes.
            ///
            /// # Errors
            ///
            /// [`TryRecvError::Empty`] when nothing is there, [`TryRecvError::Disconnected`] when nothing
            /// will come either.
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.rx.try_recv()
            }

            /// Blocks the thread until there is a value; `None` when the channel is closed and empty.
            ///
            /// # Panics
            ///
            /// Inside an async context, where the thread must not block.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                block_on(self.recv())
            }

            /// [`recv_many`](Self::recv_many) that blocks the thread.
            ///
            /// # Panics
            ///
            /// Inside an async context, where the thread must not block.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                block_on(self.recv_many(buffer, limit))
            }

            /// Closes the channel for senders. What was sent, and what a permit taken before still sends,
            /// can be received; then `recv` answers `None`.
            pub fn close(&mut self) {
                self.rx.close();
            }

            /// Was it closed, by [`close`](Self::close) or because no sender is left? Values may be left.
            pub fn is_closed(&self) -> bool {
                self.rx.is_closed()
            }

            /// Is no value in the channel?
            pub fn is_empty(&self) -> bool {
                self.rx.len() == 0
            }

            /// The number of values in the channel.
            pub fn len(&self) -> usize {
                self.rx.len()
            }

            /// [`recv`](Self::recv) as a poll function. The waker of the last call is the one woken.
            ///
            /// `Pending` may also mean that the task's budget is used up; then it is woken at once.
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.rx.poll_recv(cx)
            }

            /// [`recv_many`](Self::recv_many) as a poll function, as [`poll_recv`](Self::poll_recv).
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                self.rx.poll_recv_many(cx, buffer, limit)
            }

            /// The number of senders.
            pub fn sender_strong_count(&self) -> usize {
                self.rx.chan.strong_count()
            }

            /// The number of weak senders.
            pub fn sender_weak_count(&self) -> usize {
                self.rx.chan.weak_count()
            }
        }

        impl<T> fmt::Debug for $receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($receiver))
                    .field("len", &self.len())
                    .field("closed", &self.is_closed())
                    .finish()
            }
        }
    };
}

pub(super) use receiver_methods;

receiver_methods!(UnboundedReceiver);
