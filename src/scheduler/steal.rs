//! Stealing: where a searcher looks, in which order, and what it may take.
//!
//! Four rounds over all shells, each in a fresh random order without repetition: a random start and a
//! random step that is coprime to their number (Go's way). Rings give half of what they hold. Only in the
//! last round come the things that their owner is about to use itself: due timers, runnext, who is put off.
//!
//! Runnext is taken only from an owner that is *inside one poll* for a few microseconds: its tick is odd
//! and stands still. An owner that passes through the scheduler meanwhile runs it next, and stealing it
//! would only tear a pair apart that hands over through it (Go sleeps 3 µs instead, without a look at
//! what the owner does). Who is put off is left to it for longer (`probes.rs`). The shell of a thread in `block_on` has no such grace: its owner runs no G; nor has
//! one whose permit was taken away (`retake.rs`).
//!
//! **Before the poller.** An M with nothing of its own asks the poller before it searches, as in Go: new events
//! are nearer than the rings of others. But while events keep coming it never searches, and what waits behind a
//! poll that lasts, or behind a thread whose CPU the kernel has given to another, is overtaken by all of them
//! (for milliseconds, on a machine with more threads than CPUs). So it first takes half of a ring whose owner
//! has not moved since it last looked ([`Sticking`]).

use std::time::{Duration, Instant};

use super::limits::{STEAL_ROUNDS, STUCK_LOOKS};
use super::observe::trace::Event;
use super::p::{Role, Shell, P};
use super::probes;
use super::proc::Local;
use super::sched::Sched;
use crate::g::raw::G;
use crate::primitives::rand::Rand;
use crate::primitives::sync::atomic::Ordering::Acquire;
use crate::primitives::sync::hint;

/// How long an owner must stay inside one poll before its runnext may be taken. Go's.
const RUNNEXT_GRACE: Duration = Duration::from_micros(3);

/// The steps that visit `n` places without repetition.
pub(super) struct StealOrder {
    n: u32,
    coprimes: Vec<u32>,
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

impl StealOrder {
    pub(super) fn new() -> StealOrder {
        StealOrder { n: 0, coprimes: Vec::new() }
    }

    fn reset(&mut self, n: u32) {
        if self.n != n {
            self.n = n;
            self.coprimes.clear();
            self.coprimes.extend((1..=n).filter(|&step| gcd(step, n) == 1));
        }
    }

    /// All of `0..n`, each once, in an order drawn from `rand`.
    fn round(&mut self, n: u32, rand: &Rand) -> impl Iterator<Item = u32> {
        self.reset(n);
        let mut at = rand.below(n);
        let step = self.coprimes[rand.below(self.coprimes.len() as u32) as usize];
        (0..n).map(move |_| {
            let this = at;
            at = (at + step) % n;
            this
        })
    }
}

/// Where the owners of the other shells were when an M last looked.
pub(super) struct Sticking {
    ticks: Vec<u64>,
    /// The shell that the next look begins with.
    next: usize,
}

impl Sticking {
    pub(super) fn new() -> Sticking {
        Sticking { ticks: Vec::new(), next: 0 }
    }

