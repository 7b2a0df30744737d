//! Story 1, work arrives: a G is made or woken, put into a queue, and somebody is found to run it.
//!
//! Submitter's side of the protocol in `scheduler/mod.rs` ("parking"): publish the G, full fence, look
//! whether somebody searches already or no permit is idle. Only if a permit is idle and nobody searches
//! is an M woken, and it starts out as a searcher: so at most one wake-up is under way at a time, and
//! whoever finds work passes the duty on (`resetspinning`).

use std::future::Future;
use std::panic::Location;
use std::task::Waker;

use super::config::Flavor;
use super::context;
use super::m::M;
use super::observe::trace::Event;
use super::p::{Role, Shell, P};
use super::sched::{Locked, PPtr, Sched, SchedRef};
use super::start::First;
use crate::g::join::JoinHandle;
use crate::g::raw::{new_g, GRef, G};
use crate::g::{block, id, waker};
use crate::primitives::foreign;
use crate::primitives::sync::atomic::{
    fence,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};
use crate::primitives::sync::{broken, Arc};

/// Go's `newproc`: makes a G of the future and queues it. Never polls it here. After the scheduler was
/// closed the future is dropped at once and the handle says "cancelled".
#[allow(unsafe_code)]
pub(crate) fn newproc<F>(
    sched: &SchedRef,
    future: F,
    spawned_at: &'static Location<'static>,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (g, header) = match context::shell_of(sched) {
        Some(shell) => {
            let id = shell.take_id();
            let (g, header) = new_g(future, sched.clone(), id, spawned_at, true);
            // SAFETY: `shell` is evidence that we own the shard; the G was made with a reference for the list.
            unsafe { shell.allg.insert(&g, header) };
            shell.stats.spawns.add(1);
            (g, header)
        }
        None => {
            let (g, header) = new_g(future, sched.clone(), id::next_single(), spawned_at, true);
            sched.list_foreign(&g, header);
            (g, header)
        }
    };
    // SAFETY: the G was made with a handle's reference and interest, and has this output.
    let handle = unsafe { JoinHandle::new(header) };
    match context::shell_of(sched) {
        // Closed meanwhile: the shell's owner walks its shard once more when it gives the shell up.
        Some(shell) => sched.ready(shell, g),
        None => {
            sched.inject(g);
            // The fence in `wakep` lies between our insert into the all-G list and this look; the
            // closer has its own between `close` and its walk. Whoever claims the G drops its future.
            if sched.is_closed() && !broken("spawn_ignores_close") {
                // SAFETY: the handle keeps the G alive.
                unsafe { GRef::new(header) }.shutdown();
            }
        }
    }
    handle
}

impl Sched {
    /// Go's `ready`: queues a Runnable G on this thread's shell, as the next one to run.
    ///
    /// Unlike Go it wakes nobody for a lone runnext: mostly the G that readied it is about to wait, and
    /// a thread woken for it would find nothing (golang/go#54622, tokio#8065). If that G goes on instead,
    /// sysmon sees a poll that lasts and work behind it, and calls `wakep` then.
    #[inline]
    pub(crate) fn ready(&self, shell: Shell<'_>, g: G) {
        if self.runqput(shell, g, true) {
            self.wakep();
        } else {
            self.leave_to_sysmon();
        }
    }

    /// Puts a G into the local queue, by runnext or by the tail; a full ring spills to the global queue.
    /// True: something is in a queue now that another M could take.
    #[inline]
    pub(super) fn runqput(&self, shell: Shell<'_>, g: G, next: bool) -> bool {
        self.observe_queued(&g);
        let kicked = match shell.role() {
            // Nobody runs a root's runnext, nor that of a shell whose permit was taken away: thieves take
            // rings by halves, so that is where their Gs go.
            Role::Root | Role::Blocked => Some(g),
            // First come, first served, as on tokio's current_thread; and there is no other M.
            Role::Alone => {
                self.put_last(shell, g);
                return false;
            }
            _ if next => shell.runq.put_next(g),
            _ => Some(g),
        };
        let Some(g) = kicked else { return false };
        self.put_last(shell, g);
        true
    }

    #[inline]
    fn put_last(&self, shell: Shell<'_>, g: G) {
        if let Some(spill) = shell.runq.put(g) {
            shell.stats.overflows.add(1);
            self.globrunq.put_all(spill);
        }
    }

    /// Queues a Runnable G from a thread that owns no shell here.
    pub(crate) fn inject(&self, g: G) {
        self.observe_queued(&g);
        self.stats.injects.add(1);
        self.globrunq.put(g);
        self.wakep();
    }

