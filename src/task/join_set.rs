//! `JoinSet`: tasks that belong together, joined in the order in which they end.
//!
//! Protocol.
//!
//! 1. A member is a slot with a [`JoinHandle`]. When it is added, its task gets the slot's waker, which knows
//!    the slot's number (`Member`).
//! 2. The task's end wakes that waker: the number goes to the back of the shared list `ended`, and the waker
//!    of whoever polled the set last is woken, outside of the lock.
//! 3. Joining takes the first number of `ended` and the output out of that slot. With no number there, it
//!    leaves its waker under the same lock: an end that comes later sees it, one that came before is in the
//!    list.
//! 4. A slot is used again when its member has left, with the same waker, so that a set that neither grows
//!    nor shrinks allocates nothing. The end of a member that was let go (detached) may so be told of a slot
//!    that another one has now: joining asks the handle there, which has no output yet or may well be
//!    joined, and its own end, told later, finds nobody.
//!
//! So a join costs the same however many members still run, and none of them is polled in vain.

use std::collections::VecDeque;
use std::fmt;
use std::future::{poll_fn, Future};
use std::panic::Location;
use std::task::{ready, Context, Poll, Wake, Waker};

use super::{local, AbortHandle, Id, JoinError, JoinHandle, LocalSet};
use crate::g::coop;
use crate::primitives::sync::Mutex;
use crate::runtime::Handle;
use crate::scheduler::ready::newproc;
use crate::scheduler::{blocking, context};

/// Tasks that belong together: each is joined once, in the order in which they end.
///
/// All of them have one output type. A task stays in the set until its result was taken by one of the
/// `join` methods, or [`detach_all`](Self::detach_all) let it go. Dropping the set aborts all that are
/// left, without waiting for their ends.
///
/// # Examples
///
/// ```
/// use gmp::task::JoinSet;
///
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// let mut set = JoinSet::new();
/// for n in 1..=3 {
///     set.spawn(async move { n * n });
/// }
/// let mut sum = 0;
/// while let Some(square) = set.join_next().await {
///     sum += square.unwrap();
/// }
/// assert_eq!(sum, 1 + 4 + 9);
/// # });
/// ```
pub struct JoinSet<T> {
    slots: Vec<Slot<T>>,
    /// Numbers of slots without a handle.
    free: Vec<usize>,
    shared: std::sync::Arc<Shared>,
}

struct Slot<T> {
    handle: Option<JoinHandle<T>>,
    /// Of a [`Member`] with this slot's number.
    waker: Waker,
}

#[derive(Default)]
struct Shared {
    ends: Mutex<Ends>,
}

#[derive(Default)]
struct Ends {
    /// Numbers of slots.
    ended: VecDeque<usize>,
    /// Of the last poll that found no number.
    waker: Option<Waker>,
}

impl Shared {
    /// Step 2.
    fn ended(&self, slot: usize) {
        let waker = {
            let mut ends = self.ends.lock();
            ends.ended.push_back(slot);
            ends.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What a member's task wakes when it ends.
struct Member {
    shared: std::sync::Arc<Shared>,
    slot: usize,
}

impl Wake for Member {
    fn wake(self: std::sync::Arc<Self>) {
        self.shared.ended(self.slot);
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.shared.ended(self.slot);
    }
}

impl<T> JoinSet<T> {
    /// An empty set. Needs no runtime.
    pub fn new() -> Self {
        JoinSet { slots: Vec::new(), free: Vec::new(), shared: std::sync::Arc::default() }
    }

    /// How many tasks are in it: running ones, and those that ended and were not joined.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Is there no task in it?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task on the current runtime and adds it. The handle can only abort it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let caller = Location::caller();
        let handle = context::with_current_or_panic(|sched| newproc(sched, task, caller));
        self.insert(handle)
    }

    /// Spawns a task on another runtime and adds it. Works on any thread.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(newproc(&handle.sched, task, Location::caller()))
    }

    /// Spawns a task that stays on this thread, on the current [`LocalSet`] or
    /// [`LocalRuntime`](crate::runtime::LocalRuntime), and adds it.
    ///
    /// # Panics
    ///
    /// Outside of both.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let handle = local::spawn_here(task, Location::caller());
        self.insert(handle)
    }

