#![allow(unsafe_code)]
//! The one list of waiters: semaphore, mutex, `Notify` and bounded channels wait in it.
//!
//! A [`Waiter`] is a node inside of a pinned future; a [`WaitList`] is a lock around an intrusive list of
//! such nodes. Waiting allocates nothing, and leaving from the middle is O(1).
//!
//! Protocol.
//!
//! 1. A node's word is `value << 1 | DONE`. `DONE`: the node is in no list and nobody but its owner
//!    touches it. Without `DONE` it is queued, and the list's lock guards its links, its waker and its
//!    value.
//! 2. The owner queues the node under the lock (`push_back`), with a waker cloned before.
//! 3. Whoever serves it (`finish_*`, under the lock) unlinks it, moves the waker out, and **last** stores
//!    the outcome with `DONE`: from that store on the owner may free the node without taking the lock.
//! 4. The owner's later polls look at the word first, without the lock. `repoll` replaces the waker
//!    under the lock, if it is another one.
//! 5. The owner that goes away early calls `leave`: either it was still queued and is unlinked, or it
//!    learns the outcome that it must pass on. Who gets what is the caller's business.
//! 6. Wakers are cloned before the lock is taken, and woken or dropped after it was released: they are
//!    foreign code. `drain` does this in batches, and goes on when a waker panics.
//!
//! The interface is safe because: queueing takes the node by `Pin<&mut>`, so only its owner does it and
//! its memory stays until its drop; a node belongs to one list for life (`home`); a node dropped while
//! queued, or a list dropped with nodes in it, aborts the process.

use std::cell::Cell;
use std::fmt;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, Waker};

use crate::primitives::list::{Linked, Links, List};
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, Explored, Mutex, MutexGuard, UnsafeCell};
use crate::primitives::wakelist::WakeList;

const DONE: usize = 1;

/// A node; see the module's text.
pub(crate) struct Waiter {
    links: Links<Waiter>,
    waker: UnsafeCell<Option<Waker>>,
    word: AtomicUsize,
    /// The list it was first queued in. Only the owner looks at it.
    home: Cell<*const WaitList>,
}

// SAFETY: links and waker are touched under the list's lock while the node is queued, and by the owner
// alone (through `Pin<&mut>` or drop) otherwise; `home` by the owner alone; the word is atomic. Wakers are
// `Send` and `Sync`.
unsafe impl Send for Waiter {}
// SAFETY: as above; a shared reference gives access to the word only.
unsafe impl Sync for Waiter {}

// SAFETY: always the field `links`, through a raw place expression.
unsafe impl Linked for Waiter {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the node is alive by the caller's contract, so the field has an address.
        unsafe { NonNull::new_unchecked(&raw mut (*node.as_ptr()).links) }
    }
}

/// What the owner sees in its node.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Seen {
    Queued,
    /// Served, with this outcome.
    Done(usize),
}

/// How a node left its list in [`Locked::leave`].
#[must_use]
pub(crate) enum Left {
    /// It was still queued, with this value; the waker is to be dropped after the lock.
    Queued(usize, Option<Waker>),
    /// It had been served with this outcome.
    Done(usize),
}

impl Waiter {
    pub(crate) fn new() -> Self {
        Waiter {
            links: Links::new(),
            waker: UnsafeCell::new(None),
            word: AtomicUsize::new(DONE),
            home: Cell::new(ptr::null()),
        }
    }

    /// Step 4's look.
    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // Ordering(waiter-done): Acquire pairs with the store in `finish`: what happened before the
        // node was served is visible, and the server has done with the node.
        match self.word.load_explored(Acquire) {
            word if word & DONE != 0 => Seen::Done(word >> 1),
            _ => Seen::Queued,
        }
    }
}

impl Drop for Waiter {
    #[inline]
    fn drop(&mut self) {
        if self.look() == Seen::Queued {
            if cfg!(all(test, gmp_loom)) && std::thread::panicking() {
                return; // a model that has failed: let its message through
            }
            // Others hold its address: going on would be worse than stopping.
            std::process::abort();
        }
        // Under the checker this access conflicts with a server that is not done with the node.
        // SAFETY: `&mut self` and `DONE`: nobody else touches the cell.
        drop(self.waker.with_mut(|cell| unsafe { &mut *cell }.take()));
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("seen", &self.look()).finish()
    }
}

