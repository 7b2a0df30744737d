//! smol as a [`gmp::executor::Executor`].
//!
//! smol's own tasks differ from the contract: dropping one cancels it, a panic goes to whoever awaits
//! it, and cancelling takes the task away. The wrapper puts the difference into the future: it catches
//! panics, and it looks at an abort flag whenever it is polled.

use std::fmt;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{ready, Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use async_executor::FallibleTask;
use futures_util::future::{AbortHandle, Abortable, Aborted};
use futures_util::FutureExt;
use gmp::executor::{Executor, TaskError, TaskHandle};

/// A `smol::Executor` and the threads that run it. Dropping it stops the threads and drops the tasks.
pub struct SmolRuntime {
    executor: Option<Arc<::smol::Executor<'static>>>,
    /// Closed by its drop; every thread waits for that.
    stop: Option<::smol::channel::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl SmolRuntime {
    /// Starts an executor with this many threads.
    ///
    /// # Panics
    ///
    /// When the system refuses a thread.
    pub fn new(threads: usize) -> SmolRuntime {
        let executor = Arc::new(::smol::Executor::new());
        let (stop, stopped) = ::smol::channel::bounded(1);
        let threads = (0..threads)
            .map(|_| {
                let executor = executor.clone();
                let stopped: ::smol::channel::Receiver<()> = stopped.clone();
                std::thread::spawn(move || {
                    // A panic here comes from the drop of somebody's future: the thread goes on.
                    let mut run = || ::smol::block_on(executor.run(stopped.recv())).is_ok();
                    while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {}
                })
            })
            .collect();
        SmolRuntime { executor: Some(executor), stop: Some(stop), threads }
    }

    /// The executor.
    pub fn executor(&self) -> SmolExecutor {
        SmolExecutor { executor: self.executor.as_ref().map_or_else(Weak::new, Arc::downgrade) }
    }
}

impl Drop for SmolRuntime {
    fn drop(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        drop(self.executor.take());
    }
}

impl fmt::Debug for SmolRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmolRuntime").field("threads", &self.threads.len()).finish()
    }
}

/// A [`SmolRuntime`], as long as it lives.
#[derive(Clone)]
pub struct SmolExecutor {
    executor: Weak<::smol::Executor<'static>>,
}

impl fmt::Debug for SmolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmolExecutor")
    }
}

/// What a wrapped future or closure ends with.
type Outcome<T> = Result<T, TaskError>;

/// A task on smol.
pub struct SmolTask<T> {
    /// `None` when there was no executor to spawn on.
    task: Option<FallibleTask<Outcome<T>>>,
    abort: AbortHandle,
}

impl<T> Future for SmolTask<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = match &mut self.task {
            Some(task) => ready!(Pin::new(task).poll(cx)),
            None => None,
        };
        // No outcome: the executor has gone, and has dropped the future.
        Poll::Ready(ended.unwrap_or_else(|| Err(TaskError::cancelled())))
    }
}

impl<T: Send> TaskHandle<T> for SmolTask<T> {
    fn abort(&self) {
        self.abort.abort();
    }

    fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(|task| task.is_finished())
    }
}

impl<T> fmt::Debug for SmolTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmolTask").field("aborted", &self.abort.is_aborted()).finish()
    }
}

impl<T> Drop for SmolTask<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

/// What is left of a task that was stopped or that panicked.
fn outcome<T>(ended: std::thread::Result<Result<T, Aborted>>) -> Outcome<T> {
    match ended {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(Aborted)) => Err(TaskError::cancelled()),
        Err(payload) => Err(TaskError::panicked(payload)),
    }
}

impl Executor for SmolExecutor {
    type Handle<T: Send + 'static> = SmolTask<T>;
    type Sleep = SmolSleep;

    fn spawn<F>(&self, future: F) -> SmolTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (abort, registration) = AbortHandle::new_pair();
        let task = self.executor.upgrade().map(|executor| {
            let future = Abortable::new(future, registration);
            let future = AssertUnwindSafe(future).catch_unwind();
            executor.spawn(async move { outcome(future.await) }).fallible()
        });
        SmolTask { task, abort }
    }

    fn spawn_blocking<F, R>(&self, work: F) -> SmolTask<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (abort, _registration) = AbortHandle::new_pair();
        let aborted = abort.clone();
        let task = self.executor.upgrade().map(|_| {
            let work = move || {
                if aborted.is_aborted() {
                    return Err(Aborted);
                }
                Ok(work())
            };
            ::smol::unblock(move || outcome(catch_unwind(AssertUnwindSafe(work)))).fallible()
        });
        SmolTask { task, abort }
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        ::smol::block_on(future)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
        ::smol::future::yield_now()
    }

    fn sleep(&self, duration: Duration) -> SmolSleep {
        SmolSleep { timer: ::smol::Timer::after(duration) }
    }
}

/// smol's timer without the instant that it answers.
#[derive(Debug)]
pub struct SmolSleep {
    timer: ::smol::Timer,
}

impl Future for SmolSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx).map(drop)
    }
}
