//! One registered source: its readiness in one word, and who waits for it.
//!
//! The word, from the least significant bit:
//!
//! ```text
//! | 0 READABLE | 1 WRITABLE | 2 READ_CLOSED | 3 WRITE_CLOSED | 4 PRIORITY | 5 ERROR | 6 SHUTDOWN | 7.. tick |
//! ```
//!
//! Protocol.
//!
//! 1. An event (`set`) adds its bits and one to the tick, in one step; only then does it take the lock of
//!    the waiters and move out the wakers of all whom the bits concern. Every waiter concerned is woken,
//!    so a waiter that is dropped with a wake-up in its hand takes nothing from the others.
//! 2. A task looks at the word first (no lock). If nothing is there it locks the waiters, looks again,
//!    and only then leaves its waker. An event between the two looks is seen by the second; an event
//!    after it finds the waker, because the lock orders the two sections.
//! 3. A system call that would block ends in `clear` with the word that was seen before the call. If the
//!    tick has moved since, an edge has come meanwhile that will not come again: nothing is cleared.
//!    Otherwise only the bits asked for go: clearing read leaves write alone. The two closed bits never
//!    go: an end of stream stays. The tick has all the bits that are left; it does not wrap within the
//!    life of a program (64 bits) or within the time of one system call (32 bits).
//! 4. `shutdown` sets a bit that is never cleared and hands out all wakers. Whoever looks afterwards sees
//!    it, and answers an error.
//!
//! Wakers are cloned before the lock and dropped or woken after it: they are foreign code.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use crate::primitives::list::{Linked, Links, List};
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, Mutex, UnsafeCell};

pub(crate) const READABLE: usize = 1;
pub(crate) const WRITABLE: usize = 1 << 1;
pub(crate) const READ_CLOSED: usize = 1 << 2;
pub(crate) const WRITE_CLOSED: usize = 1 << 3;
pub(crate) const PRIORITY: usize = 1 << 4;
pub(crate) const ERROR: usize = 1 << 5;
const SHUTDOWN: usize = 1 << 6;

/// One tick: the lowest bit above the flags.
const TICK: usize = 1 << 7;
/// All that an event can report.
const READY: usize = READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR;
/// Final: once closed, always closed.
const CLOSED: usize = READ_CLOSED | WRITE_CLOSED;

const _: () = assert!(READY | SHUTDOWN == TICK - 1);

/// The direction of a `poll_*` method: each has room for one waker, the last caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// The bits that end a wait in this direction.
    pub(crate) const fn mask(self) -> usize {
        match self {
            Direction::Read => READABLE | READ_CLOSED,
            Direction::Write => WRITABLE | WRITE_CLOSED,
        }
    }
}

/// What a look at the word saw: needed again to clear it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event(usize);

impl Event {
    /// The readiness bits.
    pub(crate) fn bits(self) -> usize {
        self.0 & READY
    }

    pub(crate) fn is_shutdown(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    /// Does a waiter for `mask` have to wait no longer?
    fn concerns(self, mask: usize) -> bool {
        self.0 & (mask | SHUTDOWN) != 0
    }

    fn tick(self) -> usize {
        self.0 / TICK
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (READABLE, "READABLE"),
            (WRITABLE, "WRITABLE"),
            (READ_CLOSED, "READ_CLOSED"),
            (WRITE_CLOSED, "WRITE_CLOSED"),
            (PRIORITY, "PRIORITY"),
            (ERROR, "ERROR"),
            (SHUTDOWN, "SHUTDOWN"),
        ];
        let set: Vec<&str> =
            names.iter().filter(|(bit, _)| self.0 & bit != 0).map(|&(_, name)| name).collect();
        write!(f, "Event({}, tick {})", set.join("|"), self.tick())
    }
}

/// See the module's text.
pub(crate) struct ScheduledIo {
    word: AtomicUsize,
    /// Under which the poller knows this source; set before it is shared.
    token: usize,
    waiters: Mutex<Waiters>,
}

struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    list: List<Waiter>,
}

impl ScheduledIo {
    pub(super) fn new(token: usize) -> ScheduledIo {
        ScheduledIo {
            word: AtomicUsize::new(0),
            token,
            waiters: Mutex::new(Waiters { reader: None, writer: None, list: List::new() }),
        }
    }

