//! The M: an OS thread that runs Gs while it has a P, and blocking closures while it has none.
//!
//! Life: `newm` makes it with the P (or the errand) that it was made for, `first_m` the first one asleep; when it has
//! nothing to do it puts itself on `sched.midle` and sleeps on its note; `startm` and `spawn_blocking` take it
//! from there; beyond `procs` parked ones, an M that slept for the keep-alive ends.
//!
//! Hand-over: the waker stores `nextp` (and `spinning`), then wakes the note; the M reads them after it
//! woke. The note's token orders the two.

use std::ptr;
// std's atomic also under loom: a statistic (`batch.rs`), which would only multiply the runs.
use std::sync::atomic::AtomicU64;

use super::p::P;
use super::sched::PPtr;
use crate::primitives::note::Note;
use crate::primitives::sync::atomic::{
    AtomicBool, AtomicPtr,
    Ordering::{Acquire, Relaxed, Release},
};

/// What others need to know of an M. Listed in `Locked::threads` until its thread has ended.
pub(crate) struct M {
    pub(crate) note: Note,
    nextp: AtomicPtr<P>,
    /// When (ns) `nextp` was given, or 0: for what wake-ups take.
    given_at: AtomicU64,
    /// Whether the M that gets `nextp` starts out as a spinner, with the token that its waker took.
    spinning: AtomicBool,
}

impl M {
    pub(crate) fn new() -> M {
        M {
            note: Note::new(),
            nextp: AtomicPtr::new(ptr::null_mut()),
            given_at: AtomicU64::new(0),
            spinning: AtomicBool::new(false),
        }
    }

    /// Hands a P over. The M is asleep or about to be, or not yet started, and has none. `at`: what the clock
    /// says (ns) if the M is woken for it, else 0.
    pub(crate) fn give(&self, p: &P, spinning: bool, at: u64) {
        debug_assert!(self.nextp.load(Relaxed).is_null(), "M::give: a P is waiting already");
        // Relaxed (both): published by `nextp`.
        self.given_at.store(at, Relaxed);
        self.spinning.store(spinning, Relaxed);
        // Ordering(m-nextp): Release, pairs with `take`.
        self.nextp.store(ptr::from_ref(p).cast_mut(), Release);
    }

    /// The P that was handed over, and whether this M is a spinner now. The M's own thread only.
    pub(super) fn take(&self) -> Option<(PPtr, bool)> {
        // Ordering(m-nextp): Acquire.
        let p = self.nextp.load(Acquire);
        let p = PPtr::from_raw(p)?;
        // Relaxed: nobody gives another before this one was given up.
        self.nextp.store(ptr::null_mut(), Relaxed);
        Some((p, self.spinning.load(Relaxed)))
    }

    /// When (ns) it was woken for the P that it has just taken; 0: it was not. The M's own thread only.
    pub(super) fn given_at(&self) -> u64 {
        // Relaxed: published by `nextp`.
        self.given_at.load(Relaxed)
    }
}
