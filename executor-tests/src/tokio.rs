//! tokio as a [`gmp::executor::Executor`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gmp::executor::{Executor, TaskError, TaskHandle};

/// A tokio runtime, by its handle.
#[derive(Clone, Debug)]
pub struct TokioExecutor {
    handle: ::tokio::runtime::Handle,
}

impl TokioExecutor {
    /// The executor that `handle` belongs to. Its timers must be enabled.
    pub fn new(handle: ::tokio::runtime::Handle) -> TokioExecutor {
        TokioExecutor { handle }
    }
}

/// A task on tokio.
#[derive(Debug)]
pub struct TokioTask<T> {
    join: ::tokio::task::JoinHandle<T>,
}

impl<T> Future for TokioTask<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.join).poll(cx).map_err(|error| match error.try_into_panic() {
            Ok(payload) => TaskError::panicked(payload),
            Err(_) => TaskError::cancelled(),
        })
    }
}

impl<T: Send> TaskHandle<T> for TokioTask<T> {
    fn abort(&self) {
        self.join.abort();
    }

    fn is_finished(&self) -> bool {
        self.join.is_finished()
    }
}

impl Executor for TokioExecutor {
    type Handle<T: Send + 'static> = TokioTask<T>;
    type Sleep = ::tokio::time::Sleep;

    fn spawn<F>(&self, future: F) -> TokioTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        TokioTask { join: self.handle.spawn(future) }
    }

    fn spawn_blocking<F, R>(&self, work: F) -> TokioTask<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        TokioTask { join: self.handle.spawn_blocking(work) }
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
        ::tokio::task::yield_now()
    }

    fn sleep(&self, duration: Duration) -> ::tokio::time::Sleep {
        let _entered = self.handle.enter();
        ::tokio::time::sleep(duration)
    }
}