    pub(super) fn token(&self) -> usize {
        self.token
    }

    /// The word as it is now.
    #[inline]
    pub(crate) fn look(&self) -> Event {
        // Ordering(io-ready): Acquire, pairs with the RMW in `set` and `shutdown`. What matters is in the
        // kernel, not in memory; Acquire keeps what the poller did before visible to whoever acts on it.
        Event(self.word.load(Acquire))
    }

    /// Step 1: an event came. Moves the wakers of all concerned to `ready`; runs no foreign code.
    pub(super) fn set(&self, bits: usize, ready: &mut Vec<Waker>) {
        debug_assert_eq!(bits & !READY, 0, "ScheduledIo::set: not readiness");
        // Relaxed: the exchange does the ordering.
        let mut word = self.word.load(Relaxed);
        loop {
            let next = word.wrapping_add(TICK) | bits;
            // Ordering(io-ready): Release, pairs with `look`. Relaxed on failure: tried again.
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        self.take_wakers(bits, ready);
    }

    /// Says that a source that was just made is ready, ahead of its first event. Nobody waits yet.
    pub(crate) fn assume(&self, bits: usize) {
        debug_assert_eq!(bits & !READY, 0, "ScheduledIo::assume: not readiness");
        // Ordering(io-ready): Release, pairs with `look`. The tick stays: a hint is no edge.
        self.word.fetch_or(bits, AcqRel);
    }

    /// Step 4.
    pub(super) fn shutdown(&self, ready: &mut Vec<Waker>) {
        // Ordering(io-ready): Release, pairs with `look`.
        self.word.fetch_or(SHUTDOWN, AcqRel);
        self.take_wakers(READY, ready);
    }

    /// Shows the wakers of all who wait; true: to write. Under the lock, so `f` only looks.
    pub(super) fn for_each_waker(&self, f: &mut dyn FnMut(&Waker, bool)) {
        let waiters = self.waiters.lock();
        waiters.reader.iter().for_each(|waker| f(waker, false));
        waiters.writer.iter().for_each(|waker| f(waker, true));
        let mut next = waiters.list.front();
        while let Some(node) = next {
            // SAFETY: nodes in the list are alive, see `take_wakers`.
            let waiter = unsafe { node.as_ref() };
            // SAFETY: the lock guards the waker of every node in the list, and is held.
            let waker = waiter.waker.with(|waker| unsafe { (*waker).as_ref() });
            waker.into_iter().for_each(|waker| f(waker, waiter.mask & READABLE == 0));
            // SAFETY: `node` came from this list under this lock and is still in it.
            next = unsafe { waiters.list.next_of(node) };
        }
    }

    fn take_wakers(&self, bits: usize, ready: &mut Vec<Waker>) {
        let mut waiters = self.waiters.lock();
        if bits & Direction::Read.mask() != 0 {
            ready.extend(waiters.reader.take());
        }
        if bits & Direction::Write.mask() != 0 {
            ready.extend(waiters.writer.take());
        }
        let mut next = waiters.list.front();
        while let Some(node) = next {
            // SAFETY: nodes in the list are alive: `Readiness` takes itself out, under this lock, before
            // it goes away.
            let waiter = unsafe { node.as_ref() };
            // SAFETY: `node` came from this list under this lock and is still in it.
            next = unsafe { waiters.list.next_of(node) };
            if waiter.mask & bits == 0 {
                continue;
            }
            // SAFETY: as above, it is in this list.
            unsafe { waiters.list.remove(node) };
            // SAFETY: the lock guards the waker of every node in the list, and is held.
            ready.extend(waiter.waker.with_mut(|waker| unsafe { (*waker).take() }));
            if broken("io_wakes_one") {
                return; // the seeded break: the first one must not be the only one
            }
        }
    }

    /// Step 3: `bits` are no longer true, as far as `seen` goes.
    pub(crate) fn clear(&self, seen: Event, bits: usize) {
        let bits = bits & READY & !CLOSED;
        // Relaxed: nothing is read on the strength of it; the exchange does the ordering.
        let mut word = self.word.load(Relaxed);
        loop {
            if Event(word).tick() != seen.tick() && !broken("io_clear_ignores_tick") {
                return;
            }
            // Ordering(io-ready): AcqRel keeps the release sequence of the event before; nothing of our
            // own is published. Relaxed on failure: tried again.
            match self.word.compare_exchange_weak(word, word & !bits, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Step 2 for the `poll_*` methods: the last caller's waker in each direction is kept.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Event> {
        let event = self.look();
        if event.concerns(direction.mask()) {
            return Poll::Ready(event);
        }
        let waker = cx.waker().clone();
        let mut waiters = self.waiters.lock();
        let event = self.look();
        if event.concerns(direction.mask()) && !broken("io_no_second_look") {
            drop(waiters);
            return Poll::Ready(event);
        }
        let slot = match direction {
            Direction::Read => &mut waiters.reader,
            Direction::Write => &mut waiters.writer,
        };
        let old = slot.replace(waker);
        drop(waiters);
        drop(old);
        Poll::Pending
    }

    /// Step 2 for the async methods: any number may wait.
    pub(crate) fn readiness(&self, mask: usize) -> Readiness<'_> {
        Readiness {
            io: self,
            linked_once: Cell::new(false),
            waiter: Waiter { links: Links::new(), mask, waker: UnsafeCell::new(None) },
        }
    }
}

impl fmt::Debug for ScheduledIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduledIo")
            .field("token", &self.token)
            .field("word", &self.look())
            .finish_non_exhaustive()
    }
}

