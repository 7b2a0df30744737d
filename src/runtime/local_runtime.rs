//! A runtime of one thread, with tasks that need not be `Send`.
//!
//! It is the current_thread runtime under a type that cannot leave its thread. Its scheduler knows that
//! thread, and neither runs nor drops a task on any other: [`task::spawn_local`](crate::task::spawn_local)
//! looks there, and the Ms of blocking closures leave the tasks alone at shutdown.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use super::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics};
use crate::g::join::JoinHandle;
use crate::scheduler::ready::newproc;

/// A current_thread runtime that stays on its thread and may run futures that are not `Send`.
///
/// Inside of its [`block_on`](Self::block_on), and of its tasks,
/// [`task::spawn_local`](crate::task::spawn_local) works without a
/// [`LocalSet`](crate::task::LocalSet). Its [`Handle`] goes to any thread and spawns futures that are
/// `Send`. It ends as a [`Runtime`] does.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// let runtime = gmp::runtime::LocalRuntime::new().unwrap();
/// runtime.block_on(async {
///     let shared = Rc::new(5);
///     let other = shared.clone();
///     let task = gmp::task::spawn_local(async move { *other + 1 });
///     assert_eq!(task.await.unwrap(), *shared + 1);
/// });
/// ```
#[derive(Debug)]
pub struct LocalRuntime {
    runtime: Runtime,
    /// Stays on its thread.
    _here: PhantomData<*mut ()>,
}

/// Options of [`Builder::build_local`]. There are none yet.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {
    /// As tokio's, so that options to come may belong to a thread.
    _here: PhantomData<*mut ()>,
}

impl LocalRuntime {
    /// A local runtime with I/O and timers and all defaults.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<LocalRuntime> {
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
    }

    pub(super) fn new_from(runtime: Runtime) -> LocalRuntime {
        LocalRuntime { runtime, _here: PhantomData }
    }

    /// A handle to spawn from anywhere; it may be cloned and outlive the runtime.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Spawns a task that need not be `Send`. It runs at the next [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        newproc(&self.handle().sched, future, Location::caller())
    }

    /// Runs a closure that may block on a thread that no task needs; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime.spawn_blocking(func)
    }

    /// Runs a future to its end on this thread, and the runtime's tasks with it.
    ///
    /// # Panics
    ///
    /// Inside of a task or of another `block_on`; and with the future's own panic.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Makes this runtime the current one on this thread while the guard lives; see
    /// [`Handle::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// As [`Runtime::shutdown_timeout`].
    ///
    /// # Panics
    ///
    /// Inside of a task or of `block_on`.
    pub fn shutdown_timeout(self, duration: Duration) {
        self.runtime.shutdown_timeout(duration);
    }

    /// As [`Runtime::shutdown_background`].
    pub fn shutdown_background(self) {
        self.runtime.shutdown_background();
    }

    /// What the scheduler has counted.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.runtime.metrics()
    }
}
