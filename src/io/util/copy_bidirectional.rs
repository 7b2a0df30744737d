//! [`copy_bidirectional`]: two streams joined, as a proxy does.
//!
//! Each direction, on its own:
//!
//! 1. copies until its reader ends;
//! 2. shuts its writer down, so that the end is seen on the other side;
//! 3. is done.
//!
//! Both are looked at in each poll; the whole is done when both are.

use super::copy::CopyBuffer;
use super::DEFAULT_BUF_SIZE;
use crate::io::{AsyncRead, AsyncWrite};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// One direction, by the step that it has reached.
enum Direction {
    Copying(CopyBuffer),
    Closing(u64),
    Done(u64),
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        if let Direction::Copying(buffer) = self {
            let n = ready!(buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer)))?;
            *self = Direction::Closing(n);
        }
        if let Direction::Closing(n) = *self {
            ready!(Pin::new(writer).poll_shutdown(cx))?;
            *self = Direction::Done(n);
        }
        match *self {
            Direction::Done(n) => Poll::Ready(Ok(n)),
            _ => unreachable!("both earlier steps end in the next one"),
        }
    }
}

/// Copies from `a` to `b` and from `b` to `a` until both have ended, and answers how many bytes went
/// each way: `(a to b, b to a)`.
///
/// When one ends, the other's writing side is shut down, and its answer is still copied. Each direction
/// has a buffer of 8 KiB and flushes as [`copy`](super::copy()) does.
///
/// # Errors
///
/// The first error of any of the four sides ends both directions; what the other one has in its buffer
/// is lost.
///
/// # Cancel safety
///
/// Not safe: dropped half way, bytes that were read and not written are lost.
///
/// # Examples
///
/// ```
/// use gmp::io::{copy_bidirectional, duplex, AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let (mut client, mut a) = duplex(64);
/// let (mut b, mut server) = duplex(64);
/// client.write_all(b"question").await?;
/// client.shutdown().await?;
/// server.write_all(b"answer").await?;
/// server.shutdown().await?;
///
/// assert_eq!(copy_bidirectional(&mut a, &mut b).await?, (8, 6));
/// let mut text = String::new();
/// client.read_to_string(&mut text).await?;
/// assert_eq!(text, "answer");
/// # Ok(()) }).expect("all is there, never waits") }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, DEFAULT_BUF_SIZE, DEFAULT_BUF_SIZE).await
}

/// As [`copy_bidirectional`], with a buffer of so many bytes for each direction.
///
/// # Errors
///
/// As [`copy_bidirectional`].
///
/// # Panics
///
/// If either size is 0.
///
/// # Cancel safety
///
/// As [`copy_bidirectional`].
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` must be greater than 0");
    let mut a_to_b = Direction::Copying(CopyBuffer::new(a_to_b_buf_size));
    let mut b_to_a = Direction::Copying(CopyBuffer::new(b_to_a_buf_size));
    poll_fn(|cx| {
        let there = a_to_b.poll(cx, a, b)?;
        let back = b_to_a.poll(cx, b, a)?;
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
    .await
}
