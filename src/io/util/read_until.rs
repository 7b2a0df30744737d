//! The futures of `read_until`, `read_line` and `fill_buf`.

use super::text;
use crate::g::coop;
use crate::io::AsyncBufRead;
use pin_project_lite::pin_project;
use std::future::Future;
use std::io::{self, BufRead};
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// Moves bytes from the reader to the end of `buf` up to and including the first `delimiter`, or up to
/// the end of the stream. `read` counts over calls and is taken when it is done.
pub(super) fn poll_read_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    delimiter: u8,
    buf: &mut Vec<u8>,
    read: &mut usize,
) -> Poll<io::Result<usize>> {
    loop {
        let mut available = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            answer => answer?,
        };
        // On a slice this is std's fast search and one copy; it does not fail.
        let n = available.read_until(delimiter, buf)?;
        reader.as_mut().consume(n);
        *read += n;
        if n == 0 || buf.last() == Some(&delimiter) {
            return Poll::Ready(Ok(mem::take(read)));
        }
    }
}

pin_project! {
    /// Future of [`AsyncBufReadExt::read_until`](super::AsyncBufReadExt::read_until).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadUntil<'a, R: ?Sized> {
        reader: &'a mut R,
        delimiter: u8,
        buf: &'a mut Vec<u8>,
        read: usize,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: AsyncBufRead + ?Sized + Unpin> ReadUntil<'a, R> {
    pub(super) fn new(reader: &'a mut R, delimiter: u8, buf: &'a mut Vec<u8>) -> Self {
        ReadUntil { reader, delimiter, buf, read: 0, _pin: PhantomPinned }
    }
}

impl<R: AsyncBufRead + ?Sized + Unpin> Future for ReadUntil<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        poll_read_until(Pin::new(&mut **me.reader), cx, *me.delimiter, me.buf, me.read)
    }
}

pin_project! {
    /// Future of [`AsyncBufReadExt::read_line`](super::AsyncBufReadExt::read_line).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadLine<'a, R: ?Sized> {
        reader: &'a mut R,
        output: &'a mut String,
        bytes: Vec<u8>,
        read: usize,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: AsyncBufRead + ?Sized + Unpin> ReadLine<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let bytes = text::borrow_memory(output);
        ReadLine { reader, output, bytes, read: 0, _pin: PhantomPinned }
    }
}

impl<R: AsyncBufRead + ?Sized + Unpin> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let reader = Pin::new(&mut **me.reader);
        let read = ready!(poll_read_until(reader, cx, b'\n', me.bytes, me.read));
        let appended = text::append(me.output, mem::take(me.bytes));
        // An error of the reader counts more; the part of the line that came before it is kept.
        let n = read?;
        appended.map_err(text::invalid_data)?;
        Poll::Ready(Ok(n))
    }
}

pin_project! {
    /// Future of [`AsyncBufReadExt::fill_buf`](super::AsyncBufReadExt::fill_buf).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct FillBuf<'a, R: ?Sized> {
        // `None` when it is done: the borrow went to the caller.
        reader: Option<&'a mut R>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: AsyncBufRead + ?Sized + Unpin> FillBuf<'a, R> {
    pub(super) fn new(reader: &'a mut R) -> Self {
        FillBuf { reader: Some(reader), _pin: PhantomPinned }
    }
}

impl<'a, R: AsyncBufRead + ?Sized + Unpin> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let reader = me.reader.as_mut().expect("FillBuf polled after completion");
        if ready!(Pin::new(&mut **reader).poll_fill_buf(cx))?.is_empty() {
            *me.reader = None;
            return Poll::Ready(Ok(&[]));
        }
        // The slice above borrows from `me` for one poll only. Asked again, the reader shows the same
        // bytes and reads nothing (the contract of `poll_fill_buf`), and this time it is asked
        // through the borrow that the caller gave. The poll budget was paid by the first look.
        let reader = me.reader.take().expect("seen above");
        let _paid = coop::enter_unconstrained();
        match Pin::new(reader).poll_fill_buf(cx) {
            Poll::Ready(bytes) => Poll::Ready(bytes),
            Poll::Pending => panic!("`poll_fill_buf` has shown bytes and then was `Pending`"),
        }
    }
}
