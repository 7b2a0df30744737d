//! What the tests of sockets share: a runtime that fails rather than hangs, and reading and writing
//! without the extension methods.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::runtime::{Builder, Handle, Runtime};

/// How long a test waits before it calls something hung.
const LONG: Duration = Duration::from_secs(20);

pub(super) struct Rt(Runtime);

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
        Rt(Builder::new_current_thread().enable_all().build().unwrap())
    }

    pub(super) fn multi_thread() -> Rt {
        Rt(Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap())
    }

    pub(super) fn without_io() -> Rt {
        Rt(Builder::new_current_thread().enable_time().build().unwrap())
    }

    pub(super) fn handle(&self) -> &Handle {
        self.0.handle()
    }

    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(async {
            match crate::time::timeout(LONG, future).await {
                Ok(output) => output,
                Err(_) => panic!("hung"),
            }
        })
    }

    /// Lets the poller work for a moment.
    pub(super) fn turn(&self) {
        self.block_on(async { crate::time::sleep(Duration::from_millis(5)).await });
    }

    pub(super) fn turn_until(&self, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < LONG, "hung");
            self.turn();
        }
    }

    /// How many sources the poller knows.
    pub(super) fn sources(&self) -> usize {
        self.block_on(async { crate::scheduler::context::current_or_panic().netpoll().sources() })
    }

    pub(super) fn shutdown(self) {
        self.0.shutdown_timeout(LONG);
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
