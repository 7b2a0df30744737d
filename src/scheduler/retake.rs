//! Taking a permit back from a poll that does not return.
//!
//! The shell stays with the M that is inside the poll: it remains the only one that puts into that queue,
//! so `spawn`, `wake` and timers in the poll stay what they are, and nothing here can touch memory wrongly.
//! Only the right to run Gs moves.
//!
//! Protocol. All of it under `sched.lock`, but for the draining.
//!
//! 1. **Mark** (`retake`, by sysmon): the shell's role goes from `Running` to `Blocked`, and an idle permit
//!    appears on a spare shell. If the poll ended meanwhile (the tick moved) the mark is undone at once.
//! 2. **Drain**: what is in the shell's queue, runnext and who is put off included, goes to the global queue, as a thief would
//!    take it; sysmon repeats it each round. Searchers treat the shell like that of a `block_on` caller: what
//!    the poll readies from now on goes to the ring (`runqput`), of which they take halves.
//! 3. **Return** (`regain`, by the M, between two polls): with an idle permit it goes on with its own shell,
//!    and the shell that came with the permit becomes spare. Without one it empties its shell, retires it
//!    to the spare list, and is an M without a P.
//!
//! Invariants. **R1** one producer: only the shell's owner puts into it. **R2** permits are conserved:
//! shells with the role `Running` and idle permits together are `procs`; a `Blocked` shell has none.
//! **R3** only sysmon (and `set_procs`) makes a `Running` shell `Blocked`, only its owner ends that.
//! **R7** a shell on the spare list has an empty queue; it may keep timers, which everybody looks after.
//! **R8** at most `max_extra` shells are `Blocked` by sysmon at a time.
//!
//! A mark that comes late, or that the M sees late, does no harm: for one poll one M more, or one less,
//! runs. Why no wake-up is lost: a mark makes a permit idle and calls `wakep` after the drain; the second
//! look of a searcher includes `Blocked` shells, whatever is put there by a poll that has not yet seen its
//! mark; and sysmon comes again.
//!
//! Source of the idea: Go's `retake`, which takes the whole P. That is sound there because a goroutine in a
//! system call runs no code of the runtime; a future inside its poll may.

use super::context;
use super::hogs::Why;
use super::limits::EXTRA_PER_P;
use super::observe::trace::Event;
use super::p::{Role, Shell, P};
use super::sched::{Locked, PPtr, Sched};
use crate::primitives::sync::atomic::Ordering::{Acquire, Relaxed};
use crate::primitives::sync::broken;

impl Sched {
    /// Steps 1 and 2, for the poll that is known by its `tick` and that blocks or computes. False: there was no reason, or it must not
    /// be.
    pub(super) fn retake(&self, p: &P, tick: u64, why: Why) -> bool {
        {
            let mut locked = self.lock.lock();
            if p.role() != Role::Running || self.is_closed() || !self.may_have_more(&locked) {
                return false;
            }
            let spare = self.spare_shell(&mut locked);
            self.mark(&mut locked, p, Some(why));
            // Acquire: nothing rides on it; a stale tick makes a mark that the M finds at its next look.
            if p.tick.load(Acquire) != tick {
                self.unmark(&mut locked);
                if !broken("undo_keeps_mark") {
                    p.set_role(Role::Running);
                }
                locked.spare.push(spare);
                self.stats.undone_marks.add(1);
                drop(locked);
                self.trace(Event::Unmark { p: p.id });
                return false;
            }
            self.stats.retakes.add(1);
            if !broken("retake_keeps_permit") {
                self.pidleput(&mut locked, spare.get(self));
            }
        }
        self.trace(Event::Retake { p: p.id });
        if !broken("retire_no_drain") {
            let gs = self.drain(p) as u32;
            self.trace(Event::Drain { p: p.id, gs });
        }
        if !broken("retake_no_wakep") {
            self.wakep();
        }
        true
    }

    /// Room under the caps, for one more M that runs Gs beside the one that is stuck?
    fn may_have_more(&self, locked: &Locked) -> bool {
        locked.nmarked < self.max_extra() && self.has_m(locked)
    }

    /// Most polls at a time that go on without a permit because they block.
    pub(super) fn max_extra(&self) -> usize {
        self.config.retake.max_extra.unwrap_or_else(|| EXTRA_PER_P * self.procs())
    }