    /// Go's `injectglist`: makes Runnable whatever the wakers belong to, and queues it in one go. Foreign
    /// wakers run last, when all Gs are where others can take them.
    pub(super) fn inject_wakers(
        &self,
        shell: Option<Shell<'_>>,
        wakers: &mut Vec<Waker>,
        foreign: &mut Vec<Waker>,
    ) {
        if self.queue_wakers(shell, wakers, foreign) {
            self.wakep();
        }
        if !foreign.is_empty() {
            self.wake_foreign(shell, foreign);
        }
    }

    /// As [`inject_wakers`](Self::inject_wakers), but leaves foreign wakers to the caller, and `wakep` too: true
    /// if there is more than the one that the caller runs first.
    #[must_use]
    pub(super) fn queue_wakers(
        &self,
        shell: Option<Shell<'_>>,
        wakers: &mut Vec<Waker>,
        foreign: &mut Vec<Waker>,
    ) -> bool {
        #[cfg(feature = "deterministic")]
        if let Some(play) = &self.play {
            play.shuffle(wakers);
        }
        let mut queued = 0;
        for waker in wakers.drain(..) {
            match waker::take_g(waker) {
                Ok(Some(g)) => {
                    // A G of another scheduler is queued by its own.
                    if !self.owns(&g) {
                        g.ready();
                        continue;
                    }
                    queued += 1;
                    match shell {
                        Some(shell) => {
                            // Each of these lies somewhere else, and most complete when they run.
                            self.fetch_slot(&g);
                            self.runqput(shell, g, false);
                        }
                        None => {
                            self.observe_queued(&g);
                            self.stats.injects.add(1);
                            self.globrunq.put(g);
                        }
                    }
                }
                Ok(None) => {}
                Err(waker) => foreign.push(waker),
            }
        }
        // The first one is ours: somebody else is wanted only if there are more.
        let more = queued > 0 && shell.is_none_or(|shell| shell.runq.len() > 1);
        if queued > 0 && !more {
            self.leave_to_sysmon();
        }
        more
    }

    /// Foreign wakers: whatever they do to us by panicking stays here, and however long they take, sysmon
    /// sees it as a poll that lasts.
    #[cold]
    pub(super) fn wake_foreign(&self, shell: Option<Shell<'_>>, foreign: &mut Vec<Waker>) {
        if let Some(shell) = shell {
            shell.set_in_poll(true);
        }
        // `block_in_place` in a waker keeps the shell, which the caller goes on with; sysmon takes the
        // permit if it lasts.
        let _may = block::allow();
        foreign::wake_all(foreign.drain(..));
        if let Some(shell) = shell {
            shell.set_in_poll(false);
        }
    }

    /// Go's `wakep`: makes sure that somebody will look for the work that was just published.
    #[inline]
    pub(crate) fn wakep(&self) {
        if !broken("wakep_no_fence") {
            // Ordering(park): full fence between the publication before us and the looks below; pairs
            // with the one in `search_without_p`. And with the one in `end_stand_in`.
            fence(SeqCst);
        }
        if self.is_closed() {
            // No M is started any more; those that there are look at `closed` by themselves.
            if !broken("wake_after_close_stays_queued") {
                self.drop_global();
            }
            return;
        }
        if self.config.flavor == Flavor::CurrentThread {
            // The driver itself looks before it sleeps.
            if context::shell_of(self).is_none() && !broken("inject_leaves_the_poller") {
                self.netpoll.wake();
            }
            return;
        }
        // Relaxed: ordered by the fence.
        if self.npidle.load(Relaxed) == 0 {
            self.work_for_sysmon();
        } else if self.nmspinning.load(Relaxed) == 0 {
            self.wakep_slow();
        }
    }

    #[cold]
    pub(super) fn wakep_slow(&self) {
        // Ordering(spinning): AcqRel: the token that is taken here is passed on with the P.
        if self.nmspinning.compare_exchange(0, 1, AcqRel, Relaxed).is_err() {
            return;
        }
        let (p, m) = {
            let mut locked = self.lock.lock();
            match self.pidleget_spinning(&mut locked) {
                Some(p) => (p, locked.midle.pop()),
                None => {
                    drop(locked);
                    // Ordering(spinning): SeqCst, as wherever a searcher leaves.
                    self.nmspinning.fetch_sub(1, SeqCst);
                    return;
                }
            }
        };
        self.trace(Event::Wakep);
        self.startm(p.get(self), m, true);
    }

