//! The P: a shell and, apart from it, a permit.
//!
//! The **shell** ([`P`]) is what an M needs at hand: local queue, runnext, timers, its part of the all-G
//! list, ids, counters. It belongs to one thread from `acquirep` to `releasep`; that thread alone puts
//! into its queue, everyone may steal from it.
//!
//! The **permit** is the right to be one of the `procs` Ms that run Gs. It is a count, not an object:
//! `sched.lock` keeps the idle ones, each together with an idle shell. A thread in `block_on` has a shell
//! without a permit: it runs no G; and so has an M whose poll lasted too long (`retake.rs`).
//!
//! Owning a shell is a value one must hold: [`Shell`] exists only on its thread, made from the address
//! that `context` keeps for it.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;

use super::hogs::Why;
use super::limits::SCHED_REF_BATCH;
use super::observe::PObserver;
use super::probes::{Probes, PuttingOff};
use super::runq::Runq;
use super::sched::Sched;
use super::stats::Stats;
use super::timers::Timers;
use crate::g::allg::Shard;
use crate::g::coop::Preempt;
use crate::g::id::{self, Id, ID_BATCH};
use crate::primitives::padded::Padded;
use crate::primitives::sync::atomic::{
    AtomicU32, AtomicU64, AtomicU8,
    Ordering::{Relaxed, Release},
};
use crate::primitives::thread_clock::ThreadId;

/// What a shell is used for at the moment. Read without the lock it is a hint only; who takes a permit or
/// gives one changes it under `sched.lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Role {
    /// With an idle permit, or with none on the spare list: its queue is empty.
    Idle = 0,
    /// An M with a permit owns it and runs its Gs.
    Running = 1,
    /// A thread in `block_on` owns it, which runs none of its Gs: others must come for them.
    Root = 2,
    /// An M owns it that is inside a long poll, and whose permit was taken away: others must come for its
    /// Gs, and nothing is put into it.
    Blocked = 3,
    /// current_thread: the driver owns it and runs its Gs, in the order in which they came. Nobody else could
    /// take any.
    Alone = 4,
}

/// See the module's text.
pub(crate) struct P {
    /// Whose P this is. The scheduler frees its Ps when it goes, not before.
    pub(crate) sched: *const Sched,
    pub(crate) runq: Runq,
    pub(crate) probes: Probes,
    pub(crate) timers: Timers,
    pub(crate) allg: Shard,
    role: AtomicU8,
    /// Odd while foreign code runs on the owner's thread, and different for each poll. Stored by the
    /// owner alone; a thief that sees the same odd value twice knows that the owner is inside one poll.
    pub(crate) tick: Padded<AtomicU64>,
    /// "The slice is over": set by whoever keeps the time, cleared by a new slice.
    pub(crate) preempt: Preempt,
    /// Slices begun, modulo 2^32. Stored by the owner alone.
    schedtick: AtomicU32,
    /// Why the permit was taken away. Written under `sched.lock` with the mark.
    why: AtomicU8,
    /// The thread that owns the shell, as its `ThreadId`. Stored by the owner alone.
    thread: AtomicU64,
    pub(crate) stats: Stats,
    /// Its number among the shells; below `procs` for those that were made with a permit.
    pub(crate) id: u32,
    /// For whoever watches. Behind an address: it is large, and cold.
    pub(crate) observe: Box<PObserver>,
    own: Own,
}

/// What the owner alone touches.
struct Own {
    streak: Cell<u32>,
    putting_off: PuttingOff,
    next_id: Cell<u64>,
    ids_end: Cell<u64>,
    sched_refs: Cell<usize>,
}

// SAFETY: `own` is reached through a `Shell` only, which exists on one thread at a time (`acquirep` and
// `releasep` order one owner after the other by `sched.lock` or by the note of the M that gets the P);
// `sched` is an address; the rest is Sync.
unsafe impl Sync for P {}
// SAFETY: as above.
unsafe impl Send for P {}

impl P {
    pub(crate) fn new(id: u32, sched: *const Sched) -> P {
        P {
            sched,
            runq: Runq::new(),
            probes: Probes::new(),
            timers: Timers::new(),
            allg: Shard::new(id),
            role: AtomicU8::new(Role::Idle as u8),
            tick: Padded(AtomicU64::new(0)),
            preempt: Preempt::new(),
            schedtick: AtomicU32::new(0),
            why: AtomicU8::new(0),
            thread: AtomicU64::new(0),
            stats: Stats::new(),
            id,
            observe: PObserver::new(),
            own: Own {
                streak: Cell::new(0),
                putting_off: PuttingOff::new(),
                next_id: Cell::new(0),
                ids_end: Cell::new(0),
                sched_refs: Cell::new(0),
            },
        }
    }

    #[inline]
    pub(crate) fn role(&self) -> Role {
        // Relaxed: a hint.
        match self.role.load(Relaxed) {
            1 => Role::Running,
            2 => Role::Root,
            3 => Role::Blocked,
            4 => Role::Alone,
            _ => Role::Idle,
        }
    }

