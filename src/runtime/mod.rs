//! The runtime: Ms, Ps, the poller and the timers, behind one value.
//!
//! [`Runtime`] owns it, [`Builder`] configures it, [`Handle`] refers to it from anywhere. Most programs
//! only meet it through [`#[gmp::main]`](macro@crate::main).
//!
//! Two flavours. *multi_thread*: as many Ps as the process may use CPUs (see
//! [`Builder::worker_threads`]), Gs are spread over them by stealing, and threads beyond the first are
//! started when there is work for them. *current_thread*: one P, run by whoever is in [`Runtime::block_on`].
//!
//! Layer 5: tokio's names in front of `scheduler/`.

mod builder;
#[cfg(feature = "deterministic")]
pub mod deterministic;
mod handle;
mod local_runtime;
mod metrics;
#[allow(clippy::module_inception)]
mod runtime;

pub use builder::{Builder, UnhandledPanic};
pub use handle::{EnterGuard, Handle, Id, RuntimeFlavor};
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use runtime::Runtime;

pub use crate::scheduler::context::TryCurrentError;
pub use crate::scheduler::observe::dump::{Dump, TaskDump, TaskState, WaitsFor};
pub use crate::scheduler::observe::longpoll::LongPoll;
pub use crate::scheduler::observe::trace::{Trace, TraceConfig};

/// Is this the error that sockets and other I/O objects answer with when their runtime is gone?
///
/// # Examples
///
/// ```
/// let other = std::io::Error::other("disk on fire");
/// assert!(!gmp::runtime::is_rt_shutdown_err(&other));
/// ```
pub fn is_rt_shutdown_err(error: &std::io::Error) -> bool {
    crate::scheduler::netpoll::is_shutdown_error(error)
}

/// The number under which [`RuntimeMetrics`] counts this thread's work: that of the P it holds.
///
/// `None` on a thread that runs no tasks: outside of a runtime, in a blocking closure, in the `block_on` of
/// a multi_thread runtime; and on one that works with a spare P, after a poll that lasted too long. It may
/// be another one after each `.await`.
///
/// # Examples
///
/// ```
/// # let runtime = gmp::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
/// assert_eq!(gmp::runtime::worker_index(), None);
/// let index = runtime.block_on(async {
///     gmp::spawn(async { gmp::runtime::worker_index() }).await.unwrap()
/// });
/// assert!(index.unwrap() < runtime.metrics().num_workers());
/// ```
pub fn worker_index() -> Option<usize> {
    crate::scheduler::context::with_current(|sched| sched.worker_here()).ok().flatten()
}
