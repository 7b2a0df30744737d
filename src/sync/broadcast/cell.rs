#![allow(unsafe_code)]
//! A cell: a value, its number, and how many receivers have not had it, under a lock of one word.
//!
//! Protocol. The word is `wanted << 3 | ORPHAN | CROWDED | LOCKED`; the count belongs to the holder.
//!
//! 1. To lock is to set `LOCKED` where it was clear. To unlock is to swap in the new count: that clears all
//!    three bits, and what the old word had is the unlocker's to see to. So receiving a value costs two
//!    read-modify-writes, and both on the cell's own line.
//! 2. **A crowd**: who finds the lock held spins for a while, makes a `Notified`, sets `CROWDED` beside
//!    `LOCKED`, and parks its thread. Who unlocks and finds the bit notifies all; each tries again. The bit
//!    cannot be set on a free lock, and the `Notified` is older than the bit: no wake-up is lost. All cells
//!    of a channel share one `Notify`.
//! 3. **An orphan**: who holds the tail's lock and finds the cell locked sets `ORPHAN` and goes its way
//!    (`lock_or_orphan`). Who unlocks and finds the bit has the duty to empty the cell. It needs the tail's
//!    lock for that and tries in the same manner, so if another one has locked the cell meanwhile, the
//!    duty goes on to that one. Invariant: of a cell that no slot names and that is no spare, exactly one
//!    thread has the duty, or its holder has the bit.

use std::panic::{RefUnwindSafe, UnwindSafe};

use super::Shared;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, hint, thread, UnsafeCell};
use crate::sync::block_on::park_until;

const LOCKED: usize = 1;
const CROWDED: usize = 2;
const ORPHAN: usize = 4;
const SHIFT: u32 = 3;

/// The most receivers that fit above the bits.
pub(super) const MAX_WANTED: usize = usize::MAX >> SHIFT;

/// The number in a cell without a value.
const NOWHERE: u64 = u64::MAX;

/// Looks at a held lock before its thread parks. A clone takes less, as a rule; a guess.
const SPINS: usize = if cfg!(all(test, gmp_loom)) { 0 } else { 100 };

struct Held<T> {
    number: u64,
    /// `None` once the last receiver has taken it.
    value: Option<T>,
}

/// See the module's text. Small ones share a cache line evenly: none lies across two.
#[repr(align(32))]
pub(super) struct Cell<T> {
    word: AtomicUsize,
    held: UnsafeCell<Held<T>>,
}

// SAFETY: `held` is touched by the lock's holder only. Its value is moved and cloned by one thread at a
// time, so it need not be `Sync`.
unsafe impl<T: Send> Sync for Cell<T> {}
// SAFETY: it owns its value.
unsafe impl<T: Send> Send for Cell<T> {}

// As of a mutex: what a panic of the caller's makes of a value is the caller's concern.
impl<T> UnwindSafe for Cell<T> {}
impl<T> RefUnwindSafe for Cell<T> {}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Cell {
            word: AtomicUsize::new(0),
            held: UnsafeCell::new(Held { number: NOWHERE, value: None }),
        }
    }
}

impl<T> Cell<T> {
    /// Receivers that have not had the value; a number to look at.
    #[inline]
    pub(super) fn wanted(&self) -> usize {
        // Relaxed: nothing is read on the strength of it.
        self.word.load(Relaxed) >> SHIFT
    }

    /// Step 1. A read-modify-write at once: a load before it would fetch the line twice.
    #[inline]
    fn try_lock(&self) -> bool {
        let order = if broken("broadcast-lock-relaxed") { Relaxed } else { Acquire };
        // Ordering(broadcast-held): Acquire pairs with the swap in `Guard`'s drop.
        self.word.fetch_or(LOCKED, order) & LOCKED == 0
    }

    /// Sets `bit` beside `LOCKED`; false when the lock is free.
    fn mark(&self, bit: usize) -> bool {
        // Relaxed, all: the bit tells the holder to take a lock (the tail's, the notify's), which orders.
        let mut word = self.word.load(Relaxed);
        while word & LOCKED != 0 {
            match self.word.compare_exchange_weak(word, word | bit, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }
}

/// A locked cell. Its drop unlocks it, with a new count.
pub(super) struct Guard<'a, T> {
    shared: &'a Shared<T>,
    cell: &'a Cell<T>,
    index: usize,
    /// The count that the unlock leaves.
    wanted: usize,
}

impl<'a, T> Guard<'a, T> {
    fn locked(shared: &'a Shared<T>, cell: &'a Cell<T>, index: usize) -> Self {
        Guard { shared, cell, index, wanted: cell.wanted() }
    }

