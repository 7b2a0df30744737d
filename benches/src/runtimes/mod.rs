//! What a workload needs from a runtime, and the runtimes that offer it.
//!
//! Workloads are generic over [`Rt`], so all runtimes run the same code. Two things cannot be said
//! with a trait, because one runtime's timers and sockets stay on the thread that made them (nio)
//! and the others' futures must be `Send`: those workloads are a macro
//! (`workloads::pinned`) expanded against free functions of the same names in each module here.
//!
//! What "fair" means:
//! - every runtime has N worker threads (`--workers`), made as the runtime's own documentation does;
//! - where a row is about a channel or a mutex, it is the runtime's own. nio has none and uses
//!   tokio's, which run on any executor; smol has no oneshot and uses its channel with room for one;
//! - `block_on` and spawn from outside are whatever the runtime offers; no row uses a private door,
//!   except that gmp's `main` rows use what `#[gmp::main]` expands to.

use std::future::Future;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(crate) mod gmp_rt;
pub(crate) mod nio_rt;
pub(crate) mod smol_rt;
pub(crate) mod tokio_rt;
mod tokio_shaped;
mod tokio_sync;

/// The columns of the table: the runtimes of this program, Go's (see `go.rs`), and the floor.
pub(crate) const COLUMNS: &[&str] = &["gmp", "tokio", "smol", "nio", "go", "floor"];

/// Those whose code is in this program and that have an adapter here.
pub(crate) const RUST: &[&str] = &["gmp", "tokio", "smol", "nio"];

/// A runtime under measurement.
///
/// Methods without `self` are called inside the runtime, the others from a thread outside it.
pub(crate) trait Rt: Sized + Send + Sync + 'static {
    /// Resolves to the task's output; a panic of the task is passed on.
    type Join<T: Send + 'static>: Future<Output = T> + Send + 'static;
    type Sender<T: Send + 'static>: Clone + Send + Sync + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;
    type OnceSender<T: Send + 'static>: Send + 'static;
    type OnceReceiver<T: Send + 'static>: Send + 'static;
    type Mutex: Send + Sync + 'static;

    /// A runtime with `workers` worker threads, timers and I/O.
    fn start(workers: usize) -> Self;

    /// Makes a runtime, runs one task, stops the runtime and waits for its threads.
    /// `None` if the runtime's threads cannot be stopped.
    fn start_and_stop(workers: usize) -> Option<()>;

    /// Runs a future as the root, on the terms of the runtime's `block_on`.
    fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Runs a future as the body of the runtime's `main` attribute would be run.
    fn main<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.block_on(future)
    }

    /// Spawns from a thread that is not the runtime's; nobody will join.
    fn spawn_from_outside<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns a task that nobody will join.
    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    fn spawn_blocking<F, T>(f: F) -> Self::Join<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    fn yield_now() -> impl Future<Output = ()> + Send + 'static;

    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    fn send<T: Send + 'static>(
        sender: &Self::Sender<T>,
        value: T,
    ) -> impl Future<Output = ()> + Send;
    fn recv<T: Send + 'static>(
        receiver: &mut Self::Receiver<T>,
    ) -> impl Future<Output = Option<T>> + Send;

    fn oneshot<T: Send + 'static>() -> (Self::OnceSender<T>, Self::OnceReceiver<T>);
    fn send_once<T: Send + 'static>(sender: Self::OnceSender<T>, value: T);
    fn recv_once<T: Send + 'static>(
        receiver: Self::OnceReceiver<T>,
    ) -> impl Future<Output = T> + Send;

    fn mutex(value: u64) -> Self::Mutex;
    fn lock(mutex: &Self::Mutex)
        -> impl Future<Output = impl DerefMut<Target = u64> + Send> + Send;
}

pin_project_lite::pin_project! {
    /// A join handle that yields `Result`, as one that yields the output.
    pub(crate) struct Unwrapped<H> {
        #[pin]
        handle: H,
    }
}

impl<H> Unwrapped<H> {
    pub(crate) fn new(handle: H) -> Self {
        Unwrapped { handle }
    }
}

impl<H, T, E> Future for Unwrapped<H>
where
    H: Future<Output = Result<T, E>>,
    E: std::fmt::Debug,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.project().handle.poll(cx).map(|out| out.expect("the other side finishes"))
    }
}
