//! Counters, one set per shell, written by its owner alone: no read-modify-write, no shared line. And one
//! set for the whole scheduler, of what is rare.

// std's atomics also under loom: counters carry no protocol, and would only multiply the runs.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One counter with one writer.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    fn new() -> Counter {
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
            busy_ns: Counter::new(),
        }
    }
}

/// One counter with many writers, for what is rare.
#[derive(Debug, Default)]
pub(crate) struct SharedCounter(AtomicU64);

impl SharedCounter {
    /// Adds.
    pub(crate) fn add(&self, n: u64) {
        // Relaxed (all): statistics.
        self.0.fetch_add(n, Relaxed);
    }

    /// Says how many there are now.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// Remembers the most there ever were.
    pub(crate) fn raise(&self, n: u64) {
        self.0.fetch_max(n, Relaxed);
    }

    /// The count at this moment.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What the scheduler counts as a whole.
#[derive(Debug, Default)]
pub(crate) struct Global {
    /// Permits taken from polls that lasted too long.
    pub(crate) retakes: SharedCounter,
    /// Such that were given back at once, because the poll had just ended.
    pub(crate) undone_marks: SharedCounter,
    /// Ms that came back from such a poll and found an idle permit.
    pub(crate) regains: SharedCounter,
    /// Ms that came back and found none.
    pub(crate) retirements: SharedCounter,
    /// Gs moved out of the queues of such polls.
    pub(crate) drained: SharedCounter,
    /// Ps handed over by `block_in_place`.
    pub(crate) handoffs: SharedCounter,
    /// Ms inside of such polls now.
    pub(crate) extra_ms_now: SharedCounter,
    /// The most there ever were.
    pub(crate) extra_ms_peak: SharedCounter,
}
