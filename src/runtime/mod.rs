//! The runtime: Ms, Ps, the poller and the timers, behind one value.
//!
//! [`Runtime`] owns it, [`Builder`] configures it, [`Handle`] refers to it from anywhere. Most programs
//! only meet it through [`#[gmp::main]`](macro@crate::main).
//!
//! Two flavours. *multi_thread*: as many Ps as the process may use CPUs (see
//! [`Builder::worker_threads`]), Gs are spread over them by stealing, and threads are started when there
//! is work for them. *current_thread*: one P, run by whoever is in [`Runtime::block_on`].
//!
//! Layer 5: tokio's names in front of `scheduler/`.

mod builder;
mod handle;
mod metrics;
#[allow(clippy::module_inception)]
mod runtime;

pub use builder::Builder;
pub use handle::{EnterGuard, Handle, Id, RuntimeFlavor};
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
