//! [`AsyncWrite`]: bytes go in.
//!
//! The trait and what std and pointer types make of it. Writers in memory hold everything at once, so
//! that flush and shutdown have nothing to do there.

use std::io::{self, IoSlice};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A sink of bytes that never blocks the thread.
///
/// This is what a writer implements; to write, use the methods of `AsyncWriteExt` (feature
/// `io-util`).
///
/// # What an implementor promises
///
/// - `Ready(Ok(n))` from a write: the first `n` bytes, and no others, were accepted. They may be in a
///   buffer still. `n` is zero only for an empty buffer or where no byte will ever be accepted.
/// - `Pending`: nothing was accepted, and the task is woken when another try is worth it.
/// - `Ready(Err(_))`: nothing was accepted.
///
/// Dropping a writer ends it without a flush: what sits in a buffer may be lost. Call
/// [`poll_shutdown`](Self::poll_shutdown) to completion first.
///
/// # Examples
///
/// ```
/// use gmp::io::AsyncWrite;
/// use std::pin::Pin;
/// use std::task::{Context, Poll, Waker};
///
/// let mut writer = Vec::new();
/// let mut cx = Context::from_waker(Waker::noop());
///
/// let poll = Pin::new(&mut writer).poll_write(&mut cx, b"gmp");
/// assert!(matches!(poll, Poll::Ready(Ok(3))));
/// assert_eq!(writer, b"gmp");
/// ```
pub trait AsyncWrite {
    /// Tries once to write bytes from the front of `buf`, and answers how many were accepted.
    ///
    /// # Errors
    ///
    /// Whatever the sink reports; nothing was accepted then.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>;

    /// Pushes everything accepted so far on to where it is meant to go.
    ///
    /// # Errors
    ///
    /// Some of it could not be delivered. How much was is not known.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Flushes, then ends the writing side: the peer of a socket reads an end of stream.
    ///
    /// Call it until it is `Ready`; nothing may be written afterwards. A type without an end of its
    /// own (a `Vec`) only flushes.
    ///
    /// # Errors
    ///
    /// As [`poll_flush`](Self::poll_flush); after an error the writer is of no further use.
    ///
    /// # Panics
    ///
    /// An implementation may panic when it is written to, or shut down again, after it was `Ready`.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// As [`poll_write`](Self::poll_write) for several buffers in a row, as if they were one.
    ///
    /// Unless overridden it writes the first buffer that is not empty.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
        self.poll_write(cx, first)
    }

    /// True where [`poll_write_vectored`](Self::poll_write_vectored) really takes several buffers at
    /// once. A caller that could as well copy its pieces together asks this first.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

impl<T: ?Sized + AsyncWrite + Unpin> AsyncWrite for &mut T {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        (**self).is_write_vectored()
    }
}

impl<T: ?Sized + AsyncWrite + Unpin> AsyncWrite for Box<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        (**self).is_write_vectored()
    }
}

impl<P> AsyncWrite for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncWrite,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_deref_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_deref_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        (**self).is_write_vectored()
    }
}

/// The types that std can write to in memory: each call is std's, and done when it returns.
macro_rules! in_memory_writer {
    ($($(#[$meta:meta])* $type:ty;)*) => {$(
        $(#[$meta])*
        impl AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(io::Write::write(&mut *self, buf))
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(io::Write::write_vectored(&mut *self, bufs))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    )*};
}

in_memory_writer! {
    /// Appends.
    Vec<u8>;
    /// Overwrites from the position on; answers 0 when the slice is full.
    io::Cursor<&mut [u8]>;
    /// Overwrites from the position on, and grows.
    io::Cursor<&mut Vec<u8>>;
    /// Overwrites from the position on, and grows.
    io::Cursor<Vec<u8>>;
    /// Overwrites from the position on; answers 0 when the slice is full.
    io::Cursor<Box<[u8]>>;
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    fn write(writer: Pin<&mut (impl AsyncWrite + ?Sized)>, buf: &[u8]) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        match writer.poll_write(&mut cx, buf) {
            Poll::Ready(Ok(n)) => n,
            other => panic!("not written: {other:?}"),
        }
    }

    /// Takes three bytes a call and has no vectored form of its own.
    struct Narrow(Vec<u8>);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let n = buf.len().min(3);
            self.0.extend_from_slice(&buf[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
        }
    }

    #[test]
    fn default_vectored_write_takes_the_first_that_is_not_empty() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut writer: Pin<Box<dyn AsyncWrite>> = Box::pin(Box::new(Narrow(Vec::new())));
        assert!(!writer.is_write_vectored());
        let bufs = [IoSlice::new(b""), IoSlice::new(b"abcd"), IoSlice::new(b"ef")];
        let poll = Pin::new(&mut writer).poll_write_vectored(&mut cx, &bufs);
        assert!(matches!(poll, Poll::Ready(Ok(3))));
        let poll = writer.as_mut().poll_write_vectored(&mut cx, &[]);
        assert!(matches!(poll, Poll::Ready(Ok(0))));
        assert!(matches!(writer.as_mut().poll_shutdown(&mut cx), Poll::Ready(Err(_))));
    }

    #[test]
    fn vec_grows_and_a_slice_fills_up() {
        let mut vec = vec![1];
        assert_eq!(write(Pin::new(&mut &mut vec), &[2, 3]), 2);
        assert_eq!(vec, [1, 2, 3]);

        let mut memory = [0; 4];
        let mut cursor = io::Cursor::new(&mut memory[..]);
        assert_eq!(write(Pin::new(&mut cursor), &[1, 2, 3]), 3);
        assert_eq!(write(Pin::new(&mut cursor), &[4, 5]), 1);
        assert_eq!(write(Pin::new(&mut cursor), &[6]), 0);
        assert_eq!(memory, [1, 2, 3, 4]);
    }

    #[test]
    fn in_memory_writers_gather() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut boxed: Box<io::Cursor<Box<[u8]>>> =
            Box::new(io::Cursor::new(vec![0; 3].into_boxed_slice()));
        assert!(boxed.is_write_vectored());
        let bufs = [IoSlice::new(&[1, 2]), IoSlice::new(&[3, 4])];
        let poll = Pin::new(&mut boxed).poll_write_vectored(&mut cx, &bufs);
        assert!(matches!(poll, Poll::Ready(Ok(3))), "{poll:?}");
        assert_eq!(&**boxed.get_ref(), [1, 2, 3]);
    }
}
