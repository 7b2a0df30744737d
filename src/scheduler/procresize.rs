//! Go's `procresize`: as many permits as there shall be Ps, each with a shell.

use super::context;
use super::p::{Shell, P};
use super::sched::Sched;

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
}

/// Makes `procs` permits, idle, each with a shell, so that P 0 is taken first.
pub(super) fn procresize(sched: &Sched, procs: usize) {
    let mut locked = sched.lock.lock();
    for _ in 0..procs {
        let p = sched.new_shell(&mut locked);
        locked.spare.push(p);
    }
    // P 0 is pushed last, so it is on top.
    while let Some(p) = locked.spare.pop() {
        sched.pidleput(&mut locked, p.get(sched));
    }
}
