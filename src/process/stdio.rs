//! The parent's ends of a child's pipes.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{ready, Context, Poll};

use mio::unix::pipe::{Receiver, Sender};

use crate::io::registration::Registered;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use crate::scheduler::netpoll::Direction;

/// The standard input of a child, to be written to.
///
/// It has no buffer: flushing and shutting it down do nothing. The child reads the end of its input when
/// this is dropped, which [`Child::wait`](super::Child::wait) does if nobody took it.
pub struct ChildStdin {
    io: Registered<Sender>,
}

/// The standard output of a child, to be read from.
///
/// If nobody reads it the child stops once the pipe is full. When it is dropped, the child's writes fail.
pub struct ChildStdout {
    io: Registered<Receiver>,
}

/// The standard error stream of a child, to be read from.
///
/// See [`ChildStdout`].
pub struct ChildStderr {
    io: Registered<Receiver>,
}

impl ChildStdin {
    /// Takes std's handle over: it is put into non-blocking mode and joins the current runtime.
    ///
    /// # Errors
    ///
    /// Of the system. After the runtime's shutdown: that it is being shut down.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn from_std(inner: std::process::ChildStdin) -> io::Result<Self> {
        let pipe = Sender::from(OwnedFd::from(inner));
        pipe.set_nonblocking(true)?;
        Ok(ChildStdin { io: Registered::with_interest(pipe, Interest::WRITABLE)? })
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let registration = self.io.registration();
        registration.poll_transfer(cx, Direction::Write, buf.len(), || (&*self.io).write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let registration = self.io.registration();
        registration.poll_io(cx, Direction::Write, || (&*self.io).write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is buffered: always done.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the pipe is closed when this is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

macro_rules! reads {
    ($type:ident) => {
        impl $type {
            /// Takes std's handle over: it is put into non-blocking mode and joins the current runtime.
            ///
            /// # Errors
            ///
            /// Of the system. After the runtime's shutdown: that it is being shut down.
            ///
            /// # Panics
            ///
            /// Outside of a runtime, or in one without I/O.
            #[track_caller]
            pub fn from_std(inner: std::process::$type) -> io::Result<Self> {
                let pipe = Receiver::from(OwnedFd::from(inner));
                pipe.set_nonblocking(true)?;
                Ok($type { io: Registered::with_interest(pipe, Interest::READABLE)? })
            }
        }

        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                // Not `poll_transfer`: the child can put the pipe into packet mode, in which a short read
                // does not prove that it is empty.
                let registration = self.io.registration();
                let n = ready!(registration.poll_io(cx, Direction::Read, || {
                    (&*self.io).read(buf.initialize_unfilled())
                }))?;
                buf.advance(n);
                Poll::Ready(Ok(()))
            }
        }
    };
}

reads!(ChildStdout);
reads!(ChildStderr);

macro_rules! handles {
    ($type:ident) => {
        impl $type {
            /// Gives the descriptor back, in blocking mode.
            ///
            /// # Errors
            ///
            /// If it cannot be taken out of the poller, or its mode not be set.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let pipe = self.io.into_inner()?;
                pipe.set_nonblocking(false)?;
                Ok(pipe.into())
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.io.as_raw_fd()
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        /// For a stream of another child. As
        #[doc = concat!("[`into_owned_fd`](", stringify!($type), "::into_owned_fd).")]
        impl TryFrom<$type> for Stdio {
            type Error = io::Error;

            fn try_from(pipe: $type) -> io::Result<Stdio> {
                pipe.into_owned_fd().map(Stdio::from)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("io", &self.io).finish()
            }
        }
    };
}

handles!(ChildStdin);
handles!(ChildStdout);
handles!(ChildStderr);
