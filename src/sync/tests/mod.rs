//! Tests of `sync`, polled by hand or with plain threads: no runtime is needed, so none is used.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

mod broadcast;
mod mpsc;
mod mutex;
mod notify;
mod once;
mod oneshot;
mod rwlock;
mod semaphore;
mod traits;
mod watch;

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A future with a counting waker, polled by hand.
struct Task<F> {
    future: Option<Pin<Box<F>>>,
    count: Arc<Count>,
}

impl<F: Future> Task<F> {
    fn new(future: F) -> Self {
        Task { future: Some(Box::pin(future)), count: Arc::default() }
    }

    /// Polls; after `Ready` the future is dropped.
    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.count.clone());
        let future = self.future.as_mut().expect("polled after the end");
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }

    fn is_pending(&mut self) -> bool {
        self.poll().is_pending()
    }

    #[track_caller]
    fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("pending"),
        }
    }

    fn wakes(&self) -> usize {
        self.count.0.load(SeqCst)
    }

    fn cancel(&mut self) {
        self.future = None;
    }
}

/// Polls once.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    Task::new(future).ready()
}

/// A waker whose clone, wake and drop call into what it was registered with: deadlocks if any of them
/// runs under a lock.
struct Meddler<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Meddler<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Meddler<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn meddler(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Meddler(f)))
}

/// The text of a caught panic.
fn panic_text(result: std::thread::Result<()>) -> String {
    let payload = result.expect_err("no panic");
    match payload.downcast_ref::<&str>() {
        Some(text) => text.to_string(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_default(),
    }
}

/// Counts its drops.
#[derive(Clone, Debug)]
struct Dropped(Arc<AtomicUsize>);

impl Dropped {
    fn new() -> (Dropped, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        (Dropped(count.clone()), count)
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}
