//! Timers: each shell has a wheel of its own behind a small lock of its own.
//!
//! Knows no M and no P. It is told what time it is, and answers with wakers and with the next deadline.
//!
//! Protocol.
//!
//! 1. Time is counted in ticks of 2^14 ns. A deadline is rounded *up* to a tick and the clock *down*, so
//!    nothing fires early; it fires at most a tick late, plus what the poller adds.
//! 2. An entry ([`TimerEntry`]) lies inside its pinned owner. The address of its `Node` is linked into a slot of
//!    the [`Wheel`] of one [`Timers`], with the tick that it is linked by, its key; everything in the node but the state word is guarded
//!    by that lock.
//! 3. The state word holds either the deadline's tick ("queued") or one of three words: unregistered,
//!    fired, shut down. Who reads one of the three words needs no lock any more: the node is in no slot
//!    and nobody else will touch it.
//! 4. *Fire* (under the lock): unlink, take the waker out of the node, and then, as the very last touch of
//!    the node, compare-and-swap the word from the tick to "fired". The owner may free the node from that
//!    instant on. Shutdown does the same with its word.
//! 5. *Cancel* (by the owner, from any thread): with a word of the three there is nothing to do. Else take
//!    the lock, look again, unlink. After that no one knows the node's address.
//! 6. *Reset to later* swaps a later tick into the word and leaves the node in its slot: the key by which
//!    it is linked is then earlier than its deadline. When the key comes up, the node moves to its proper
//!    slot. The compare-and-swap of step 4 fails if the owner was faster, so the new deadline counts.
//!    *Reset to earlier* unlinks and links again under the lock.
//! 7. `earliest` is written under the lock and read without it. It is never later than the first
//!    deadline, and may be earlier after a cancel or a reset; the next `check` corrects it. An insert
//!    that lowers it is told so, and its caller must say so to the scheduler *after* unlocking, which
//!    orders that store before its look at the poller's deadline.
//! 8. No foreign code runs under the lock: wakers are cloned before it is taken, moved out under it, woken
//!    and dropped after it.
//!
//! Why it is right: N1, *a linked node is alive*, because its owner's drop does step 5 first and pinning
//! promises that drop comes before the memory goes. N2, *only the lock's holder touches a linked node*,
//! the word excepted, which is atomic. N3, *the `Timers` of a linked node is alive*, because the owner
//! holds a [`TimerHome`]. N4, *a node's key is at most its word's tick*, because only step 6 raises the
//! word alone.
//!
//! Rejected: a heap (cancel is O(log n) and moves memory under the lock), one wheel for the runtime (its
//! lock is what programs with many timeouts wait for), an allocation for each sleep.
#![allow(unsafe_code)]

mod blocks;
mod entry;
#[cfg(all(test, gmp_loom))]
mod models;
#[cfg(any(all(test, not(gmp_loom)), gmp_fuzz))]
pub(crate) mod tests;
mod wheel;

use std::fmt;
use std::ptr::NonNull;
use std::task::Waker;

pub(crate) use entry::{Look, TimerEntry};

use entry::Node;
use wheel::Wheel;

use crate::primitives::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::primitives::sync::{broken, Mutex};

/// A tick is 2^14 ns, about 16 µs: finer than the poller's own accuracy, and coarse enough that a
/// few levels of the wheel cover every `u64` of nanoseconds.
const TICK_SHIFT: u32 = 14;

/// One tick.
#[cfg(feature = "test-util")]
pub(crate) const TICK: std::time::Duration = std::time::Duration::from_nanos(1 << TICK_SHIFT);

/// The first tick at or after `ns`, in ns.
#[cfg(feature = "test-util")]
pub(crate) fn tick_end(ns: u64) -> u64 {
    tick_to_ns(Some(tick_after(ns)))
}

/// The last tick. Deadlines beyond it (584 years of uptime) are moved here.
const LAST_TICK: u64 = u64::MAX >> TICK_SHIFT;

/// The first tick at or after `ns`.
#[inline]
fn tick_after(ns: u64) -> u64 {
    let below = ns >> TICK_SHIFT;
    let round_up = u64::from(ns & ((1 << TICK_SHIFT) - 1) != 0);
    (below + round_up).min(LAST_TICK)
}

/// When a tick begins, in ns; "no tick" stays "none".
#[inline]
fn tick_to_ns(tick: Option<u64>) -> u64 {
    tick.map_or(u64::MAX, |tick| tick << TICK_SHIFT)
}

/// What keeps [`Timers`] alive for the entries in them.
///
/// # Safety
///
/// Every `Timers` that [`timers`](Self::timers) has answered stays alive and at its address until `self`
/// is dropped; moving `self` does not count.
pub(crate) unsafe trait TimerHome {
    /// The timers that an entry registered now should go to.
    fn timers(&self) -> &Timers;

    /// An entry due at `when` (ns) became the earliest of its `Timers`. Called outside of their lock.
    fn timer_added(&self, when: u64);
}

/// The timers of one shell.
pub(crate) struct Timers {
    /// Step 7: ns, `u64::MAX` for none. Before the lock, and not on its line under a usual layout: others
    /// read it all the time.
    earliest: AtomicU64,
    wheel: Mutex<Wheel>,
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("earliest", &self.earliest()).finish_non_exhaustive()
    }
}

