//! The owner of a runtime.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::time::Duration;

use super::{EnterGuard, Handle, RuntimeMetrics};
use crate::g::block;
use crate::g::join::JoinHandle;
use crate::scheduler::config::Flavor;
use crate::scheduler::ready::newproc;
use crate::scheduler::shutdown::{shutdown, Ended};
use crate::scheduler::{blocking, driver, root};

/// A runtime. Dropping it ends it: tasks are dropped where they wait, blocking closures that run are
/// waited for.
///
/// # Panics
///
/// Dropping a runtime inside of a task or of `block_on` panics, since it would block that thread (unless
/// the thread is panicking already). [`shutdown_background`](Self::shutdown_background) does not wait and
/// is allowed there.
///
/// # Examples
///
/// ```
/// let runtime = gmp::runtime::Runtime::new().unwrap();
/// let answer = runtime.block_on(async {
///     let (tx, rx) = gmp::sync::oneshot::channel();
///     gmp::spawn(async move { tx.send(42) });
///     rx.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
pub struct Runtime {
    handle: Handle,
    /// Dropped after the handle, and joined then.
    ended: Ended,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Runtime {
    /// A multi_thread runtime with I/O and timers and all defaults.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`](super::Builder::build).
    #[cfg(feature = "rt-multi-thread")]
    pub fn new() -> std::io::Result<Runtime> {
        super::Builder::new_multi_thread().enable_all().build()
    }

    pub(super) fn from_handle(handle: Handle) -> Runtime {
        Runtime { handle, ended: Ended::default() }
    }

    /// A handle to spawn from anywhere; it may be cloned and outlive the runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a task. On multi_thread it runs at once, on current_thread at the next
    /// [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        newproc(&self.handle.sched, future, Location::caller())
    }

    /// Runs a closure that may block on a thread that no task needs; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        blocking::spawn_blocking(&self.handle.sched, func, Location::caller())
    }

    /// Runs a future to its end on this thread. It need not be `Send`. On current_thread this is also
    /// what runs the tasks; of several threads that are in it, one runs them, and another takes over when
    /// it leaves.
    ///
    /// # Panics
    ///
    /// Inside of a task or of another `block_on`; and with the future's own panic.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.handle.sched.config.flavor {
            Flavor::CurrentThread => driver::block_on(&self.handle.sched, future),
            Flavor::MultiThread => root::block_on(&self.handle.sched, future),
        }
    }

    /// Spawns the future, waits for it on this thread, and lets its panic go on here. What
    /// `#[gmp::main]` does where it can.
    #[doc(hidden)]
    #[track_caller]
    pub fn block_on_spawned<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let sched = &self.handle.sched;
        let result = match sched.config.flavor {
            Flavor::CurrentThread => {
                driver::block_on(sched, newproc(sched, future, Location::caller()))
            }
            Flavor::MultiThread => root::block_on_spawned(sched, future, Location::caller()),
        };
        match result {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => std::panic::resume_unwind(payload),
                Err(error) => panic!("the main task ended without a result: {error}"),
            },
        }
    }

    /// Makes this runtime the current one on this thread while the guard lives; see
    /// [`Handle::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// How many tasks run at a time; see [`Handle::max_procs`].
    pub fn max_procs(&self) -> usize {
        self.handle.max_procs()
    }

    /// Changes how many tasks run at a time; see [`Handle::set_max_procs`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_max_procs(&self, procs: usize) -> io::Result<usize> {
        self.handle.set_max_procs(procs)
    }

    /// What the scheduler has counted.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Ends the runtime, and waits at most this long for threads that are inside of a poll or a blocking
    /// closure. Those that stay are left to themselves.
    ///
    /// # Panics
    ///
    /// Inside of a task or of `block_on`, unless the duration is zero.
    pub fn shutdown_timeout(mut self, duration: Duration) {
        if !duration.is_zero() {
            assert_may_drop();
        }
        self.ended = shutdown(&self.handle.sched, Some(duration));
        // What is left of the drop finds the scheduler closed.
    }

    /// Ends the runtime without waiting. Allowed inside of a task.
    pub fn shutdown_background(mut self) {
        self.ended = shutdown(&self.handle.sched, Some(Duration::ZERO));
    }
}

fn assert_may_drop() {
    if !block::may_block() && !std::thread::panicking() {
        panic!(
            "Cannot drop a runtime in a context where blocking is not allowed. This happens when a \
             runtime is dropped from within an asynchronous context."
        );
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.handle.sched.is_closed() {
            return;
        }
        if !block::may_block() {
            // Before anything else: the tasks must not be lost in silence, so they are dropped all the
            // same, without waiting.
            self.ended = shutdown(&self.handle.sched, Some(Duration::ZERO));
            assert_may_drop();
            return;
        }
        self.ended = shutdown(&self.handle.sched, None);
    }
}

#[cfg(feature = "macros")]
impl crate::macros_support::MainRuntime for Runtime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        Runtime::block_on(self, future)
    }

    fn block_on_spawned<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Runtime::block_on_spawned(self, future)
    }
}
