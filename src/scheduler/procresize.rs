//! Go's `procresize`: as many permits as there shall be Ps. Nothing stops for it.
//!
//! More: permits appear on spare shells, idle, and `wakep` finds them work. Fewer: idle permits go first; for
//! the rest running shells are marked `Blocked`, as if their polls had lasted too long (`retake.rs`), but no
//! permit appears instead: each such M finds at the end of its poll that it has none any more.

use super::context;
use super::p::{Role, Shell, P};
use super::sched::Sched;
use crate::primitives::sync::atomic::Ordering::Relaxed;
use crate::primitives::sync::broken;

impl Sched {
    /// Go's `acquirep`: this thread owns the shell from now on. It comes from a list under the lock, or
    /// from whoever woke this M.
    pub(super) fn acquirep(&self, p: &P) {
        context::set_shell(p);
        self.rouse_sysmon();
    }

    /// Go's `releasep`: this thread gives the shell up. Its queue may still hold Gs only if the caller
    /// hands the shell to an M that runs them.
    pub(super) fn releasep<'s>(&'s self, shell: Shell<'s>) -> &'s P {
        let p = shell.p();
        if self.is_closed() {
            // Nothing is spawned here any more: the stock goes back, so that the scheduler can go.
            self.return_refs(shell.drain_sched_refs());
        }
        context::clear_shell();
        p
    }

    /// Go's `GOMAXPROCS(n)`: `procs` permits from now on, whatever the machine says. Answers how many there
    /// were.
    pub(crate) fn set_max_procs(&self, procs: usize) -> usize {
        // Relaxed: whoever follows the machine at this very moment is overruled by the next call.
        self.procs_set.store(true, Relaxed);
        self.procresize(procs)
    }

    /// The machine allows `procs` now.
    pub(super) fn follow_limit(&self, procs: usize) {
        // Relaxed: as above.
        if procs != self.procs() && !self.procs_set.load(Relaxed) {
            self.procresize(procs);
        }
    }

    /// Makes it `procs` permits. Answers how many there were.
    pub(super) fn procresize(&self, procs: usize) -> usize {
        let before = {
            let mut locked = self.lock.lock();
            let before = self.procs();
            if self.is_closed() {
                return before;
            }
            self.set_nprocs(&mut locked, procs);
            // The first one is put last, so it is on top.
            let new: Vec<_> = (before..procs).map(|_| self.spare_shell(&mut locked)).collect();
            for p in new.into_iter().rev() {
                self.pidleput(&mut locked, p.get(self));
            }
            let mut surplus = before.saturating_sub(procs);
            while surplus > 0 {
                let Some(p) = self.pidleget(&mut locked) else { break };
                p.get(self).set_role(Role::Idle);
                locked.spare.push(p);
                surplus -= 1;
            }
            // Permits that are in use, or on the way to an M.
            for p in self.shells().filter(|p| p.role() == Role::Running).take(surplus) {
                if !broken("resize_forgets_running") {
                    self.mark(&mut locked, p, None);
                }
            }
            before
        };
        if before > 0 && procs > before {
            self.wakep();
        } else if procs < before {
            // It empties the shells whose polls last.
            self.leave_to_sysmon();
        }
        before
    }
}
