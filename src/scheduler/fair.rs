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
    /// Since when, and since which number of polls, this M has had the shell without a look.
    since: Instant,
    from: u64,
    /// What the last look came to.
    short: bool,
    turn: bool,
}

impl Fair {
    pub(super) fn new() -> Fair {
        let since = Instant::now();
        Fair { last: 0, every: 1, turn: false, since, from: 0, short: false }
    }

    /// The M begins to run the Gs of a shell, at this time. The last look stays where it was, or a P that goes from
    /// hand to hand would never see one; that of another shell only brings the next one nearer. Answers whether
    /// polls were short.
    pub(super) fn begin(&mut self, polls: u64, now: Instant) -> bool {
        (self.from, self.since) = (polls, now);
        self.short
    }

    #[inline(always)]
    pub(super) fn is_due(&self, polls: u64) -> bool {
        polls.wrapping_sub(self.last) >= self.every
    }

    /// A look: the next one is after so many polls, or, if it `tunes`, after fewer where these take long.
    /// Answers whether polls are short.
    pub(super) fn looks(&mut self, polls: u64, most: u32, tunes: bool, now: Instant) -> bool {
        let most = u64::from(most);
        let took = now.saturating_duration_since(self.since).as_nanos() as u64;
        let ran = polls.wrapping_sub(self.from);
        (self.last, self.since, self.from) = (polls, now, polls);
        let mut fits = self.every;
        if let Some(each) = took.checked_div(ran) {
            fits = (FAIR_LOOK_NS / each.max(1)).clamp(1, most).min(2 * self.every);
            self.short = each <= SHORT_POLL_NS;
        }
        self.every = if tunes { fits } else { most };
        self.short
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
        fair.looks(polls, 61, true, now);
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
        assert!(fair.is_due(1), "the first one");
        let later = Instant::now() + Duration::from_secs(1);
        assert!(!fair.looks(1, 31, false, later), "it was a long one");
        assert!(!fair.is_due(31) && fair.is_due(32));
    }

    #[test]
    fn another_shell_is_looked_around_from_at_once() {
        let mut fair = Fair::new();
        fair.looks(500, 61, true, Instant::now());
        fair.begin(7, Instant::now());
        assert!(fair.is_due(7), "it has polled less");
        fair.begin(900, Instant::now());
        assert!(fair.is_due(900), "and more");
    }

    #[test]
    fn who_comes_and_goes_looks_too() {
        let now = Instant::now();
        let mut fair = Fair::new();
        let looks = (0..6100).filter(|&polls| {
            // Before each poll.
            fair.begin(polls, now);
            let due = fair.is_due(polls);
            if due {
                fair.looks(polls, 61, true, now);
            }
            due
        });
        assert!(looks.count() >= 99);
    }
}
