//! A stream that does what its script says, and the smallest executor.

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

#[derive(Debug)]
enum ReadStep {
    Data(Vec<u8>),
    Pending,
    Error(ErrorKind),
}

#[derive(Debug)]
enum WriteStep {
    Accept(usize),
    Pending,
    Error(ErrorKind),
}

/// Both directions of a scripted stream. A read script that is over reads as end of stream; a write
/// script that is over accepts everything. `Pending` wakes at once.
#[derive(Debug, Default)]
pub(crate) struct Mock {
    reads: VecDeque<ReadStep>,
    writes: VecDeque<WriteStep>,
    pub(crate) vectored: bool,
    pub(crate) written: Vec<u8>,
    /// Length of what each `poll_write` was given.
    pub(crate) offered: Vec<usize>,
    /// Room that each `poll_read` was given.
    pub(crate) room: Vec<usize>,
    /// How much was written at each flush.
    pub(crate) flushed: Vec<usize>,
    pub(crate) shut_down: usize,
}

impl Mock {
    pub(crate) fn new() -> Mock {
        Mock::default()
    }

    pub(crate) fn data(&mut self, bytes: &[u8]) -> &mut Self {
        self.reads.push_back(ReadStep::Data(bytes.to_vec()));
        self
    }

    pub(crate) fn pending(&mut self) -> &mut Self {
        self.reads.push_back(ReadStep::Pending);
        self
    }

    pub(crate) fn read_error(&mut self, kind: ErrorKind) -> &mut Self {
        self.reads.push_back(ReadStep::Error(kind));
        self
    }

    pub(crate) fn accept(&mut self, n: usize) -> &mut Self {
        self.writes.push_back(WriteStep::Accept(n));
        self
    }

    pub(crate) fn not_now(&mut self) -> &mut Self {
        self.writes.push_back(WriteStep::Pending);
        self
    }

    pub(crate) fn write_error(&mut self, kind: ErrorKind) -> &mut Self {
        self.writes.push_back(WriteStep::Error(kind));
        self
    }

    /// How many bytes the next write accepts of `len`.
    fn next_write(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        self.offered.push(len);
        match self.writes.pop_front() {
            None => Poll::Ready(Ok(len)),
            Some(WriteStep::Accept(n)) => Poll::Ready(Ok(n.min(len))),
            Some(WriteStep::Error(kind)) => Poll::Ready(Err(kind.into())),
            Some(WriteStep::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for Mock {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.room.push(buf.remaining());
        match self.reads.pop_front() {
            None => Poll::Ready(Ok(())),
            Some(ReadStep::Error(kind)) => Poll::Ready(Err(kind.into())),
            Some(ReadStep::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(ReadStep::Data(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() {
                    self.reads.push_front(ReadStep::Data(rest));
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Mock {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = self.next_write(cx, buf.len());
        if let Poll::Ready(Ok(n)) = poll {
            self.written.extend_from_slice(&buf[..n]);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let n = self.written.len();
        self.flushed.push(n);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.vectored {
            let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
            self.poll_write(cx, &all)
        } else {
            self.poll_write(cx, bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf))
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }
}

/// Counts wake-ups.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    pub(crate) fn new() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (wakes.clone(), wakes.into())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// One poll, with a waker that nobody listens to.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end. A `Pending` without a wake-up is a hang, and fails.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    for polls in 0.. {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(wakes.count() > polls, "Pending, and nobody will wake it"),
        }
    }
    unreachable!("the loop ends by returning")
}

/// Polls until it is first `Pending`, then drops it: what `select!` does to the branch that loses.
pub(crate) fn cancel<F: Future>(future: F) {
    assert!(poll_once(pin!(future)).is_pending(), "nothing to cancel: it was ready");
}
