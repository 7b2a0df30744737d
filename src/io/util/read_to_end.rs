//! The futures of `read_to_end` and `read_to_string`.
//!
//! How the vector grows:
//!
//! 1. As long as there is spare capacity, read into it. The window starts at [`FIRST_WINDOW`] and
//!    doubles up to [`LAST_WINDOW`] each time the reader fills it, so that a small read into a large
//!    vector does not make a reader that needs initialised memory initialise all of it.
//! 2. Full at the capacity that the caller chose: it may be just right, with only the end of the
//!    stream to come. Read a few bytes into the stack first, and leave the vector alone if there are
//!    none.
//! 3. Full otherwise: grow as `Vec` does, by doubling.

use super::text;
use crate::io::read_buf::{Growing, Holder};
use crate::io::{AsyncRead, ReadBuf};
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// Bytes offered to the first read.
const FIRST_WINDOW: usize = super::DEFAULT_BUF_SIZE;

/// Bytes offered to one read at most. Larger ones save no measurable time, and a reader that is always
/// ready is stopped by the poll budget only between two of them. A guess.
const LAST_WINDOW: usize = 64 * 1024;

/// Bytes of the probe on the stack, and the least by which the vector grows. A guess, and std's.
const PROBE: usize = 32;

/// Progress of reading to the end.
#[derive(Debug)]
struct State<V> {
    buf: Growing<V>,
    /// What the caller had made room for.
    first_capacity: usize,
    window: usize,
    read: usize,
}

impl<V: Holder> State<V> {
    fn new(vec: V) -> Self {
        let mut buf = Growing::new(vec);
        let first_capacity = buf.capacity();
        State { buf, first_capacity, window: FIRST_WINDOW, read: 0 }
    }

    fn poll<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let full = self.buf.spare() == 0;
            let n = if full && self.buf.capacity() == self.first_capacity && self.first_capacity > 0
            {
                ready!(self.poll_probe(reader.as_mut(), cx))?
            } else {
                if full {
                    self.buf.reserve(PROBE);
                }
                let offered = self.window.min(self.buf.spare());
                let n = ready!(uninterrupted!(self.buf.poll_read(reader.as_mut(), cx, offered)))?;
                if n == self.window {
                    self.window = (2 * self.window).min(LAST_WINDOW);
                }
                n
            };
            if n == 0 {
                return Poll::Ready(Ok(self.read));
            }
            self.read += n;
        }
    }

    /// Step 2. Nothing is left on the stack when it is `Pending`.
    fn poll_probe<R: AsyncRead + ?Sized>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut memory = [MaybeUninit::uninit(); PROBE];
        let mut probe = ReadBuf::uninit(&mut memory);
        ready!(uninterrupted!(reader.as_mut().poll_read(cx, &mut probe)))?;
        self.buf.extend(probe.filled());
        Poll::Ready(Ok(probe.filled().len()))
    }
}

pin_project! {
    /// Future of [`AsyncReadExt::read_to_end`](super::AsyncReadExt::read_to_end).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadToEnd<'a, R: ?Sized> {
        reader: &'a mut R,
        state: State<&'a mut Vec<u8>>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: AsyncRead + ?Sized + Unpin> ReadToEnd<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut Vec<u8>) -> Self {
        ReadToEnd { reader, state: State::new(buf), _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + ?Sized + Unpin> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        me.state.poll(Pin::new(&mut **me.reader), cx)
    }
}

pin_project! {
    /// Future of [`AsyncReadExt::read_to_string`](super::AsyncReadExt::read_to_string).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadToString<'a, R: ?Sized> {
        reader: &'a mut R,
        output: &'a mut String,
        state: State<Vec<u8>>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: AsyncRead + ?Sized + Unpin> ReadToString<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let state = State::new(text::borrow_memory(output));
        ReadToString { reader, output, state, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + ?Sized + Unpin> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let n = ready!(me.state.poll(Pin::new(&mut **me.reader), cx))?;
        text::append(me.output, me.state.buf.take()).map_err(text::invalid_data)?;
        Poll::Ready(Ok(n))
    }
}
