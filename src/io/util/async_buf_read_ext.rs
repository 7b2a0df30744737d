//! [`AsyncBufReadExt`]: the methods of every buffered reader.

use super::lines::Lines;
use super::read_until::{FillBuf, ReadLine, ReadUntil};
use super::split::Split;
use crate::io::AsyncBufRead;
use std::pin::Pin;

/// Reading from an [`AsyncBufRead`] up to a byte or line by line, with `await`.
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends everything up to and including the first `byte`, or up to the end of the stream, to
    /// `buf`, and answers how many bytes it was: 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// What the reader reports; what was read by then is in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, what was read is in `buf`: calling it again with the same `buf` loses nothing,
    /// only the count starts anew.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncBufReadExt;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut reader: &[u8] = b"lorem-ipsum";
    /// let mut buf = Vec::new();
    /// assert_eq!(reader.read_until(b'-', &mut buf).await?, 6);
    /// assert_eq!(buf, b"lorem-");
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil::new(self, byte, buf)
    }

    /// Appends one line, its `\n` included where it has one, to `buf`, and answers its length in bytes:
    /// 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// `InvalidData` with a [`Utf8Error`](std::str::Utf8Error) inside if the line is not UTF-8: the line
    /// is skipped, and `buf` is as before. Else what the reader reports; the part of the line read by
    /// then is in `buf`, unless it is not UTF-8.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped half way, the part that was read is lost, and `buf` may be empty. Use
    /// [`read_until`](Self::read_until), or [`lines`](Self::lines), in a `select!`.
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        ReadLine::new(self, buf)
    }

    /// The segments between occurrences of `byte`, without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncBufReadExt;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let input: &[u8] = b"a,,b";
    /// let mut segments = AsyncBufReadExt::split(input, b',');
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b"a"[..]));
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b""[..]));
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b"b"[..]));
    /// assert_eq!(segments.next_segment().await?, None);
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split::new(self, byte)
    }

    /// Shows the reader's buffer, after filling it where it was empty. An empty slice is the end of the
    /// stream. What was used must be marked by [`consume`](Self::consume); the rest is shown again.
    ///
    /// # Errors
    ///
    /// What the reader reports; nothing is lost then.
    ///
    /// # Panics
    ///
    /// If the reader shows bytes and, asked again at once, has none.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::{AsyncBufReadExt, BufReader};
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut reader = BufReader::new(&b"  indented"[..]);
    /// let blanks = reader.fill_buf().await?.iter().take_while(|&&byte| byte == b' ').count();
    /// reader.consume(blanks);
    /// assert_eq!(reader.fill_buf().await?, b"indented");
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf::new(self)
    }

    /// Marks the first `amt` bytes that [`fill_buf`](Self::fill_buf) showed as read.
    ///
    /// `amt` must not exceed what it showed: a reader may panic, or skip bytes, if it does.
    fn consume(&mut self, amt: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amt)
    }

    /// The lines, without the `\n` or `\r\n` at their ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncBufReadExt;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let input: &[u8] = b"first\r\nsecond\nlast";
    /// let mut lines = AsyncBufReadExt::lines(input);
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("first"));
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("second"));
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("last"));
    /// assert_eq!(lines.next_line().await?, None);
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}
