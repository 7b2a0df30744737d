//! How often an M with work of its own looks at what is nobody's: the global queue, the rings of threads in
//! `block_on`.
//!
//! Every 61st poll, as Go and tokio do, is often enough where polls are short. Where a poll takes 60 µs it
//! would be every fourth millisecond for one G, and a queue of them would never end. So an M that finds the
//! time from one look to the next longer than [`FAIR_LOOK_NS`] looks after fewer polls, and after more again, at most
//! twice as many each time, when they get shorter: the idea is tokio's. One read of the clock for each look.
//!
//! Polls are counted and not slices: a chain of hand-overs through runnext is one slice, of up to 61 polls.

use std::time::Instant;

use super::limits::{FAIR_LOOK_NS, SHORT_POLL_NS};

/// What an M knows of its looks.
pub(super) struct Fair {
    /// The number of the shell's polls at the last one.
    last: u64,
    /// Polls until the next one.
    every: u64,
    since: Instant,
    turn: bool,
}

impl Fair {
    pub(super) fn new() -> Fair {
        Fair { last: 0, every: 1, since: Instant::now(), turn: false }
    }

    /// The M begins to run the Gs of a shell, at this time.
    pub(super) fn begin(&mut self, polls: u64, now: Instant) {
        (self.last, self.since) = (polls, now);
    }

    #[inline(always)]
    pub(super) fn is_due(&self, polls: u64) -> bool {
        polls.wrapping_sub(self.last) >= self.every
    }

    /// A look: the next one is after so many polls, or, if it `tunes`, after fewer where these take long.
    /// Answers whether polls are short.
    pub(super) fn looks(&mut self, polls: u64, most: u32, tunes: bool, now: Instant) -> bool {
        let took = now.saturating_duration_since(self.since).as_nanos() as u64;
        let each = took / polls.wrapping_sub(self.last).max(1);
        let most = u64::from(most);
        let fits = (FAIR_LOOK_NS / each.max(1)).clamp(1, most).min(2 * self.every);
        (self.last, self.since) = (polls, now);
        self.every = if tunes { fits } else { most };
        each <= SHORT_POLL_NS
    }

    /// Whose turn it is to come first.
    pub(super) fn turn(&mut self) -> bool {
        self.turn = !self.turn;
        self.turn
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn long_polls_are_counted_by_their_time() {
        let start = Instant::now();
        let (mut fair, mut polls, mut now) = (Fair::new(), 1000, start);
        fair.begin(polls, now);
        let mut next = |each: u64| {
            assert!(!fair.is_due(polls));
            while !fair.is_due(polls) {
                polls += 1;
                now += Duration::from_nanos(each);
            }
            let short = fair.looks(polls, 61, true, now);
            assert_eq!(short, each <= SHORT_POLL_NS);
            fair.every
        };
        let short: Vec<u64> = (0..8).map(|_| next(100)).collect();
        assert_eq!(short, [2, 4, 8, 16, 32, 61, 61, 61]);
        assert_eq!(next(FAIR_LOOK_NS / 4), 4);
        assert_eq!(next(100 * FAIR_LOOK_NS), 1, "one at least");
        assert_eq!(next(100), 2);
    }

    #[test]
    fn a_number_that_was_given_is_kept() {
        let mut fair = Fair::new();
        fair.begin(0, Instant::now());
        let later = Instant::now() + Duration::from_secs(1);
        assert!(!fair.looks(1, 31, false, later), "it was a long one");
        assert!(!fair.is_due(31) && fair.is_due(32));
    }

    #[test]
    fn another_shell_is_looked_around_from_at_once() {
        let mut fair = Fair::new();
        fair.begin(500, Instant::now());
        fair.looks(500, 61, true, Instant::now());
        assert!(fair.is_due(7), "it has polled less");
    }
}
