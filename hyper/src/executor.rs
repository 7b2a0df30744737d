//! hyper's `Executor`: futures that hyper wants run become Gs.

use std::future::Future;

use gmp::runtime::Handle;

/// Runs hyper's futures on gmp, each as a G of its own that nobody joins.
///
/// Made by [`new`](GmpExecutor::new) it spawns on the runtime that is current when hyper calls it;
/// made by [`on`](GmpExecutor::on) it belongs to one runtime and works from any thread.
///
/// # Examples
///
/// ```no_run
/// use gmp_hyper::GmpExecutor;
/// use hyper::rt::Executor;
///
/// let runtime = gmp::runtime::Runtime::new()?;
/// let executor = GmpExecutor::on(runtime.handle().clone());
/// executor.execute(async { println!("a G of that runtime") });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GmpExecutor {
    runtime: Option<Handle>,
}

impl GmpExecutor {
    /// An executor that spawns on the current runtime, whichever that is at the time.
    pub fn new() -> GmpExecutor {
        GmpExecutor { runtime: None }
    }

    /// An executor that spawns on this runtime.
    pub fn on(runtime: Handle) -> GmpExecutor {
        GmpExecutor { runtime: Some(runtime) }
    }
}

impl<F> hyper::rt::Executor<F> for GmpExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Spawns `future` and lets go of it.
    ///
    /// After the shutdown of its runtime the future is dropped instead.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, unless the executor was made for one.
    #[track_caller]
    fn execute(&self, future: F) {
        // The handle detaches: hyper does not wait for what it spawns.
        drop(match &self.runtime {
            Some(runtime) => runtime.spawn(future),
            None => gmp::spawn(future),
        });
    }
}
