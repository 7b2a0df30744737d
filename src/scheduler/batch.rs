//! Is a batch of timers worth a second M?
//!
//! Timers that come thick are taken together, up to `TIMER_COALESCE` late. To wake an M for half of such a batch
//! costs several microseconds on both sides, and a task that a timer wakes often takes a fraction of one and
//! ends: so an M that can run the whole batch in less than that time again runs it alone. It goes by what a G of
//! its last batches took, one with the other. If it is wrong, the wake-up is *owed*: while it runs the batch it
//! looks at the clock, and wakes somebody when the rest will take too long after all.
//!
//! Why nothing waits for long: the M that owes a wake-up holds its permit and runs the batch itself. What
//! makes it late is one poll, longer than those before; sysmon sees a poll that lasts and work behind it, and
//! calls `wakep` (`watch.rs`, 2). If the poll gives the shell away, who gets it looks at its queue. Only what lies
//! in the M's own ring is ever owed for.
//!
//! Not for I/O: two requests that come together are to be served together, and cost more than a wake-up.

use std::time::Instant;

use super::context;
use super::limits::{BATCH_CLOCK, TIMER_COALESCE};
use super::p::Shell;
use super::proc::Local;
use super::sched::Sched;

/// What an M knows of its batches.
pub(super) struct Batches {
    /// Nanoseconds that a G took lately.
    each: u64,
    now: Option<Batch>,
}

/// One that is being run.
struct Batch {
    since: Instant,
    size: u32,
    ran: u32,
    owed: bool,
}

impl Batches {
    /// Of an M that has seen none: each is worth a second M.
    pub(super) fn new() -> Batches {
        Batches { each: u64::MAX, now: None }
    }

    /// So many Gs stand in the ring. True: they are worth a second M, now.
    fn arrived(&mut self, size: usize) -> bool {
        let worth = self.each.saturating_mul(size as u64) >= TIMER_COALESCE;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.now = Some(Batch { since: Instant::now(), size, ran: 0, owed: !worth });
        worth
    }

    /// Is a batch under way?
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.now.is_some()
    }

    /// Is a wake-up owed for what stands in the ring?
    pub(super) fn owes(&self) -> bool {
        self.now.as_ref().is_some_and(|batch| batch.owed)
    }

    /// Ends a batch; a wake-up that is still owed is now the caller's affair.
    pub(super) fn end(&mut self) {
        self.now = None;
    }

    /// A G has run, and so many are left in the ring. True: the wake-up that was owed is due.
    fn ran(&mut self, left: usize) -> bool {
        let Some(batch) = &mut self.now else { return false };
        batch.ran += 1;
        let over = left == 0 || batch.ran >= batch.size;
        let looks = batch.owed && batch.ran % BATCH_CLOCK == 1;
        if !over && !looks {
            return false;
        }
        let each = batch.since.elapsed().as_nanos() as u64 / u64::from(batch.ran);
        // Who is there after as many polls as the batch had Gs has yielded, or is new: it may go on for long.
        let too_long = over || each.saturating_mul(left as u64) >= TIMER_COALESCE;
        let due = batch.owed && left > 0 && too_long;
        batch.owed &= !due;
        if over {
            self.now = None;
            self.measured(each);
        }
        due
    }

    /// A mean that follows at once when Gs get dearer, and slowly when they get cheaper.
    fn measured(&mut self, each: u64) {
        let first_or_dearer = self.each == u64::MAX || each >= self.each;
        self.each = if first_or_dearer { each } else { (3 * self.each + each) / 4 };
    }
}

impl Sched {
    /// Timers have put more than one G into the ring of this M. Wakes a second one, or owes it.
    pub(super) fn timers_brought(&self, local: &mut Local, shell: Shell<'_>) {
        // Without sysmon nobody would see a poll that lasts.
        let may_owe = self.config.sysmon && !self.is_played() && local.foreign.is_empty();
        if may_owe && !local.batches.arrived(shell.runq.len()) {
            self.leave_to_sysmon();
        } else {
            self.wakep();
        }
    }

    /// After a G of a batch.
    #[inline(never)]
    pub(super) fn ran_of_batch(&self, local: &mut Local) {
        match context::shell_of(self) {
            Some(shell) if local.batches.ran(shell.runq.len()) => self.wakep(),
            Some(_) => {}
            // The poll gave the shell away, and the ring with it.
            None => local.batches.end(),
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    /// A batch of Gs that take as long as the mean says, to its end.
    fn run(batches: &mut Batches, size: usize) -> usize {
        (0..size).filter(|n| batches.ran(size - 1 - n)).count()
    }

    #[test]
    fn the_first_batch_and_long_ones_are_worth_an_m() {
        let mut batches = Batches::new();
        assert!(batches.arrived(2), "nothing is known of it");
        assert!(!batches.owes());
        run(&mut batches, 2);
        assert!(!batches.any(), "it is over");
        batches.each = TIMER_COALESCE / 10;
        assert!(!batches.arrived(9));
        assert!(batches.owes());
        assert!(batches.arrived(10));
        assert!(!batches.owes());
    }

    #[test]
    fn a_batch_that_takes_longer_than_expected_calls_somebody_once() {
        let mut batches = Batches { each: 1, now: None };
        assert!(!batches.arrived(20));
        std::thread::sleep(std::time::Duration::from_nanos(2 * TIMER_COALESCE));
        assert!(batches.ran(19), "the rest will take twenty times the limit");
        assert!(!batches.ran(18), "somebody was called");
    }

    #[test]
    fn who_stays_in_the_ring_is_not_owed_for() {
        let mut batches = Batches { each: 1, now: None };
        assert!(!batches.arrived(3));
        // None of them ends: the ring is as long as before.
        let calls = (0..3).filter(|_| batches.ran(3)).count();
        assert_eq!(calls, 1);
        assert!(!batches.any());
    }

    #[test]
    fn the_mean_rises_at_once_and_falls_slowly() {
        let mut batches = Batches::new();
        batches.measured(100);
        assert_eq!(batches.each, 100);
        batches.measured(900);
        assert_eq!(batches.each, 900);
        batches.measured(100);
        assert_eq!(batches.each, 700);
    }
}