    /// Go's `startm`: gives the P, which is in transit, to `m`, or to a new M.
    pub(super) fn startm(&self, p: &P, m: Option<Arc<M>>, spinning: bool) {
        match m {
            Some(m) => {
                m.give(p, spinning, self.machine_now());
                m.note.wakeup();
            }
            None => {
                if let Err(error) = self.newm(First::P(p, spinning)) {
                    self.startm_failed(p, spinning, &error);
                }
            }
        }
    }

    /// No thread could be made. What is in the P's queue goes where the Ms that there are find it, and the
    /// P goes back: the one that sleeps in the poller is woken for it, others take it before they sleep
    /// (`stopm`). Without any M the next submission tries again.
    #[cold]
    fn startm_failed(&self, p: &P, spinning: bool, error: &std::io::Error) {
        // In transit: nobody else puts into this queue, and thieves may take from it meanwhile.
        let next = || p.runq.take_next().or_else(|| p.runq.steal_one());
        self.globrunq.put_all(std::iter::from_fn(next));
        self.lock_and_pidleput(p);
        if spinning {
            // Ordering(spinning): SeqCst, as wherever a searcher leaves.
            self.nmspinning.fetch_sub(1, SeqCst);
        }
        if self.is_closed() {
            // That is why. The all-G list has what was queued.
            return self.drop_global();
        }
        self.warn_no_thread(error);
        self.netpoll.wake();
    }

    fn lock_and_pidleput(&self, p: &P) {
        let mut locked = self.lock.lock();
        self.pidleput(&mut locked, p);
    }

    /// Go's `pidleput`: a permit goes idle, with the shell. If the permit was taken away meanwhile, only
    /// the shell is put away.
    pub(super) fn pidleput(&self, locked: &mut Locked, p: &P) {
        debug_assert!(
            (p.runq.is_empty() && p.probes.is_empty())
                || self.config.flavor == Flavor::CurrentThread,
            "pidleput: the queue is not empty"
        );
        if p.role() == Role::Blocked && !broken("blocked_gives_permit") {
            return self.spare_marked(locked, p);
        }
        p.set_role(Role::Idle);
        p.stats.parks.add(1);
        locked.pidle.push(PPtr::new(p));
        self.npidle.store(locked.pidle.len() as u32, Relaxed);
        debug_assert!(locked.pidle.len() <= self.procs(), "pidleput: more permits than procs");
    }

    /// Go's `pidleget`: takes an idle permit, with its shell.
    pub(super) fn pidleget(&self, locked: &mut Locked) -> Option<PPtr> {
        let p = locked.pidle.pop()?;
        // Relaxed: written under the lock; readers without it put a fence before.
        self.npidle.store(locked.pidle.len() as u32, Relaxed);
        let shell = p.get(self);
        shell.set_role(Role::Running);
        shell.stats.unparks.add(1);
        Some(p)
    }

    /// Go's `pidlegetSpinning`: as `pidleget` for a searcher; if there is none, an M that is about to
    /// give one up shall search instead.
    pub(super) fn pidleget_spinning(&self, locked: &mut Locked) -> Option<PPtr> {
        let p = self.pidleget(locked);
        if p.is_none() {
            // Ordering: under the lock, as its reader in `give_up`.
            self.needspinning.store(true, Relaxed);
        }
        p
    }

    /// An I/O source was entered; call it without locks. As with a timer: if nobody sleeps in the poller
    /// (no M was needed until now, say, because only the future of `block_on` is there), somebody has to.
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    pub(crate) fn source_added(&self) {
        // Ordering(poll-until): full fence between the source's entry and the look; pairs with the one
        // between the poller's publication and its sleep.
        fence(SeqCst);
        // Acquire: nothing rides on it; the fence decides.
        if self.poll_until.load(Acquire) == 0 {
            self.wakep();
        }
    }

    /// A timer that is due at `when` was added somewhere; call it without locks.
    pub(crate) fn timer_added(&self, when: u64) {
        // Ordering(poll-until): full fence between the timer's publication and the look; pairs with the
        // one between the poller's publication of its deadline and its last look at the timers.
        if !broken("timer_added_no_fence") {
            fence(SeqCst);
        }
        // Acquire: nothing rides on it; the fence decides.
        let until = self.poll_until.load(Acquire);
        if until == 0 {
            // Nobody sleeps in the poller. An M with a P looks at all timers before it goes idle, and
            // sysmon if its poll lasts. Any other thread has to see to it that somebody becomes the
            // poller.
            let runs_gs = context::shell_of(self)
                .is_some_and(|shell| matches!(shell.role(), Role::Running | Role::Alone));
            if runs_gs {
                self.leave_to_sysmon();
            } else {
                self.wakep();
            }
        } else if when < until {
            self.netpoll.wake();
        }
    }
}
