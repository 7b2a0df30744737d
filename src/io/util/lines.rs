//! [`Lines`]: a reader taken line by line.

use super::read_until::poll_read_until;
use super::text;
use crate::io::AsyncBufRead;
use pin_project_lite::pin_project;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

pin_project! {
    /// The lines of a reader; made by [`AsyncBufReadExt::lines`](super::AsyncBufReadExt::lines).
    ///
    /// The part of a line that has been read already is kept here, not in the future of
    /// [`next_line`](Self::next_line).
    #[derive(Debug)]
    #[must_use = "nothing is read until a line is asked for"]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        line: Vec<u8>,
        read: usize,
    }
}

impl<R: AsyncBufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { reader, line: Vec::new(), read: 0 }
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next line, without its `\n` or `\r\n`; `None` at the end of the stream. The last line may
    /// do without either.
    ///
    /// # Errors
    ///
    /// `InvalidData` if the line is not UTF-8: it is skipped. Else what the reader reports; asking again
    /// goes on with the same line.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped half way, what was read of the line is kept for the next call.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_line(cx)).await
    }
}

impl<R> Lines<R> {
    /// The reader, to be changed. Bytes read from it directly are missing from the lines.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader.
    pub fn get_ref(&mut self) -> &R {
        &self.reader
    }

    /// The reader. A part of a line that was read already is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// The poll form of [`next_line`](Self::next_line): `Pending` keeps what was read of the line and
    /// has the task woken when more is there.
    ///
    /// # Errors
    ///
    /// As [`next_line`](Self::next_line).
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let me = self.project();
        ready!(poll_read_until(me.reader, cx, b'\n', me.line, me.read))?;
        if me.line.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut line = mem::take(me.line);
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        match String::from_utf8(line) {
            Ok(line) => Poll::Ready(Ok(Some(line))),
            Err(error) => Poll::Ready(Err(text::invalid_data(error))),
        }
    }
}
