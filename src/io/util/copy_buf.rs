//! [`copy_buf`]: the copy loop over the reader's own buffer.

use crate::g::coop;
use crate::io::{AsyncBufRead, AsyncWrite};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

#[derive(Debug, Default)]
struct Progress {
    copied: u64,
    needs_flush: bool,
}

impl Progress {
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncBufRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            // Reader and writer may both be always ready.
            let unit = ready!(coop::poll_proceed(cx));
            let Poll::Ready(bytes) = reader.as_mut().poll_fill_buf(cx) else {
                // A peer may wait for what was written before it sends more.
                if self.needs_flush {
                    ready!(writer.as_mut().poll_flush(cx))?;
                    self.needs_flush = false;
                }
                return Poll::Pending;
            };
            let bytes = match bytes {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            if bytes.is_empty() {
                ready!(writer.as_mut().poll_flush(cx))?;
                unit.made_progress();
                return Poll::Ready(Ok(self.copied));
            }
            let n = ready!(uninterrupted!(writer.as_mut().poll_write(cx, bytes)))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            unit.made_progress();
            reader.as_mut().consume(n);
            self.copied += n as u64;
            self.needs_flush = true;
        }
    }
}

/// Copies all that `reader` gives to `writer`, straight out of the reader's buffer, and answers how many
/// bytes it was.
///
/// The writer is flushed whenever the reader has nothing to give, and at the end; it is not shut down.
///
/// # Errors
///
/// The first error of either; `WriteZero` if the writer accepts no more. Only what was written has been
/// consumed.
///
/// # Cancel safety
///
/// Dropped half way, no byte is lost: what was not written is still in the reader. Calling it again goes
/// on, and counts anew.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut reader: &[u8] = b"no third buffer";
/// let mut writer = Vec::new();
/// assert_eq!(gmp::io::copy_buf(&mut reader, &mut writer).await?, 15);
/// # Ok(()) }).expect("in memory, never waits") }
/// ```
pub async fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut progress = Progress::default();
    poll_fn(|cx| progress.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}
