//! Wakers collected under a lock and woken outside of it.
//!
//! A waker is foreign code: it may take any lock, run a destructor, panic. So nothing in this crate
//! wakes while it holds a lock; it fills a `WakeList`, unlocks and calls `wake_all`.

use std::mem::MaybeUninit;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::task::Waker;

/// How many wakers one round carries: small enough for the stack, large enough that taking the lock
/// again for the next round does not show.
const CAPACITY: usize = 32;

/// A bounded batch on the stack.
pub(crate) struct WakeList {
    slots: [MaybeUninit<Waker>; CAPACITY],
    len: usize,
}

#[allow(unsafe_code)]
impl WakeList {
    pub(crate) fn new() -> Self {
        WakeList { slots: [const { MaybeUninit::uninit() }; CAPACITY], len: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Room for one more? When not: unlock, `wake_all`, lock, go on.
    pub(crate) fn can_push(&self) -> bool {
        self.len < CAPACITY
    }

    /// Adds a waker. Panics when the list is full: ask `can_push` first.
    pub(crate) fn push(&mut self, waker: Waker) {
        self.slots[self.len].write(waker);
        self.len += 1;
    }

    /// Wakes and removes all, in order. A waker that panics does not keep the others from being woken;
    /// the first panic goes on to the caller afterwards.
    pub(crate) fn wake_all(&mut self) {
        let len = std::mem::take(&mut self.len);
        let mut panic = None;
        for slot in &mut self.slots[..len] {
            // SAFETY: the first `len` slots were written by `push`; `self.len` is already zero, so
            // neither a second call nor Drop reads them again.
            let waker = unsafe { slot.assume_init_read() };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                panic.get_or_insert(payload);
            }
        }
        if let Some(payload) = panic {
            std::panic::resume_unwind(payload);
        }
    }
}

#[allow(unsafe_code)]
impl Drop for WakeList {
    fn drop(&mut self) {
        for slot in &mut self.slots[..self.len] {
            // SAFETY: the first `len` slots are initialised and dropped once, here.
            unsafe { slot.assume_init_drop() }
        }
    }
}
