//! Pipes in memory: [`duplex`] and [`simplex`].
//!
//! # The pipe
//!
//! A queue of bytes with a bound, a flag and two wakers.
//!
//! 1. A write takes as much as there is room for. No room: it leaves its waker and is `Pending`.
//! 2. A read takes as much as there is. Nothing there: it leaves its waker and is `Pending`, unless
//!    the pipe is closed: then this is the end of the stream.
//! 3. Closed (the writer has shut down, or either end of a duplex is dropped): a write is a broken
//!    pipe; what is in the queue can still be read.
//! 4. Whoever makes a step of the other side possible takes its waker out and wakes it. All of this
//!    happens under one lock (or one `&mut`), so that a side that found nothing has left its waker
//!    before the other can change anything.
//! 5. A waker is foreign code. In a duplex it is woken, and the one it replaces is dropped, after the
//!    lock is let go; and it is cloned before the lock is taken a second time, once a first look has
//!    shown that there is something to wait for.
//!
//! A step that is ready spends a unit of the poll budget.

use crate::g::coop;
use crate::io::{split, AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use crate::primitives::sync::{Arc, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{ready, Context, Poll, Waker};

/// How a look at the pipe went.
enum Step<T> {
    Done(Poll<io::Result<T>>, Afterwards),
    /// There is something to wait for. Come back with a clone of the waker.
    NeedsWaker,
}

/// What a step leaves to be done when the lock is let go.
#[must_use = "the other side waits for it"]
#[derive(Default)]
struct Afterwards {
    wake: Option<Waker>,
    /// A waker that was replaced.
    _drop: Option<Waker>,
}

impl Afterwards {
    fn run(self) {
        if let Some(waker) = self.wake {
            waker.wake();
        }
    }
}

#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    bound: usize,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    #[track_caller]
    fn new(bound: usize) -> Pipe {
        assert!(bound > 0, "`max_buf_size` must be greater than 0");
        // The queue grows with use: a large bound costs nothing by itself.
        Pipe { bytes: VecDeque::new(), bound, closed: false, reader: None, writer: None }
    }

    /// Step 2.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        clone: &mut Option<Waker>,
        buf: &mut ReadBuf<'_>,
    ) -> Step<()> {
        if self.bytes.is_empty() && !self.closed && buf.remaining() > 0 {
            return wait(&mut self.reader, cx, clone);
        }
        let n = self.bytes.len().min(buf.remaining());
        let (front, back) = self.bytes.as_slices();
        let split = n.min(front.len());
        buf.put_slice(&front[..split]);
        buf.put_slice(&back[..n - split]);
        self.bytes.drain(..n);
        let wake = if n > 0 { self.writer.take() } else { None };
        Step::Done(Poll::Ready(Ok(())), Afterwards { wake, _drop: None })
    }

    /// Step 1, from several buffers as if they were one.
    fn write<'a>(
        &mut self,
        cx: &mut Context<'_>,
        clone: &mut Option<Waker>,
        mut bufs: impl Iterator<Item = &'a [u8]>,
    ) -> Step<usize> {
        if self.closed {
            let broken = Err(io::ErrorKind::BrokenPipe.into());
            return Step::Done(Poll::Ready(broken), Afterwards::default());
        }
        let room = self.bound - self.bytes.len();
        if room == 0 {
            // Nothing always fits.
            if bufs.all(|buf| buf.is_empty()) {
                return Step::Done(Poll::Ready(Ok(0)), Afterwards::default());
            }
            return wait(&mut self.writer, cx, clone);
        }
        let mut n = 0;
        for buf in bufs {
            let taken = &buf[..buf.len().min(room - n)];
            self.bytes.extend(taken);
            n += taken.len();
        }
        let wake = if n > 0 { self.reader.take() } else { None };
        Step::Done(Poll::Ready(Ok(n)), Afterwards { wake, _drop: None })
    }

    /// Step 3, from the writing side: the reader may be waiting.
    fn close_write(&mut self) -> Afterwards {
        self.closed = true;
        Afterwards { wake: self.reader.take(), _drop: None }
    }

    /// Step 3, from the reading side: the writer may be waiting.
    fn close_read(&mut self) -> Afterwards {
        self.closed = true;
        Afterwards { wake: self.writer.take(), _drop: self.reader.take() }
    }
}