    /// Locks the cell; waits for whoever is in there.
    #[inline]
    pub(super) fn lock(shared: &'a Shared<T>, index: usize) -> Self {
        let cell = shared.cell(index);
        if !cell.try_lock() {
            Self::wait(shared, cell);
        }
        Guard::locked(shared, cell, index)
    }

    /// Step 2.
    #[cold]
    fn wait(shared: &Shared<T>, cell: &Cell<T>) {
        loop {
            for _ in 0..SPINS {
                // Relaxed: `try_lock` acquires.
                if cell.word.load(Relaxed) & LOCKED == 0 && cell.try_lock() {
                    return;
                }
                hint::spin_loop();
            }
            let early = (!broken("broadcast-crowd-late")).then(|| shared.crowd.notified());
            if cell.mark(CROWDED) {
                if early.is_none() {
                    // The break's. The checker does not try by itself what may come in between.
                    thread::yield_now();
                }
                park_until(early.unwrap_or_else(|| shared.crowd.notified()));
            }
            if cell.try_lock() {
                return;
            }
        }
    }

    /// Step 3, under the tail's lock: the cell, or `None` after its holder has been told.
    #[inline]
    pub(super) fn lock_or_orphan(shared: &'a Shared<T>, index: usize) -> Option<Self> {
        let cell = shared.cell(index);
        while !cell.try_lock() {
            if broken("broadcast-orphan-unmarked") || cell.mark(ORPHAN) {
                return None;
            }
        }
        Some(Guard::locked(shared, cell, index))
    }

    #[inline]
    pub(super) fn number(&self) -> u64 {
        // SAFETY: locked.
        self.cell.held.with(|held| unsafe { &*held }.number)
    }

    /// Nobody else wants the value.
    #[inline]
    pub(super) fn is_last(&self) -> bool {
        self.wanted == 0
    }

    /// One receiver less wants it.
    #[inline]
    pub(super) fn count_down(&mut self) {
        self.wanted -= 1;
    }

    /// Puts a value in; the old one is for the caller to drop after the locks.
    #[inline]
    pub(super) fn fill(&mut self, number: u64, value: T, wanted: usize) -> Option<T> {
        self.wanted = wanted;
        // SAFETY: locked, and the guard is borrowed exclusively.
        self.cell.held.with_mut(|held| unsafe { &mut *held }.replace(number, Some(value)))
    }

    /// Makes it a cell without a value.
    pub(super) fn empty(&mut self) -> Option<T> {
        self.wanted = 0;
        // SAFETY: as in `fill`.
        self.cell.held.with_mut(|held| unsafe { &mut *held }.replace(NOWHERE, None))
    }

    #[inline]
    pub(super) fn take(&mut self) -> Option<T> {
        // SAFETY: as in `fill`.
        self.cell.held.with_mut(|held| unsafe { &mut *held }.value.take())
    }

    /// Runs the value's `clone`, under the lock.
    #[inline]
    pub(super) fn clone_value(&self) -> Option<T>
    where
        T: Clone,
    {
        // SAFETY: locked; `clone` has no way to this guard, so the value stays as it is meanwhile.
        self.cell.held.with(|held| unsafe { &*held }.value.clone())
    }
}

impl<T> Held<T> {
    #[inline]
    fn replace(&mut self, number: u64, value: Option<T>) -> Option<T> {
        self.number = number;
        std::mem::replace(&mut self.value, value)
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let order = if broken("broadcast-unlock-relaxed") { Relaxed } else { Release };
        // Ordering(broadcast-held): Release pairs with `try_lock`.
        let word = self.cell.word.swap(self.wanted << SHIFT, order);
        if word & (CROWDED | ORPHAN) != 0 {
            unlocked(self.shared, self.index, word);
        }
    }
}

/// What the old word's bits ask for.
#[cold]
fn unlocked<T>(shared: &Shared<T>, index: usize, word: usize) {
    if word & CROWDED != 0 && !broken("broadcast-crowd-silent") {
        // A sender may do this under the tail's lock: those who wait are threads in `park_until`, so no
        // foreign waker runs.
        shared.crowd.notify_waiters();
    }
    if word & ORPHAN != 0 && !broken("broadcast-orphan-kept") {
        shared.left_orphan(index);
    }
}
