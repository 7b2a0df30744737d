//! The hierarchical wheel: what the lock of a `Timers` guards.
//!
//! `elapsed` is the hand. A key later than the hand is on the level of the highest group of eight bits in
//! which the two differ, in the slot that these eight bits of the key name. Two things follow.
//!
//! - All keys on a level lie before all keys on the levels above, and on one level slots follow each other
//!   as their numbers do: none is "behind" the hand, no level wraps, not even the top one. The first
//!   key is in the lowest slot of the lowest level in use.
//! - A key stays at its place while the hand moves towards the slot's start, so the place is computed
//!   again from key and hand when the node is removed, and need not be stored.
//!
//! When the hand reaches the start of a slot, the slot's nodes go to lower levels; on level 0 they fire.
//! A node moves down at most [`LEVELS`] times in its life, however far the clock jumps.
//!
//! With many timers the time goes into fetching memory: nodes lie in their owners, all over it, and were last
//! touched long ago. So what a slot holds is found without them (`blocks.rs`), and is asked for before it is needed:
//! the first blocks of the slots that are due ([`Wheel::fetch_due`]), the nodes of the next block and of the next slot, and,
//! when a node fires, what its waker leads to.

use std::ptr::NonNull;
use std::task::Waker;

use super::blocks::{Blocks, Ring};
use super::entry::{Claim, Node};
use super::{LAST_TICK, TICK_SHIFT};
use crate::primitives::prefetch;
use crate::primitives::sync::broken;
use crate::scheduler::limits::{TIMER_COALESCE, TIMER_SLOT_BITS as SLOT_BITS};

const SLOTS: usize = 1 << SLOT_BITS;

/// Enough levels for every tick, so that no deadline is further away than the wheel is wide.
pub(super) const LEVELS: usize =
    (u64::BITS - LAST_TICK.leading_zeros()).div_ceil(SLOT_BITS) as usize;
const _: () = assert!(LEVELS <= u16::BITS as usize);

/// How many nodes of a slot are looked at to name the first deadline exactly. Beyond that the start of
/// the slot has to do: one needless wake-up, shared by more nodes than this. A guess.
const SCAN: usize = 16;

/// How many slots' memory is asked for at once, at most: those of the timers that are taken together.
const FETCHED: usize = (TIMER_COALESCE >> TICK_SHIFT) as usize + 2;

/// One bit for each slot of a level that is not empty.
struct Occupied([u64; SLOTS / 64]);

impl Occupied {
    const NONE: Occupied = Occupied([0; SLOTS / 64]);

