//! The all-G list: every live G, so that shutdown and dumps find it.
//!
//! One [`Shard`] belongs to each shell. Its slots only grow in number and never move; a slot holds the
//! address of a live G, or nothing.
//!
//! Protocol.
//!
//! 1. **Insert** (owner only: the thread that holds the shell): take a free slot, store the address.
//!    No read-modify-write. The list has a reference of its own to each G.
//! 2. **Remove** (whoever completes the G): compare-and-swap the slot from the address to nothing; who
//!    does it takes over the list's reference. The slot's number goes back to the owner's free list, or,
//!    if another thread does it, to a stack that the owner empties when its free list is empty. A thread
//!    with a shard of its own brings such slots by the [`CHAIN`], linked to each other: the stack's head goes
//!    from core to core once for all of them. Until then it keeps them, and the owner does without.
//! 3. **Walk** (anyone): swap the address for `LOCKED`, make a reference, put the address back. A remover
//!    that finds `LOCKED` waits, for a few instructions of the walker; so no G is freed between the
//!    walker's look at the slot and its reference.
//! 4. **Insert against the closer**: the spawner inserts, then, after a full fence, looks whether the
//!    scheduler is closed; the closer says so first, and walks after a full fence. One of them sees the
//!    other, and `State::claim` lets only one drop the future.
//!
//! The stack of freed slots is safe from ABA because the owner takes it as a whole.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::cell::{Header, Place};
use super::raw::{GRef, G};
use crate::primitives::appendvec::AppendVec;
use crate::primitives::padded::Padded;
use crate::primitives::prefetch;
use crate::primitives::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::primitives::sync::{broken, hint, thread, UnsafeCell};

/// No slot: end of a free list.
const NIL: u32 = u32::MAX;

/// Slots of another shard that a thread gathers before it gives them back.
const CHAIN: u32 = if cfg!(all(test, gmp_loom)) { 2 } else { 32 };

struct Slot {
    g: AtomicPtr<Header>,
    next_free: AtomicU32,
}

impl Default for Slot {
    fn default() -> Self {
        Slot { g: AtomicPtr::new(std::ptr::null_mut()), next_free: AtomicU32::new(NIL) }
    }
}

/// The address that stands for "a walker is here". Of no G: nothing else lives at a static.
fn locked() -> *mut Header {
    static MARK: u64 = 0;
    (&raw const MARK).cast_mut().cast()
}

/// The number of live Gs, from the sum of the shards' [`balance`](Shard::balance): roughly while others run.
pub(crate) fn live(balance: usize) -> usize {
    if balance > isize::MAX as usize {
        0
    } else {
        balance
    }
}

/// See the module's text.
pub(crate) struct Shard {
    number: u32,
    slots: AppendVec<Slot>,
    /// Apart from `slots`, which others read whenever they remove.
    own: Padded<Own>,
    elsewhere: Padded<Elsewhere>,
}

/// Written by the owner alone.
struct Own {
    owner: UnsafeCell<Owner>,
    /// Gs inserted minus Gs, of any shard, removed by the owner. May pass below zero.
    balance: AtomicUsize,
}

struct Owner {
    free: u32,
    /// Slots of another shard.
    chain: Chain,
}

/// Written by others.
struct Elsewhere {
    /// Slots freed by others.
    freed: AtomicU32,
    /// Gs removed by threads without a shard.
    removed: AtomicUsize,
}

/// Slots on their way back to their shard, linked through `next_free`.
#[must_use]
pub(crate) struct Chain {
    /// Whose they are.
    pub(crate) shard: u32,
    first: u32,
    last: u32,
    len: u32,
}

impl Chain {
    const EMPTY: Chain = Chain { shard: NIL, first: NIL, last: NIL, len: 0 };
}

