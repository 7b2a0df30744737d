//! [`BufReader`]: few large reads below, many small ones above.
//!
//! # Reading
//!
//! `buf[pos..end]` is what was read and not consumed.
//!
//! 1. Empty, and the caller's buffer is at least as large as ours: read straight into it.
//! 2. Empty otherwise: one read into all of ours.
//! 3. Copy from ours.
//!
//! # Seeking
//!
//! The position below is ahead of the one that the caller sees by what is buffered. A relative seek
//! corrects for that; should the corrected distance not fit an `i64`, it goes back over the buffered
//! part first and then the whole way. Any seek that succeeds empties the buffer. Because the stream
//! below may be busy, `start_seek` only takes the request down, and `poll_complete` first waits for
//! the stream, then hands it over.

use super::DEFAULT_BUF_SIZE;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// How far a seek has got. Also [`BufWriter`](super::BufWriter)'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeekState {
    Idle,
    /// Taken down, not handed over.
    Asked(SeekFrom),
    /// On its way back over the buffered part; this distance follows.
    Back(i64),
    /// Handed over for good.
    Running,
}

pin_project! {
    /// Gives a reader a buffer, so that many small reads cost few large ones.
    ///
    /// It is an [`AsyncBufRead`], for lines and the like. A read at least as large as the buffer, while
    /// that is empty, goes past it. Writes go through to the stream below; a seek drops what is
    /// buffered, and so does [`into_inner`](Self::into_inner).
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::{AsyncBufReadExt, BufReader};
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let socket = &b"GET / HTTP/1.1\r\n\r\n"[..];
    /// let mut reader = BufReader::new(socket);
    /// let mut line = String::new();
    /// reader.read_line(&mut line).await?;
    /// assert_eq!(line.trim_end(), "GET / HTTP/1.1");
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    pub struct BufReader<R> {
        #[pin]
        pub(super) inner: R,
        pub(super) buf: Box<[u8]>,
        pub(super) pos: usize,
        pub(super) end: usize,
        pub(super) seek: SeekState,
    }
}

impl<R: AsyncRead> BufReader<R> {
    /// With a buffer of 8 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(DEFAULT_BUF_SIZE, inner)
    }

    /// With a buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0: a reader that can buffer nothing could only answer an end of stream.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        let buf = vec![0; capacity].into_boxed_slice();
        BufReader { inner, buf, pos: 0, end: 0, seek: SeekState::Idle }
    }

    /// The stream below.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream below, to be changed. What is buffered here is missing there.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The stream below, pinned. What is buffered here is missing there.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The stream below. What is buffered is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What was read and not consumed. Empty does not mean the end of the stream.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..self.end]
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pos == self.end && buf.remaining() >= self.buf.len() {
            return self.get_pin_mut().poll_read(cx, buf);
        }
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.pos == *me.end {
            let mut buf = ReadBuf::new(me.buf);
            ready!(me.inner.poll_read(cx, &mut buf))?;
            *me.end = buf.filled().len();
            *me.pos = 0;
        }
        Poll::Ready(Ok(&me.buf[*me.pos..*me.end]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        *me.pos = me.pos.saturating_add(amt).min(*me.end);
    }
}

impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = SeekState::Asked(position);
        Ok(())
    }

    /// Without a seek: the position that the caller sees. An error of the stream below ends the seek and
    /// leaves the buffer as it is.
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut me = self.project();
        let buffered = *me.end - *me.pos;
        loop {
            let state = *me.seek;
            let at = ready!(me.inner.as_mut().poll_complete(cx));
            // Whatever happens below from here on, there is no way back but a new `start_seek`.
            *me.seek = SeekState::Idle;
            let at = at?;
            let (next, to) = match state {
                SeekState::Idle => return Poll::Ready(Ok(at.saturating_sub(buffered as u64))),
                SeekState::Running => {
                    (*me.pos, *me.end) = (0, 0);
                    return Poll::Ready(Ok(at));
                }
                SeekState::Asked(SeekFrom::Current(by)) => match by.checked_sub(buffered as i64) {
                    Some(by) => (SeekState::Running, SeekFrom::Current(by)),
                    None => (SeekState::Back(by), SeekFrom::Current(-(buffered as i64))),
                },
                SeekState::Asked(to) => (SeekState::Running, to),
                SeekState::Back(by) => {
                    (*me.pos, *me.end) = (0, 0);
                    (SeekState::Running, SeekFrom::Current(by))
                }
            };
            me.inner.as_mut().start_seek(to)?;
            *me.seek = next;
        }
    }
}

/// Straight to the stream below.
impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.end - self.pos, self.buf.len()))
            .finish()
    }
}