    fn set(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    fn clear(&mut self, slot: usize) {
        self.0[slot / 64] &= !(1 << (slot % 64));
    }

    /// All of them, the lowest first.
    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, &bits)| {
            let rest = |bits: &u64| Some(bits & (bits - 1)).filter(|rest| *rest != 0);
            let bits = std::iter::successors(Some(bits).filter(|bits| *bits != 0), rest);
            bits.map(move |bits| word * 64 + bits.trailing_zeros() as usize)
        })
    }

    /// The lowest one.
    fn first(&self) -> Option<usize> {
        let (word, bits) = self.0.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

struct Level {
    occupied: Occupied,
    slots: [Ring; SLOTS],
}

impl Level {
    fn new() -> Box<Level> {
        Box::new(Level { occupied: Occupied::NONE, slots: [Ring::EMPTY; SLOTS] })
    }
}

pub(super) struct Wheel {
    /// The tick up to which everything has fired.
    elapsed: u64,
    len: usize,
    closed: bool,
    /// One bit for each level that is not empty.
    occupied: u16,
    /// Made when first used: a kilobyte each.
    levels: [Option<Box<Level>>; LEVELS],
    blocks: Blocks,
}

// SAFETY: the addresses in it are followed under the lock of the one `Timers` it is part of, and the nodes
// there (N2) hold nothing that is bound to a thread: a word, a place in the wheel, and a `Waker`.
unsafe impl Send for Wheel {}

/// A slot's place, and the tick at which it begins.
#[derive(Clone, Copy)]
struct Place {
    level: usize,
    slot: usize,
    start: u64,
}

impl Wheel {
    pub(super) fn new() -> Wheel {
        Wheel {
            elapsed: 0,
            len: 0,
            closed: false,
            occupied: 0,
            levels: [const { None }; LEVELS],
            blocks: Blocks::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Chunks of memory in which slots have their blocks.
    #[cfg(all(test, not(gmp_loom)))]
    pub(super) fn chunks(&self) -> usize {
        self.blocks.held()
    }

    pub(super) fn elapsed(&self) -> u64 {
        self.elapsed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Links a node and makes its word say so.
    ///
    /// # Safety
    ///
    /// The node is in no slot, and alive at its address until it leaves this wheel. The wheel's lock is
    /// held. `tick` is later than the hand.
    pub(super) unsafe fn insert(&mut self, node: NonNull<Node>, tick: u64, waker: Option<Waker>) {
        // SAFETY: alive.
        let shared = unsafe { node.as_ref() };
        shared.set_queued(tick);
        // SAFETY: the lock is held, and the node is in no slot: nobody else looks.
        unsafe { shared.put_waker(waker) };
        // SAFETY: as the caller promises.
        unsafe { self.link(node, tick) };
        self.len += 1;
    }

    /// Takes a node out if it is queued; says if it was, and answers its waker.
    ///
    /// # Safety
    ///
    /// The node is alive and, if queued, in this wheel. The wheel's lock is held.
    pub(super) unsafe fn remove(&mut self, node: NonNull<Node>) -> (bool, Option<Waker>) {
        // SAFETY: alive.
        let shared = unsafe { node.as_ref() };
        if !shared.is_queued_locked() {
            return (false, None);
        }
        // SAFETY: queued, hence in this wheel.
        unsafe { self.unlink(node) };
        self.len -= 1;
        shared.set_unregistered();
        // SAFETY: the lock is held (N2).
        (true, unsafe { shared.take_waker() })
    }

    /// Exchanges the waker of a queued node.
    ///
    /// # Safety
    ///
    /// As for [`remove`](Self::remove).
    pub(super) unsafe fn replace_waker(
        &mut self,
        node: NonNull<Node>,
        waker: Waker,
    ) -> Result<Option<Waker>, Waker> {
        // SAFETY: alive.
        let shared = unsafe { node.as_ref() };
        if !shared.is_queued_locked() && !broken("timer_waker_into_fired") {
            return Err(waker);
        }
        // SAFETY: the lock is held (N2).
        let old = unsafe { shared.take_waker() };
        // SAFETY: as above.
        unsafe { shared.put_waker(Some(waker)) };
        Ok(old)
    }

    /// Moves the hand to `to` and fires all that it passes, in the order of deadlines. A hand beyond `to`
    /// stays where it is: clocks may stand still or step back.
    pub(super) fn advance(&mut self, to: u64, fired: &mut Vec<Waker>) {
        self.fetch_due(to);
        while let Some(place) = self.first() {
            if place.start > to {
                break;
            }
            self.elapsed = place.start;
            // Taken off as a whole: nothing goes back to where it came from. From above level 0 it moves down or
            // to a later slot, and on level 0 it fires, or has got a later key.
            let mut ring = self.take_slot(place);
            self.blocks.fetch(ring);
            if let Some(next) = self.first().filter(|next| next.start <= to) {
                self.blocks.fetch(self.slot(next.level, next.slot));
            }
            while let Some(popped) = self.blocks.pop_block(&mut ring) {
                self.blocks.fetch(ring);
                for (node, _key) in popped {
                    if let Some(node) = node {
                        self.fire_or_move(node, place.level, to, fired);
                    }
                }
            }
        }
        self.elapsed = self.elapsed.max(to);
    }

    /// Asks for the memory of what the hand comes to first: it was last touched when these timers moved down to
    /// level 0, which is milliseconds ago.
    fn fetch_due(&self, to: u64) {
        if !prefetch::WORKS {
            return;
        }
        let Some(level) = &self.levels[0] else { return };
        let base = self.elapsed >> SLOT_BITS << SLOT_BITS;
        let due = level.occupied.iter().take_while(|&slot| base + slot as u64 <= to);
        due.take(FETCHED).for_each(|slot| self.blocks.fetch_block(level.slots[slot]));
    }

    /// One node out of a slot that the hand has reached.
    fn fire_or_move(&mut self, node: NonNull<Node>, level: usize, to: u64, fired: &mut Vec<Waker>) {
        // SAFETY: it was linked until a moment ago, and its word says queued: alive (N1).
        let shared = unsafe { node.as_ref() };
        let tick = shared.queued_tick_locked();
        // Not due, or due but not the first of those in its slot: to its proper place (steps 4 and 6).
        if tick > to || level > 0 {
            // SAFETY: it was taken out of its slot; alive until it fires or is removed.
            unsafe { self.link(node, tick) };
            return;
        }
        // SAFETY: the lock is held, and the node is in no slot (N2).
        match unsafe { shared.claim(tick) } {
            // From here on the node may be gone.
            Claim::Fired(waker) => {
                self.len -= 1;
                // Where a waker leads is looked at soon, with those of the whole batch.
                waker.iter().for_each(|waker| prefetch::line(waker.data()));
                if broken("timer_wake_under_lock") {
                    waker.into_iter().for_each(Waker::wake);
                } else {
                    fired.extend(waker);
                }
            }
            // SAFETY: still queued, hence alive, and in no slot.
            Claim::Later(tick) => unsafe { self.link(node, tick.max(self.elapsed)) },
        }
    }

    /// The first deadline, or a tick before it that is worth a look.
    pub(super) fn next(&self) -> Option<u64> {
        let place = self.first()?;
        if place.level == 0 {
            return Some(place.start);
        }
        let mut entries = self.blocks.iter(self.slot(place.level, place.slot));
        let first = entries.by_ref().take(SCAN).map(|(_node, key)| key).min();
        match entries.next() {
            Some(_more) => Some(place.start),
            None => first,
        }
    }

    /// Shows the wakers of all queued nodes, with their ticks. `f` does not come back here.
    pub(super) fn for_each_waker(&self, mut f: impl FnMut(&Waker, u64)) {
        let rings = self.levels.iter().flatten().flat_map(|level| level.slots);
        for (node, _key) in rings.flat_map(|ring| self.blocks.iter(ring)) {
            // SAFETY: in a slot, hence alive (N1).
            let shared = unsafe { node.as_ref() };
            // SAFETY: the lock that `self` is borrowed from is held (N2).
            unsafe { shared.look_at_waker(|waker| f(waker, shared.queued_tick_locked())) };
        }
    }

    /// Unlinks everything for good. Who still has a handle to the runtime keeps none of this memory.
    pub(super) fn close(&mut self, fired: &mut Vec<Waker>) {
        self.closed = true;
        while let Some(place) = self.first() {
            let mut ring = self.take_slot(place);
            while let Some(popped) = self.blocks.pop_block(&mut ring) {
                for (node, _key) in popped {
                    let Some(node) = node else { continue };
                    // SAFETY: it was in a slot until a moment ago, and its word says queued: alive (N1).
                    let shared = unsafe { node.as_ref() };
                    // SAFETY: the lock is held, and the node is in no slot (N2).
                    fired.extend(unsafe { shared.shut_down() });
                    self.len -= 1;
                }
            }
        }
        (self.levels, self.blocks) = ([const { None }; LEVELS], Blocks::new());
    }

    /// The slot that the hand comes to first.
    fn first(&self) -> Option<Place> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        let slot = self.levels[level].as_ref()?.occupied.first()?;
        let shift = SLOT_BITS * level as u32;
        let above = self.elapsed >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        Some(Place { level, slot, start: above | (slot as u64) << shift })
    }

    /// Where a key belongs under the present hand.
    fn place(&self, key: u64) -> (usize, usize) {
        debug_assert!(key >= self.elapsed, "Wheel: key {key} is behind {}", self.elapsed);
        // `| 1`: equal ticks are on level 0.
        let highest = 63 - ((key ^ self.elapsed) | 1).leading_zeros();
        let level = highest / SLOT_BITS;
        let slot = (key >> (SLOT_BITS * level)) as usize % SLOTS;
        (level as usize, slot)
    }

    /// # Safety
    ///
    /// The node is alive, in no slot, and the lock is held.
    unsafe fn link(&mut self, node: NonNull<Node>, key: u64) {
        let (number, slot) = self.place(key);
        let level = self.levels[number].get_or_insert_with(Level::new);
        let spot = self.blocks.push(&mut level.slots[slot], node, key);
        level.occupied.set(slot);
        self.occupied |= 1 << number;
        // SAFETY: alive; the lock is held (N2).
        unsafe { node.as_ref().put_spot(Some(spot)) };
    }

    /// # Safety
    ///
    /// The node is in this wheel, and the lock is held.
    unsafe fn unlink(&mut self, node: NonNull<Node>) {
        // SAFETY: in a slot, hence alive (N1); the lock is held (N2).
        let spot = unsafe { node.as_ref().put_spot(None) };
        let Some(spot) = spot else { unreachable!("Wheel::unlink: node is in no slot") };
        // Where `link` put it: the hand has not reached the slot's start since.
        let (number, slot) = self.place(self.blocks.key(spot));
        let Some(level) = &mut self.levels[number] else {
            unreachable!("Wheel::unlink: nothing is on level {number}")
        };
        self.blocks.remove(&mut level.slots[slot], spot);
        if level.slots[slot].is_empty() {
            self.vacate(number, slot);
        }
    }

    fn slot(&self, level: usize, slot: usize) -> Ring {
        self.levels[level].as_ref().map_or(Ring::EMPTY, |level| level.slots[slot])
    }

    /// Empties a slot, and answers what was in it.
    fn take_slot(&mut self, place: Place) -> Ring {
        let ring = self.slot(place.level, place.slot);
        self.vacate(place.level, place.slot);
        ring
    }

    /// Nothing is in this slot any more.
    fn vacate(&mut self, number: usize, slot: usize) {
        let Some(level) = &mut self.levels[number] else { return };
        level.slots[slot] = Ring::EMPTY;
        level.occupied.clear(slot);
        if level.occupied.first().is_none() {
            self.occupied &= !(1 << number);
        }
    }
}
