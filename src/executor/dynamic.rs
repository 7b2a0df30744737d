//! The object-safe companion: an executor behind `dyn`.
//!
//! A method that is generic in its output cannot be called through a vtable, so what crosses it has
//! none: the typed side wraps a future so that it leaves its output in a slot, sends the wrapped one
//! across in a box, and the handle that comes back takes the output from the slot when the task is over.

use std::fmt;
use std::future::Future;
use std::pin::{pin, Pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{ready, Context, Poll};
use std::time::Duration;

use super::{Executor, TaskError, TaskHandle};

/// A boxed future that can go to another thread.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The handle of a task without an output, in a box.
pub type DynTaskHandle = Box<dyn TaskHandle<()>>;

/// The sleep of a [`dyn DynExecutor`](DynExecutor), in a box.
pub type DynSleep = BoxFuture<()>;

/// [`Executor`] without type parameters, for `dyn`.
///
/// Every executor is one; there is nothing to implement. There is seldom a reason to call its methods
/// either, because `dyn DynExecutor` is an [`Executor`].
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use gmp::executor::{DynExecutor, Executor};
///
/// /// Which executor that is was decided elsewhere, at run time.
/// struct Service {
///     executor: Arc<dyn DynExecutor>,
/// }
///
/// impl Service {
///     async fn add(&self, a: u64, b: u64) -> u64 {
///         self.executor.spawn(async move { a + b }).await.expect("no panic")
///     }
/// }
///
/// let runtime = gmp::runtime::Runtime::new()?;
/// let service = Service { executor: Arc::new(runtime.handle().clone()) };
/// assert_eq!(runtime.block_on(service.add(2, 3)), 5);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait DynExecutor: Send + Sync {
    /// [`Executor::spawn`] for a boxed future without an output.
    #[track_caller]
    fn dyn_spawn(&self, future: BoxFuture<()>) -> DynTaskHandle;

    /// [`Executor::spawn_blocking`] for a boxed closure without an output.
    #[track_caller]
    fn dyn_spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) -> DynTaskHandle;

    /// [`Executor::block_on`] for a future without an output.
    #[track_caller]
    fn dyn_block_on(&self, future: Pin<&mut dyn Future<Output = ()>>);

    /// [`Executor::yield_now`], boxed.
    fn dyn_yield_now(&self) -> BoxFuture<()>;

    /// [`Executor::sleep`], boxed.
    #[track_caller]
    fn dyn_sleep(&self, duration: Duration) -> BoxFuture<()>;
}

impl<E: Executor> DynExecutor for E {
    fn dyn_spawn(&self, future: BoxFuture<()>) -> DynTaskHandle {
        Box::new(self.spawn(future))
    }

    fn dyn_spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) -> DynTaskHandle {
        Box::new(self.spawn_blocking(work))
    }

    fn dyn_block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        self.block_on(future);
    }

    fn dyn_yield_now(&self) -> BoxFuture<()> {
        Box::pin(self.yield_now())
    }

    fn dyn_sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(self.sleep(duration))
    }
}

impl Executor for dyn DynExecutor + '_ {
    type Handle<T: Send + 'static> = DynTask<T>;
    type Sleep = DynSleep;

    #[track_caller]
    fn spawn<F>(&self, future: F) -> DynTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let fill = slot.clone();
        let task = self.dyn_spawn(Box::pin(async move { fill.put(future.await) }));
        DynTask { task, slot }
    }

    #[track_caller]
    fn spawn_blocking<F, R>(&self, work: F) -> DynTask<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let slot = Arc::new(Slot::default());
        let fill = slot.clone();
        let task = self.dyn_spawn_blocking(Box::new(move || fill.put(work())));
        DynTask { task, slot }
    }

    #[track_caller]
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut output = None;
        {
            let mut wrapped = pin!(async { output = Some(future.await) });
            self.dyn_block_on(wrapped.as_mut());
        }
        output.expect("block_on came back before the future was ready")
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
        self.dyn_yield_now()
    }

    #[track_caller]
    fn sleep(&self, duration: Duration) -> DynSleep {
        self.dyn_sleep(duration)
    }
}

impl fmt::Debug for dyn DynExecutor + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dyn DynExecutor")
    }
}

/// Where a task leaves its output.
struct Slot<T>(Mutex<Option<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot(Mutex::new(None))
    }
}

impl<T> Slot<T> {
    fn put(&self, output: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A task that was started through a [`dyn DynExecutor`](DynExecutor).
///
/// A handle that is dropped after the task's end drops the output; if it is dropped before, the task
/// does.
///
/// # Panics
///
/// Polled again after it was ready.
#[must_use = "dropping it lets the task go on; `detach` says so"]
pub struct DynTask<T> {
    task: DynTaskHandle,
    slot: Arc<Slot<T>>,
}

impl<T> Future for DynTask<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(ended.map(|()| self.slot.take().expect("DynTask polled after completion")))
    }
}

impl<T: Send> TaskHandle<T> for DynTask<T> {
    fn abort(&self) {
        self.task.abort();
    }

    fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl<T> fmt::Debug for DynTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynTask").field("is_finished", &self.task.is_finished()).finish()
    }
}