    /// Is an M idle, or may one be made?
    pub(super) fn has_m(&self, locked: &Locked) -> bool {
        !locked.midle.is_empty() || locked.threads.len() < self.config.max_threads
    }

    /// A shell of nobody, with an empty queue.
    pub(super) fn spare_shell(&self, locked: &mut Locked) -> PPtr {
        match locked.spare.pop() {
            Some(p) => p,
            None => self.new_shell(locked),
        }
    }

    /// `Running` to `Blocked`. Without a reason it is not the poll's fault.
    pub(super) fn mark(&self, locked: &mut Locked, p: &P, why: Option<Why>) {
        p.set_why(why);
        p.set_role(Role::Blocked);
        locked.nmarked += 1;
        // Relaxed: a hint for `fair_look`; second looks go by the role.
        self.nunattended.fetch_add(1, Relaxed);
        self.stats.extra_ms_now.set(locked.nmarked as u64);
        self.stats.extra_ms_peak.raise(locked.nmarked as u64);
    }

    /// The caller sets the shell's next role.
    fn unmark(&self, locked: &mut Locked) {
        locked.nmarked -= 1;
        // Relaxed: as above.
        self.nunattended.fetch_sub(1, Relaxed);
        self.stats.extra_ms_now.set(locked.nmarked as u64);
    }

    /// Step 2: moves what is in the queue to where everybody looks, as a thief. Answers how much. The
    /// caller calls `wakep`.
    pub(super) fn drain(&self, p: &P) -> usize {
        let mut moved = 0;
        self.globrunq.put_all(std::iter::from_fn(|| drained(p)).inspect(|_| moved += 1));
        if moved > 0 {
            self.stats.drained.add(moved as u64);
        }
        moved
    }

    /// Step 3. True: this M goes on with its shell. False: it has no P any more.
    #[cold]
    pub(super) fn regain(&self, shell: Shell<'_>) -> bool {
        let mut locked = self.lock.lock();
        if shell.role() != Role::Blocked {
            // Undone meanwhile.
            return true;
        }
        if let Some(idle) = self.pidleget(&mut locked) {
            // The permit is ours, the shell that it lay with is nobody's: nobody put anything into it.
            idle.get(self).set_role(Role::Idle);
            locked.spare.push(idle);
            self.unmark(&mut locked);
            shell.set_role(Role::Running);
            self.stats.regains.add(1);
            drop(locked);
            self.trace(Event::Regain);
            return true;
        }
        // R7. Nobody but us puts into it, so once it is empty it stays so.
        if !broken("retire_no_drain") {
            self.drain(shell.p());
        }
        self.return_refs(shell.drain_sched_refs());
        let p = self.releasep(shell);
        self.spare_marked(&mut locked, p);
        self.stats.retirements.add(1);
        drop(locked);
        self.trace(Event::Retire);
        self.wakep();
        false
    }

    /// A `Blocked` shell, empty and of nobody any more, becomes spare. It had no permit to give.
    pub(super) fn spare_marked(&self, locked: &mut Locked, p: &P) {
        debug_assert!(
            p.role() == Role::Blocked
                && ((p.runq.is_empty() && p.probes.is_empty()) || broken("retire_no_drain"))
        );
        self.unmark(locked);
        p.set_role(Role::Idle);
        locked.spare.push(PPtr::new(p));
    }

    /// As [`regain`](Self::regain), for an M that may be searching.
    #[cold]
    pub(super) fn regain_or_stop(&self, local: &mut super::proc::Local, shell: Shell<'_>) -> bool {
        // Taken, because the id is that of the last poll: foreign wakers that last are nobody's.
        if let (Some(id), Some(why)) = (local.polled.take(), shell.why()) {
            self.learn_hog(id, why);
        }
        if self.regain(shell) {
            return true;
        }
        if local.spinning {
            self.resetspinning(local);
        }
        debug_assert!(context::shell_of(self).is_none());
        false
    }
}

fn drained(p: &P) -> Option<crate::g::raw::G> {
    let next = if broken("drain_skips_runnext") { None } else { p.runq.take_next() };
    let queued = next.or_else(|| p.runq.steal_one());
    queued.or_else(|| if broken("drain_skips_probes") { None } else { p.probes.first() })
}
