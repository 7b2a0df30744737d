//! [`Take`]: no more than so many bytes of a reader.

use crate::io::{AsyncBufRead, AsyncRead, ReadBuf};
use pin_project_lite::pin_project;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

pin_project! {
    /// A reader that ends after so many bytes; made by
    /// [`AsyncReadExt::take`](super::AsyncReadExt::take).
    ///
    /// At the limit it answers an end of stream without asking the reader below.
    #[derive(Debug)]
    #[must_use = "nothing is read until it is asked for"]
    pub struct Take<R> {
        #[pin]
        inner: R,
        limit: u64,
    }
}

impl<R: AsyncRead> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Take { inner, limit }
    }

    /// How many more bytes it will give at most. The reader below may end before that.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Gives at most `limit` bytes from now on, whatever was read before.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The reader below.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader below, to be changed. What is read from it directly does not count.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader below, pinned. What is read from it directly does not count.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The reader below.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

/// A limit as a length in memory.
fn clamp(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// # Panics
///
/// If the reader below exchanges the [`ReadBuf`] that it is given to fill.
impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.limit == 0 {
            return Poll::Ready(Ok(()));
        }
        let me = self.project();
        let before = buf.filled().len();
        ready!(buf.fill_at_most(clamp(*me.limit), |part| me.inner.poll_read(cx, part)))?;
        *me.limit -= (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.limit == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let bytes = ready!(me.inner.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&bytes[..bytes.len().min(clamp(*me.limit))]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        // More than was shown is the caller's mistake; the limit holds all the same.
        let amt = amt.min(clamp(*me.limit));
        *me.limit -= amt as u64;
        me.inner.consume(amt);
    }
}
