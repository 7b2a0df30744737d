//! [`AsyncBufRead`]: a reader whose buffer can be looked into.

use super::AsyncRead;
use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A reader that has bytes in memory already, and lets them be read in place.
///
/// The two methods go together: [`poll_fill_buf`](Self::poll_fill_buf) shows what is there, and
/// [`consume`](Self::consume) says how much of it was used. What is not consumed is shown again.
///
/// To read, use the methods of `AsyncBufReadExt` (feature `io-util`); to make a reader buffered, wrap
/// it in a `BufReader`.
pub trait AsyncBufRead: AsyncRead {
    /// Shows the buffered bytes, after filling the buffer from the source where it was empty.
    ///
    /// An empty slice means that the stream is at its end. Calling it again without `consume` in
    /// between answers the same bytes and reads nothing.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; no byte is lost then.
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>>;

    /// Marks the first `amt` bytes of the buffer as read.
    ///
    /// `amt` must not exceed the length of the slice that `poll_fill_buf` last answered: an
    /// implementation may panic, or skip bytes, if it does.
    fn consume(self: Pin<&mut Self>, amt: usize);
}

impl<T: ?Sized + AsyncBufRead + Unpin> AsyncBufRead for &mut T {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut **self.get_mut()).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        Pin::new(&mut **self).consume(amt)
    }
}

impl<T: ?Sized + AsyncBufRead + Unpin> AsyncBufRead for Box<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut **self.get_mut()).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        Pin::new(&mut **self).consume(amt)
    }
}

impl<P> AsyncBufRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncBufRead,
{
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.as_deref_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.as_deref_mut().consume(amt)
    }
}

/// The slice is its own buffer. `consume` panics when `amt` is larger than the slice.
impl AsyncBufRead for &[u8] {
    fn poll_fill_buf(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(*self))
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        *self = &self[amt..];
    }
}

/// What lies behind the position is the buffer.
impl<T: AsRef<[u8]> + Unpin> AsyncBufRead for io::Cursor<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(io::BufRead::fill_buf(self.get_mut()))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        io::BufRead::consume(self.get_mut(), amt)
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    fn look(reader: Pin<&mut (impl AsyncBufRead + ?Sized)>) -> Vec<u8> {
        let mut cx = Context::from_waker(Waker::noop());
        match reader.poll_fill_buf(&mut cx) {
            Poll::Ready(Ok(bytes)) => bytes.to_vec(),
            other => panic!("not ready: {other:?}"),
        }
    }

    #[test]
    fn what_is_not_consumed_is_shown_again() {
        let mut boxed: Box<dyn AsyncBufRead + Unpin> = Box::new(&b"abcd"[..]);
        assert_eq!(look(Pin::new(&mut boxed)), b"abcd");
        Pin::new(&mut &mut boxed).consume(3);
        assert_eq!(look(Pin::new(&mut &mut boxed)), b"d");
        let mut pinned = Box::pin(boxed);
        pinned.as_mut().consume(1);
        assert_eq!(look(Pin::new(&mut pinned)), b"");
    }

    #[test]
    fn cursor_beyond_the_end_is_empty() {
        let mut cursor = io::Cursor::new([1u8, 2, 3]);
        Pin::new(&mut cursor).consume(2);
        assert_eq!(look(Pin::new(&mut cursor)), [3]);
        cursor.set_position(99);
        assert_eq!(look(Pin::new(&mut cursor)), b"");
    }

    #[test]
    #[should_panic]
    fn slice_rejects_consuming_more_than_it_has() {
        let mut reader: &[u8] = b"abc";
        Pin::new(&mut reader).consume(4);
    }
}
