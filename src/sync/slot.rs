#![allow(unsafe_code)]
//! A place for one value that is put once and then looked at by everyone: under `OnceCell` and `SetOnce`.
//!
//! Protocol. The word goes `EMPTY` -> `TAKEN` -> `SET`, and never back as long as the slot is shared.
//!
//! 1. Who moves it from `EMPTY` to `TAKEN` has the place for itself, moves the value in, and stores `SET`.
//! 2. Who loads `SET` may look at the value for as long as it borrows the slot: nobody changes it any more.
//! 3. `&mut self` shows that nobody is in between: there the word is `EMPTY` or `SET`.

use std::fmt;
use std::mem::MaybeUninit;

use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, UnsafeCell};

const EMPTY: usize = 0;
const TAKEN: usize = 1;
const SET: usize = 2;

/// See the module's text.
pub(super) struct Slot<T> {
    word: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: it owns at most one value.
unsafe impl<T: Send> Send for Slot<T> {}
// SAFETY: a shared slot takes a value from one thread and shows it to all (steps 1 and 2).
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T> Slot<T> {
    const_unless_loom! {
        pub(super) const fn new() -> Self {
            Slot { word: AtomicUsize::new(EMPTY), value: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    const_unless_loom! {
        pub(super) const fn new_set(value: T) -> Self {
            Slot { word: AtomicUsize::new(SET), value: UnsafeCell::new(MaybeUninit::new(value)) }
        }
    }

    pub(super) fn is_set(&self) -> bool {
        // Ordering(slot): Acquire pairs with the store in `put`.
        self.word.load(Acquire) == SET
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        // SAFETY: `SET`: the value is there and stays until the slot is borrowed exclusively (step 2).
        self.is_set().then(|| self.value.with(|place| unsafe { (*place).assume_init_ref() }))
    }

    /// Puts the value, or gives it back: there is one already, or another thread is about to put one.
    pub(super) fn put(&self, value: T) -> Result<(), T> {
        // Relaxed: nothing is read; the value is published by the store below.
        if self.word.compare_exchange(EMPTY, TAKEN, Relaxed, Relaxed).is_err() {
            return Err(value);
        }
        // SAFETY: step 1: the place is ours, and uninitialised, so that nothing needs to be dropped.
        self.value.with_mut(|place| unsafe { (*place).write(value) });
        let order = if broken("slot-put-relaxed") { Relaxed } else { Release };
        // Ordering(slot): Release pairs with `is_set`.
        self.word.store(SET, order);
        Ok(())
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        if !self.is_set() {
            return None;
        }
        // SAFETY: set, and borrowed exclusively.
        Some(self.value.with_mut(|place| unsafe { (*place).assume_init_mut() }))
    }

    /// Takes the value out; the slot is empty again.
    pub(super) fn take(&mut self) -> Option<T> {
        if !self.is_set() {
            return None;
        }
        // Relaxed: borrowed exclusively; whoever gets it next gets it from this thread.
        self.word.store(EMPTY, Relaxed);
        // SAFETY: it was set, and counts as empty from here on: the value is moved out once.
        Some(self.value.with(|place| unsafe { (*place).assume_init_read() }))
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: fmt::Debug> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
