//! [`BufWriter`]: many small writes above, few large ones below.
//!
//! `buf[written..]` is what was accepted and not handed on. A write
//!
//! 1. that fits is appended;
//! 2. that does not, makes everything buffered go out first (until then it is `Pending` and has
//!    accepted nothing), and is then appended, or
//! 3. goes straight to the writer below, where it is as large as the whole buffer.
//!
//! A seek flushes first, because what is buffered belongs where the stream stands now.

use super::buf_reader::SeekState;
use super::DEFAULT_BUF_SIZE;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

pin_project! {
    /// Gives a writer a buffer, so that many small writes cost few large ones.
    ///
    /// Nothing is flushed on drop, because that could have to wait: what is buffered then is lost. End
    /// with [`shutdown`](super::AsyncWriteExt::shutdown) or [`flush`](super::AsyncWriteExt::flush).
    /// Reads go through to the stream below.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::{AsyncWriteExt, BufWriter};
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"gmp").await?;
    /// assert!(writer.get_ref().is_empty());
    /// writer.flush().await?;
    /// assert_eq!(writer.get_ref(), b"gmp");
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        pub(super) inner: W,
        // Its capacity is the size of the buffer, and never exceeded.
        pub(super) buf: Vec<u8>,
        pub(super) written: usize,
        pub(super) seek: SeekState,
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// With a buffer of 8 KiB.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(DEFAULT_BUF_SIZE, inner)
    }

    /// With a buffer of `cap` bytes. With 0 every write goes straight through.
    pub fn with_capacity(cap: usize, inner: W) -> Self {
        BufWriter { inner, buf: Vec::with_capacity(cap), written: 0, seek: SeekState::Idle }
    }

    /// Hands on everything buffered. What was handed on before an error is not kept.
    fn poll_flush_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut me = self.project();
        while *me.written < me.buf.len() {
            let rest = &me.buf[*me.written..];
            match ready!(uninterrupted!(me.inner.as_mut().poll_write(cx, rest))) {
                Ok(0) => {
                    let text = "the writer below accepts no more of what is buffered";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, text)));
                }
                Ok(n) => *me.written += n,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        me.buf.clear();
        *me.written = 0;
        Poll::Ready(Ok(()))
    }

    /// The stream below.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The stream below, to be changed. What is written to it directly overtakes what is buffered.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The stream below, pinned. What is written to it directly overtakes what is buffered.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// The stream below. What is buffered is lost: [`flush`](super::AsyncWriteExt::flush) first.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What was accepted and not handed on.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }

    fn fits(&self, len: usize) -> bool {
        len <= self.buf.capacity() - self.buf.len()
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.fits(buf.len()) {
            ready!(self.as_mut().poll_flush_buf(cx))?;
        }
        let me = self.project();
        if buf.len() >= me.buf.capacity() {
            return me.inner.poll_write(cx, buf);
        }
        me.buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = bufs.iter().fold(0, |sum: usize, buf| sum.saturating_add(buf.len()));
        if !self.fits(total) {
            ready!(self.as_mut().poll_flush_buf(cx))?;
            if total >= self.buf.capacity() {
                if self.inner.is_write_vectored() {
                    return self.get_pin_mut().poll_write_vectored(cx, bufs);
                }
                let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
                if first.len() >= self.buf.capacity() {
                    return self.get_pin_mut().poll_write(cx, first);
                }
            }
        }
        // The buffers from the front that fit whole: all of them, or, if they are too many, at least
        // the first that is not empty.
        let mut taken = 0;
        for buf in bufs {
            if !self.fits(buf.len()) {
                break;
            }
            self.as_mut().project().buf.extend_from_slice(buf);
            taken += buf.len();
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = SeekState::Asked(position);
        Ok(())
    }

    /// Without a seek: the position behind what was accepted. An error ends the seek.
    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let SeekState::Asked(to) = self.seek {
            let flushed = ready!(self.as_mut().poll_flush_buf(cx));
            let settled = match flushed {
                Ok(()) => ready!(self.as_mut().get_pin_mut().poll_complete(cx)),
                Err(error) => Err(error),
            };
            let mut me = self.as_mut().project();
            *me.seek = SeekState::Idle;
            settled?;
            me.inner.as_mut().start_seek(to)?;
            *me.seek = SeekState::Running;
        }
        let me = self.project();
        let at = ready!(me.inner.poll_complete(cx));
        *me.seek = SeekState::Idle;
        Poll::Ready(at.map(|at| at.saturating_add((me.buf.len() - *me.written) as u64)))
    }
}

/// Straight to the stream below.
impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_read(cx, buf)
    }
}

/// Straight to the stream below.
impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_pin_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.get_pin_mut().consume(amt)
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffered = self.buf.len() - self.written;
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{buffered}/{}", self.buf.capacity()))
            .finish()
    }
}