/// The lock and the list; see the module's text.
pub(crate) struct WaitList {
    queue: Mutex<List<Waiter>>,
}

impl WaitList {
    const_unless_loom! {
        pub(crate) const fn new() -> Self {
            WaitList { queue: Mutex::new(List::new()) }
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { list: self.queue.lock(), home: self }
    }

    /// The owner's poll of a node that it has queued: the outcome, or `Pending` with the waker brought
    /// up to date.
    pub(crate) fn repoll(&self, mut node: Pin<&mut Waiter>, cx: &mut Context<'_>) -> Poll<usize> {
        if let Seen::Done(outcome) = node.look() {
            return Poll::Ready(outcome);
        }
        let locked = self.lock();
        if let Seen::Done(outcome) = node.look() {
            return Poll::Ready(outcome);
        }
        if locked.has_waker(node.as_mut(), cx.waker()) {
            return Poll::Pending;
        }
        // Another waker: clone it outside of the lock.
        drop(locked);
        let new = cx.waker().clone();
        let mut locked = self.lock();
        let stale = match node.look() {
            Seen::Done(outcome) => {
                drop(locked);
                drop(new);
                return Poll::Ready(outcome);
            }
            Seen::Queued => locked.set_waker(node, new),
        };
        drop(locked);
        drop(stale);
        Poll::Pending
    }

    /// Calls `step` under the lock and wakes what it collected outside of it, again and again while
    /// `step` answers true (its list of wakers was full). A waker that panics stops neither the batch
    /// nor the rounds to come; the first panic goes on to the caller at the end.
    pub(crate) fn drain(&self, mut step: impl FnMut(&mut Locked<'_>, &mut WakeList) -> bool) {
        let mut wakes = WakeList::new();
        let mut panic = None;
        loop {
            let mut locked = self.lock();
            let more = step(&mut locked, &mut wakes);
            drop(locked);
            if !wakes.is_empty() {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| wakes.wake_all())) {
                    panic.get_or_insert(payload);
                }
            }
            if !more {
                break;
            }
        }
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }
}

impl Drop for WaitList {
    fn drop(&mut self) {
        let model_failed = cfg!(all(test, gmp_loom)) && std::thread::panicking();
        if !model_failed && !self.queue.get_mut().is_empty() {
            // Waiting futures borrow or own what holds the list, so this cannot happen; if it did, their
            // links would dangle.
            std::process::abort();
        }
    }
}

impl fmt::Debug for WaitList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList").finish_non_exhaustive()
    }
}

/// The list, locked.
pub(crate) struct Locked<'a> {
    list: MutexGuard<'a, List<Waiter>>,
    home: *const WaitList,
}