/// One async waiter, inside its future. The source's lock guards `links` and `waker`.
struct Waiter {
    links: Links<Waiter>,
    mask: usize,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: always the field `links`, through a raw place expression.
unsafe impl Linked for Waiter {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the node is alive, so its field has an address that is not null.
        unsafe { NonNull::new_unchecked(&raw mut (*node.as_ptr()).links) }
    }
}

/// Waits until one of the bits asked for is set, or the poller is shut down.
///
/// Cancel safe: dropping it takes the waiter out of the list.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Readiness<'a> {
    io: &'a ScheduledIo,
    /// The waiter has been in the list: from then on its links are looked at under the lock only. Used
    /// by the owner of the future alone.
    linked_once: Cell<bool>,
    waiter: Waiter,
}

// SAFETY: `waiter` is only touched under the lock of `io`, `linked_once` only by whoever polls or drops
// the future, which needs exclusive access.
unsafe impl Send for Readiness<'_> {}
// SAFETY: there is nothing that a shared reference to the future could do.
unsafe impl Sync for Readiness<'_> {}

impl Future for Readiness<'_> {
    type Output = Event;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Event> {
        // Shared from here on: the list holds the node's address too.
        let this = self.as_ref().get_ref();
        let mask = this.waiter.mask;
        let event = this.io.look();
        if event.concerns(mask) {
            // If still in the list, Drop takes it out.
            return Poll::Ready(event);
        }
        let waker = cx.waker().clone();
        let mut waiters = this.io.waiters.lock();
        let event = this.io.look();
        if event.concerns(mask) && !broken("io_no_second_look") {
            drop(waiters);
            return Poll::Ready(event);
        }
        // SAFETY: the lock of the list is held; it guards the waker.
        let old = this.waiter.waker.with_mut(|slot| unsafe { (*slot).replace(waker) });
        if !this.waiter.links.is_linked() {
            this.linked_once.set(true);
            // SAFETY: in no list (just asked, under the lock). It stays at its address, since the future
            // is pinned, until Drop removes it.
            unsafe { waiters.list.push_back(NonNull::from(&this.waiter)) };
        }
        drop(waiters);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Readiness<'_> {
    fn drop(&mut self) {
        if !self.linked_once.get() {
            return;
        }
        let mut waiters = self.io.waiters.lock();
        // SAFETY: alive, and if it is in a list, in this one: `poll` puts it nowhere else.
        unsafe { waiters.list.remove(NonNull::from(&self.waiter)) };
        // SAFETY: the lock of the list is held; it guards the waker.
        let waker = self.waiter.waker.with_mut(|slot| unsafe { (*slot).take() });
        drop(waiters);
        drop(waker);
    }
}
