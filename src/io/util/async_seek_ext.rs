//! [`AsyncSeekExt`]: the methods of everything that has a position.

use crate::io::seek::Seek;
use crate::io::AsyncSeek;
use std::io::SeekFrom;

/// Moving the position of an [`AsyncSeek`], with `await`.
///
/// # Examples
///
/// ```
/// use gmp::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
/// use std::io::Cursor;
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let mut cursor = Cursor::new(b"abcdef");
/// assert_eq!(cursor.seek(SeekFrom::End(-2)).await?, 4);
/// assert_eq!(cursor.read_u8().await?, b'e');
/// assert_eq!(cursor.stream_position().await?, 5);
/// assert_eq!(cursor.rewind().await?, 0);
/// # Ok(()) }).expect("in memory, never waits") }
/// ```
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to `pos` and answers the new position, counted from the start.
    ///
    /// A seek that is under way already is waited for first.
    ///
    /// # Errors
    ///
    /// What the stream reports; a position before the start always is one.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way, the seek may or may not happen.
    fn seek(&mut self, pos: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek::new(self, pos)
    }

    /// Moves to the start: `seek(SeekFrom::Start(0))`.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// Where the stream is, counted from the start: `seek(SeekFrom::Current(0))`, which makes a
    /// [`BufReader`](super::BufReader) drop what it has buffered.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}
