//! [`AsyncReadExt`]: the methods of every reader.

use super::chain::Chain;
use super::numbers::{for_each_number, ReadNumber};
use super::read::{Read, ReadExact, ReadInto};
use super::read_to_end::{ReadToEnd, ReadToString};
use super::take::Take;
use crate::io::AsyncRead;
use bytes::BufMut;

macro_rules! read_methods {
    ($($read:ident $write:ident $type:ident $bytes:literal $from:ident $to:ident $order:literal;)*) => {$(
        #[doc = concat!("Reads one `", stringify!($type), "`: ", $order, ".")]
        ///
        /// # Errors
        ///
        /// `UnexpectedEof` if the stream ends before it is complete; else what the reader reports.
        /// The bytes read by then are lost.
        ///
        /// # Cancel safety
        ///
        /// Numbers of one byte only: dropped half way, a longer one loses the bytes it has read.
        fn $read(&mut self) -> ReadNumber<'_, Self, $type, [u8; $bytes]>
        where
            Self: Unpin,
        {
            ReadNumber::new(self, $type::$from)
        }
    )*};
}

/// Reading from an [`AsyncRead`], with `await`.
///
/// # Examples
///
/// ```
/// use gmp::io::AsyncReadExt;
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut reader: &[u8] = b"\x00\x02hi and the rest";
/// let len = reader.read_u16().await?;
/// let mut word = vec![0; len.into()];
/// reader.read_exact(&mut word).await?;
/// assert_eq!(word, b"hi");
///
/// let mut rest = String::new();
/// reader.read_to_string(&mut rest).await?;
/// assert_eq!(rest, " and the rest");
/// # Ok(()) }).expect("in memory, never waits") }
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// This reader, and when it has ended, `next`.
    fn chain<R>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
        R: AsyncRead,
    {
        Chain::new(self, next)
    }

    /// Reads some bytes, as many as are there, into the front of `buf`, and answers how many.
    ///
    /// 0 means that the stream is at its end, or that `buf` is empty.
    ///
    /// # Errors
    ///
    /// What the reader reports; no byte was read then.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it is ready, it has read nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncReadExt;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut reader: &[u8] = b"abc";
    /// let mut buf = [0; 2];
    /// assert_eq!(reader.read(&mut buf).await?, 2);
    /// assert_eq!(reader.read(&mut buf).await?, 1);
    /// assert_eq!(reader.read(&mut buf).await?, 0);
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read::new(self, buf)
    }

    /// Reads some bytes into the free space of `buf`, advances it, and answers how many.
    ///
    /// The free space need not be initialised. A `Vec` or a `BytesMut` without any makes some. 0 means
    /// that the stream is at its end, or that `buf` has no space left.
    ///
    /// # Errors
    ///
    /// What the reader reports; no byte was read then.
    ///
    /// # Panics
    ///
    /// If the reader exchanges the [`ReadBuf`](crate::io::ReadBuf) that it is given to fill.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it is ready, it has read nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncReadExt;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut reader: &[u8] = b"abc";
    /// let mut all = Vec::with_capacity(2);
    /// while reader.read_buf(&mut all).await? > 0 {}
    /// assert_eq!(all, b"abc");
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> ReadInto<'a, Self, B>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        ReadInto::new(self, buf)
    }

    /// Fills all of `buf`, and answers its length.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends first; else what the reader reports. The bytes read by then
    /// are gone from the stream, and what `buf` holds is not specified.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped half way, it has read an unknown part. Where that matters, loop over
    /// [`read_buf`](Self::read_buf).
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact::new(self, buf)
    }

    for_each_number!(read_methods);

    /// Appends everything up to the end of the stream to `buf`, and answers how many bytes it was.
    ///
    /// # Errors
    ///
    /// What the reader reports; what was read by then is in `buf`.
    ///
    /// # Panics
    ///
    /// If the reader exchanges the [`ReadBuf`](crate::io::ReadBuf) that it is given to fill.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, what was read is in `buf`; a second call goes on behind it and counts anew.
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Appends everything up to the end of the stream, which must be UTF-8, to `dst`, and answers how
    /// many bytes it was.
    ///
    /// # Errors
    ///
    /// `InvalidData` with a [`Utf8Error`](std::str::Utf8Error) inside if it is not UTF-8; else what the
    /// reader reports. `dst` is then as it was before, and what was read is lost.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped half way, what was read is lost, and `dst` may be empty.
    fn read_to_string<'a>(&'a mut self, dst: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, dst)
    }

    /// A reader that ends after `limit` bytes, however long this one is.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncReadExt;
    ///
    /// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
    /// let mut reader: &[u8] = b"header and body";
    /// let mut header = String::new();
    /// (&mut reader).take(6).read_to_string(&mut header).await?;
    /// assert_eq!(header, "header");
    /// assert_eq!(reader, b" and body");
    /// # Ok(()) }).expect("in memory, never waits") }
    /// ```
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}