    /// Spawns a task on a [`LocalSet`] and adds it. It runs while that set is driven.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// Runs a closure that may block on a thread of the current runtime that no task needs, and adds it.
    /// It can be aborted until it runs; the drop of the set does not wait for it.
    ///
    /// # Panics
    ///
    /// As [`spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// ```
    /// # gmp::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut set = gmp::task::JoinSet::new();
    /// set.spawn_blocking(|| "hashed");
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), "hashed");
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let caller = Location::caller();
        let handle =
            context::with_current_or_panic(|sched| blocking::spawn_blocking(sched, f, caller));
        self.insert(handle)
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), on another runtime.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(blocking::spawn_blocking(&handle.sched, f, Location::caller()))
    }

    /// Step 1.
    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let number = self.free.pop().unwrap_or_else(|| {
            let slot = self.slots.len();
            let member = Member { shared: self.shared.clone(), slot };
            self.slots.push(Slot { handle: None, waker: Waker::from(std::sync::Arc::new(member)) });
            slot
        });
        let slot = &mut self.slots[number];
        let waits = handle.watch(&slot.waker);
        slot.handle = Some(handle);
        if !waits {
            self.shared.ended(number);
        }
        abort
    }

    /// Takes a member out. `None`: it has left, or (its end was told twice) it is not over.
    fn take(&mut self, number: usize) -> Option<(Id, Result<T, JoinError>)> {
        let slot = self.slots.get_mut(number)?;
        let handle = slot.handle.as_mut()?;
        let id = handle.id();
        let output = handle.take()?;
        slot.handle = None;
        self.free.push(number);
        Some((id, output))
    }

    /// The next member that has ended, if there is one.
    fn take_ended(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        loop {
            let number = self.shared.ends.lock().ended.pop_front()?;
            if let Some(taken) = self.take(number) {
                return Some(taken);
            }
        }
    }

    /// Waits for the next task to end, takes it out of the set, and answers its output or why there is
    /// none. `None`: the set is empty.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped before it is ready, no task has left the set and no output is lost.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), with the id of the task; a [`JoinError`] knows its id itself.
    ///
    /// # Cancel safety
    ///
    /// That of [`join_next`](Self::join_next).
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Takes a task out that has ended. `None`: there is none, whether the set is empty or not.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.take_ended().map(|(_, output)| output)
    }

    /// As [`try_join_next`](Self::try_join_next), with the id of the task.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.take_ended().map(with_id)
    }

    /// Aborts all tasks and waits until all have ended. Outputs, panics and cancellations are dropped.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped before it is ready, the tasks are aborted, and those that were not joined are
    /// still in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks; answers their outputs in the order in which they ended.
    ///
    /// # Panics
    ///
    /// With the panic of the first task that panicked, and if one was aborted. The rest is aborted then,
    /// as it is if this is dropped before it is ready.
    ///
    /// ```
    /// # gmp::runtime::Runtime::new().unwrap().block_on(async {
    /// let set: gmp::task::JoinSet<u32> = (1..=3).map(|n| async move { n }).collect();
    /// let mut all = set.join_all().await;
    /// all.sort();
    /// assert_eq!(all, [1, 2, 3]);
    /// # });
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => {
                    std::panic::resume_unwind(error.into_panic());
                }
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks. They stay in the set until they have ended and were joined.
    pub fn abort_all(&mut self) {
        for handle in self.slots.iter().filter_map(|slot| slot.handle.as_ref()) {
            handle.abort();
        }
    }

    /// Empties the set and lets the tasks go on. Outputs that were not taken are dropped.
    pub fn detach_all(&mut self) {
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if slot.handle.take().is_some() {
                self.free.push(number);
            }
        }
    }

    /// Asks for the next task that has ended.
    ///
    /// `Ready(None)`: the set is empty. `Pending`: none has ended, and the task of `cx` is woken when one
    /// does; or the [budget](crate::task::coop) of this poll is used up, and it is woken already.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_ended(cx).map(|ended| ended.map(|(_, output)| output))
    }

    /// As [`poll_join_next`](Self::poll_join_next), with the id of the task.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_ended(cx).map(|ended| ended.map(with_id))
    }

    /// Step 3.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        let unit = ready!(coop::poll_proceed(cx));
        let mut waker = None;
        loop {
            if let Some(taken) = self.take_ended() {
                unit.made_progress();
                return Poll::Ready(Some(taken));
            }
            // A waker is cloned and dropped outside of the lock.
            let clone = waker.take().unwrap_or_else(|| cx.waker().clone());
            let mut ends = self.shared.ends.lock();
            if ends.ended.is_empty() {
                let old = ends.waker.replace(clone);
                drop(ends);
                drop(old);
                return Poll::Pending;
            }
            drop(ends);
            waker = Some(clone);
        }
    }
}

fn with_id<T>((id, output): (Id, Result<T, JoinError>)) -> Result<(Id, T), JoinError> {
    output.map(|output| (id, output))
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            if let Some(handle) = slot.handle.take() {
                handle.abort();
            }
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Spawns each future on the current runtime. Panics outside of one.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(iter: I) -> Self {
        let mut set = Self::new();
        set.extend(iter);
        set
    }
}

/// Spawns each future on the current runtime. Panics outside of one.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, iter: I) {
        for task in iter {
            self.spawn(task);
        }
    }
}
