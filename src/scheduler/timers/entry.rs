//! One timer: the node that a wheel links, and the pinned entry around it that its owner uses.
//!
//! All methods of [`TimerEntry`] belong to the owner, who has it exclusively (`Pin<&mut Self>`); the wheel
//! knows only the node, and touches it as the protocol of the parent module says.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{RawWakerVTable, Waker};

use pin_project_lite::pin_project;

use super::blocks::Spot;
use super::{tick_after, Inserted, TimerHome, Timers};
use crate::primitives::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::primitives::sync::{broken, UnsafeCell};

/// Words that are no ticks: in no wheel.
const UNREGISTERED: u64 = u64::MAX;
const FIRED: u64 = u64::MAX - 1;
const SHUT_DOWN: u64 = u64::MAX - 2;

/// Is it a tick, hence queued?
fn is_tick(word: u64) -> bool {
    word <= super::LAST_TICK
}

#[derive(Debug)]
struct Guarded {
    spot: Option<Spot>,
    waker: Option<Waker>,
}

/// What a wheel links.
#[derive(Debug)]
pub(super) struct Node {
    /// A tick, or one of the words above.
    word: AtomicU64,
    /// By the lock of the `Timers` it is in; in none: by its owner.
    guarded: UnsafeCell<Guarded>,
    /// A slot of the wheel points here.
    _pin: PhantomPinned,
}

/// What became of the attempt to fire a node.
#[must_use]
pub(super) enum Claim {
    /// Fired. The node belongs to its owner now and must not be touched.
    Fired(Option<Waker>),
    /// Its owner set this later tick meanwhile; the node is as it was.
    Later(u64),
}

impl Node {
    fn new() -> Node {
        Node {
            word: AtomicU64::new(UNREGISTERED),
            guarded: UnsafeCell::new(Guarded { spot: None, waker: None }),
            _pin: PhantomPinned,
        }
    }

    /// Is it in the wheel whose lock the caller holds? Relaxed, here and in the other functions named
    /// `locked`: the words that are no ticks are stored under that lock, and of the ticks only the value
    /// counts.
    pub(super) fn is_queued_locked(&self) -> bool {
        is_tick(self.word.load(Relaxed))
    }

    /// The deadline of a queued node, which may be later than its key.
    pub(super) fn queued_tick_locked(&self) -> u64 {
        let word = self.word.load(Relaxed);
        debug_assert!(is_tick(word), "Node: linked, but its word is {word:#x}");
        word
    }

    /// Under the lock, before it is linked. Relaxed: the owner itself, or under the lock, reads it.
    pub(super) fn set_queued(&self, tick: u64) {
        self.word.store(tick, Relaxed);
    }

    /// Under the lock, by the owner, after it was unlinked.
    pub(super) fn set_unregistered(&self) {
        self.word.store(UNREGISTERED, Relaxed);
    }

    /// Step 4: fires a node that was taken out of its slot, unless its tick is no longer `tick`.
    ///
    /// # Safety
    ///
    /// The node is alive and in no slot; the lock of the wheel it was in is held.
    pub(super) unsafe fn claim(&self, tick: u64) -> Claim {
        if broken("timer_word_before_waker") {
            self.word.store(FIRED, Release);
        }
        if broken("timer_extend_overwritten") {
            self.word.store(tick, Relaxed);
        }
        // SAFETY: under the lock (the contract).
        let waker = unsafe { self.take_waker() };
        // Ordering(fired): Release, with the owner's Acquire in `TimerEntry`: all touches of the node come
        // before its owner frees it.
        let release = if broken("timer_fired_relaxed") { Relaxed } else { Release };
        match self.word.compare_exchange(tick, FIRED, release, Relaxed) {
            Err(later) if is_tick(later) => {
                // SAFETY: as above.
                unsafe { self.put_waker(waker) };
                Claim::Later(later)
            }
            _ => Claim::Fired(waker),
        }
    }

    /// Step 4 for shutdown.
    ///
    /// # Safety
    ///
    /// As for [`claim`](Self::claim). The node must not be touched afterwards.
    pub(super) unsafe fn shut_down(&self) -> Option<Waker> {
        // SAFETY: under the lock (the contract).
        let waker = unsafe { self.take_waker() };
        // Ordering(fired): as in `claim`. A later tick stored by the owner meanwhile is overwritten.
        let release = if broken("timer_shutdown_relaxed") { Relaxed } else { Release };
        self.word.store(SHUT_DOWN, release);
        waker
    }

    /// Notes where the wheel holds it; answers where it did before.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the wheel that the node is in or goes to.
    pub(super) unsafe fn put_spot(&self, spot: Option<Spot>) -> Option<Spot> {
        // SAFETY: not null and alive (`&self`), and nobody else looks meanwhile (the contract, N2).
        self.guarded.with_mut(|guarded| std::mem::replace(unsafe { &mut (*guarded).spot }, spot))
    }

