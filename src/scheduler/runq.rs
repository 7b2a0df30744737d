//! A P's local run queue: Go's ring, of 1024 slots, with one producer and many consumers, and `runnext`.
//!
//! Protocol. `head` and `tail` are counters that wrap; the Gs are in slots `head..tail` modulo the
//! capacity.
//!
//! 1. **put** (owner): if `tail - head` is below the capacity, write the slot, then store `tail`
//!    (Release). Full: claim the older half by one compare-and-swap of `head` and hand it to the global
//!    queue, with the new one behind it.
//! 2. **get** (owner), **steal** (thieves): read `head` (Acquire), then `tail` (Acquire), copy the slots,
//!    then claim them by a compare-and-swap of `head`. What was copied counts only if it succeeds.
//! 3. A slot is written again only after `head` has passed it, which the owner sees by its Acquire of
//!    `head`; a thief that copied a slot meanwhile fails its compare-and-swap. Slots are atomics, so that
//!    this losing read is defined.
//! 4. **runnext** is put by the owner alone and taken by a swap to null, by anyone; thieves only come for
//!    it when nothing else is left (see `steal.rs`).
//!
//! `head` is read before `tail`: the other way round `tail - head` could be negative.
//!
//! `crossbeam_deque::Worker` was measured in its place: 21 to 23 ns for push and pop against 15 to 17,
//! and its by-design races on slots defeat ThreadSanitizer, miri and loom.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::limits::{RUNQ_CAP, RUNQ_SPILL};
use crate::g::cell::{Header, STAGE};
use crate::g::raw::G;
use crate::primitives::padded::Padded;
use crate::primitives::prefetch;
use crate::primitives::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::primitives::sync::broken;

#[cfg(any(all(test, not(gmp_loom)), gmp_fuzz))]
pub(crate) mod tests;

const MASK: usize = RUNQ_CAP - 1;

/// See the module's text. Methods marked "owner only" are for the thread that holds the shell.
pub(crate) struct Runq {
    head: Padded<AtomicU32>,
    tail: Padded<AtomicU32>,
    runnext: AtomicPtr<Header>,
    slots: Box<[AtomicPtr<Header>]>,
}

/// The older half of a full ring and the G that did not fit, on their way to the global queue.
pub(crate) struct Spill {
    gs: [*mut Header; RUNQ_SPILL + 1],
    next: usize,
}

fn ptr_of(g: G) -> *mut Header {
    g.into_raw().as_ptr()
}

/// # Safety
///
/// `ptr` came from `ptr_of`, and this is the one place that takes it back.
#[inline]
unsafe fn g_of(ptr: *mut Header) -> G {
    // SAFETY: `ptr_of` gives addresses of Gs, never null.
    let header = unsafe { NonNull::new_unchecked(ptr) };
    // SAFETY: by the contract.
    unsafe { G::from_raw(header) }
}

impl Runq {
    pub(crate) fn new() -> Runq {
        Runq::starting_at(0)
    }

    /// A queue whose counters start anywhere: tests start them before the wrap.
    pub(crate) fn starting_at(counter: u32) -> Runq {
        Runq {
            head: Padded(AtomicU32::new(counter)),
            tail: Padded(AtomicU32::new(counter)),
            runnext: AtomicPtr::new(std::ptr::null_mut()),
            slots: (0..RUNQ_CAP).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect(),
        }
    }

    fn slot(&self, counter: u32) -> &AtomicPtr<Header> {
        &self.slots[counter as usize & MASK]
    }

    /// Owner only. Makes `g` the next one to run; whoever it displaces is the caller's to put.
    #[inline]
    pub(crate) fn put_next(&self, g: G) -> Option<G> {
        let new = ptr_of(g);
        if broken("runnext_put_stored") {
            let old = self.runnext.load(Acquire);
            self.runnext.store(new, Release);
            // SAFETY: none: the seeded break. A thief may have taken it meanwhile.
            return (!old.is_null()).then(|| unsafe { g_of(old) });
        }
        // Ordering(runnext): AcqRel. Release shows the G to who takes it; Acquire, because the displaced
        // one may be freed by us.
        let old = self.runnext.swap(new, AcqRel);
        // SAFETY: the swap took the old address out; it was put by `put_next`.
        (!old.is_null()).then(|| unsafe { g_of(old) })
    }

