//! A bounded spin before sleeping, where it pays.
//!
//! Waking a thread that sleeps costs several microseconds on both sides; handing something to a thread
//! that spins costs a cache miss. But a spin that finds nothing is wasted, and an idle process must not
//! burn CPU. So each thread keeps a saturating count of how its spins went, as a branch predictor does: one
//! that found something adds to it, one that did not takes away twice as much, and at zero the thread goes
//! to sleep at once, except every 64th time. A spin always has its full length, what a wake-up costs:
//! a shorter one would miss whatever comes after a wake-up's time, an answer say, and learn that nothing
//! comes.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::limits::{SPIN_CREDIT, SPIN_PROBE};
use crate::primitives::sync::hint;

/// One thread's memory of how its spins went.
#[derive(Debug)]
pub(super) struct Spin {
    credit: u32,
    skipped: u32,
    max: Duration,
}

impl Spin {
    /// At most `max` nanoseconds at a time.
    pub(super) fn new(max: u64) -> Spin {
        let max = if max == 0 || alone() { 0 } else { max };
        Spin { credit: SPIN_CREDIT, skipped: 0, max: Duration::from_nanos(max) }
    }

    /// One that never spins.
    pub(super) fn off() -> Spin {
        Spin { credit: 0, skipped: 0, max: Duration::ZERO }
    }

    /// Spins until `found` says so (true) or the time is up. `found` is asked about once in a hundred
    /// nanoseconds.
    pub(super) fn until(&mut self, mut found: impl FnMut() -> bool) -> bool {
        if self.max.is_zero() {
            return false;
        }
        if self.credit == 0 {
            self.skipped += 1;
            if self.skipped < SPIN_PROBE {
                return false;
            }
            self.skipped = 0;
        }
        let start = Instant::now();
        loop {
            for _ in 0..8 {
                hint::spin_loop();
            }
            if found() {
                self.credit = (self.credit + 1).min(SPIN_CREDIT);
                return true;
            }
            if start.elapsed() >= self.max {
                self.credit = self.credit.saturating_sub(2);
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
        let max = Duration::from_nanos(SPIN_MAX_NS);
        let mut spin = Spin { credit: SPIN_CREDIT, skipped: 0, max };
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
        let probes = 200 / SPIN_PROBE;
        let most = SPIN_CREDIT.div_ceil(2) + probes;
        assert!((probes..=most).contains(&(spun as u32)), "{spun} of 200 spins for nothing");
        // One success, however long after, and the next ones are spins again.
        for _ in 0..SPIN_PROBE {
            spin.until(|| true);
        }
        assert!(spin.until(|| true), "success brings them back");
    }
}
