//! [`split`]: a stream as two values, one to read and one to write.
//!
//! 1. The stream goes on the heap, pinned, behind one lock that both halves share.
//! 2. Each poll of a half takes the lock, polls the stream, and lets go: nobody waits for a waker with
//!    the lock held, so that a half that is `Pending` never keeps the other one out.
//! 3. [`ReadHalf::unsplit`] has both halves, hence the only two references, and takes the stream back.
//!
//! The stream's own poll runs under the lock; that cannot be otherwise. A waker that polls the other
//! half on the spot, instead of scheduling it, would therefore deadlock. If that poll panics the lock
//! is let go, and the stream is as the panic left it.

use super::{AsyncRead, AsyncWrite, ReadBuf};
use crate::primitives::sync::{Arc, Mutex};
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

struct Shared<T> {
    stream: Mutex<Pin<Box<T>>>,
    /// Asked once: it needs no lock then.
    is_write_vectored: bool,
}

/// The reading side of a stream; made by [`split`].
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
}

/// The writing side of a stream; made by [`split`].
///
/// Dropping it does not end the stream: [`shutdown`](super::AsyncWriteExt::shutdown) does.
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
}

/// Takes a stream apart into a half to read from and a half to write to, for two tasks or for
/// [`copy`](super::copy()) in both directions.
///
/// Both poll the stream under one lock. The stream is dropped with the last half;
/// [`ReadHalf::unsplit`] puts it together again. Sockets have lock-free halves of their own
/// (`into_split`).
///
/// # Examples
///
/// ```
/// use gmp::io::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let (near, mut far) = gmp::io::duplex(64);
/// let (mut reader, mut writer) = gmp::io::split(near);
/// writer.write_all(b"out").await?;
/// far.write_all(b"in").await?;
/// let mut buf = [0; 2];
/// reader.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"in");
/// let near = reader.unsplit(writer);
/// # drop(near); Ok(()) }).expect("fits in, never waits") }
/// ```
pub fn split<T>(stream: T) -> (ReadHalf<T>, WriteHalf<T>)
where
    T: AsyncRead + AsyncWrite,
{
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared { stream: Mutex::new(Box::pin(stream)), is_write_vectored });
    (ReadHalf { shared: shared.clone() }, WriteHalf { shared })
}

impl<T> ReadHalf<T> {
    /// True if both halves come from one [`split`].
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        other.is_pair_of(self)
    }

    /// Puts the stream together again.
    ///
    /// # Panics
    ///
    /// If the halves do not come from one [`split`]; [`is_pair_of`](Self::is_pair_of) tells.
    #[track_caller]
    pub fn unsplit(self, wr: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(self.is_pair_of(&wr), "Unrelated `split::Write` passed to `split::Read::unsplit`.");
        drop(wr);
        let Ok(shared) = Arc::try_unwrap(self.shared) else {
            unreachable!("a pair holds the only two references");
        };
        *Pin::into_inner(shared.stream.into_inner())
    }
}

impl<T> WriteHalf<T> {
    /// True if both halves come from one [`split`].
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.shared.stream.lock().as_mut().poll_read(cx, buf)
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared.stream.lock().as_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.stream.lock().as_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.stream.lock().as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared.stream.lock().as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