impl Own {
    #[inline]
    fn add(&self, n: usize) {
        // Relaxed: a statistic with a single writer.
        self.balance.store(self.balance.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

// SAFETY: `owner` is touched by the shell's holder alone (methods marked "owner only"); the rest is
// atomic.
unsafe impl Sync for Shard {}
// SAFETY: as above.
unsafe impl Send for Shard {}

impl Shard {
    pub(crate) fn new(number: u32) -> Shard {
        Shard {
            number,
            slots: AppendVec::new(),
            own: Padded(Own {
                owner: UnsafeCell::new(Owner { free: NIL, chain: Chain::EMPTY }),
                balance: AtomicUsize::new(0),
            }),
            elsewhere: Padded(Elsewhere {
                freed: AtomicU32::new(NIL),
                removed: AtomicUsize::new(0),
            }),
        }
    }

    /// What [`Place`] calls it.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Lists a new G, and so makes its `Place`. The list takes over one reference.
    ///
    /// # Safety
    ///
    /// Owner only; the G is not published yet, and a reference is handed over.
    #[inline]
    pub(crate) unsafe fn insert(&self, g: &G, header: NonNull<Header>) {
        // SAFETY: owner only.
        let (number, slot) = unsafe { self.take_slot() };
        g.set_place(Place { shard: self.number, slot: number });
        // Ordering(allg-slot): Release, pairs with the Acquire in `walk`: shows the header.
        slot.g.store(header.as_ptr(), Release);
        // Relaxed: a statistic with a single writer.
        self.own.add(1);
    }

    /// A free slot, and its number.
    ///
    /// # Safety
    ///
    /// Owner only.
    #[inline]
    unsafe fn take_slot(&self) -> (u32, &Slot) {
        self.own.owner.with_mut(|owner| {
            // SAFETY: owner only.
            let owner = unsafe { &mut *owner };
            if owner.free == NIL {
                // Ordering(allg-freed): Acquire, pairs with the Release in `take_back`: shows the links.
                owner.free = self.elsewhere.freed.swap(NIL, Acquire);
            }
            match self.slots.get(owner.free as usize) {
                Some(slot) if owner.free != NIL => {
                    let taken = owner.free;
                    // Relaxed: see the Acquire above; links of our own making are ours.
                    owner.free = slot.next_free.load(Relaxed);
                    (taken, slot)
                }
                _ => self.new_slot(),
            }
        })
    }

    #[cold]
    fn new_slot(&self) -> (u32, &Slot) {
        let fresh = self.slots.push_default();
        assert!(fresh < NIL as usize, "all-G list: more than 2^32 - 1 live Gs");
        (fresh as u32, self.slots.get(fresh).expect("just made"))
    }

    /// Takes a G off. The caller gets the list's reference, and now and then slots to
    /// [`take_back`](Self::take_back) for their shard.
    ///
    /// # Safety
    ///
    /// The G was inserted here under this slot, and only its completion, which happens once, calls this.
    /// `own` is a shard of the caller's, this one or another.
    #[inline(always)]
    pub(crate) unsafe fn remove(
        &self,
        place: Place,
        header: NonNull<Header>,
        own: Option<&Shard>,
    ) -> Option<Chain> {
        let slot = self.slots.get(place.slot as usize).expect("listed slot");
        if broken("allg_remove_store") {
            // Seeded break: a store does not wait for a walker that is about to make a reference.
            slot.g.store(std::ptr::null_mut(), Release);
        } else {
            // Ordering(allg-slot): Acquire, pairs with the walker's Release store: its `ref_inc` comes
            // before our giving up the list's reference. Release: not needed by a walker, which uses
            // the header only after it swapped the address out.
            while slot
                .g
                .compare_exchange_weak(header.as_ptr(), std::ptr::null_mut(), AcqRel, Relaxed)
                .is_err()
            {
                hint::spin_loop();
                // A walker that lost its core holds the slot: let it run.
                thread::yield_now();
            }
        }
        let Some(own) = own else {
            self.take_back(Chain {
                shard: self.number,
                first: place.slot,
                last: place.slot,
                len: 1,
            });
            // Relaxed: a statistic.
            self.elsewhere.removed.fetch_add(1, Relaxed);
            return None;
        };
        own.own.add(usize::MAX);
        own.own.owner.with_mut(|o| {
            // SAFETY: the caller is the owner.
            let o = unsafe { &mut *o };
            if own.number == self.number {
                // Relaxed: our own list.
                slot.next_free.store(o.free, Relaxed);
                o.free = place.slot;
                return None;
            }
            let chain = &mut o.chain;
            let other = (chain.shard != self.number).then(|| {
                let empty = Chain { shard: self.number, ..Chain::EMPTY };
                std::mem::replace(chain, empty)
            });
            if chain.len == 0 {
                chain.last = place.slot;
            }
            // Relaxed: published by `take_back`.
            slot.next_free.store(chain.first, Relaxed);
            chain.first = place.slot;
            chain.len += 1;
            if chain.len >= CHAIN {
                return Some(std::mem::replace(chain, Chain::EMPTY));
            }
            other.filter(|other| other.len > 0)
        })
    }

    /// Asks for the memory of a slot, for which [`remove`](Self::remove) would wait.
    #[inline]
    pub(crate) fn fetch(&self, place: Place) {
        if let Some(slot) = self.slots.get(place.slot as usize) {
            prefetch::line((&raw const *slot).cast());
        }
    }

    /// Slots of this shard that others have freed may be reserved again.
    pub(crate) fn take_back(&self, chain: Chain) {
        debug_assert_eq!(chain.shard, self.number, "a chain of another shard");
        let last = self.slots.get(chain.last as usize).expect("listed slot");
        // Relaxed: the swap below checks it.
        let mut head = self.elsewhere.freed.load(Relaxed);
        loop {
            last.next_free.store(head, Relaxed);
            // Ordering(allg-freed): Release, pairs with the Acquire in `reserve`.
            let order = if broken("allg_freed_relaxed") { Relaxed } else { Release };
            match self.elsewhere.freed.compare_exchange_weak(head, chain.first, order, Relaxed) {
                Ok(_) => break,
                Err(seen) => head = seen,
            }
        }
    }

    /// Calls `visit` with a reference to each G that is listed at that moment. Gs inserted meanwhile may
    /// be missed, unless rule 4 is followed.
    pub(crate) fn walk(&self, mut visit: impl FnMut(GRef)) {
        for slot in self.slots.iter() {
            if let Some(g) = pin_slot(slot) {
                visit(g);
            }
        }
    }

    /// What this shard adds to the number of live Gs: below zero (it wraps), if its owner has removed many
    /// that others have made.
    pub(crate) fn balance(&self) -> usize {
        // Relaxed: statistics.
        let removed = self.elsewhere.removed.load(Relaxed);
        self.own.balance.load(Relaxed).wrapping_sub(removed)
    }
}

/// Rule 3.
fn pin_slot(slot: &Slot) -> Option<GRef> {
    loop {
        // Relaxed: the swap below acquires.
        let seen = slot.g.load(Relaxed);
        if seen.is_null() {
            return None;
        }
        if std::ptr::eq(seen, locked()) {
            // Another walker.
            hint::spin_loop();
            thread::yield_now();
            continue;
        }
        // Ordering(allg-slot): Acquire, pairs with the Release in `insert`.
        if slot.g.compare_exchange(seen, locked(), Acquire, Relaxed).is_ok() {
            let header = NonNull::new(seen).expect("not null, looked above");
            // SAFETY: while the slot is LOCKED its G cannot be taken off the list, so the list's
            // reference keeps it alive.
            let g = unsafe { GRef::new(header) };
            // Ordering(allg-slot): Release, pairs with the remover's Acquire.
            slot.g.store(seen, Release);
            return Some(g);
        }
    }
}
