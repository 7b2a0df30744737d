//! Is a batch of Gs that became ready together worth a second M?
//!
//! To wake an M for half of a batch costs several microseconds on both sides, and gains nothing if the M that has
//! the batch is through with it before the other one is there. So an M runs a batch alone if it expects that, by
//! what a G of its last batches took, one with the other:
//!
//! - *Timers* that come thick are taken together, up to `TIMER_COALESCE` late; a batch that takes less than half
//!   of that time again is run alone.
//! - *Events*: the limit is four times what a wake-up took lately, from the call to the thread's first step
//!   (`wakeups.rs`). The other M halves only what is left when it arrives: of a batch of that length it saves three
//!   eighths, of a shorter one less. On a machine with idle CPUs that is the time of a few requests. With other
//!   programs on all CPUs it is hundreds of microseconds: who is woken stands in line there, behind those as well
//!   that use what is served here.
//!
//! If the M is wrong, the wake-up is *owed*: while it runs the batch it looks at the clock, and wakes somebody when
//! the rest will take too long after all.
//!
//! Why nothing waits for long: the M that owes a wake-up holds its permit and runs the batch itself. What
//! makes it late is one poll, longer than those before; sysmon sees a poll that lasts and work behind it, and
//! calls `wakep` (`watch.rs`, 2). If the poll gives the shell away, `handoffp` calls it. Only what lies in the M's
//! own ring is ever owed for, and only if a permit is idle: without one `wakep` wakes no M, but sysmon has to
//! know. Events, whose polls may well last, are owed for only while sysmon looks every few milliseconds by itself
//! (`sysmon_brisk`), so that its second look comes about 10 ms later; behind a timer's poll that lasts it may be
//! 65, if events come often to an otherwise idle scheduler. And as the other M would have ended in the poller, to
//! sleep there until the next timer, none may be due before the batch is over.

// std's also under loom: rules of thumb.
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::context;
use super::limits::{BATCH_CLOCK, TIMERS_ALONE, WAKEUPS_WORTH};
use super::p::Shell;
use super::proc::Local;
use super::sched::Sched;

/// What made the Gs of a batch ready.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Timers,
    Events,
    Both,
}

impl Kind {
    /// Whose mean it is measured by: events' are the dearer ones.
    fn mean(self) -> usize {
        usize::from(!matches!(self, Kind::Timers))
    }
}

/// What an M knows of its batches.
pub(super) struct Batches {
    /// Nanoseconds that a G took lately, by kind.
    each: [u64; 2],
    now: Option<Batch>,
}

/// One that is being run.
struct Batch {
    kind: Kind,
    since: Instant,
    size: u32,
    ran: u32,
    owed: bool,
    /// Nanoseconds: who takes longer is worth a second M.
    limit: u64,
}

impl Batch {
    /// Nanoseconds that one of those took that ran.
    fn each(&self) -> u64 {
        self.since.elapsed().as_nanos() as u64 / u64::from(self.ran.max(1))
    }
}

impl Batches {
    /// Of an M that has seen none: each is worth a second M.
    pub(super) fn new() -> Batches {
        Batches { each: [u64::MAX; 2], now: None }
    }

    /// So many Gs stand in the ring. True: they are worth a second M, now.
    fn arrived(&mut self, kind: Kind, size: usize, limit: u64) -> bool {
        // Before the last one was over: what is left of it is part of this one, with what was promised for it.
        let mut limit = limit;
        if let Some(before) = self.now.take() {
            if before.owed {
                limit = limit.min(before.limit);
            }
            if before.ran > 0 {
                self.measured(before.kind, before.each());
            }
        }
        let worth = self.each[kind.mean()].saturating_mul(size as u64) >= limit;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.now = Some(Batch { kind, since: Instant::now(), size, ran: 0, owed: !worth, limit });
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
        let each = batch.each();
        // Who is there after as many polls as the batch had Gs has yielded, or is new: it may go on for long.
        let too_long = over || each.saturating_mul(left as u64) >= batch.limit;
        let due = batch.owed && left > 0 && too_long;
        batch.owed &= !due;
        if over {
            let kind = batch.kind;
            self.now = None;
            self.measured(kind, each);
        }
        due
    }

