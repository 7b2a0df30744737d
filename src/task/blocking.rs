//! Code that blocks its thread.

use std::panic::Location;

use super::JoinHandle;
use crate::scheduler::{blocking, context};

/// Runs a closure that may block, on a thread that no task needs.
///
/// At most [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads) of them run at a time;
/// others wait, first come first served. The closure is inside of the runtime: it may spawn, and may use
/// [`Handle::block_on`](crate::runtime::Handle::block_on). Once it runs it cannot be aborted. When the
/// runtime ends, closures that have not started are dropped, and those that run are waited for.
///
/// # Panics
///
/// Outside of a runtime; and if there is no thread for it and the system refuses to make one.
///
/// # Examples
///
/// ```
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// let sum = gmp::task::spawn_blocking(|| (1..=100).sum::<u32>()).await.unwrap();
/// assert_eq!(sum, 5050);
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let caller = Location::caller();
    context::with_current_or_panic(|sched| blocking::spawn_blocking(sched, f, caller))
}

/// Runs a closure that may block right here, after handing this thread's P, with all that waits for it,
/// to another thread.
///
/// Other tasks go on; other futures of *this* task do not (those in the same `join!` or `select!`).
/// Afterwards the thread takes an idle P if there is one, and otherwise finishes this poll without. The
/// closure may block on futures by [`Handle::block_on`](crate::runtime::Handle::block_on). Outside of a
/// runtime, in a blocking closure, or nested in itself it simply calls the closure.
///
/// # Panics
///
/// In a task or in the `Runtime::block_on` of a current_thread runtime, which has no other thread to hand
/// anything to. (Its `Handle::block_on` runs no tasks: there it is allowed.)
///
/// # Examples
///
/// ```
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// gmp::spawn(async {
///     let line = gmp::task::block_in_place(|| "read from something slow");
///     assert_eq!(line.len(), 24);
/// })
/// .await
/// .unwrap();
/// # });
/// ```
#[cfg(feature = "rt-multi-thread")]
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    crate::scheduler::handoff::block_in_place(f)
}
