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

use std::ptr::NonNull;
use std::task::Waker;

use super::entry::{Claim, Node};
use super::LAST_TICK;
use crate::primitives::sync::broken;
use crate::scheduler::limits::TIMER_SLOT_BITS as SLOT_BITS;

const SLOTS: usize = 1 << SLOT_BITS;

/// Enough levels for every tick, so that no deadline is further away than the wheel is wide.
pub(super) const LEVELS: usize =
    (u64::BITS - LAST_TICK.leading_zeros()).div_ceil(SLOT_BITS) as usize;
const _: () = assert!(LEVELS <= u16::BITS as usize);

/// How many nodes of a slot are looked at to name the first deadline exactly. Beyond that the start of
/// the slot has to do: one needless wake-up, shared by more nodes than this. A guess.
const SCAN: usize = 16;

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

    /// The lowest one.
    fn first(&self) -> Option<usize> {
        let (word, bits) = self.0.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

struct Level {
    occupied: Occupied,
    /// The oldest node of a ring in order of insertion.
    slots: [Option<NonNull<Node>>; SLOTS],
}

pub(super) struct Wheel {
    /// The tick up to which everything has fired.
    elapsed: u64,
    len: usize,
    closed: bool,
    /// One bit for each level that is not empty.
    occupied: u16,
    /// On the heap: 14 KiB, and threads of any stack size make shells.
    levels: Box<[Level]>,
}

// SAFETY: the addresses in it are followed under the lock of the one `Timers` it is part of, and the nodes
// there (N2) hold nothing that is bound to a thread: words, addresses and a `Waker`.
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
        let empty = || Level { occupied: Occupied::NONE, slots: [None; SLOTS] };
        let levels = std::iter::repeat_with(empty).take(LEVELS).collect();
        Wheel { elapsed: 0, len: 0, closed: false, occupied: 0, levels }
    }

    pub(super) fn len(&self) -> usize {
        self.len
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
    /// The node is in no list, and alive at its address until it leaves this wheel. The wheel's lock is
    /// held. `tick` is later than the hand.
    pub(super) unsafe fn insert(&mut self, node: NonNull<Node>, tick: u64, waker: Option<Waker>) {
        // SAFETY: alive.
        let shared = unsafe { node.as_ref() };
        shared.set_queued(tick);
        // SAFETY: the lock is held, and the node is in no list: nobody else looks.
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
        while let Some(place) = self.first() {
            if place.start > to {
                break;
            }
            self.elapsed = place.start;
            // The nodes lie all over the memory, and each says where the next one is. From above level 0 they only
            // move, none of them goes: walking towards each other from both ends fetches two at a time.
            let mut back = if place.level > 0 { self.last(place) } else { None };
            while let Some(node) = self.pop(place) {
                // SAFETY: linked, here or where it was moved to, hence alive (N1); the lock that `self` is
                // borrowed from is held (N2).
                back = back.and_then(|back| unsafe { back.as_ref().link(|link| link.prev) });
                self.fire_or_move(node, place.level, to, fired);
            }
        }
        self.elapsed = self.elapsed.max(to);
    }

    /// One node out of a slot that the hand has reached.
    fn fire_or_move(&mut self, node: NonNull<Node>, level: usize, to: u64, fired: &mut Vec<Waker>) {
        // SAFETY: it was linked until a moment ago, and its word says queued: alive (N1).
        let shared = unsafe { node.as_ref() };
        let tick = shared.queued_tick_locked();
        // Not due, or due but not the first of those in its slot: to its proper place (steps 4 and 6).
        if tick > to || level > 0 {
            // SAFETY: `pop` took it out of its list; alive until it fires or is removed.
            unsafe { self.link(node, tick) };
            return;
        }
        // SAFETY: the lock is held, and the node is in no list (N2).
        match unsafe { shared.claim(tick) } {
            // From here on the node may be gone.
            Claim::Fired(waker) => {
                self.len -= 1;
                if broken("timer_wake_under_lock") {
                    waker.into_iter().for_each(Waker::wake);
                } else {
                    fired.extend(waker);
                }
            }
            // SAFETY: still queued, hence alive, and in no list.
            Claim::Later(tick) => unsafe { self.link(node, tick.max(self.elapsed)) },
        }
    }

    /// The first deadline, or a tick before it that is worth a look.
    pub(super) fn next(&self) -> Option<u64> {
        let place = self.first()?;
        if place.level == 0 {
            return Some(place.start);
        }
        let head = self.levels[place.level].slots[place.slot]?;
        let (mut node, mut key) = (head, LAST_TICK);
        for _ in 0..SCAN {
            // SAFETY: linked, hence alive (N1); the lock that `self` is borrowed from is held (N2).
            let (next, node_key) = unsafe { node.as_ref().link(|link| (link.next, link.key)) };
            key = key.min(node_key);
            match next {
                Some(next) if next != head => node = next,
                _ => return Some(key),
            }
        }
        Some(place.start)
    }

    /// Shows the wakers of all queued nodes, with their ticks. `f` does not come back here.
    pub(super) fn for_each_waker(&mut self, mut f: impl FnMut(&Waker, u64)) {
        for head in self.levels.iter().flat_map(|level| level.slots).flatten() {
            let mut node = head;
            loop {
                // SAFETY: linked, hence alive (N1).
                let shared = unsafe { node.as_ref() };
                // SAFETY: the lock that `self` is borrowed from is held (N2).
                unsafe { shared.look_at_waker(|waker| f(waker, shared.queued_tick_locked())) };
                // SAFETY: as above.
                match unsafe { shared.link(|link| link.next) } {
                    Some(next) if next != head => node = next,
                    _ => break,
                }
            }
        }
    }

    /// Unlinks everything for good.
    pub(super) fn close(&mut self, fired: &mut Vec<Waker>) {
        self.closed = true;
        while let Some(place) = self.first() {
            while let Some(node) = self.pop(place) {
                // SAFETY: it was linked until a moment ago, and its word says queued: alive (N1).
                let shared = unsafe { node.as_ref() };
                // SAFETY: the lock is held, and the node is in no list (N2).
                fired.extend(unsafe { shared.shut_down() });
                self.len -= 1;
            }
        }
    }

    /// The slot that the hand comes to first.
    fn first(&self) -> Option<Place> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        let slot = self.levels[level].occupied.first()?;
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
    /// The node is alive, in no list, and the lock is held.
    unsafe fn link(&mut self, node: NonNull<Node>, key: u64) {
        let (level, slot) = self.place(key);
        let head = self.levels[level].slots[slot];
        let (prev, next) = match head {
            // SAFETY: linked, hence alive (N1); the lock is held (N2).
            Some(head) => (unsafe { head.as_ref().link(|link| link.prev) }.unwrap_or(head), head),
            None => (node, node),
        };
        // SAFETY: alive; nobody else looks at a node that is in no list.
        unsafe {
            node.as_ref().link(|link| {
                link.prev = Some(prev);
                link.next = Some(next);
                link.key = key;
            })
        };
        if head.is_some() {
            // SAFETY: a neighbour is linked, hence alive (N1); the lock is held (N2).
            unsafe { prev.as_ref().link(|link| link.next = Some(node)) };
            // SAFETY: as above.
            unsafe { next.as_ref().link(|link| link.prev = Some(node)) };
        } else {
            self.levels[level].slots[slot] = Some(node);
            self.levels[level].occupied.set(slot);
            self.occupied |= 1 << level;
        }
    }

    /// # Safety
    ///
    /// The node is in this wheel, and the lock is held.
    unsafe fn unlink(&mut self, node: NonNull<Node>) {
        // SAFETY: linked, hence alive (N1); the lock is held (N2).
        let key = unsafe { node.as_ref().link(|link| link.key) };
        let (level, slot) = self.place(key);
        // SAFETY: the slot is where `link` put it: the hand has not reached the slot's start since.
        unsafe { self.unlink_from(node, level, slot) };
    }

    /// # Safety
    ///
    /// The node is in this slot of this wheel, and the lock is held.
    unsafe fn unlink_from(&mut self, node: NonNull<Node>, level: usize, slot: usize) {
        // SAFETY: linked, hence alive (N1); the lock is held (N2).
        let (prev, next) =
            unsafe { node.as_ref().link(|link| (link.prev.take(), link.next.take())) };
        let (Some(prev), Some(next)) = (prev, next) else {
            unreachable!("Wheel::unlink: node is in no list")
        };
        if next == node {
            self.levels[level].slots[slot] = None;
            self.levels[level].occupied.clear(slot);
            if self.levels[level].occupied.first().is_none() {
                self.occupied &= !(1 << level);
            }
            return;
        }
        // SAFETY: a neighbour is linked, hence alive (N1); the lock is held (N2).
        unsafe { prev.as_ref().link(|link| link.next = Some(next)) };
        // SAFETY: as above.
        unsafe { next.as_ref().link(|link| link.prev = Some(prev)) };
        if self.levels[level].slots[slot] == Some(node) {
            self.levels[level].slots[slot] = Some(next);
        }
    }

    fn last(&self, place: Place) -> Option<NonNull<Node>> {
        let head = self.levels[place.level].slots[place.slot]?;
        // SAFETY: linked, hence alive (N1); the lock that `self` is borrowed from is held (N2).
        unsafe { head.as_ref().link(|link| link.prev) }
    }

    /// Takes the oldest node out of a slot, also when the hand is at the slot's start already.
    fn pop(&mut self, place: Place) -> Option<NonNull<Node>> {
        let node = self.levels[place.level].slots[place.slot]?;
        // SAFETY: it is in this slot; `&mut self` comes from the lock.
        unsafe { self.unlink_from(node, place.level, place.slot) };
        Some(node)
    }
}