    /// # Safety
    ///
    /// As for [`put_spot`](Self::put_spot).
    pub(super) unsafe fn take_waker(&self) -> Option<Waker> {
        // SAFETY: not null and alive (`&self`), and nobody else looks meanwhile (the contract, N2).
        self.guarded.with_mut(|guarded| unsafe { &mut (*guarded).waker }.take())
    }

    /// Shows the waker, if there is one.
    ///
    /// # Safety
    ///
    /// As for [`put_spot`](Self::put_spot).
    pub(super) unsafe fn look_at_waker(&self, f: impl FnOnce(&Waker)) {
        // SAFETY: not null and alive (`&self`), and nobody else looks meanwhile (the contract, N2).
        self.guarded.with_mut(|guarded| unsafe { &(*guarded).waker }.as_ref().map(f));
    }

    /// Stores a waker where there is none, so that none is dropped under the lock.
    ///
    /// # Safety
    ///
    /// As for [`put_spot`](Self::put_spot).
    pub(super) unsafe fn put_waker(&self, waker: Option<Waker>) {
        // SAFETY: not null and alive (`&self`), and nobody else looks meanwhile (the contract, N2).
        let old = self
            .guarded
            .with_mut(|guarded| std::mem::replace(unsafe { &mut (*guarded).waker }, waker));
        debug_assert!(old.is_none(), "Node: a waker was overwritten");
    }
}

/// Which waker is in the node, remembered by the owner: the same waker again needs no lock.
///
/// A stale answer cannot mislead: while the node holds the waker, its addresses cannot be used for
/// another; whoever has a waker at re-used addresses has seen the old one's end, hence the word "fired".
#[derive(Debug, Clone, Copy, PartialEq)]
struct WakerId(*const (), *const RawWakerVTable);

impl WakerId {
    const NONE: WakerId = WakerId(ptr::null(), ptr::null());

    fn of(waker: &Waker) -> WakerId {
        WakerId(waker.data(), waker.vtable())
    }
}

/// What an entry's owner finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Look {
    /// In no wheel yet.
    Unregistered,
    /// Queued; the waker given last will be woken.
    Waiting,
    /// The deadline has passed.
    Fired,
    /// The timers were shut down.
    Shutdown,
}

pin_project! {
    /// A timer that lives in its owner: the wheel links it where it lies.
    #[derive(Debug)]
    pub(crate) struct TimerEntry<H: TimerHome> {
        #[pin]
        node: Node,
        // Where the node is or was last, from `home`, hence valid as long as that is (N3).
        timers: Cell<*const Timers>,
        seen: Cell<WakerId>,
        home: H,
    }

    impl<H: TimerHome> PinnedDrop for TimerEntry<H> {
        fn drop(this: Pin<&mut Self>) {
            this.cancel();
        }
    }
}

// SAFETY: the node's shared parts are guarded as the protocol says; the addresses `timers` and `seen` are
// the owner's own, and lead to a `Timers`, which is Sync, and to nothing that is followed.
unsafe impl<H: TimerHome + Send> Send for TimerEntry<H> {}
// SAFETY: as above; with a shared reference only the word is read.
unsafe impl<H: TimerHome + Sync> Sync for TimerEntry<H> {}

impl<H: TimerHome> TimerEntry<H> {
    /// An entry in no wheel.
    pub(crate) fn new(home: H) -> Self {
        TimerEntry {
            node: Node::new(),
            timers: Cell::new(ptr::null()),
            seen: Cell::new(WakerId::NONE),
            home,
        }
    }

    /// Where it finds its timers.
    pub(crate) fn home(&self) -> &H {
        &self.home
    }

    /// Has its deadline passed, and somebody noticed?
    pub(crate) fn is_fired(&self) -> bool {
        // Relaxed: a look, after which nothing is touched.
        self.node.word.load(Relaxed) == FIRED
    }

    /// How it stands. If it waits, `waker` takes the place of the one given before.
    pub(crate) fn poll(self: Pin<&mut Self>, waker: &Waker) -> Look {
        let look = self.look();
        if look != Look::Waiting || self.seen.get() == WakerId::of(waker) {
            return look;
        }
        // Step 8: foreign code before the lock and after it.
        let clone = waker.clone();
        let (timers, node) = self.queued();
        // SAFETY: the node is alive, and was inserted into these timers when its word became a tick.
        match unsafe { timers.replace_waker(node, clone) } {
            Ok(old) => {
                self.seen.set(WakerId::of(waker));
                drop(old);
                Look::Waiting
            }
            Err(_fired_meanwhile) => self.look(),
        }
    }

