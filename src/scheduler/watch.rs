//! What sysmon sees of the Ps, and what it does about polls that last.
//!
//! A poll is known by its tick: odd, and the same at two looks, means the same poll all that time. From the
//! second look on:
//!
//! 1. After a time slice the P is asked to yield (`P.preempt`); leaf futures obey through `coop`. The slice
//!    is the P's, not the poll's: a chain of wakes through runnext uses it up too.
//! 2. If work waits and a permit is idle: `wakep`; thieves take what is behind the poll. This is what lets
//!    `ready` wake nobody for a lone runnext, and an M with an event run it without a substitute in the
//!    poller.
//! 3. If work waits and every permit is in use, the poll loses its own (`retake.rs`): after `blocked_after`
//!    if its thread *waits*; after `computing_after` if the work is *forsaken*. One at a time: the permit
//!    that appears is idle until an M has taken it.
//! 4. A shell that has lost its permit is drained at each look.
//!
//! *Work waits*: it is queued anywhere. It is *forsaken* in the global queue, in a local queue whose owner is
//! inside of such a poll or runs no Gs; and so is, if all Ms are inside of such polls, a timer or an I/O
//! source that nobody looks after. A poll that computes uses a CPU: for work that has an owner who is coming
//! to it, one more M would only take turns with the others.
//!
//! *The thread waits*: its CPU clock has hardly moved between two looks, and the kernel does not call it
//! runnable. (A clock that stands still is no proof: on a crowded machine the thread may just not be
//! scheduled, and one more would make that worse.) Where the system cannot say, every poll counts as
//! computing.

use std::time::{Duration, Instant};

use super::config::Retake;
use super::hogs::Why;
use super::limits::BLOCKED_SHARE;
use super::p::{Role, P};
use super::sched::Sched;
use crate::primitives::sync::atomic::Ordering::{Acquire, Relaxed};

/// What the last look saw of a shell.
#[derive(Clone, Copy)]
struct Seen {
    tick: u64,
    since: Instant,
    slice: u32,
    slice_since: Instant,
    /// The thread's CPU clock, and when that was read: in this poll.
    cpu: Option<(Duration, Instant)>,
}

/// What a look came to.
#[derive(Clone, Copy, Default)]
pub(super) struct Look {
    /// It did something: come again soon.
    pub(super) acted: bool,
    /// A P has polled something, or is in a poll.
    pub(super) moved: bool,
    /// A P is in use.
    pub(super) busy: bool,
    /// Everybody is inside of a poll that lasts: nobody looks after anything.
    pub(super) all_stuck: bool,
    /// Whether a thread waits takes a second look at its clock.
    pub(super) suspects: bool,
}

/// Is there work, and does anybody come to it?
#[derive(Clone, Copy)]
struct Waits {
    /// Work that has no owner, or whose owner is inside of a poll that lasts.
    forsaken: bool,
    /// Work behind other work.
    queued: bool,
}

/// sysmon's memory of the Ps.
pub(super) struct Watch {
    seen: Vec<Seen>,
    /// Shells whose owners are inside the same poll as at the look before.
    stuck: Vec<usize>,
}

impl Watch {
    pub(super) fn new() -> Watch {
        Watch { seen: Vec::new(), stuck: Vec::new() }
    }

