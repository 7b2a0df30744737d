//! Giving a P away from inside a poll: `block_in_place`. And the services' door to blocking closures.
//!
//! `block_in_place` is Go's `entersyscallblock`: the M, which owns shell and permit, gives both to
//! another M (or to the idle list, if there is nothing to run), runs the closure without them, and
//! afterwards takes any idle permit; if there is none it finishes its poll without one. Everything the
//! closure or the rest of the poll does then goes by the ways of a thread without a shell. No race exists
//! here that `acquirep` and `releasep` do not order.

use std::panic::Location;

use super::config::Flavor;
use super::context;
use super::observe::trace::Event;
use super::p::{Role, Shell, P};
use super::sched::{Sched, SchedRef};
use crate::g::join::JoinHandle;
use crate::g::{block, coop};
use crate::primitives::sync::atomic::Ordering::{AcqRel, Relaxed};
use crate::primitives::sync::broken;

/// Runs a closure on an M without a permit, in the current runtime. Panics outside of one.
#[track_caller]
pub(crate) fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let caller = Location::caller();
    let sched = context::current_or_panic();
    super::blocking::spawn_blocking(&sched, f, caller)
}

/// Takes the P back, or another one, when the closure ends or panics.
struct ExitSyscall<'a>(&'a SchedRef);

impl Drop for ExitSyscall<'_> {
    fn drop(&mut self) {
        self.0.exitsyscall(true);
    }
}

/// See [`crate::task::block_in_place`].
#[track_caller]
pub(crate) fn block_in_place<F: FnOnce() -> R, R>(f: F) -> R {
    let Ok(sched) = context::current() else { return f() };
    if block::may_block() {
        // Under an EnterGuard, in a closure of ours, or nested: nothing to hand over.
        return f();
    }
    let driven = sched.config.flavor == Flavor::CurrentThread && !block::is_undriven();
    if driven || super::local::in_turn() {
        panic!("can call blocking only when running on the multi-threaded runtime");
    }
    let _unlimited = coop::enter_unconstrained();
    let _may = block::allow();
    let shell = context::shell_of(&sched).filter(|shell| shell.role() != Role::Root);
    let _exit = shell.map(|shell| {
        sched.entersyscallblock(shell);
        ExitSyscall(&sched)
    });
    f()
}

impl Sched {
    fn entersyscallblock(&self, shell: Shell<'_>) {
        self.trace(Event::Handoff);
        // The next owner starts between polls.
        shell.set_in_poll(false);
        if shell.role() == Role::Blocked && !self.regain(shell) {
            // It was taken away already.
            return;
        }
        self.stats.handoffs.add(1);
        self.end_probes(shell);
        let p = self.releasep(shell);
        self.handoffp(p);
    }

    /// Go's `handoffp`: gives the P to an M if there is, or may soon be, something to run; else it goes
    /// idle. Any condition under which `find_runnable` would answer a G starts an M here.
    pub(super) fn handoffp(&self, p: &P) {
        if broken("handoff_starts_nobody") {
            self.drain(p);
            return self.pidleput(&mut self.lock.lock(), p);
        }
        if self.is_closed() || !p.runq.is_empty() || !self.globrunq.is_empty() {
            let more = p.runq.len() > 1;
            self.start_any(p, false);
            // A wake-up may be owed for them (`batch.rs`), and who has them now does not know.
            if more {
                self.wakep();
            }
            return;
        }
        // Nobody searches and nobody is idle: nobody would notice new work.
        // Relaxed (both): the swap below decides.
        if self.nmspinning.load(Relaxed) + self.npidle.load(Relaxed) == 0
            && self.nmspinning.compare_exchange(0, 1, AcqRel, Relaxed).is_ok()
        {
            return self.start_any(p, true);
        }
        {
            let mut locked = self.lock.lock();
            // Acquire is the lock's. The last permit to go idle needs somebody in the poller, and so do
            // timers that nobody waits for.
            let last = locked.pidle.len() + 1 == self.procs();
            let polled = self.poll_until.load(Relaxed) != 0;
            // Once closed, an idle P has to come from an M that has cleared it.
            if self.globrunq.is_empty()
                && (polled || !last)
                && p.timers.earliest() == u64::MAX
                && !self.is_closed()
            {
                self.pidleput(&mut locked, p);
                return;
            }
        }
        self.start_any(p, false);
    }

    fn start_any(&self, p: &P, spinning: bool) {
        let m = self.lock.lock().midle.pop();
        self.startm(p, m, spinning);
    }

    /// Go's `exitsyscall`: a permit, if one is idle; for the rest of the poll, if that goes on.
    pub(super) fn exitsyscall(&self, in_poll: bool) {
        let p = {
            let mut locked = self.lock.lock();
            if broken("exitsyscall_leaves_it_idle") {
                locked.pidle.last().copied()
            } else {
                self.pidleget(&mut locked)
            }
        };
        if let Some(p) = p {
            self.acquirep(p.get(self));
            if let (Some(shell), true) = (context::shell_of(self), in_poll) {
                shell.set_in_poll(true);
            }
            self.trace(Event::Regain);
        }
    }
}
