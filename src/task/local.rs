//! Tasks that stay on one thread: `LocalSet` and `spawn_local`.
//!
//! tokio's names in front of `scheduler/local.rs`, where the protocol is. A set is driven by whoever polls
//! it; each poll is one turn, in which tasks run and find the set as the current one. [`spawn_local`] goes
//! to the innermost set that is current, else to the runtime if that is a
//! [`LocalRuntime`](crate::runtime::LocalRuntime) and this is its thread.

use std::fmt;
use std::future::{poll_fn, Future};
use std::panic::Location;
use std::pin::{pin, Pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::JoinHandle;
use crate::runtime::{Id, Runtime};
use crate::scheduler::context;
use crate::scheduler::local::{self, Entered, Local};
use crate::scheduler::ready::newproc;

/// Spawns a task that stays on this thread, and need not be `Send`.
///
/// It goes to the [`LocalSet`] that is current here: in one of its tasks, in
/// [`LocalSet::run_until`], under a [`LocalEnterGuard`]; else to the
/// [`LocalRuntime`](crate::runtime::LocalRuntime) that this thread is in.
///
/// # Panics
///
/// Outside of both, and on a thread that has entered a `LocalRuntime` of another one.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use gmp::task;
///
/// let runtime = gmp::runtime::Runtime::new().unwrap();
/// let local = task::LocalSet::new();
/// local.block_on(&runtime, async {
///     let shared = Rc::new("not Send");
///     let other = shared.clone();
///     let joined = task::spawn_local(async move { other.len() }).await;
///     assert_eq!(joined.unwrap(), shared.len());
/// });
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_here(future, Location::caller())
}

#[track_caller]
pub(super) fn spawn_here<F>(future: F, caller: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if let Some(local) = local::current() {
        return local.spawn(future, caller);
    }
    match context::current() {
        Ok(sched) if sched.runs_local_here() => newproc(&sched, future, caller),
        Ok(sched) if sched.config.local_to.is_some() => panic!(
            "Local tasks can only be spawned on a LocalRuntime from the thread the runtime was \
             created on"
        ),
        _ => panic!(
            "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`"
        ),
    }
}

/// A set of tasks that run on one thread, inside of any runtime or executor.
///
/// The tasks need not be `Send`. They run while the set is driven: by [`run_until`](Self::run_until), by
/// [`block_on`](Self::block_on), or by awaiting the set, which goes on until no task is left. One turn runs
/// at most 61 tasks before it gives way to the others of the surrounding runtime.
///
/// Tasks of a set are aborted and woken from any thread, and are dropped on the set's own. Dropping the set
/// drops all of them; their handles say "cancelled". With one thread for all of a program, a
/// [`LocalRuntime`](crate::runtime::LocalRuntime) does the same and costs less.
///
/// # Examples
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use gmp::task::LocalSet;
///
/// # let runtime = gmp::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let seen = Rc::new(RefCell::new(Vec::new()));
/// let local = LocalSet::new();
/// for n in 0..3 {
///     let seen = seen.clone();
///     local.spawn_local(async move { seen.borrow_mut().push(n) });
/// }
/// local.await; // until all of them are over
/// assert_eq!(*seen.borrow(), [0, 1, 2]);
/// # });
/// ```
pub struct LocalSet {
    local: Rc<Local>,
}

/// Keeps a [`LocalSet`] current on its thread; from [`LocalSet::enter`].
pub struct LocalEnterGuard {
    _entered: Entered,
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

impl LocalSet {
    /// A set without tasks, of this thread. Needs no runtime.
    pub fn new() -> LocalSet {
        LocalSet { local: Local::new() }
    }

    /// Makes this the set that [`spawn_local`] spawns on, until the guard is dropped. Runs nothing.
    ///
    /// ```
    /// let local = gmp::task::LocalSet::new();
    /// let guard = local.enter();
    /// let task = gmp::task::spawn_local(async { 1 });
    /// drop(guard);
    /// # let runtime = gmp::runtime::Runtime::new().unwrap();
    /// assert_eq!(local.block_on(&runtime, task).unwrap(), 1);
    /// ```
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard { _entered: self.local.enter() }
    }

    /// Spawns a task on this set, also outside of any runtime. It runs when the set is driven.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.local.spawn(future, Location::caller())
    }

    /// Runs a future on a runtime, on this thread, and the tasks of the set with it. Those that are not
    /// over when the future is stay in the set.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F>(&self, rt: &Runtime, future: F) -> F::Output
    where
        F: Future,
    {
        rt.block_on(self.run_until(future))
    }

    /// Runs a future inside of the set, and the tasks of the set with it, until the future is done. Tasks
    /// that are not over then stay in the set and go on when it is driven again.
    ///
    /// # Cancel safety
    ///
    /// As that of the future. The tasks stay in the set.
    pub async fn run_until<F>(&self, future: F) -> F::Output
    where
        F: Future,
    {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let turn = self.local.turn();
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            if turn.run(cx.waker()) {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }

    /// The set's id, from the same numbers as those of runtimes.
    pub fn id(&self) -> Id {
        Id::from_number(self.local.id())
    }
}

/// Runs the tasks of the set until none is left.
impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let again = self.local.turn().run(cx.waker());
        if self.local.live() == 0 {
            return Poll::Ready(());
        }
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Default for LocalSet {
    fn default() -> LocalSet {
        LocalSet::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet")
            .field("id", &self.id())
            .field("tasks", &self.local.live())
            .finish_non_exhaustive()
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        self.local.close();
    }
}
