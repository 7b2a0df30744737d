//! An M that is played: where it is in its life, and one step of it. `mstart`, `schedule` and
//! `find_runnable`, cut where others may come between.

use super::{Hidden, Play};
use crate::g::block;
use crate::primitives::sync::atomic::Ordering::{Acquire, Relaxed};
use crate::primitives::sync::Arc;
use crate::scheduler::batch::Kind;
use crate::scheduler::context;
use crate::scheduler::m::M;
use crate::scheduler::p::Role;
use crate::scheduler::proc::Local;
use crate::scheduler::sched::{PPtr, SchedRef};
use crate::scheduler::start::Woken;

/// Looks of a searcher that lingers before it gives up, at most.
const LINGER: u32 = 4;

/// What an M does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its thread begins.
    Born,
    /// It was woken: is there a P for it?
    Errand,
    /// With a P: due timers, its own queue, the global one; runs what it finds.
    Look,
    /// With a P: looks at others.
    Steal,
    /// With a P: found nothing, waits a little.
    Linger(u32),
    /// With a P: gives it up.
    GiveUp,
    /// Without: stops to be counted as a searcher.
    Leave,
    /// Without: the second look. Did it search?
    Recheck(bool),
    /// Without: the poller, if nobody sleeps in it.
    Poller(bool),
    /// Asleep in the poller.
    InPoller(bool),
    /// Without a P: closures?
    Closures,
    /// Runs closures; the first one is still to come.
    Closure(bool),
    /// Goes to sleep.
    Stop,
    /// Asleep.
    Parked,
    /// The scheduler is closed: its last steps.
    End,
    /// Its thread has ended.
    Gone,
}

impl Phase {
    /// For the hash.
    pub(super) fn number(self) -> u64 {
        match self {
            Phase::Born => 1,
            Phase::Errand => 2,
            Phase::Look => 3,
            Phase::Steal => 4,
            Phase::Linger(_) => 5,
            Phase::GiveUp => 6,
            Phase::Leave => 7,
            Phase::Recheck(_) => 8,
            Phase::Poller(_) => 9,
            Phase::InPoller(_) => 10,
            Phase::Closures => 11,
            Phase::Closure(_) => 12,
            Phase::Stop => 13,
            Phase::Parked => 14,
            Phase::End => 15,
            Phase::Gone => 16,
        }
    }
}

/// See the module's text.
pub(super) struct Vm {
    pub(super) m: Arc<M>,
    pub(super) index: usize,
    pub(super) local: Local,
    /// What the context says while it takes a step.
    shell: Option<PPtr>,
    pub(super) phase: Phase,
    /// In the poller: until when (ns).
    pub(super) until: u64,
    /// In the poller: woken.
    pub(super) woken: bool,
    /// Of favourites and laggards.
    pub(super) weight: u64,
    /// Polls since the player last asked.
    pub(super) polls: u64,
    pub(super) stole: bool,
}

impl Vm {
    pub(super) fn new(m: Arc<M>, index: usize, local: Local, weight: u64) -> Vm {
        Vm {
            m,
            index,
            local,
            shell: None,
            phase: Phase::Born,
            until: u64::MAX,
            woken: false,
            weight,
            polls: 0,
            stole: false,
        }
    }

    /// Takes a step.
    pub(super) fn step(&mut self, sched: &SchedRef, play: &Play) {
        let hidden = Hidden::new();
        let _driving = block::forbid();
        let shell =
            self.shell.take().map_or(std::ptr::null(), |p| std::ptr::from_ref(p.get(sched)));
        context::swap_shell(shell);
        self.phase = self.go(sched, play);
        self.shell = PPtr::from_raw(context::swap_shell(std::ptr::null()).cast_mut());
        drop(hidden);
    }

