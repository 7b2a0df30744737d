//! [`repeat`]: one byte for ever.

use super::spend;
use crate::io::{AsyncRead, ReadBuf};
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// A reader that never ends; made by [`repeat`].
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// A reader that fills every buffer with `byte` and never ends.
///
/// Each read spends one unit of the task's poll budget, so that even reading it to the end lets other
/// tasks run (until memory is out: put a [`take`](super::AsyncReadExt::take) before it).
///
/// # Examples
///
/// ```
/// use gmp::io::AsyncReadExt;
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut buf = [0; 3];
/// gmp::io::repeat(7).read_exact(&mut buf).await?;
/// assert_eq!(buf, [7, 7, 7]);
/// # Ok(()) }).expect("never waits") }
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(spend(cx));
        let n = buf.remaining();
        buf.initialize_unfilled().fill(self.byte);
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}
