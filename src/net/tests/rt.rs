//! As little of a runtime as a socket needs.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::scheduler::context::{self, SchedRef};
use crate::scheduler::testing::undriven;

/// How long a test waits before it calls something hung.
pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) struct Rt(pub(super) SchedRef);

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// Counts wake-ups.
pub(super) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    pub(super) fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        (count.clone(), Waker::from(count))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Rt {
    pub(super) fn new() -> Rt {
        Rt(undriven(true, true).unwrap())
    }

    pub(super) fn without_io() -> Rt {
        Rt(undriven(false, true).unwrap())
    }

    /// Polls the poller once, for a short while, and wakes.
    pub(super) fn turn(&self) {
        let mut ready = Vec::new();
        let mut poller = self.0.netpoll().try_poller().unwrap();
        poller.poll(Some(Duration::from_millis(20)), &mut ready).unwrap();
        drop(poller);
        ready.drain(..).for_each(Waker::wake);
    }

    pub(super) fn turn_until(&self, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < LONG, "hung");
            self.turn();
        }
    }

    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = context::enter(&self.0);
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < LONG, "hung");
            if woken.0.swap(false, SeqCst) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return output;
                }
            }
            if !woken.0.load(SeqCst) {
                self.turn();
            }
        }
    }

    pub(super) fn shutdown(&self) {
        let mut wakers = Vec::new();
        self.0.netpoll().shutdown(&mut wakers);
        wakers.drain(..).for_each(Waker::wake);
    }
}

/// Reads until `buf` is full.
pub(super) async fn read_exact<R: crate::io::AsyncRead + Unpin>(reader: &mut R, buf: &mut [u8]) {
    let mut buf = crate::io::ReadBuf::new(buf);
    while buf.remaining() > 0 {
        let before = buf.filled().len();
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut *reader).poll_read(cx, &mut buf))
            .await
            .unwrap();
        assert_ne!(buf.filled().len(), before, "the stream ended early");
    }
}

/// One read; 0 at the end.
pub(super) async fn read<R: crate::io::AsyncRead + Unpin>(
    reader: &mut R,
    buf: &mut [u8],
) -> std::io::Result<usize> {
    let mut buf = crate::io::ReadBuf::new(buf);
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *reader).poll_read(cx, &mut buf)).await?;
    Ok(buf.filled().len())
}

pub(super) async fn write_all<W: crate::io::AsyncWrite + Unpin>(writer: &mut W, mut buf: &[u8]) {
    while !buf.is_empty() {
        let n = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *writer).poll_write(cx, buf))
            .await
            .unwrap();
        assert_ne!(n, 0);
        buf = &buf[n..];
    }
}

pub(super) async fn shutdown<W: crate::io::AsyncWrite + Unpin>(writer: &mut W) {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *writer).poll_shutdown(cx)).await.unwrap();
}

/// Both at once.
pub(super) async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut x, mut y) = (None, None);
    std::future::poll_fn(|cx| {
        if x.is_none() {
            if let Poll::Ready(out) = a.as_mut().poll(cx) {
                x = Some(out);
            }
        }
        if y.is_none() {
            if let Poll::Ready(out) = b.as_mut().poll(cx) {
                y = Some(out);
            }
        }
        if x.is_some() && y.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    (x.unwrap(), y.unwrap())
}