/// What became of an insert. The waker comes back where it was not stored, to be dropped or woken by
/// the caller outside of the lock.
#[derive(Debug)]
enum Inserted {
    /// Linked; `earliest` is the deadline (ns) if it is now the first of all.
    Queued { earliest: Option<u64> },
    /// The wheel's hand is past it already.
    Due(Option<Waker>),
    /// No timers any more.
    Shutdown(Option<Waker>),
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { earliest: AtomicU64::new(u64::MAX), wheel: Mutex::new(Wheel::new()) }
    }

    /// The first deadline in ns (`u64::MAX`: none), or something earlier.
    #[inline]
    pub(crate) fn earliest(&self) -> u64 {
        // Relaxed: nothing is read on the strength of it but itself. Against a poller that goes to sleep
        // the scheduler's fences order it (step 7).
        self.earliest.load(Relaxed)
    }

    /// Fires everything that is due at `now` (ns): its wakers are appended to `fired`. Answers the next
    /// deadline, `u64::MAX` for none; it is later than `now`.
    pub(crate) fn check(&self, now: u64, fired: &mut Vec<Waker>) -> u64 {
        let earliest = self.earliest();
        if now < earliest {
            return earliest;
        }
        let mut wheel = self.wheel.lock();
        wheel.advance(now >> TICK_SHIFT, fired);
        let next = tick_to_ns(wheel.next());
        if broken("timer_earliest_unlocked") {
            drop(wheel);
        }
        self.earliest.store(next, Relaxed);
        next
    }

    /// Shows the wakers of all queued entries, with their deadlines (ns), under the lock: `f` only looks.
    #[cfg_attr(not(feature = "rt"), allow(dead_code))]
    pub(crate) fn for_each_waker(&self, mut f: impl FnMut(&Waker, u64)) {
        self.wheel.lock().for_each_waker(|waker, tick| f(waker, tick << TICK_SHIFT));
    }

    /// How many entries are queued.
    #[cfg(any(test, gmp_fuzz))]
    pub(crate) fn len(&self) -> usize {
        self.wheel.lock().len()
    }

    /// Ends it: all entries are unlinked and see the shutdown at their next poll; their wakers are
    /// appended to `fired`. Later inserts see it too.
    pub(crate) fn shutdown(&self, fired: &mut Vec<Waker>) {
        let mut wheel = self.wheel.lock();
        wheel.close(fired);
        self.earliest.store(u64::MAX, Relaxed);
    }

    /// Links a node that is in no slot (step 2).
    ///
    /// # Safety
    ///
    /// The node is alive, unregistered, touched by nobody else meanwhile, and stays alive at its address
    /// until its word says fired or shut down (read with Acquire) or [`remove`](Self::remove) returned.
    /// Its word is written under the lock.
    unsafe fn insert(&self, node: NonNull<Node>, tick: u64, waker: Option<Waker>) -> Inserted {
        let mut wheel = self.wheel.lock();
        if wheel.is_closed() {
            return Inserted::Shutdown(waker);
        }
        if tick <= wheel.elapsed() {
            return Inserted::Due(waker);
        }
        // SAFETY: alive, in no slot, and stays (the contract); the lock is held.
        unsafe { wheel.insert(node, tick, waker) };
        Inserted::Queued { earliest: self.lower(tick) }
    }

    /// Unlinks a node if it is still queued here and answers its waker (step 5). False: it had fired, or
    /// was shut down.
    ///
    /// # Safety
    ///
    /// The node is alive, and was last inserted into this `Timers`.
    unsafe fn remove(&self, node: NonNull<Node>) -> (bool, Option<Waker>) {
        let mut wheel = self.wheel.lock();
        // SAFETY: alive, and in this wheel if in any (the contract); the lock is held.
        let removed = unsafe { wheel.remove(node) };
        if wheel.len() == 0 {
            self.earliest.store(u64::MAX, Relaxed);
        }
        removed
    }

    /// Moves a queued node to an earlier tick (step 6). `None`: it had fired or was shut down.
    ///
    /// # Safety
    ///
    /// As for [`remove`](Self::remove).
    unsafe fn advance_to(&self, node: NonNull<Node>, tick: u64) -> Option<Inserted> {
        let mut wheel = self.wheel.lock();
        // SAFETY: alive, and in this wheel if in any (the contract); the lock is held.
        let (true, waker) = (unsafe { wheel.remove(node) }) else { return None };
        if tick <= wheel.elapsed() {
            return Some(Inserted::Due(waker));
        }
        // SAFETY: just taken out, alive as before; the lock is held.
        unsafe { wheel.insert(node, tick, waker) };
        Some(Inserted::Queued { earliest: self.lower(tick) })
    }

    /// Puts another waker into a queued node and answers the old one; gives the new one back as `Err` if
    /// the node had fired or was shut down.
    ///
    /// # Safety
    ///
    /// As for [`remove`](Self::remove).
    unsafe fn replace_waker(
        &self,
        node: NonNull<Node>,
        waker: Waker,
    ) -> Result<Option<Waker>, Waker> {
        let mut wheel = self.wheel.lock();
        // SAFETY: alive, and in this wheel if in any (the contract); the lock is held.
        unsafe { wheel.replace_waker(node, waker) }
    }

    /// Records a deadline under the lock; tells if it is now the first.
    #[inline]
    fn lower(&self, tick: u64) -> Option<u64> {
        let when = tick << TICK_SHIFT;
        // Relaxed, load and store: written under the lock only.
        let first = when < self.earliest.load(Relaxed);
        if first {
            self.earliest.store(when, Relaxed);
        }
        first.then_some(when)
    }
}
