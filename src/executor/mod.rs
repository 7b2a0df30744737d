//! What a library needs in order to be written once for any executor.
//!
//! [`Executor`] is the trait: spawn, run blocking code, block on a future, yield, sleep. gmp's
//! [`Handle`](crate::runtime::Handle) and [`Runtime`](crate::runtime::Runtime) implement it (a
//! reference, a `Box` or an `Arc` of an executor is one too), and so can a few lines around any other
//! executor. [`DynExecutor`] is its object-safe companion: every executor is one, and `dyn DynExecutor`
//! is an [`Executor`] again, so that code which is generic over the one takes the other.
//!
//! # The contract
//!
//! What code written against [`Executor`] may rely on, and an implementation must keep:
//!
//! 1. A spawned future is never polled inside of `spawn`. It runs whether or not somebody waits for it.
//! 2. Dropping a handle lets the task go on ([`TaskHandle::detach`] says so in words); its output is
//!    dropped.
//! 3. A panic in a task reaches the handle as [`TaskError`], and nothing else.
//! 4. [`TaskHandle::abort`] asks: a task that waits is dropped, a task that runs is dropped when its
//!    poll is over, a finished one keeps its output. When the handle answers "cancelled", the future has
//!    been dropped.
//! 5. `spawn_blocking` runs its closure where blocking holds up nobody. A closure that has started
//!    cannot be aborted.
//! 6. A sleep never ends early.
//! 7. After the executor has shut down, `spawn` and `spawn_blocking` drop what they are given and the
//!    handle answers "cancelled".
//!
//! # Examples
//!
//! A library function that runs anywhere:
//!
//! ```
//! use gmp::executor::{Executor, TaskError};
//!
//! /// Applies `work` to all inputs at once and adds up the answers.
//! async fn sum<E: Executor>(
//!     executor: &E,
//!     inputs: Vec<u64>,
//!     work: fn(u64) -> u64,
//! ) -> Result<u64, TaskError> {
//!     let tasks: Vec<_> =
//!         inputs.into_iter().map(|input| executor.spawn_blocking(move || work(input))).collect();
//!     let mut sum = 0;
//!     for task in tasks {
//!         sum += task.await?;
//!     }
//!     Ok(sum)
//! }
//!
//! let runtime = gmp::runtime::Runtime::new()?;
//! let squares = runtime.block_on(sum(&runtime, vec![1, 2, 3], |n| n * n));
//! assert_eq!(squares.ok(), Some(14));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

mod dynamic;
mod spawn;
#[cfg(feature = "time")]
mod task;

pub use dynamic::{BoxFuture, DynExecutor, DynSleep, DynTask, DynTaskHandle};
#[cfg(feature = "time")]
pub use task::Task;

/// An executor, by what a library asks of it. See the [module](self) for the contract.
///
/// Methods take `&self`; a library that keeps the executor, or spawns from inside of its tasks, asks
/// for `E: Executor + Clone + 'static` and gets along with handles, and with `Arc`s of anything else.
pub trait Executor: Send + Sync {
    /// What `spawn` and `spawn_blocking` answer: waits for the task, or aborts it.
    type Handle<T: Send + 'static>: TaskHandle<T> + 'static;

    /// What `sleep` answers: ready when the time has come.
    type Sleep: Future<Output = ()> + Send + 'static;

    /// Starts a task that runs `future`.
    ///
    /// May be called from anywhere, also from inside of a task and from threads that the executor does
    /// not know. After shutdown the future is dropped and the handle answers "cancelled".
    fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Runs a closure that may block on a thread where that holds up no task.
    ///
    /// Abort works only before the closure has started. After shutdown the closure is dropped and the
    /// handle answers "cancelled".
    fn spawn_blocking<F, R>(&self, work: F) -> Self::Handle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static;

    /// Runs a future to its end on the calling thread, which waits meanwhile.
    ///
    /// # Panics
    ///
    /// With the future's own panic. An executor may also panic when it is called from asynchronous code,
    /// as gmp does.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// A future that is pending once and lets other tasks run meanwhile.
    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static;

