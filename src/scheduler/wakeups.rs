//! What it takes to wake an M, from the call to the thread's first step: measured, and believed for a while.
//!
//! One wake-up alone proves nothing, as a thread is held up now and then on any machine: it counts for as much as
//! one of the few before it took. What two of them have shown is believed for [`WAKEUP_MEMORY`]; then it is
//! forgotten, and the next one is seen anew.

// std's atomics also under loom: a rule of thumb, which would only multiply the runs.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::limits::{WAKEUP_MAX_NS, WAKEUP_MEMORY};

/// See the module's text.
#[derive(Debug)]
pub(super) struct WakeUps {
    /// The longest of the few before; it loses an eighth with each.
    few: AtomicU64,
    believed: AtomicU64,
    /// When (ns) `believed` was seen.
    seen_at: AtomicU64,
}

impl WakeUps {
    pub(super) const fn new() -> WakeUps {
        WakeUps { few: AtomicU64::new(0), believed: AtomicU64::new(0), seen_at: AtomicU64::new(0) }
    }

    /// One that began and ended at these times (ns).
    pub(super) fn took(&self, from: u64, to: u64) {
        let ns = to.saturating_sub(from).min(WAKEUP_MAX_NS);
        // Relaxed, here and below: of two at a time one may be lost, or the time be that of the other.
        let few = self.few.load(Relaxed);
        self.few.store(ns.max(few - few / 8), Relaxed);
        let both = ns.min(few);
        if both >= self.believed(to) {
            self.believed.store(both, Relaxed);
            self.seen_at.store(to, Relaxed);
        }
    }

    /// 0 if none is remembered.
    pub(super) fn believed(&self, now: u64) -> u64 {
        let age = now.saturating_sub(self.seen_at.load(Relaxed));
        if age <= WAKEUP_MEMORY {
            self.believed.load(Relaxed)
        } else {
            0
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn two_long_wake_ups_are_remembered_for_a_while() {
        const LATER: u64 = WAKEUP_MEMORY + 1;
        let wake_ups = WakeUps::new();
        let took = |ns, at| {
            wake_ups.took(at, at + ns);
            wake_ups.believed(at + ns)
        };
        assert_eq!(took(800, LATER), 0, "one alone proves nothing");
        assert_eq!(took(100, LATER), 100);
        assert_eq!(took(900, LATER), 700, "one of 800 was there, and one other since");
        assert_eq!(took(10, LATER), 700);
        let forgotten = LATER + 901 + WAKEUP_MEMORY;
        assert_eq!((wake_ups.believed(forgotten - 1), wake_ups.believed(forgotten)), (700, 0));
        assert_eq!(took(5, forgotten), 5, "it is no yardstick any more");
        for _ in 0..2 {
            took(u64::MAX / 2, forgotten + 1);
        }
        assert_eq!(wake_ups.believed(u64::MAX / 2), WAKEUP_MAX_NS, "believed only so far");
    }
}
