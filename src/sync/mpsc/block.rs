#![allow(unsafe_code)]
//! One block of the channel's list: slots, and one word of marks for all of them.
//!
//! The marks' low half has a bit per slot, set when its value has been written (*ready*); the high half
//! has a bit per slot, set when the receiver waits for that slot (*awaited*).

use std::mem::MaybeUninit;
use std::ptr;

use crate::primitives::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, UnsafeCell};

/// Slots per block: 32 on 64-bit machines. The marks need two bits per slot. Two in the models, so that
/// they cross from block to block.
pub(super) const SLOTS: usize =
    if cfg!(all(test, gmp_loom)) { 2 } else { usize::BITS as usize / 2 };

/// Positions count by two, because the lowest bit of the tail's word says "closed".
pub(super) const STEP: usize = 2;
/// From one block's first position to the next one's.
pub(super) const SPAN: usize = SLOTS * STEP;

const ALL_READY: usize = if SLOTS * 2 == usize::BITS as usize {
    usize::MAX >> (usize::BITS / 2)
} else {
    (1 << SLOTS) - 1
};

const _: () = assert!(SPAN.is_power_of_two() && SLOTS * 2 <= usize::BITS as usize);

/// The first position of the block that `position` is in.
#[inline]
pub(super) const fn start_of(position: usize) -> usize {
    position & !(SPAN - 1)
}

/// The number of the slot that `position` means.
#[inline]
pub(super) const fn slot_of(position: usize) -> usize {
    (position & (SPAN - 1)) / STEP
}

pub(super) struct Block<T> {
    /// Its first position. Written while the block is nobody else's.
    start: UnsafeCell<usize>,
    marks: AtomicUsize,
    /// The block after it, once there is one.
    pub(super) next: AtomicPtr<Block<T>>,
    /// 0, or `1 | position`: senders with a position below that one may still look at the block.
    retired: AtomicUsize,
    slots: [UnsafeCell<MaybeUninit<T>>; SLOTS],
}

impl<T> Block<T> {
    pub(super) fn new(start: usize) -> Box<Self> {
        Box::new(Block {
            start: UnsafeCell::new(start),
            marks: AtomicUsize::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            retired: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit())),
        })
    }

    /// Makes it as good as new.
    ///
    /// # Safety
    ///
    /// The block is the caller's alone, and its slots are empty.
    pub(super) unsafe fn renew(&self, start: usize) {
        // SAFETY: the caller's alone.
        self.start.with_mut(|cell| unsafe { *cell = start });
        // Relaxed, all three: published with the block.
        self.marks.store(0, Relaxed);
        self.next.store(ptr::null_mut(), Relaxed);
        self.retired.store(0, Relaxed);
    }

    #[inline]
    pub(super) fn start(&self) -> usize {
        // SAFETY: written before the block was published, or while it is its owner's alone.
        self.start.with(|cell| unsafe { *cell })
    }

    /// Puts the value in its slot and marks it ready. True when the receiver waits for it.
    ///
    /// # Safety
    ///
    /// The caller holds this position, which is in this block, and has not written yet. The block may be
    /// gone when this returns.
    #[inline]
    pub(super) unsafe fn write(&self, slot: usize, value: T) -> bool {
        // SAFETY: a slot is written by the one who holds its position, and read after its mark is set.
        self.slots[slot].with_mut(|cell| unsafe { (*cell).write(value) });
        let ready = 1 << slot;
        let order = if broken("mpsc-ready-relaxed") { Relaxed } else { AcqRel };
        // Ordering(mpsc-ready): Release: the value, and this sender's looks at earlier blocks, come
        // before what the receiver does; Acquire: the registration of the receiver's waker.
        let before = self.marks.fetch_or(ready, order);
        before & (ready << SLOTS) != 0
    }

    /// Moves a value out.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, has seen the slot's ready mark with Acquire, and reads it once.
    #[inline]
    pub(super) unsafe fn read(&self, slot: usize) -> T {
        // SAFETY: written before the mark was set, and the receiver's from there on.
        self.slots[slot].with(|cell| unsafe { (*cell).assume_init_read() })
    }

    /// The ready marks.
    #[inline]
    pub(super) fn ready(&self) -> usize {
        // Ordering(mpsc-ready): Acquire pairs with `write`.
        self.marks.load(Acquire) & ALL_READY
    }

    /// Are all slots ready? Then no sender has to find this block any more.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.ready() == ALL_READY
    }

    /// Marks a slot as awaited, and answers the ready marks.
    pub(super) fn wait(&self, slot: usize) -> usize {
        // Ordering(mpsc-ready): Release: the registered waker; Acquire: a value that came first.
        self.marks.fetch_or(1 << (slot + SLOTS), AcqRel) & ALL_READY
    }

    /// No newcomer finds the block any more; those with positions below `position` may.
    pub(super) fn retire(&self, position: usize) {
        // Ordering(mpsc-retired): Release pairs with `is_retired_at`.
        self.retired.store(position | 1, Release);
    }

    /// May the receiver, who has taken everything before `position`, have the block back?
    pub(super) fn is_retired_at(&self, position: usize) -> bool {
        // Ordering(mpsc-retired): Acquire pairs with `retire`.
        match self.retired.load(Acquire) {
            0 => false,
            retired => position.wrapping_sub(retired & !1) as isize >= 0,
        }
    }

    /// Under the checker this access conflicts with anybody who is still at the block.
    pub(super) fn assert_alone(&self) {
        if cfg!(all(test, gmp_loom)) {
            self.start.with_mut(|_| ());
            for slot in &self.slots {
                slot.with_mut(|_| ());
            }
        }
    }
}