    /// A future that is ready after `duration`, not earlier.
    ///
    /// It belongs to this executor; other executors may poll it. Cancel safe: dropping it cancels it.
    ///
    /// # Panics
    ///
    /// An executor without timers may panic, as gmp does when they are not enabled.
    fn sleep(&self, duration: Duration) -> Self::Sleep;
}

/// A task that was started on an [`Executor`]: a future of its outcome.
///
/// Dropping it lets the task go on.
pub trait TaskHandle<T>: Future<Output = Result<T, TaskError>> + Send + Unpin {
    /// Asks for the task to be dropped. It may still come to its end first.
    fn abort(&self);

    /// Is the task over, by its end, a panic or an abort?
    fn is_finished(&self) -> bool;

    /// Lets the task go on without a handle. Dropping the handle does the same without a word.
    fn detach(self)
    where
        Self: Sized,
    {
        drop(self);
    }
}

/// Why a task has no output: it was cancelled, or it panicked.
pub struct TaskError {
    /// `None` for a cancelled task. The lock is never waited for: it makes the payload `Sync`.
    payload: Option<Mutex<Box<dyn Any + Send + 'static>>>,
}

impl TaskError {
    /// The task was aborted, or its executor shut down.
    pub fn cancelled() -> TaskError {
        TaskError { payload: None }
    }

    /// The task panicked with this payload.
    pub fn panicked(payload: Box<dyn Any + Send + 'static>) -> TaskError {
        TaskError { payload: Some(Mutex::new(payload)) }
    }

    /// Was the task aborted, or did its executor shut down?
    pub fn is_cancelled(&self) -> bool {
        self.payload.is_none()
    }

    /// Did the task panic?
    pub fn is_panic(&self) -> bool {
        self.payload.is_some()
    }

    /// What the task panicked with, ready for [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The error itself, if the task was cancelled.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, TaskError> {
        match self.payload {
            Some(payload) => Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
            None => Err(self),
        }
    }

    /// The panic's text, if it has one.
    fn message(&self) -> Option<String> {
        let payload = self.payload.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        match payload.downcast_ref::<&'static str>() {
            Some(text) => Some((*text).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            _ if self.is_cancelled() => f.write_str("the task was cancelled"),
            Some(text) => write!(f, "the task panicked with message {text:?}"),
            None => f.write_str("the task panicked"),
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            _ if self.is_cancelled() => f.write_str("TaskError::Cancelled"),
            Some(text) => write!(f, "TaskError::Panicked({text:?}, ..)"),
            None => f.write_str("TaskError::Panicked(..)"),
        }
    }
}

impl std::error::Error for TaskError {}

/// An executor behind a pointer is an executor.
macro_rules! forward_executor {
    ($($pointer:ty),+) => {$(
        impl<E: Executor + ?Sized> Executor for $pointer {
            type Handle<T: Send + 'static> = E::Handle<T>;
            type Sleep = E::Sleep;

            #[track_caller]
            fn spawn<F>(&self, future: F) -> Self::Handle<F::Output>
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                (**self).spawn(future)
            }

            #[track_caller]
            fn spawn_blocking<F, R>(&self, work: F) -> Self::Handle<R>
            where
                F: FnOnce() -> R + Send + 'static,
                R: Send + 'static,
            {
                (**self).spawn_blocking(work)
            }

            #[track_caller]
            fn block_on<F: Future>(&self, future: F) -> F::Output {
                (**self).block_on(future)
            }

            fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
                (**self).yield_now()
            }

            #[track_caller]
            fn sleep(&self, duration: Duration) -> Self::Sleep {
                (**self).sleep(duration)
            }
        }
    )+};
}

forward_executor!(&E, Box<E>, Arc<E>);

#[cfg(all(test, not(gmp_loom), feature = "time"))]
mod tests;