    fn go(&mut self, sched: &SchedRef, play: &Play) -> Phase {
        let config = &sched.config;
        match self.phase {
            Phase::Born => {
                sched.hook(&config.on_thread_start);
                Phase::Errand
            }
            Phase::Errand => match self.m.take() {
                Some((p, spinning)) => {
                    sched.acquirep(p.get(sched));
                    self.local.spinning = spinning;
                    Phase::Look
                }
                None => Phase::Closures,
            },
            Phase::Look => self.look(sched),
            Phase::Steal => self.steal(sched, play),
            Phase::Linger(more) => {
                if sched.is_closed()
                    || sched.global_len() > 0
                    || sched.shells().any(|p| p.runq.len() > 0)
                {
                    Phase::Look
                } else if more == 0 {
                    Phase::GiveUp
                } else {
                    Phase::Linger(more - 1)
                }
            }
            Phase::GiveUp => match context::shell_of(sched) {
                Some(shell) if sched.give_up(&mut self.local, shell) => Phase::Leave,
                Some(_) => Phase::Look,
                None => Phase::Closures,
            },
            Phase::Leave => Phase::Recheck(sched.leave_search(&mut self.local)),
            Phase::Recheck(was_spinning) => {
                if sched.is_closed() {
                    return Phase::Closures;
                }
                if sched.anything_queued(was_spinning) {
                    if let Some(p) = sched.search_on(&mut self.local) {
                        sched.acquirep(p);
                        return Phase::Look;
                    }
                }
                Phase::Poller(was_spinning)
            }
            Phase::Poller(was_spinning) => self.enter_poller(sched, was_spinning),
            Phase::InPoller(was_spinning) => self.leave_poller(sched, was_spinning),
            Phase::Closures => {
                sched.run_errands();
                if sched.take_blocking_place() {
                    Phase::Closure(true)
                } else {
                    Phase::Stop
                }
            }
            Phase::Closure(mut first) => {
                if sched.run_one_blocking(&mut first) {
                    Phase::Closure(first)
                } else {
                    Phase::Stop
                }
            }
            Phase::Stop => match sched.enter_midle(&self.m) {
                Some(Woken::Look) => Phase::Errand,
                Some(Woken::End) => Phase::End,
                None => {
                    sched.hook(&config.on_thread_park);
                    Phase::Parked
                }
            },
            Phase::Parked => {
                self.m.note.take();
                sched.hook(&config.on_thread_unpark);
                Phase::Errand
            }
            Phase::End => {
                sched.cancel_all();
                sched.mexit(&self.m);
                Phase::Gone
            }
            Phase::Gone => Phase::Gone,
        }
    }

    /// The first half of `find_runnable`, and the poll.
    fn look(&mut self, sched: &SchedRef) -> Phase {
        let Some(shell) = context::shell_of(sched) else { return Phase::Closures };
        if sched.is_closed() {
            sched.leave(&mut self.local, shell);
            return Phase::Closures;
        }
        if shell.role() == Role::Blocked && !sched.regain_or_stop(&mut self.local, shell) {
            return Phase::Closures;
        }
        let mut now = 0;
        if let Some((g, inherit)) = sched.look_here(&mut self.local, shell, &mut now) {
            self.polls += 1;
            sched.run_found(&mut self.local, g, inherit);
            return Phase::Look;
        }
        if self.local.spinning || sched.may_spin() {
            sched.become_spinning(&mut self.local);
            Phase::Steal
        } else {
            Phase::GiveUp
        }
    }

    fn steal(&mut self, sched: &SchedRef, play: &Play) -> Phase {
        let Some(shell) = context::shell_of(sched) else { return Phase::Closures };
        if let Some(g) = sched.stealwork(&mut self.local, shell, 0) {
            self.polls += 1;
            self.stole = true;
            sched.run_found(&mut self.local, g, false);
            return Phase::Look;
        }
        if !shell.runq.is_empty() {
            return Phase::Look;
        }
        // Relaxed: one lingers, as in `linger`.
        if sched.nmspinning.load(Relaxed) == 1 {
            return Phase::Linger(play.state.lock().rand.below(LINGER));
        }
        Phase::GiveUp
    }

    /// The first half of `poll_blocking`. The right to poll is `poll_until` itself: nobody is between it
    /// and the lock.
    fn enter_poller(&mut self, sched: &SchedRef, was_spinning: bool) -> Phase {
        // Acquire: nothing rides on it.
        let until = sched.poll_until.load(Acquire);
        if until != 0 {
            if sched.earliest_timer() < until {
                sched.netpoll().wake();
            }
            return Phase::Closures;
        }
        self.until = sched.publish_earliest(0);
        self.woken = sched.is_closed() || sched.anything_queued(false);
        sched.hook(&sched.config.on_thread_park);
        Phase::InPoller(was_spinning)
    }

    /// The second half.
    fn leave_poller(&mut self, sched: &SchedRef, was_spinning: bool) -> Phase {
        sched.hook(&sched.config.on_thread_unpark);
        sched.publish_poll_until(0);
        let until = std::mem::replace(&mut self.until, u64::MAX);
        self.woken = false;
        if until != u64::MAX {
            sched.poller_timers(&mut self.local);
        }
        match sched.back_from_poller(&mut self.local, was_spinning, Kind::Events) {
            Some(p) => {
                sched.acquirep(p);
                Phase::Look
            }
            None => Phase::Closures,
        }
    }
}
