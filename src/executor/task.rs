//! gmp's own executors under the trait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Executor, TaskError, TaskHandle};
use crate::runtime::{Handle, Runtime};
use crate::task::{JoinError, JoinHandle};
use crate::time::Sleep;

/// A task that was started on gmp through [`Executor`]: a [`JoinHandle`] whose error is that of any
/// executor.
///
/// Cancel safe, and dropping it lets the task go on, as a `JoinHandle`.
///
/// # Panics
///
/// Polled again after it was ready.
#[derive(Debug)]
#[must_use = "dropping it lets the task go on; `detach` says so"]
pub struct Task<T> {
    join: JoinHandle<T>,
}

impl<T> Task<T> {
    /// The [`JoinHandle`] inside, for what the trait does not offer.
    pub fn into_join_handle(self) -> JoinHandle<T> {
        self.join
    }
}

impl<T> From<JoinHandle<T>> for Task<T> {
    fn from(join: JoinHandle<T>) -> Task<T> {
        Task { join }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.join).poll(cx).map_err(TaskError::from)
    }
}

impl<T: Send> TaskHandle<T> for Task<T> {
    fn abort(&self) {
        self.join.abort();
    }

    fn is_finished(&self) -> bool {
        self.join.is_finished()
    }
}

impl From<JoinError> for TaskError {
    fn from(error: JoinError) -> TaskError {
        match error.try_into_panic() {
            Ok(payload) => TaskError::panicked(payload),
            Err(_) => TaskError::cancelled(),
        }
    }
}

impl Executor for Handle {
    type Handle<T: Send + 'static> = Task<T>;
    type Sleep = Sleep;

    #[track_caller]
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Handle::spawn(self, future).into()
    }

    #[track_caller]
    fn spawn_blocking<F, R>(&self, work: F) -> Task<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Handle::spawn_blocking(self, work).into()
    }

    #[track_caller]
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        Handle::block_on(self, future)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
        crate::task::yield_now()
    }

    #[track_caller]
    fn sleep(&self, duration: Duration) -> Sleep {
        let _entered = self.enter();
        crate::time::sleep(duration)
    }
}

/// As its [`Handle`], with one difference: on the `current_thread` flavour `block_on` here drives timers
/// and I/O, and that of the handle does not.
impl Executor for Runtime {
    type Handle<T: Send + 'static> = Task<T>;
    type Sleep = Sleep;

    #[track_caller]
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Runtime::spawn(self, future).into()
    }

    #[track_caller]
    fn spawn_blocking<F, R>(&self, work: F) -> Task<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Runtime::spawn_blocking(self, work).into()
    }

    #[track_caller]
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        Runtime::block_on(self, future)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
        crate::task::yield_now()
    }

    #[track_caller]
    fn sleep(&self, duration: Duration) -> Sleep {
        Executor::sleep(self.handle(), duration)
    }
}
