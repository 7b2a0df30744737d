//! Counters, one set per shell, written by its owner alone: no read-modify-write, no shared line.

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
