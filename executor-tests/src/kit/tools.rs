//! What cases are made of: futures, wakers and drops that keep count.

use std::future::Future;
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread, ThreadId};
use std::time::Instant;

use super::PATIENCE;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The smallest `block_on` there is: no executor, only a thread that parks.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Counts drops, and remembers on which threads they were.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<Mutex<Vec<ThreadId>>>);

impl Drops {
    /// So many guards have been dropped.
    pub fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Where they were dropped, in order.
    pub fn threads(&self) -> Vec<ThreadId> {
        lock(&self.0).clone()
    }

    /// A value whose drop is counted.
    pub fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }
}

/// Counted by [`Drops`] when it is dropped.
#[derive(Debug)]
pub struct DropGuard(Drops);

impl Drop for DropGuard {
    fn drop(&mut self) {
        lock(&self.0 .0).push(thread::current().id());
    }
}

/// Panics when it is dropped, except while its thread panics already.
#[derive(Debug)]
pub struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("panic in a drop");
        }
    }
}

/// A waker that counts.
#[derive(Debug, Default)]
pub struct Count(AtomicUsize);

impl Count {
    /// A counter, and a waker that adds to it.
    pub fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    /// Wakes so far.
    pub fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[derive(Debug, Default)]
struct GateState {
    open: AtomicBool,
    polls: AtomicUsize,
    waker: Mutex<Option<Waker>>,
    drops: Drops,
}

/// Holds up futures until it is opened; tells how often they were polled, and lends their last waker.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<GateState>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// A future that is ready when it is polled and finds the gate open.
    pub fn pass(&self) -> GateFuture {
        GateFuture { _guard: self.0.drops.guard(), gate: self.clone() }
    }

    /// How often futures of this gate were polled.
    pub fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }

    /// A clone of the waker of the last poll.
    pub fn waker(&self) -> Option<Waker> {
        lock(&self.0.waker).clone()
    }

    /// The waker of the last poll itself.
    pub fn take_waker(&self) -> Option<Waker> {
        lock(&self.0.waker).take()
    }

    /// Opens without a wake.
    pub fn open_silently(&self) {
        self.0.open.store(true, SeqCst);
    }

    /// Opens, and wakes by the waker of the last poll.
    pub fn open(&self) {
        self.open_silently();
        if let Some(waker) = self.take_waker() {
            waker.wake();
        }
    }

    /// The drops of its futures.
    pub fn drops(&self) -> &Drops {
        &self.0.drops
    }
}

/// See [`Gate::pass`].
#[derive(Debug)]
pub struct GateFuture {
    gate: Gate,
    _guard: DropGuard,
}

impl Future for GateFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let state = &self.gate.0;
        if !state.open.load(SeqCst) {
            let old = lock(&state.waker).replace(cx.waker().clone());
            drop(old);
        }
        state.polls.fetch_add(1, SeqCst);
        // Looked at after the waker is in its place: who opens meanwhile finds it.
        if state.open.load(SeqCst) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// Threads meet here, and nobody waits for ever.
#[derive(Clone, Debug, Default)]
pub struct Wait(Arc<(Mutex<usize>, Condvar)>);

impl Wait {
    /// Nobody has arrived.
    pub fn new() -> Wait {
        Wait::default()
    }

    /// One more has arrived.
    pub fn arrive(&self) {
        *lock(&self.0 .0) += 1;
        self.0 .1.notify_all();
    }

    /// Blocks until `count` have arrived.
    ///
    /// # Panics
    ///
    /// When they do not come within [`PATIENCE`].
    #[track_caller]
    pub fn until(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut arrived = lock(&self.0 .0);
        while *arrived < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only {arrived} of {count} came");
            arrived = self.0 .1.wait_timeout(arrived, left).unwrap_or_else(|e| e.into_inner()).0;
        }
    }

    /// Arrives, and blocks until `count` have.
    ///
    /// # Panics
    ///
    /// When they do not come within [`PATIENCE`].
    #[track_caller]
    pub fn meet(&self, count: usize) {
        self.arrive();
        self.until(count);
    }

    /// So many have arrived.
    pub fn arrived(&self) -> usize {
        *lock(&self.0 .0)
    }
}
