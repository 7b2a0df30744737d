//! [`AsyncWriteExt`]: the methods of every writer.

use super::numbers::{for_each_number, WriteNumber};
use super::write::{Flush, Shutdown, Write, WriteAll, WriteAllBuf, WriteBuf, WriteVectored};
use crate::io::AsyncWrite;
use bytes::Buf;
use std::io::IoSlice;

macro_rules! write_methods {
    ($($read:ident $write:ident $type:ident $bytes:literal $from:ident $to:ident $order:literal;)*) => {$(
        #[doc = concat!("Writes one `", stringify!($type), "`: ", $order, ".")]
        ///
        /// # Errors
        ///
        /// `WriteZero` if the writer accepts no more before it is complete; else what the writer
        /// reports.
        ///
        /// # Cancel safety
        ///
        /// Numbers of one byte only: dropped half way, it is unknown how much of a longer one was
        /// written.
        fn $write(&mut self, n: $type) -> WriteNumber<'_, Self, [u8; $bytes]>
        where
            Self: Unpin,
        {
            WriteNumber::new(self, n.$to())
        }
    )*};
}

/// Writing to an [`AsyncWrite`], with `await`.
///
/// Dropping a writer does not flush it: end with [`shutdown`](Self::shutdown) (or
/// [`flush`](Self::flush) where the writer is to go on).
///
/// # Examples
///
/// ```
/// use gmp::io::AsyncWriteExt;
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut message = Vec::new();
/// message.write_u16(2).await?;
/// message.write_all(b"hi").await?;
/// message.shutdown().await?;
/// assert_eq!(message, b"\x00\x02hi");
/// # Ok(()) }).expect("in memory, never waits") }
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes bytes from the front of `src`, as many as are accepted at once, and answers how many.
    ///
    /// 0 means that `src` is empty, or that the writer will accept no more.
    ///
    /// # Errors
    ///
    /// What the writer reports; nothing was written then.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it is ready, it has written nothing.
    fn write<'a>(&'a mut self, src: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write::new(self, src)
    }

    /// As [`write`](Self::write), from several buffers in a row as if they were one.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it is ready, it has written nothing.
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored::new(self, bufs)
    }

    /// Writes bytes from the front of `src`, as many as are accepted at once, advances it, and answers
    /// how many.
    ///
    /// A buffer in several pieces goes out in one vectored write where the writer has such a thing. 0
    /// means that `src` is at its end, or that the writer will accept no more.
    ///
    /// # Errors
    ///
    /// What the writer reports; nothing was written then.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it is ready, it has written nothing, and `src` stands where it stood.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncWriteExt;
    /// use std::io::Cursor;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut src = Cursor::new(b"abc");
    /// let mut out = Vec::new();
    /// assert_eq!(out.write_buf(&mut src).await?, 3);
    /// assert_eq!(src.position(), 3);
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn write_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
        B: Buf,
    {
        WriteBuf::new(self, src)
    }

    /// Writes all that is left in `src`, and advances it as it goes.
    ///
    /// # Errors
    ///
    /// `WriteZero` if the writer accepts no more before the end; else what the writer reports. `src`
    /// stands behind what was written.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, `src` stands behind what was written: calling it again with the same `src`
    /// goes on from there.
    fn write_all_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
        B: Buf,
    {
        WriteAllBuf::new(self, src)
    }

    /// Writes all of `src`.
    ///
    /// # Errors
    ///
    /// `WriteZero` if the writer accepts no more before the end; else what the writer reports. How much
    /// was written is not known then.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped half way, it is unknown how much was written. Use
    /// [`write_all_buf`](Self::write_all_buf) where that matters.
    fn write_all<'a>(&'a mut self, src: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll::new(self, src)
    }

    for_each_number!(write_methods);

    /// Waits until all that was written has reached where it is meant to go.
    ///
    /// # Errors
    ///
    /// What the writer reports; some of it may be lost then.
    ///
    /// # Cancel safety
    ///
    /// Safe: call it again to go on.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush::new(self)
    }

    /// Flushes, then ends the writing side, so that the other end reads an end of stream. Nothing may be
    /// written afterwards.
    ///
    /// # Errors
    ///
    /// What the writer reports; some of what was written may be lost then.
    ///
    /// # Panics
    ///
    /// A writer may panic when it is written to, or shut down, once more.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the writer is in between: only another `shutdown` makes sense.
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown::new(self)
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}