    pub(crate) fn set_role(&self, role: Role) {
        // Relaxed: a hint; ownership changes hands under `sched.lock` and notes.
        self.role.store(role as u8, Relaxed);
    }

    /// Slices begun on this shell, modulo 2^32.
    #[inline]
    pub(crate) fn schedtick(&self) -> u32 {
        // Relaxed: a counter with one writer.
        self.schedtick.load(Relaxed)
    }

    /// Why the shell is `Blocked`; `None`: not for anything that the poll did.
    pub(super) fn why(&self) -> Option<Why> {
        // Relaxed: a hint.
        match self.why.load(Relaxed) {
            1 => Some(Why::Blocks),
            2 => Some(Why::Computes),
            _ => None,
        }
    }

    pub(super) fn set_why(&self, why: Option<Why>) {
        let why = match why {
            None => 0,
            Some(Why::Blocks) => 1,
            Some(Why::Computes) => 2,
        };
        // Relaxed: as above.
        self.why.store(why, Relaxed);
    }

    /// The thread that owned the shell when it last took it up.
    pub(crate) fn thread(&self) -> ThreadId {
        // Relaxed: a hint.
        ThreadId(self.thread.load(Relaxed))
    }
}

/// Evidence that this thread owns a shell. Never leaves the thread.
#[derive(Clone, Copy)]
pub(crate) struct Shell<'a> {
    p: &'a P,
    _not_send: PhantomData<*const ()>,
}

impl Deref for Shell<'_> {
    type Target = P;

    #[inline(always)]
    fn deref(&self) -> &P {
        self.p
    }
}

impl<'a> Shell<'a> {
    /// # Safety
    ///
    /// This thread owns the shell (it did `acquirep` and has not yet done `releasep`) for as long as
    /// the result is used.
    #[inline(always)]
    pub(crate) unsafe fn assume(p: &'a P) -> Shell<'a> {
        Shell { p, _not_send: PhantomData }
    }

    pub(crate) fn p(&self) -> &'a P {
        self.p
    }

    /// Says which thread it is that owns the shell.
    #[inline]
    pub(crate) fn set_thread(&self, thread: ThreadId) {
        // Relaxed: a hint.
        self.thread.store(thread.0, Relaxed);
    }

    /// Begins a time slice, or goes on with the one that runnext inherits.
    #[inline]
    pub(crate) fn begin_slice(&self, inherit: bool) {
        if inherit {
            self.own.streak.set(self.own.streak.get() + 1);
            return;
        }
        self.own.streak.set(0);
        // Relaxed: we are the only writer.
        self.schedtick.store(self.schedtick().wrapping_add(1), Relaxed);
        // Relaxed (both): a hint from the timekeeper; asking twice or once too little changes nothing.
        if self.preempt.load(Relaxed) {
            self.preempt.store(false, Relaxed);
        }
    }

    /// How many Gs in a row came out of runnext in this slice.
    #[inline]
    pub(crate) fn streak(&self) -> u32 {
        self.own.streak.get()
    }

    /// What the owner knows of who is put off.
    #[inline]
    pub(super) fn putting_off(&self) -> &PuttingOff {
        &self.own.putting_off
    }

    /// Marks the beginning (odd) or the end (even) of foreign code on this thread.
    #[inline]
    pub(crate) fn set_in_poll(&self, inside: bool) {
        // Relaxed: only the owner writes it.
        let tick = self.tick.load(Relaxed);
        debug_assert_eq!(tick & 1 == 1, !inside, "polls do not nest");
        // Ordering: Release, so that a thief that sees the new tick sees the queue as it was then.
        self.tick.store(tick + 1, Release);
    }

    /// An id for a new G.
    #[inline]
    pub(crate) fn take_id(&self) -> Id {
        if self.own.next_id.get() == self.own.ids_end.get() {
            let first = id::next_batch();
            self.own.next_id.set(first);
            self.own.ids_end.set(first + ID_BATCH);
        }
        let id = self.own.next_id.get();
        self.own.next_id.set(id + 1);
        Id(std::num::NonZeroU64::new(id).expect("ids start at one"))
    }

    /// Takes one of the shell's stock of references to the scheduler; see `SchedRef`.
    #[inline]
    pub(crate) fn take_sched_ref(&self, refill: impl FnOnce(usize)) {
        let stock = self.own.sched_refs.get();
        if stock > 0 {
            self.own.sched_refs.set(stock - 1);
            return;
        }
        refill(SCHED_REF_BATCH);
        self.own.sched_refs.set(SCHED_REF_BATCH - 1);
    }

    /// Gives one reference to the stock; what is too much goes back by `spill`.
    #[inline]
    pub(crate) fn put_sched_ref(&self, spill: impl FnOnce(usize)) {
        let stock = self.own.sched_refs.get() + 1;
        if stock > 2 * SCHED_REF_BATCH {
            self.own.sched_refs.set(SCHED_REF_BATCH);
            spill(stock - SCHED_REF_BATCH);
        } else {
            self.own.sched_refs.set(stock);
        }
    }

    /// Empties the stock.
    pub(crate) fn drain_sched_refs(&self) -> usize {
        self.own.sched_refs.take()
    }
}