    /// The first half of a look: who is inside of a poll that lasts. Asks for slices to end, and drains
    /// shells without a permit.
    pub(super) fn look(&mut self, sched: &Sched, now: Instant) -> Look {
        let mut look = Look::default();
        let mut healthy = 0;
        let mut drained = 0;
        self.stuck.clear();
        for (i, p) in sched.shells().enumerate() {
            // Acquire: what the owner queued before this tick is visible.
            let tick = p.tick.load(Acquire);
            let slice = p.schedtick();
            if i == self.seen.len() {
                self.seen.push(Seen { tick, since: now, slice, slice_since: now, cpu: None });
                look.moved = true;
            }
            let seen = &mut self.seen[i];
            let same = seen.tick == tick;
            if !same {
                (seen.tick, seen.since, seen.cpu) = (tick, now, None);
                look.moved = true;
            }
            if seen.slice != slice {
                (seen.slice, seen.slice_since) = (slice, now);
            }
            match p.role() {
                Role::Running => {
                    look.busy = true;
                    let in_poll = tick & 1 == 1;
                    // Between two polls nothing moves either, but that does not last.
                    if in_poll || !same {
                        let slice = now.duration_since(seen.slice_since);
                        if slice >= sched.config.retake.time_slice {
                            // Relaxed: a hint.
                            p.preempt.store(true, Relaxed);
                        }
                    }
                    if same && now > seen.since {
                        // Or the kernel has stopped it between two polls.
                        drained += sched.drain_probes(p);
                    }
                    if in_poll && same && now > seen.since {
                        look.moved = true;
                        self.stuck.push(i);
                    } else {
                        healthy += 1;
                    }
                }
                Role::Blocked => drained += sched.drain(p),
                Role::Idle | Role::Root | Role::Alone => {}
            }
        }
        // Relaxed (both): `wakep` looks again.
        look.all_stuck = healthy == 0
            && !self.stuck.is_empty()
            && sched.nmspinning.load(Relaxed) == 0
            && sched.npidle.load(Relaxed) == 0;
        if drained > 0 {
            sched.wakep();
            look.acted = true;
        }
        look
    }

    fn waits(&self, sched: &Sched, all_stuck: bool) -> Waits {
        // Relaxed: `wakep` looks again.
        let unpolled = (all_stuck || sched.npidle.load(Relaxed) > 0) && sched.poller_is_wanted();
        let mut waits = Waits { forsaken: unpolled || sched.global_len() > 0, queued: false };
        for (i, p) in sched.shells().enumerate() {
            if p.runq.is_empty() {
                continue;
            }
            if p.role() != Role::Running || self.stuck.contains(&i) {
                waits.forsaken = true;
            } else {
                waits.queued = true;
            }
        }
        waits
    }

    /// The second half: if something waits, somebody has to come for it.
    pub(super) fn act(&mut self, sched: &Sched, now: Instant, look: &mut Look) {
        if self.stuck.is_empty() {
            return;
        }
        let waits = self.waits(sched, look.all_stuck);
        if !waits.forsaken && !waits.queued {
            return;
        }
        // Relaxed: `wakep` looks again.
        if sched.nmspinning.load(Relaxed) > 0 {
            look.acted = true;
            return;
        }
        // Relaxed: as above.
        if sched.npidle.load(Relaxed) > 0 {
            sched.wakep();
            look.acted = true;
            return;
        }
        let policy = &sched.config.retake;
        for &i in &self.stuck {
            let p = sched.shell(i);
            let seen = &mut self.seen[i];
            let lasted = now.duration_since(seen.since);
            let why = if sched.is_played() && lasted >= policy.blocked_after {
                // The only polls that last there are those that say that they block.
                Why::Blocks
            } else if blocks(policy, p, seen, lasted, look) {
                Why::Blocks
            } else if lasted >= policy.computing_after && waits.forsaken {
                Why::Computes
            } else {
                continue;
            };
            if policy.on && sched.retake(p, seen.tick, why) {
                look.acted = true;
                return;
            }
            // The caps are reached, or it is not wanted. Those who are not stuck may still have it.
            if !look.all_stuck && sched.drain(p) > 0 {
                look.acted = true;
            }
        }
    }
}

/// Does the poll that we see for the second time, or more often, only hold its thread up?
fn blocks(policy: &Retake, p: &P, seen: &mut Seen, lasted: Duration, look: &mut Look) -> bool {
    if !policy.on || lasted < policy.blocked_after {
        return false;
    }
    let thread = p.thread();
    let Some(cpu) = thread.cpu_time() else { return false };
    let at = Instant::now();
    let Some((cpu_before, before)) = seen.cpu.replace((cpu, at)) else {
        look.suspects = true;
        return false;
    };
    let used = cpu.saturating_sub(cpu_before);
    used * BLOCKED_SHARE < at.duration_since(before) && thread.waits() != Some(false)
}
