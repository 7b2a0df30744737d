//! A bounded spin before sleeping, where it pays.
//!
//! Waking a thread that sleeps costs several microseconds on both sides; handing something to a thread
//! that spins costs a cache miss. But a spin that finds nothing is wasted, and an idle process must not
//! burn CPU. So the length adapts: a spin that found something doubles the next one, up to what a wake-up
//! costs; one that did not halves it, down to none; every 64th time one is tried all the same.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::limits::{SPIN_MIN_NS, SPIN_PROBE};
use crate::primitives::sync::hint;

/// One thread's memory of how its spins went.
#[derive(Debug)]
pub(super) struct Spin {
    ns: u64,
    skipped: u32,
    max: u64,
}

impl Spin {
    /// At most `max` nanoseconds at a time.
    pub(super) fn new(max: u64) -> Spin {
        let max = if max == 0 || alone() { 0 } else { max };
        Spin { ns: max, skipped: 0, max }
    }

    /// One that never spins.
    pub(super) fn off() -> Spin {
        Spin { ns: 0, skipped: 0, max: 0 }
    }

    /// Spins until `found` says so (true) or the time is up. `found` is asked about once in a hundred
    /// nanoseconds.
    pub(super) fn until(&mut self, mut found: impl FnMut() -> bool) -> bool {
        if self.ns < SPIN_MIN_NS {
            self.skipped += 1;
            if self.skipped < SPIN_PROBE || self.max == 0 {
                return false;
            }
            self.skipped = 0;
            self.ns = SPIN_MIN_NS;
        }
        let start = Instant::now();
        let limit = Duration::from_nanos(self.ns);
        loop {
            for _ in 0..8 {
                hint::spin_loop();
            }
            if found() {
                self.ns = (self.ns * 2).min(self.max);
                return true;
            }
            if start.elapsed() >= limit {
                self.ns /= 2;
                return false;
            }
        }
    }
}

/// With one CPU nobody can do anything while we spin. Asked once: the answer takes reading files. (An
/// atomic and not a `OnceLock`, whose precompiled half ThreadSanitizer cannot see.)
fn alone() -> bool {
    const UNKNOWN: u8 = 0;
    const ALONE: u8 = 1;
    const MANY: u8 = 2;
    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
    // Relaxed (both): the value is all there is; two threads that ask at once get the same.
    let mut answer = ANSWER.load(Relaxed);
    if answer == UNKNOWN {
        let alone = std::thread::available_parallelism().is_ok_and(|n| n.get() == 1);
        answer = if alone { ALONE } else { MANY };
        ANSWER.store(answer, Relaxed);
    }
    answer == ALONE
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::scheduler::limits::SPIN_MAX_NS;

    #[test]
    fn spins_that_find_nothing_end_but_are_tried_again() {
        let mut spin = Spin { ns: SPIN_MAX_NS, skipped: 0, max: SPIN_MAX_NS };
        let mut asked = Vec::new();
        for _ in 0..200 {
            let mut n = 0;
            assert!(!spin.until(|| {
                n += 1;
                false
            }));
            asked.push(n);
        }
        let spun = asked.iter().filter(|&&n| n > 0).count();
        assert!((6..20).contains(&spun), "{spun} of 200 spins for nothing");
        for _ in 0..2 * SPIN_PROBE {
            spin.until(|| true);
        }
        assert_eq!(spin.ns, SPIN_MAX_NS, "success brings them back");
    }
}
