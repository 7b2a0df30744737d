//! [`AsyncRead`]: bytes come out.
//!
//! The trait and what std and pointer types make of it. The forwarding impls add nothing; the
//! in-memory readers are always ready.

use super::ReadBuf;
use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A source of bytes that never blocks the thread.
///
/// This is what a reader implements; to read, use the methods of `AsyncReadExt` (feature `io-util`).
///
/// # What an implementor promises
///
/// - `Ready(Ok(()))`: zero or more bytes were put behind the filled part of the buffer. None, while
///   the buffer had room, means that the stream is at its end.
/// - `Pending`: nothing was put into the buffer, and the task is woken when another try is worth it.
/// - `Ready(Err(_))`: nothing was put into the buffer.
/// - The `ReadBuf` that was handed in is filled, never exchanged for another one: the adapters here
///   panic when they find that the memory behind it has changed.
///
/// # Examples
///
/// ```
/// use gmp::io::{AsyncRead, ReadBuf};
/// use std::pin::Pin;
/// use std::task::{Context, Poll, Waker};
///
/// let mut reader: &[u8] = b"gmp";
/// let mut memory = [0; 8];
/// let mut buf = ReadBuf::new(&mut memory);
/// let mut cx = Context::from_waker(Waker::noop());
///
/// let poll = Pin::new(&mut reader).poll_read(&mut cx, &mut buf);
/// assert!(matches!(poll, Poll::Ready(Ok(()))));
/// assert_eq!(buf.filled(), b"gmp");
/// ```
pub trait AsyncRead {
    /// Tries once to put bytes into `buf`.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; the buffer is then as it was.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for &mut T {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_read(cx, buf)
    }
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for Box<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_read(cx, buf)
    }
}

impl<P> AsyncRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncRead,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_read(cx, buf)
    }
}

/// Reads from the front of the slice and leaves the rest in it.
impl AsyncRead for &[u8] {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.len().min(buf.remaining());
        let (now, later) = self.split_at(n);
        buf.put_slice(now);
        *self = later;
        Poll::Ready(Ok(()))
    }
}

/// Reads from the cursor's position; a position beyond the end reads as end of stream.
impl<T: AsRef<[u8]> + Unpin> AsyncRead for io::Cursor<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let position = self.position();
        let all = (*self).get_ref().as_ref();
        let start = usize::try_from(position).map_or(all.len(), |at| at.min(all.len()));
        let rest = &all[start..];
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.set_position(position + n as u64);
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    fn read(reader: Pin<&mut (impl AsyncRead + ?Sized)>, max: usize) -> Vec<u8> {
        let mut memory = vec![0; max];
        let mut buf = ReadBuf::new(&mut memory);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(reader.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(()))));
        buf.filled().to_vec()
    }

    #[test]
    fn slice_gives_its_front_and_keeps_the_rest() {
        let mut reader: &[u8] = b"hello";
        assert_eq!(read(Pin::new(&mut reader), 2), b"he");
        assert_eq!(reader, b"llo");
        assert_eq!(read(Pin::new(&mut reader), 9), b"llo");
        assert_eq!(read(Pin::new(&mut reader), 9), b"");
    }

    #[test]
    fn cursor_reads_from_its_position_also_beyond_the_end() {
        let mut reader = io::Cursor::new(b"hello".to_vec());
        reader.set_position(3);
        assert_eq!(read(Pin::new(&mut reader), 9), b"lo");
        assert_eq!(reader.position(), 5);
        reader.set_position(u64::MAX);
        assert_eq!(read(Pin::new(&mut reader), 9), b"");
        assert_eq!(reader.position(), u64::MAX);
    }

    #[test]
    fn pointers_forward() {
        let mut slice: &[u8] = b"abcdef";
        let mut by_ref = &mut slice;
        assert_eq!(read(Pin::new(&mut by_ref), 1), b"a");
        let mut boxed: Box<dyn AsyncRead + Unpin> = Box::new(slice);
        assert_eq!(read(Pin::new(&mut boxed), 2), b"bc");
        let mut pinned: Pin<Box<dyn AsyncRead>> = Box::pin(boxed);
        assert_eq!(read(Pin::new(&mut pinned), 9), b"def");
    }
}
