//! [`Split`]: a reader taken segment by segment.

use super::read_until::poll_read_until;
use crate::io::AsyncBufRead;
use pin_project_lite::pin_project;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

pin_project! {
    /// The segments of a reader between a separating byte; made by
    /// [`AsyncBufReadExt::split`](super::AsyncBufReadExt::split).
    ///
    /// The part of a segment that has been read already is kept here, not in the future of
    /// [`next_segment`](Self::next_segment).
    #[derive(Debug)]
    #[must_use = "nothing is read until a segment is asked for"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        segment: Vec<u8>,
        read: usize,
        delimiter: u8,
    }
}

impl<R: AsyncBufRead> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Split { reader, segment: Vec::new(), read: 0, delimiter }
    }
}

impl<R: AsyncBufRead + Unpin> Split<R> {
    /// The next segment without the separator; `None` at the end of the stream. There is no empty
    /// segment behind a separator that ends the stream.
    ///
    /// # Errors
    ///
    /// What the reader reports; asking again goes on with the same segment.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped half way, what was read of the segment is kept for the next call.
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// The poll form of [`next_segment`](Self::next_segment): `Pending` keeps what was read of the
    /// segment and has the task woken when more is there.
    ///
    /// # Errors
    ///
    /// As [`next_segment`](Self::next_segment).
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let me = self.project();
        ready!(poll_read_until(me.reader, cx, *me.delimiter, me.segment, me.read))?;
        if me.segment.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut segment = mem::take(me.segment);
        if segment.last() == Some(me.delimiter) {
            segment.pop();
        }
        Poll::Ready(Ok(Some(segment)))
    }
}
