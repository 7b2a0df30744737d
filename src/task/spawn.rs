//! Making tasks, and asking which one this is.

use std::future::Future;
use std::panic::Location;

use super::{Id, JoinHandle};
use crate::g::current;
use crate::scheduler::context;
use crate::scheduler::ready::newproc;

/// Spawns a task on the current runtime.
///
/// The future runs concurrently with the caller, on any thread of the runtime, and is never polled in
/// here. It goes on if the [`JoinHandle`] is dropped. When the runtime ends, it is dropped where it
/// waits; a task spawned after that is dropped at once, and its handle says "cancelled".
///
/// # Panics
///
/// Outside of a runtime: call it inside of a task or of `block_on`, under
/// [`Handle::enter`](crate::runtime::Handle::enter), or use [`Handle::spawn`](crate::runtime::Handle::spawn).
///
/// # Examples
///
/// ```
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// let a = gmp::spawn(async { 1 });
/// let b = gmp::spawn(async { 2 });
/// assert_eq!(a.await.unwrap() + b.await.unwrap(), 3);
/// # });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let caller = Location::caller();
    context::with_current_or_panic(|sched| newproc(sched, future, caller))
}

/// The id of the task that this code runs in. Also in the drop of a task's future or output, and in a
/// blocking closure.
///
/// # Panics
///
/// Outside of a task, `block_on` included; [`try_id`] does not.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The id of the task that this code runs in, if it does.
#[track_caller]
pub fn try_id() -> Option<Id> {
    current::id()
}