    /// Has the owner of this shell not moved since the last look at it?
    fn sticks(&mut self, p: &P) -> bool {
        let index = p.id as usize;
        if self.ticks.len() <= index {
            // No shell has such a tick.
            self.ticks.resize(index + 1, u64::MAX);
        }
        // Acquire: what the owner queued before this tick is visible.
        let tick = p.tick.load(Acquire);
        std::mem::replace(&mut self.ticks[index], tick) == tick
    }
}

/// Is the owner of `p` inside one poll for so long that its runnext has to be taken from it?
pub(super) fn next_is_stuck(p: &P) -> bool {
    is_stuck(p, RUNNEXT_GRACE, || p.runq.has_next())
}

/// Is the owner of `p` inside one poll for that long, while `it_is_there`?
pub(super) fn is_stuck(p: &P, grace: Duration, it_is_there: impl Fn() -> bool) -> bool {
    if !it_is_there() {
        return false;
    }
    // Acquire: what the owner queued before this tick is visible.
    let tick = p.tick.load(Acquire);
    if tick & 1 == 0 {
        return false;
    }
    let start = Instant::now();
    loop {
        hint::spin_loop();
        if p.tick.load(Acquire) != tick || !it_is_there() {
            return false;
        }
        // loom has no clock: one look there.
        if cfg!(all(test, gmp_loom)) || start.elapsed() >= grace {
            return true;
        }
    }
}

impl Sched {
    /// Go's `stealWork`. `now` is the clock if it was read already, else 0.
    pub(super) fn stealwork(&self, local: &mut Local, shell: Shell<'_>, mut now: u64) -> Option<G> {
        // Once: nobody is woken while we wait.
        let mut patience = true;
        for round in 0..STEAL_ROUNDS {
            let last = round == STEAL_ROUNDS - 1;
            let order = local.order.round(self.nshells() as u32, &local.rand);
            for index in order {
                let victim = self.shell(index as usize);
                if std::ptr::eq(victim, shell.p()) {
                    continue;
                }
                if last && victim.timers.earliest() != u64::MAX {
                    if now == 0 {
                        now = self.timers_now();
                    }
                    if self.run_timers(local, shell, victim, now) {
                        // They may have readied Gs onto our queue, which stealing wants empty.
                        return shell.runq.get().or_else(|| shell.runq.take_next());
                    }
                }
                if let Some(g) = self.runqsteal(shell, victim, last, &mut patience) {
                    return Some(g);
                }
            }
            if !self.globrunq.is_empty() || self.is_closed() {
                return self.globrunq.get();
            }
        }
        None
    }

    /// Half of a ring that is not getting shorter. Our own is empty.
    pub(super) fn steal_from_stuck(&self, local: &mut Local, shell: Shell<'_>) -> Option<G> {
        let sticking = &mut local.sticking;
        let shells = self.nshells();
        for _ in 0..shells.min(STUCK_LOOKS) {
            sticking.next = (sticking.next + 1) % shells;
            let victim = self.shell(sticking.next);
            if std::ptr::eq(victim, shell.p()) || !sticking.sticks(victim) || victim.runq.len() == 0
            {
                continue;
            }
            if let Some(g) = self.runqsteal(shell, victim, false, &mut false) {
                return Some(g);
            }
        }
        None
    }

    /// Half of the victim's ring, or, where that is allowed, its runnext, or, with `patience`, who is put off.
    fn runqsteal(
        &self,
        shell: Shell<'_>,
        victim: &P,
        last: bool,
        patience: &mut bool,
    ) -> Option<G> {
        let before = shell.runq.len();
        let g = victim.runq.steal_into(&shell.p().runq, shell.runq.room()).or_else(|| {
            let may_take_next = match victim.role() {
                Role::Root | Role::Blocked => true,
                Role::Running => last && next_is_stuck(victim),
                Role::Idle | Role::Alone => false,
            };
            let next = if may_take_next { victim.runq.take_next() } else { None };
            next.or_else(|| {
                if !last || victim.probes.is_empty() || !std::mem::take(patience) {
                    return None;
                }
                probes::are_stuck(victim).then(|| victim.probes.first()).flatten()
            })
        })?;
        shell.stats.steals.add(1);
        shell.stats.stolen.add(1 + shell.runq.len().saturating_sub(before) as u64);
        self.trace(Event::Steal { from: victim.id });
        Some(g)
    }

    /// Some of what is queued where its owner does not run it: half of the first such queue that has any.
    pub(super) fn steal_from_unattended(&self, shell: Shell<'_>) -> Option<G> {
        // Half of our own ring may be in use: `steal_into` brings at most half a ring, and no more than
        // fits.
        let room = shell.runq.room();
        self.shells()
            .filter(|p| matches!(p.role(), Role::Root | Role::Blocked))
            .find_map(|p| p.runq.steal_into(&shell.p().runq, room))
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_round_visits_all_once() {
        let rand = Rand::new(3);
        let mut order = StealOrder::new();
        for n in [1, 2, 3, 6, 8, 30, 64, 97] {
            let mut first = Vec::new();
            for _ in 0..50 {
                let mut seen: Vec<u32> = order.round(n, &rand).collect();
                first.push(seen[0]);
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>());
            }
            first.dedup();
            assert!(n == 1 || first.len() > 1, "the start does not vary for {n}");
        }
    }
}