/// Leaves this task's waker in `place`.
fn wait<T>(place: &mut Option<Waker>, cx: &mut Context<'_>, clone: &mut Option<Waker>) -> Step<T> {
    let mut old = None;
    if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        let Some(waker) = clone.take() else {
            return Step::NeedsWaker;
        };
        old = place.replace(waker);
    }
    Step::Done(Poll::Pending, Afterwards { wake: None, _drop: old })
}

/// Runs a step, with what must happen outside of the lock around it, and pays for it if it was ready.
fn run<T>(
    cx: &mut Context<'_>,
    mut step: impl FnMut(&mut Context<'_>, &mut Option<Waker>) -> Step<T>,
) -> Poll<io::Result<T>> {
    let unit = ready!(coop::poll_proceed(cx));
    let mut clone = None;
    loop {
        match step(cx, &mut clone) {
            Step::NeedsWaker => clone = Some(cx.waker().clone()),
            Step::Done(poll, afterwards) => {
                if poll.is_ready() {
                    unit.made_progress();
                }
                afterwards.run();
                return poll;
            }
        }
    }
}

/// One end of a two-way pipe in memory; made by [`duplex`].
///
/// When one end is dropped, the other reads what was written before and then an end of stream; its
/// writes are `BrokenPipe`. [`shutdown`](super::AsyncWriteExt::shutdown) ends one direction alone.
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Mutex<Pipe>>,
    write: Arc<Mutex<Pipe>>,
}

/// A two-way pipe in memory: what is written at one end is read at the other.
///
/// Each direction holds up to `max_buf_size` bytes; a writer that finds it full waits. Stands in for a
/// socket, in tests above all. It needs no runtime.
///
/// # Panics
///
/// If `max_buf_size` is 0.
///
/// # Examples
///
/// ```
/// use gmp::io::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let (mut client, mut server) = gmp::io::duplex(64);
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// server.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
///
/// drop(server);
/// assert_eq!(client.read(&mut buf).await?, 0);
/// # Ok(()) }).expect("fits in, never waits") }
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Mutex::new(Pipe::new(max_buf_size)));
    let two = Arc::new(Mutex::new(Pipe::new(max_buf_size)));
    (DuplexStream { read: one.clone(), write: two.clone() }, DuplexStream { read: two, write: one })
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        run(cx, |cx, clone| self.read.lock().read(cx, clone, buf))
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        run(cx, |cx, clone| self.write.lock().write(cx, clone, std::iter::once(buf)))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let afterwards = self.write.lock().close_write();
        afterwards.run();
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        run(cx, |cx, clone| self.write.lock().write(cx, clone, bufs.iter().map(|buf| &**buf)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        let reader_there = self.write.lock().close_write();
        let writer_there = self.read.lock().close_read();
        reader_there.run();
        writer_there.run();
    }
}

/// A one-way pipe in memory, both ends in one value: what is written to it can be read from it.
///
/// [`simplex`] makes one and takes it apart.
pub struct SimplexStream {
    pipe: Pipe,
}

/// A one-way pipe in memory, as the two halves of a [`SimplexStream`].
///
/// It holds up to `max_buf_size` bytes; a writer that finds it full waits. The halves are those of
/// [`split`](crate::io::split()): dropping the writing one does not end the stream, its
/// [`shutdown`](super::AsyncWriteExt::shutdown) does. It needs no runtime.
///
/// # Panics
///
/// If `max_buf_size` is 0.
///
/// # Examples
///
/// ```
/// use gmp::io::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> { futures_util::FutureExt::now_or_never(async {
/// let (mut reader, mut writer) = gmp::io::simplex(64);
/// writer.write_all(b"one way").await?;
/// writer.shutdown().await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "one way");
/// # Ok(()) }).expect("fits in, never waits") }
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// A pipe that holds up to `max_buf_size` bytes.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is 0.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream { pipe: Pipe::new(max_buf_size) }
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        run(cx, |cx, clone| self.pipe.read(cx, clone, buf))
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        run(cx, |cx, clone| self.pipe.write(cx, clone, std::iter::once(buf)))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.close_write().run();
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        run(cx, |cx, clone| self.pipe.write(cx, clone, bufs.iter().map(|buf| &**buf)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl fmt::Debug for SimplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimplexStream")
            .field("buffered", &self.pipe.bytes.len())
            .field("max_buf_size", &self.pipe.bound)
            .field("closed", &self.pipe.closed)
            .finish()
    }
}