    /// A mean that follows at once when Gs get dearer, and slowly when they get cheaper.
    fn measured(&mut self, kind: Kind, each: u64) {
        let known = &mut self.each[kind.mean()];
        let first_or_dearer = *known == u64::MAX || each >= *known;
        *known = if first_or_dearer { each } else { (3 * *known + each) / 4 };
    }
}

impl Sched {
    /// Timers or events have put more than one G into the ring of this M. Wakes a second one, or owes it.
    pub(super) fn brought(&self, local: &mut Local, shell: Shell<'_>, kind: Kind) {
        // Relaxed: a rule of thumb. Without sysmon nobody would see a poll that lasts.
        let may_owe = self.config.sysmon
            && !self.is_played()
            && self.npidle.load(Relaxed) > 0
            && local.foreign.is_empty();
        let limit = if may_owe { self.owes_up_to(kind) } else { 0 };
        if local.batches.arrived(kind, shell.runq.len(), limit) {
            self.wakep();
        } else {
            self.leave_to_sysmon();
        }
    }

    /// Which batches are not worth a second M: those that take less (ns).
    fn owes_up_to(&self, kind: Kind) -> u64 {
        if let Kind::Timers = kind {
            return TIMERS_ALONE;
        }
        // Relaxed: a rule of thumb.
        if !self.sysmon_brisk.load(Relaxed) {
            return 0;
        }
        let limit = WAKEUPS_WORTH * self.wake_ups.believed(self.machine_now());
        let limit = if let Kind::Both = kind { limit.min(TIMERS_ALONE) } else { limit };
        // Relaxed: as above.
        let polled = self.poll_until.load(Relaxed) != 0;
        if limit > 0 && !polled && self.earliest_timer() <= self.now().saturating_add(limit) {
            return 0;
        }
        limit
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
    use super::Kind::{Both, Events, Timers};
    use super::*;

    /// A batch of Gs that take as long as the mean says, to its end.
    fn run(batches: &mut Batches, size: usize) -> usize {
        (0..size).filter(|n| batches.ran(size - 1 - n)).count()
    }

    #[test]
    fn the_first_batch_and_long_ones_are_worth_an_m() {
        let mut batches = Batches::new();
        assert!(batches.arrived(Timers, 2, 1000), "nothing is known of it");
        assert!(!batches.owes());
        run(&mut batches, 2);
        assert!(!batches.any(), "it is over");
        assert!(batches.arrived(Events, 2, 1000), "what timers' took says nothing of events'");
        batches.each[Timers.mean()] = 100;
        assert!(!batches.arrived(Timers, 9, 1000));
        assert!(batches.owes());
        assert!(batches.arrived(Timers, 10, 1000));
        assert!(!batches.owes());
        assert!(batches.arrived(Timers, 2, 0), "a wake-up that costs nothing is always worth it");
    }

    #[test]
    fn a_batch_that_takes_longer_than_expected_calls_somebody_once() {
        let mut batches = Batches { each: [1; 2], now: None };
        assert!(!batches.arrived(Events, 20, 100_000));
        std::thread::sleep(std::time::Duration::from_nanos(200_000));
        assert!(batches.ran(19), "the rest will take twenty times the limit");
        assert!(!batches.ran(18), "somebody was called");
    }

    #[test]
    fn a_batch_that_the_next_one_overtakes_is_measured() {
        let mut batches = Batches { each: [1; 2], now: None };
        assert!(!batches.arrived(Both, 9, 100_000));
        std::thread::sleep(std::time::Duration::from_nanos(200_000));
        batches.now.as_mut().unwrap().ran = 1;
        assert!(
            batches.arrived(Events, 9, u64::MAX),
            "the limit of the first, and a G took two of them"
        );
        assert_eq!(batches.each[Timers.mean()], 1);
    }

    #[test]
    fn who_stays_in_the_ring_is_not_owed_for() {
        let mut batches = Batches { each: [1; 2], now: None };
        assert!(!batches.arrived(Events, 3, 100_000));
        // None of them ends: the ring is as long as before.
        let calls = (0..3).filter(|_| batches.ran(3)).count();
        assert_eq!(calls, 1);
        assert!(!batches.any());
    }

    #[test]
    fn the_mean_rises_at_once_and_falls_slowly() {
        let mut batches = Batches::new();
        let mut then = |each| {
            batches.measured(Events, each);
            batches.each[Events.mean()]
        };
        assert_eq!([100, 900, 100].map(&mut then), [100, 900, 700]);
    }
}
