//! Counters. Three kinds, by who writes them:
//!
//! - [`Counter`]: one writer, the owner of a shell (or the holder of some right). A load and a store, no
//!   read-modify-write, no shared line.
//! - [`Shared`]: several writers, on ways that are rare anyway (a permit taken back, a thread made).
//! - [`Spread`]: several writers on a way that is not rare (a G queued by a thread without a shell): a row
//!   of `Shared`, each on its own line, of which a thread uses one. Reading it adds them up.

// std's atomics also under loom: counters carry no protocol, and would only multiply the runs.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::primitives::padded::Padded;

/// One counter with one writer.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    /// Adds. The shell's owner only.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: a statistic with a single writer, so load and store lose nothing.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The count at this moment.
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a statistic.
        self.0.load(Relaxed)
    }
}

/// One counter with any number of writers.
#[derive(Debug)]
pub(crate) struct Shared(AtomicU64);

impl Shared {
    pub(crate) const fn new() -> Shared {
        Shared(AtomicU64::new(0))
    }

    pub(crate) fn add(&self, n: u64) {
        // Relaxed, here and below: a statistic.
        self.0.fetch_add(n, Relaxed);
    }

    /// Says how many there are now.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// Makes it at least `n`.
    pub(crate) fn raise(&self, n: u64) {
        if self.0.load(Relaxed) < n {
            self.0.fetch_max(n, Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Lines of a [`Spread`]. A power of two.
const SPREAD: usize = 8;

/// One counter with any number of writers at a time.
#[derive(Debug)]
pub(crate) struct Spread([Padded<Shared>; SPREAD]);

impl Spread {
    pub(crate) fn new() -> Spread {
        Spread(std::array::from_fn(|_| Padded(Shared::new())))
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Stacks of different threads are pages apart, so an address on this one tells threads apart. Two
        // threads on one line only get in each other's way.
        let here = 0u8;
        let page = (&raw const here).addr() >> 16;
        self.0[(page ^ (page >> 3) ^ (page >> 6)) % SPREAD].add(n);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.iter().map(|part| part.get()).fold(0, u64::wrapping_add)
    }
}

/// What a shell's owner counts.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Polls.
    pub(crate) polls: Counter,
    /// Times that this shell went idle with a permit (it begins so), or its driver went to sleep.
    pub(crate) parks: Counter,
    /// Times that it was taken up again.
    pub(crate) unparks: Counter,
    /// Steals that brought something.
    pub(crate) steals: Counter,
    /// Gs that they brought.
    pub(crate) stolen: Counter,
    /// Gs made here.
    pub(crate) spawns: Counter,
    /// Times that half of a full ring went to the global queue.
    pub(crate) overflows: Counter,
    /// Nanoseconds in which an M held this shell with its permit.
    pub(crate) busy_ns: Counter,
}

impl Stats {
    pub(crate) fn new() -> Stats {
        Stats {
            polls: Counter::new(),
            parks: Counter::new(),
            unparks: Counter::new(),
            steals: Counter::new(),
            stolen: Counter::new(),
            spawns: Counter::new(),
            overflows: Counter::new(),
            busy_ns: Counter::new(),
        }
    }
}

/// What the scheduler counts as a whole.
#[derive(Debug)]
pub(crate) struct Global {
    /// Gs made by threads without a shell.
    pub(crate) foreign_spawns: Shared,
    /// Gs queued by threads without a shell, or with their slice over.
    pub(crate) injects: Spread,
    /// Permits taken from polls that lasted too long.
    pub(crate) retakes: Shared,
    /// Such that were given back at once, because the poll had just ended.
    pub(crate) undone_marks: Shared,
    /// Ms that came back from such a poll and found an idle permit.
    pub(crate) regains: Shared,
    /// Ms that came back and found none.
    pub(crate) retirements: Shared,
    /// Polls that were made without a permit, see `hogs.rs`.
    pub(crate) set_aside: Shared,
    /// Gs moved out of the queues of such polls.
    pub(crate) drained: Shared,
    /// Ps handed over by `block_in_place`.
    pub(crate) handoffs: Shared,
    /// Ms inside of such polls now.
    pub(crate) extra_ms_now: Shared,
    /// The most there ever were.
    pub(crate) extra_ms_peak: Shared,
    /// Polls beyond the threshold, if there is one.
    pub(crate) long_polls: Shared,
    /// Nanoseconds of the longest poll that was timed.
    pub(crate) longest_poll: Shared,
}

impl Global {
    pub(crate) fn new() -> Global {
        Global {
            foreign_spawns: Shared::new(),
            injects: Spread::new(),
            retakes: Shared::new(),
            undone_marks: Shared::new(),
            regains: Shared::new(),
            retirements: Shared::new(),
            set_aside: Shared::new(),
            drained: Shared::new(),
            handoffs: Shared::new(),
            extra_ms_now: Shared::new(),
            extra_ms_peak: Shared::new(),
            long_polls: Shared::new(),
            longest_poll: Shared::new(),
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_spread_counter_loses_nothing() {
        let counter = Spread::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| counter.add(1)));
            }
        });
        assert_eq!(counter.get(), 4000);
    }
}
