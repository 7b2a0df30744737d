//! [`sink`]: writes that go nowhere.

use super::spend;
use crate::io::AsyncWrite;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// A writer that keeps nothing; made by [`sink`].
#[derive(Debug)]
pub struct Sink {
    _priv: (),
}

/// A writer that takes everything and keeps nothing.
///
/// Each call spends one unit of the task's poll budget.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut reader: &[u8] = b"to be skipped";
/// assert_eq!(gmp::io::copy(&mut reader, &mut gmp::io::sink()).await?, 13);
/// # Ok(()) }).expect("never waits") }
/// ```
pub fn sink() -> Sink {
    Sink { _priv: () }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(spend(cx));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        spend(cx).map(Ok)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        spend(cx).map(Ok)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(spend(cx));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