    /// Anyone. Takes runnext.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<G> {
        // Relaxed: only saves the swap when there is nothing; a stale null is as good as coming earlier.
        if self.runnext.load(Relaxed).is_null() {
            return None;
        }
        // Ordering(runnext): AcqRel, pairs with `put_next`.
        let g = self.runnext.swap(std::ptr::null_mut(), AcqRel);
        // SAFETY: the swap took the address out; it was put by `put_next`.
        (!g.is_null()).then(|| unsafe { g_of(g) })
    }

    /// Anyone. Is there a runnext?
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        // Relaxed: a hint; re-checks put a full fence before it.
        !self.runnext.load(Relaxed).is_null()
    }

    /// Anyone. As `has_next`, and if the answer is no, whoever puts one from now on sees what the caller wrote
    /// before.
    pub(crate) fn has_next_or_tells(&self) -> bool {
        let null = std::ptr::null_mut();
        // Ordering(runnext): AcqRel: a swap of nothing for nothing comes before or after that of `put_next`.
        self.runnext.compare_exchange(null, null, AcqRel, Acquire).is_err()
    }

    /// Owner only. Appends to the ring, or answers what has to go to the global queue.
    #[inline]
    pub(crate) fn put(&self, g: G) -> Option<Spill> {
        let g = ptr_of(g);
        // Relaxed: only the owner writes it.
        let tail = self.tail.load(Relaxed);
        loop {
            // Ordering(runq-head): Acquire, pairs with the thieves' compare-and-swap: slots that it
            // passed may be written again.
            let head = self.head.load(Acquire);
            if tail.wrapping_sub(head) < RUNQ_CAP as u32 {
                // Relaxed: published by the tail.
                self.slot(tail).store(g, Relaxed);
                let order = if broken("runq_tail_relaxed") { Relaxed } else { Release };
                // Ordering(runq-tail): Release, pairs with the Acquire in `grab` and `get`.
                self.tail.store(tail.wrapping_add(1), order);
                return None;
            }
            if let Some(spill) = self.spill(head, g) {
                return Some(spill);
            }
            // Thieves made room.
        }
    }

    /// Owner only. Appends what `give` hands to its second argument, as many as its first one says at most,
    /// and shows all of them to thieves at once. Answers what `give` answers.
    #[inline]
    pub(crate) fn fill<T>(&self, give: impl FnOnce(usize, &mut dyn FnMut(G)) -> T) -> T {
        // Relaxed: only the owner writes it.
        let first = self.tail.load(Relaxed);
        let room = self.room();
        let mut tail = first;
        let answer = give(room, &mut |g| {
            debug_assert!(
                (tail.wrapping_sub(first) as usize) < room,
                "fill: more than there is room for"
            );
            // Relaxed: published by the tail.
            self.slot(tail).store(ptr_of(g), Relaxed);
            tail = tail.wrapping_add(1);
        });
        if tail != first {
            // Ordering(runq-tail): Release, as in `put`.
            self.tail.store(tail, Release);
        }
        answer
    }

    #[cold]
    fn spill(&self, head: u32, g: *mut Header) -> Option<Spill> {
        let mut gs = [std::ptr::null_mut(); RUNQ_SPILL + 1];
        for (i, place) in gs[..RUNQ_SPILL].iter_mut().enumerate() {
            // Relaxed: our own stores.
            *place = self.slot(head.wrapping_add(i as u32)).load(Relaxed);
        }
        // Ordering(runq-head): AcqRel, as for any taker.
        let claimed =
            self.head.compare_exchange(head, head.wrapping_add(RUNQ_SPILL as u32), AcqRel, Relaxed);
        if claimed.is_err() && !broken("runq_spill_unclaimed") {
            return None;
        }
        gs[RUNQ_SPILL] = g;
        Some(Spill { gs, next: 0 })
    }

    /// Owner only. The oldest G of the ring.
    #[inline]
    pub(crate) fn get(&self) -> Option<G> {
        // Relaxed: only the owner writes it.
        let tail = self.tail.load(Relaxed);
        // Ordering(runq-head): Acquire, pairs with the other takers' swaps.
        let mut head = self.head.load(Acquire);
        loop {
            if head == tail {
                return None;
            }
            // Relaxed: our own store.
            let g = self.slot(head).load(Relaxed);
            if broken("runq_get_stored") {
                self.head.store(head.wrapping_add(1), Release);
                // SAFETY: none: the seeded break. A thief may have claimed the slot.
                return Some(unsafe { g_of(g) });
            }
            // Ordering(runq-head): AcqRel.
            match self.head.compare_exchange_weak(head, head.wrapping_add(1), AcqRel, Acquire) {
                Ok(_) => {
                    // Who comes next, most likely, is fetched while this one is polled: its state, and the
                    // beginning of its future. Relaxed: not followed.
                    let next = head.wrapping_add(1);
                    if prefetch::WORKS && next != tail {
                        let next = self.slot(next).load(Relaxed).cast_const();
                        prefetch::line(next.cast());
                        prefetch::line(next.wrapping_byte_add(STAGE).cast());
                    }
                    // SAFETY: the swap claimed this slot for us alone.
                    return Some(unsafe { g_of(g) });
                }
                Err(seen) => head = seen,
            }
        }
    }

    /// Length of the ring as thieves see it, without runnext.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Ordering(runq-head), (runq-tail): Acquire, head first.
        let head = self.head.load(Acquire);
        let tail = self.tail.load(Acquire);
        // A head that moved on between the two reads makes the difference too large, never negative.
        (tail.wrapping_sub(head) as usize).min(RUNQ_CAP)
    }

    /// Is there nothing at all, runnext included? Never true by mistake while the owner moves a G from
    /// runnext into the ring: the tail is read again after runnext.
    pub(crate) fn is_empty(&self) -> bool {
        loop {
            // Ordering(runq-head), (runq-tail): Acquire.
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            let next = self.runnext.load(Acquire);
            if self.tail.load(Acquire) == tail {
                return head == tail && next.is_null();
            }
        }
    }

    /// Room in the ring. Owner only: others see a number that is out of date.
    pub(crate) fn room(&self) -> usize {
        RUNQ_CAP - self.len()
    }

    /// A thief's look: takes half of this ring (rounded up), at most `most`. The last one is the result,
    /// the others go into `into`, the thief's own ring, which must have room for them (owner only there).
    pub(crate) fn steal_into(&self, into: &Runq, most: usize) -> Option<G> {
        // Relaxed: only its owner, us, writes it.
        let dst = into.tail.load(Relaxed);
        loop {
            // Ordering(runq-head): Acquire; (runq-tail): Acquire, shows the slots. Head first.
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            let available = tail.wrapping_sub(head);
            let n = (available - available / 2).min(most as u32);
            if n == 0 {
                return None;
            }
            if available > RUNQ_CAP as u32 {
                // Head and tail were read too far apart.
                continue;
            }
            for i in 0..n {
                // Relaxed: by the Acquire of the tail; a slot that is being rewritten fails the swap.
                let g = self.slot(head.wrapping_add(i)).load(Relaxed);
                into.slot(dst.wrapping_add(i)).store(g, Relaxed);
            }
            // Ordering(runq-head): AcqRel. Release: our reads are over before the owner reuses the slots.
            if self.head.compare_exchange(head, head.wrapping_add(n), AcqRel, Relaxed).is_err() {
                continue;
            }
            // Relaxed: our own store above.
            let last = into.slot(dst.wrapping_add(n - 1)).load(Relaxed);
            if n > 1 {
                // Ordering(runq-tail): Release.
                into.tail.store(dst.wrapping_add(n - 1), Release);
            }
            // SAFETY: the swap claimed the slots; this one was not published in our ring.
            return Some(unsafe { g_of(last) });
        }
    }

    /// Anyone. Takes one G out of the ring, without a ring to put others into.
    pub(crate) fn steal_one(&self) -> Option<G> {
        loop {
            // Ordering(runq-head), (runq-tail): Acquire, head first.
            let head = self.head.load(Acquire);
            let tail = self.tail.load(Acquire);
            if head == tail {
                return None;
            }
            if tail.wrapping_sub(head) > RUNQ_CAP as u32 {
                continue;
            }
            // Relaxed: by the Acquire of the tail.
            let g = self.slot(head).load(Relaxed);
            // Ordering(runq-head): AcqRel.
            if self.head.compare_exchange(head, head.wrapping_add(1), AcqRel, Relaxed).is_ok() {
                // SAFETY: claimed for us alone.
                return Some(unsafe { g_of(g) });
            }
        }
    }
}

impl Iterator for Spill {
    type Item = G;

    fn next(&mut self) -> Option<G> {
        let ptr = *self.gs.get(self.next)?;
        self.next += 1;
        // SAFETY: claimed by the swap in `spill`; each index is passed once.
        Some(unsafe { g_of(ptr) })
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl Drop for Runq {
    fn drop(&mut self) {
        drop(self.take_next());
        while let Some(g) = self.get() {
            drop(g);
        }
    }
}