    /// Queues an unregistered or fired entry for `at` (ns) in the timers that are near now.
    pub(crate) fn register(self: Pin<&mut Self>, at: u64, waker: Option<&Waker>) -> Look {
        debug_assert!(self.look() != Look::Waiting, "TimerEntry::register: it is queued");
        let clone = waker.cloned();
        let timers: *const Timers = self.home.timers();
        self.timers.set(timers);
        self.seen.set(waker.map_or(WakerId::NONE, WakerId::of));
        let node = self.node();
        // SAFETY: `home` keeps it alive (N3).
        let timers = unsafe { &*timers };
        // SAFETY: alive, in no slot as its word says, and pinned: drop comes before its memory goes, and
        // removes it.
        match unsafe { timers.insert(node, tick_after(at), clone) } {
            // The answer says it, so nobody needs to be woken.
            Inserted::Due(_waker) => self.settle(Inserted::Due(None)),
            inserted => self.settle(inserted),
        }
    }

    /// Moves the deadline to `at` (ns), whatever the state. The waker stays, and is woken if the new
    /// deadline is past.
    pub(crate) fn reset(self: Pin<&mut Self>, at: u64) {
        let tick = tick_after(at);
        // Ordering(fired): the load and the failure are Acquire, with the Release of `claim`: a word
        // that is no tick is acted upon without the lock. Success publishes nothing but the tick itself.
        let mut word = self.node.word.load(Acquire);
        while is_tick(word) && word <= tick {
            match self.node.word.compare_exchange_weak(word, tick, Relaxed, Acquire) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        if is_tick(word) {
            let (timers, node) = self.queued();
            // SAFETY: alive, and inserted into these timers when its word became a tick.
            if let Some(moved) = unsafe { timers.advance_to(node, tick) } {
                let _ = self.settle(moved);
                return;
            }
        }
        // It had fired: that deadline is over, this is a new one.
        let _ = self.register(at, None);
    }

    /// Is it in a wheel, as far as one can see?
    pub(crate) fn is_queued(&self) -> bool {
        // Relaxed: a look. Only the owner queues it, so "no" is final, and "yes" is checked again.
        is_tick(self.node.word.load(Relaxed))
    }

    /// Fires an entry that is not queued, because its owner knows that the deadline has passed; not
    /// after a shutdown.
    pub(crate) fn complete(self: Pin<&mut Self>) -> Look {
        debug_assert!(!self.is_queued(), "TimerEntry::complete: it is queued");
        let closed = self.home.timers().wheel.lock().is_closed();
        self.settle(if closed { Inserted::Shutdown(None) } else { Inserted::Due(None) })
    }

    /// Makes an entry that has fired an unregistered one.
    pub(crate) fn forget_fired(self: Pin<&mut Self>) {
        if self.look() == Look::Fired {
            // Relaxed: in no slot, so the owner alone reads it.
            self.node.word.store(UNREGISTERED, Relaxed);
        }
    }

    /// Takes it out of the wheel; afterwards it is unregistered, or as it was if it had fired.
    pub(crate) fn cancel(self: Pin<&mut Self>) {
        if self.look() != Look::Waiting {
            return;
        }
        if broken("timer_cancel_without_lock") {
            return self.node.set_unregistered();
        }
        let (timers, node) = self.queued();
        // SAFETY: alive, and inserted into these timers when its word became a tick.
        let (_, waker) = unsafe { timers.remove(node) };
        self.seen.set(WakerId::NONE);
        drop(waker);
    }

    /// Stands for giving the node's memory back: whoever still touches it is found out.
    #[cfg(all(test, gmp_loom))]
    pub(super) fn scrub(self: Pin<&mut Self>) {
        assert!(self.look() != Look::Waiting);
        // SAFETY: the node is in no slot, as its word says, so it is its owner's.
        drop(unsafe { self.node.take_waker() });
    }

    /// The word as the owner sees it.
    fn look(&self) -> Look {
        // Ordering(fired): Acquire, with the Release of `claim` and `shut_down`: whoever fired it is done
        // with the node.
        match self.node.word.load(Acquire) {
            UNREGISTERED => Look::Unregistered,
            FIRED => Look::Fired,
            SHUT_DOWN => Look::Shutdown,
            _tick => Look::Waiting,
        }
    }

    /// After an insert, outside of the lock.
    fn settle(&self, inserted: Inserted) -> Look {
        match inserted {
            Inserted::Queued { earliest } => {
                if let Some(when) = earliest {
                    self.home.timer_added(when);
                }
                Look::Waiting
            }
            Inserted::Due(waker) => {
                // Relaxed, as below: in no slot, so the owner alone reads it.
                self.node.word.store(FIRED, Relaxed);
                // Whoever waits for a deadline that was moved into the past must hear of it.
                waker.into_iter().for_each(Waker::wake);
                Look::Fired
            }
            Inserted::Shutdown(waker) => {
                self.node.word.store(SHUT_DOWN, Relaxed);
                drop(waker);
                Look::Shutdown
            }
        }
    }

    fn node(&self) -> NonNull<Node> {
        NonNull::from(&self.node)
    }

    /// The timers that hold the node of a word that is, or was a moment ago, a tick.
    fn queued(&self) -> (&Timers, NonNull<Node>) {
        // SAFETY: not null, because its word was a tick; `home` keeps it alive (N3).
        (unsafe { &*self.timers.get() }, self.node())
    }
}
