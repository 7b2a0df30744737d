//! Is a batch of Gs that became ready together worth a second M?
//!
//! To wake an M for half of a batch costs several microseconds on both sides, and gains nothing if the M that has
//! the batch is through with it before the other one is there. So an M runs a batch alone if it expects that, by
//! what a G of its last batches took, one with the other:
//!
//! - *Timers* that come thick are taken together, up to `TIMER_COALESCE` late; a batch that takes less than that
//!   time again is run alone.
//! - *Events*: the limit is twice what a wake-up took lately, from the call to the thread's first step
//!   ([`WakeUps`]): once for it to arrive, and once more that it may be of use. On a machine with idle CPUs that is
//!   the time of a few requests. With other programs on all CPUs it is hundreds of microseconds: who is woken
//!   stands in line there, behind those as well that use what is served here.
//!
//! If the M is wrong, the wake-up is *owed*: while it runs the batch it looks at the clock, and wakes somebody when
//! the rest will take too long after all.
//!
//! Why nothing waits for long: the M that owes a wake-up holds its permit and runs the batch itself. What
//! makes it late is one poll, longer than those before; sysmon sees a poll that lasts and work behind it, and
//! calls `wakep` (`watch.rs`, 2). If the poll gives the shell away, who gets it looks at its queue. Only what lies
//! in the M's own ring is ever owed for.

// std's atomics also under loom: a rule of thumb, which would only multiply the runs.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::context;
use super::limits::{BATCH_CLOCK, TIMER_COALESCE, WAKEUP_MAX_NS, WAKEUP_MEMORY};
use super::p::Shell;
use super::proc::Local;
use super::sched::Sched;

/// What made the Gs of a batch ready.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Timers,
    Events,
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

/// The longest that it lately took until an M that was woken ran. After [`WAKEUP_MEMORY`] it is forgotten: the next
/// batch wakes somebody, and it is seen again.
#[derive(Debug)]
pub(super) struct WakeUps {
    ns: AtomicU64,
    /// When (ns) that was.
    seen_at: AtomicU64,
}

impl WakeUps {
    pub(super) const fn new() -> WakeUps {
        WakeUps { ns: AtomicU64::new(0), seen_at: AtomicU64::new(0) }
    }

    /// One that began and ended at these times (ns).
    pub(super) fn took(&self, from: u64, to: u64) {
        let ns = to.saturating_sub(from).min(WAKEUP_MAX_NS);
        if ns >= self.longest(to) {
            // Relaxed, here and below: of two at a time one may be lost, or the time be that of the other.
            self.ns.store(ns, Relaxed);
            self.seen_at.store(to, Relaxed);
        }
    }

    /// 0 if none is remembered.
    fn longest(&self, now: u64) -> u64 {
        let age = now.saturating_sub(self.seen_at.load(Relaxed));
        if age <= WAKEUP_MEMORY {
            self.ns.load(Relaxed)
        } else {
            0
        }
    }
}

impl Batches {
    /// Of an M that has seen none: each is worth a second M.
    pub(super) fn new() -> Batches {
        Batches { each: [u64::MAX; 2], now: None }
    }

    /// So many Gs stand in the ring. True: they are worth a second M, now.
    fn arrived(&mut self, kind: Kind, size: usize, limit: u64) -> bool {
        let worth = self.each[kind as usize].saturating_mul(size as u64) >= limit;
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
        let each = batch.since.elapsed().as_nanos() as u64 / u64::from(batch.ran);
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
        let known = &mut self.each[kind as usize];
        let first_or_dearer = *known == u64::MAX || each >= *known;
        *known = if first_or_dearer { each } else { (3 * *known + each) / 4 };
    }
}

impl Sched {
    /// Timers or events have put more than one G into the ring of this M. Wakes a second one, or owes it.
    pub(super) fn brought(&self, local: &mut Local, shell: Shell<'_>, kind: Kind) {
        // Without sysmon nobody would see a poll that lasts.
        let may_owe = self.config.sysmon && !self.is_played() && local.foreign.is_empty();
        let limit = match kind {
            Kind::Timers => TIMER_COALESCE,
            Kind::Events => 2 * self.wake_ups.longest(self.machine_now()),
        };
        if may_owe && !local.batches.arrived(kind, shell.runq.len(), limit) {
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
    use super::Kind::{Events, Timers};
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
        batches.each[Timers as usize] = 100;
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
            batches.each[Events as usize]
        };
        assert_eq!([100, 900, 100].map(&mut then), [100, 900, 700]);
    }

    #[test]
    fn the_longest_wake_up_is_remembered_for_a_while() {
        const LATER: u64 = WAKEUP_MEMORY + 1;
        let wake_ups = WakeUps::new();
        assert_eq!(wake_ups.longest(LATER), 0);
        wake_ups.took(LATER, LATER + 100);
        wake_ups.took(LATER, LATER + 900);
        wake_ups.took(LATER + 1000, LATER + 1100);
        assert_eq!(wake_ups.longest(LATER + 900 + WAKEUP_MEMORY), 900);
        assert_eq!(wake_ups.longest(LATER + 901 + WAKEUP_MEMORY), 0, "it is forgotten");
        wake_ups.took(3 * LATER, 3 * LATER + 5);
        assert_eq!(wake_ups.longest(3 * LATER + 5), 5, "and no yardstick any more");
        wake_ups.took(0, u64::MAX - 1);
        let longest = wake_ups.longest(u64::MAX - 1);
        assert_eq!(longest, WAKEUP_MAX_NS, "one that the machine slept through is not believed");
    }
}
