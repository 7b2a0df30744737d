//! [`AsyncSeek`]: a position that can be moved.

use std::io::{self, SeekFrom};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream with a position.
///
/// A seek has two halves, because the call that starts it may have to wait for its answer:
///
/// 1. [`start_seek`](Self::start_seek) hands the request over;
/// 2. [`poll_complete`](Self::poll_complete), until it is `Ready`, waits for the new position.
///
/// `AsyncSeekExt::seek` (feature `io-util`) does both.
pub trait AsyncSeek {
    /// Begins to move the position. Success does not mean that the position has moved yet.
    ///
    /// # Errors
    ///
    /// The request is refused: a position before the start, or, in types that run one operation at a
    /// time, another one still under way. Call [`poll_complete`](Self::poll_complete) first to rule
    /// out the latter.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()>;

    /// Waits for the seek that was started, and answers the position counted from the start.
    ///
    /// Without one it is `Ready` at once; the number is then the position where the type knows it
    /// for free, and may be anything where it does not.
    ///
    /// # Errors
    ///
    /// The seek failed; where the position is afterwards is up to the type.
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>>;
}

impl<T: ?Sized + AsyncSeek + Unpin> AsyncSeek for &mut T {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut **self).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut **self).poll_complete(cx)
    }
}

impl<T: ?Sized + AsyncSeek + Unpin> AsyncSeek for Box<T> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut **self).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut **self).poll_complete(cx)
    }
}

impl<P> AsyncSeek for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncSeek,
{
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.as_deref_mut().start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.as_deref_mut().poll_complete(cx)
    }
}

/// Moves at once; `poll_complete` answers the position.
impl<T: AsRef<[u8]> + Unpin> AsyncSeek for io::Cursor<T> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        io::Seek::seek(&mut *self, position).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.get_mut().position()))
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn cursor_moves_and_refuses_what_lies_before_the_start() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut boxed: Box<dyn AsyncSeek + Unpin> = Box::new(io::Cursor::new(vec![0u8; 10]));
        let mut seek = |to| {
            Pin::new(&mut &mut boxed).start_seek(to)?;
            match Pin::new(&mut boxed).poll_complete(&mut cx) {
                Poll::Ready(at) => at,
                Poll::Pending => panic!("a cursor never waits"),
            }
        };
        assert_eq!(seek(SeekFrom::Start(3)).unwrap(), 3);
        assert_eq!(seek(SeekFrom::Current(4)).unwrap(), 7);
        assert_eq!(seek(SeekFrom::End(-1)).unwrap(), 9);
        assert_eq!(seek(SeekFrom::Current(-10)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(seek(SeekFrom::Current(0)).unwrap(), 9);
    }
}
