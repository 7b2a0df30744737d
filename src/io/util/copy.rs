//! [`copy`], and the loop that it shares with [`copy_bidirectional`](super::copy_bidirectional()).
//!
//! 1. Empty buffer: read. `Pending`: flush what was written since the last flush, so that a peer who
//!    waits for it before it sends more gets it, and wait for the reader.
//! 2. Write until the buffer is empty. `Pending`: go on reading as long as there is room, and wait for
//!    the writer (and for the reader, if that is what ended the reading).
//! 3. At the end of the stream, with nothing left to write: flush, and done.
//!
//! An error of the reader in step 2 is kept until what was read before it is written. Each round takes
//! a unit of the poll budget: reader and writer may both be always ready.

use super::DEFAULT_BUF_SIZE;
use crate::g::coop;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// One direction of a copy. `buf[pos..end]` was read and not written.
#[derive(Debug)]
pub(super) struct CopyBuffer {
    buf: Box<[u8]>,
    pos: usize,
    end: usize,
    copied: u64,
    needs_flush: bool,
    /// The reader has said its last: an end of stream, or an error to be reported in step 3.
    ended: bool,
    error: Option<io::Error>,
}

impl CopyBuffer {
    pub(super) fn new(size: usize) -> Self {
        CopyBuffer {
            buf: vec![0; size].into_boxed_slice(),
            pos: 0,
            end: 0,
            copied: 0,
            needs_flush: false,
            ended: false,
            error: None,
        }
    }

    /// One read into the room behind `end`.
    fn poll_fill<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> Poll<()> {
        let mut buf = ReadBuf::new(&mut self.buf[self.end..]);
        match ready!(uninterrupted!(reader.as_mut().poll_read(cx, &mut buf))) {
            Ok(()) => {
                let n = buf.filled().len();
                self.end += n;
                self.ended = n == 0;
            }
            Err(error) => {
                self.error = Some(error);
                self.ended = true;
            }
        }
        Poll::Ready(())
    }

    /// Copies until the reader has ended and all of it is written and flushed; answers how many bytes
    /// it was.
    pub(super) fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            let unit = ready!(coop::poll_proceed(cx));
            if self.pos == self.end && !self.ended {
                (self.pos, self.end) = (0, 0);
                if self.poll_fill(cx, reader.as_mut()).is_pending() {
                    if self.needs_flush {
                        ready!(writer.as_mut().poll_flush(cx))?;
                        self.needs_flush = false;
                    }
                    return Poll::Pending;
                }
                unit.made_progress();
            }
            while self.pos < self.end {
                let rest = &self.buf[self.pos..self.end];
                match uninterrupted!(writer.as_mut().poll_write(cx, rest)) {
                    Poll::Ready(Ok(0)) => {
                        let text = "the writer accepts no more of what is to be copied";
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, text)));
                    }
                    Poll::Ready(Ok(n)) => {
                        self.pos += n;
                        self.copied += n as u64;
                        self.needs_flush = true;
                        unit.made_progress();
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        while !self.ended && self.end < self.buf.len() {
                            ready!(self.poll_fill(cx, reader.as_mut()));
                            unit.made_progress();
                        }
                        return Poll::Pending;
                    }
                }
            }
            if self.ended {
                if let Some(error) = self.error.take() {
                    return Poll::Ready(Err(error));
                }
                ready!(writer.as_mut().poll_flush(cx))?;
                unit.made_progress();
                return Poll::Ready(Ok(self.copied));
            }
        }
    }
}

/// Copies all that `reader` gives to `writer`, and answers how many bytes it was.
///
/// It has a buffer of 8 KiB on the heap; [`copy_buf`](super::copy_buf()) uses the reader's own. The writer is
/// flushed whenever the reader has nothing to give, and at the end; it is not shut down.
///
/// # Errors
///
/// The first error of either; `WriteZero` if the writer accepts no more. What was read before an error
/// of the reader is written first.
///
/// # Cancel safety
///
/// Not safe: dropped half way, bytes that were read and not written are lost.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut reader: &[u8] = b"from here to there";
/// let mut writer = Vec::new();
/// assert_eq!(gmp::io::copy(&mut reader, &mut writer).await?, 18);
/// assert_eq!(writer, b"from here to there");
/// # Ok(()) }).expect("in memory, never waits") }
/// ```
pub async fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = CopyBuffer::new(DEFAULT_BUF_SIZE);
    poll_fn(|cx| buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}
