//! Counts what becomes of futures, and notices what must never happen to one.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gmp::task::{JoinError, JoinHandle};

/// Goes up whenever anything happens at all; the watchdog looks at it.
pub(crate) static PROGRESS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn progress() {
    PROGRESS.fetch_add(1, Relaxed);
}

/// The payload of a panic that a program means; it is thrown past the panic hook.
pub(crate) struct Planned;

pub(crate) fn planned_panic() -> ! {
    resume_unwind(Box::new(Planned))
}

#[derive(Default)]
pub(crate) struct Tally {
    made: AtomicUsize,
    dropped: AtomicUsize,
    completed: AtomicUsize,
    panicked: AtomicUsize,
    cancelled: AtomicUsize,
    joined: AtomicUsize,
    polls: AtomicUsize,
}

/// What a future came to.
enum End {
    None,
    Completed,
    Panicked,
}

/// A future under observation.
pub(crate) struct Counted<T> {
    inner: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    tally: Arc<Tally>,
    /// Somebody is inside of `poll` or `drop`.
    inside: AtomicBool,
    end: End,
}

impl Tally {
    /// Wraps a future. Each is expected to be spawned once.
    pub(crate) fn watch<T>(
        self: &Arc<Self>,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Counted<T> {
        self.made.fetch_add(1, Relaxed);
        Counted {
            inner: Some(Box::pin(future)),
            tally: self.clone(),
            inside: AtomicBool::new(false),
            end: End::None,
        }
    }

    /// Awaits a handle; a panic that nobody planned goes on here.
    pub(crate) async fn join<T>(&self, handle: JoinHandle<T>) -> Option<T> {
        let result = handle.await;
        self.joined.fetch_add(1, Relaxed);
        progress();
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                expected(error);
                None
            }
        }
    }

    /// Futures that are not dropped yet.
    pub(crate) fn alive(&self) -> usize {
        let dropped = self.dropped.load(SeqCst);
        self.made.load(SeqCst) - dropped
    }

    /// The sums, at the end of a program. Threads that a runtime did not wait for get some time.
    pub(crate) fn settle(&self) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.alive() != 0 && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        let made = self.made.load(SeqCst);
        assert_eq!(made, self.dropped.load(SeqCst), "as many drops as futures: {self}");
        let ends =
            self.completed.load(SeqCst) + self.panicked.load(SeqCst) + self.cancelled.load(SeqCst);
        assert_eq!(made, ends, "each future ends in one way: {self}");
    }
}

/// Passes on a panic that was not planned.
fn expected(error: JoinError) {
    if let Ok(payload) = error.try_into_panic() {
        assert_planned(payload);
    }
}

fn assert_planned(payload: Box<dyn Any + Send>) {
    if !payload.is::<Planned>() {
        resume_unwind(payload);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "made {} = completed {} + panicked {} + cancelled {}; dropped {}; joined {}; polls {}",
            self.made.load(SeqCst),
            self.completed.load(SeqCst),
            self.panicked.load(SeqCst),
            self.cancelled.load(SeqCst),
            self.dropped.load(SeqCst),
            self.joined.load(SeqCst),
            self.polls.load(SeqCst),
        )
    }
}

/// A broken promise of the runtime: unwinding could be swallowed, so the process ends.
#[track_caller]
pub(crate) fn broken(what: &str) -> ! {
    let at = std::panic::Location::caller();
    eprintln!("stress: BROKEN at {at}: {what}");
    super::watchdog::picture();
    std::process::abort();
}

impl<T> Future for Counted<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Nothing points into it: the future itself is boxed.
        let this = self.get_mut();
        if this.inside.swap(true, SeqCst) {
            broken("one future polled, or polled and dropped, by two threads at once");
        }
        progress();
        this.tally.polls.fetch_add(1, Relaxed);
        let Some(inner) = &mut this.inner else { broken("polled after its end") };
        let polled = catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx)));
        match &polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(_)) => {
                this.end = End::Completed;
                this.inner = None;
            }
            Err(_) => {
                this.end = End::Panicked;
                this.inner = None;
            }
        }
        if !this.inside.swap(false, SeqCst) {
            broken("somebody else left this poll");
        }
        polled.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        if self.inside.swap(true, SeqCst) {
            broken("dropped while it is polled, or twice");
        }
        progress();
        self.inner = None;
        let count = match self.end {
            End::None => &self.tally.cancelled,
            End::Completed => &self.tally.completed,
            End::Panicked => &self.tally.panicked,
        };
        count.fetch_add(1, SeqCst);
        self.tally.dropped.fetch_add(1, SeqCst);
    }
}