impl Locked<'_> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Queues the owner's node at the end. Panics when it is queued already, or belongs elsewhere.
    pub(crate) fn push_back(&mut self, node: Pin<&mut Waiter>, value: usize, waker: Option<Waker>) {
        assert!(node.look() != Seen::Queued, "Locked::push_back: node is queued");
        if node.home.get().is_null() {
            node.home.set(self.home);
        }
        self.assert_home(&node);
        // Relaxed: the node is published by the lock.
        node.word.store_explored(value << 1, Relaxed);
        // SAFETY: not linked and under the lock: the cell is ours. It is empty, nothing is dropped.
        node.waker.with_mut(|cell| unsafe { *cell = waker });
        // SAFETY: the node is pinned; it is only made an address of.
        let node = NonNull::from(unsafe { node.get_unchecked_mut() });
        // SAFETY: the node was in no list (asserted) and stays at its address until its drop, which
        // aborts unless it was removed.
        unsafe { self.list.push_back(node) };
    }

    fn assert_home(&self, node: &Waiter) {
        assert!(ptr::eq(node.home.get(), self.home), "waitlist: node belongs to another list");
    }

    /// The value of a queued node.
    fn value_of(&self, node: NonNull<Waiter>) -> usize {
        // SAFETY: the node is in the list and the lock is held, so its owner cannot free it.
        let node = unsafe { node.as_ref() };
        // Relaxed: values of queued nodes change under the lock only.
        node.word.load(Relaxed) >> 1
    }

    /// The longest waiter's value.
    pub(crate) fn front_value(&self) -> Option<usize> {
        self.list.front().map(|node| self.value_of(node))
    }

    /// The newest waiter's value.
    pub(crate) fn back_value(&self) -> Option<usize> {
        self.list.back().map(|node| self.value_of(node))
    }

    /// Changes the longest waiter's value; it stays queued.
    pub(crate) fn set_front_value(&mut self, value: usize) {
        if let Some(node) = self.list.front() {
            // SAFETY: in the list, under the lock.
            let node = unsafe { node.as_ref() };
            // Relaxed: read under the lock only, as long as `DONE` is not set.
            node.word.store_explored(value << 1, Relaxed);
        }
    }

    /// Serves the longest waiter; false when there is none. `wakes` must have room.
    pub(crate) fn finish_front(&mut self, outcome: usize, wakes: &mut WakeList) -> bool {
        match self.list.front() {
            Some(node) => self.finish(node, outcome, wakes),
            None => false,
        }
    }

    /// Serves the newest waiter, as `finish_front`.
    pub(crate) fn finish_back(&mut self, outcome: usize, wakes: &mut WakeList) -> bool {
        match self.list.back() {
            Some(node) => self.finish(node, outcome, wakes),
            None => false,
        }
    }

    /// Serves the longest waiter with this value, as `finish_front`.
    pub(crate) fn finish_first_with(
        &mut self,
        value: usize,
        outcome: usize,
        wakes: &mut WakeList,
    ) -> bool {
        let mut at = self.list.front();
        while let Some(node) = at {
            if self.value_of(node) == value {
                return self.finish(node, outcome, wakes);
            }
            // SAFETY: the node is in the list.
            at = unsafe { self.list.next_of(node) };
        }
        false
    }

    /// Step 3.
    fn finish(&mut self, node: NonNull<Waiter>, outcome: usize, wakes: &mut WakeList) -> bool {
        // SAFETY: the node is in this list.
        unsafe { self.list.remove(node) };
        // SAFETY: without `DONE` and under the lock: alive. Only shared access is made.
        let node = unsafe { node.as_ref() };
        if broken("waiter-done-early") {
            node.word.store_explored(outcome << 1 | DONE, Release);
        }
        // SAFETY: queued nodes' wakers belong to the lock holder.
        let waker = node.waker.with_mut(|cell| unsafe { &mut *cell }.take());
        let order = if broken("waiter-done-relaxed") { Relaxed } else { Release };
        // Ordering(waiter-done): Release pairs with `look`. The last touch of the node.
        node.word.store_explored(outcome << 1 | DONE, order);
        if let Some(waker) = waker {
            wakes.push(waker);
        }
        true
    }

    /// Step 5. A node that was never queued is `Done(0)`.
    pub(crate) fn leave(&mut self, node: Pin<&mut Waiter>) -> Left {
        if let Seen::Done(outcome) = node.look() {
            return Left::Done(outcome);
        }
        self.assert_home(&node);
        let at = NonNull::from(&*node);
        let value = self.value_of(at);
        // SAFETY: queued, and its home is this list.
        unsafe { self.list.remove(at) };
        // SAFETY: under the lock.
        let waker = node.waker.with_mut(|cell| unsafe { &mut *cell }.take());
        // Relaxed: only the owner looks from here on, and it is the caller.
        node.word.store_explored(DONE, Relaxed);
        Left::Queued(value, waker)
    }

    fn has_waker(&self, node: Pin<&mut Waiter>, waker: &Waker) -> bool {
        self.assert_home(&node);
        // SAFETY: under the lock of the node's home.
        node.waker
            .with(|cell| unsafe { &*cell }.as_ref().is_some_and(|stored| stored.will_wake(waker)))
    }

    fn set_waker(&mut self, node: Pin<&mut Waiter>, waker: Waker) -> Option<Waker> {
        self.assert_home(&node);
        // SAFETY: under the lock of the node's home.
        node.waker.with_mut(|cell| unsafe { &mut *cell }.replace(waker))
    }
}
