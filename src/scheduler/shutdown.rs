//! The end of a scheduler.
//!
//! Protocol.
//!
//! 1. **Close** (the thread that drops the runtime): set `closed` under `sched.lock`, wake every idle M,
//!    the poller and every waiting driver. From here on each new G is cancelled by who spawns it: it
//!    inserts first and looks at `closed` afterwards; the walks of step 3 come after `closed` was set.
//!    Whichever of the two claims the G drops its future.
//! 2. **Finish polls**: an M sees `closed` between two polls. It drops the references in its queue, walks
//!    its own part of the all-G list, and gives its P up.
//! 3. **Drop every live G once**: each M on its way out walks the whole list and claims what is not
//!    running; what is running is marked, and its own M drops it when the poll ends. `State::claim` makes
//!    it once. On current_thread the closer does it first: no M has a P there. Gs of a `LocalRuntime` are
//!    dropped on its thread alone (`may_cancel_here`).
//! 4. **Closures**: those not begun are dropped, those running are waited for like Ms. The one that an M is on
//!    its way to is begun (step 5 of `blocking.rs`).
//! 5. **Wait**: the closer waits until all Ms have done their part, for as long as it was told to.
//! 6. **Remainder** (the closer, or the last M if the closer did not wait for it): one more walk, for threads that spawned meanwhile; the global queue;
//!    timers and I/O sources, whose waiters (on other executors) are woken to see the end; the stocks of
//!    references of shells that nobody owns.
//! 7. **Join** ([`Ended`]): the threads of those Ms, and sysmon. Last, and best after the closer has let go of the
//!    scheduler: its memory and its files are then given back while the kernel ends the threads.
//!
//! A G that never leaves its poll keeps its M, which finishes steps 2 and 3 for itself when it comes back.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::config::Flavor;
use super::context;
use super::p::{Shell, P};
use super::sched::{Locked, Sched, SchedRef};
use crate::primitives::foreign;
use crate::primitives::sync::atomic::{fence, Ordering::SeqCst};
use crate::primitives::sync::{broken, thread};

/// The threads of a scheduler that has ended; joined when this is dropped. They have done their part: what
/// they still do, like the destructors of their thread locals, they do as any foreign thread with a handle
/// (sysmon, whose last round may overlap, then looks at the global queue once more).
#[must_use = "dropping it waits for threads"]
#[derive(Debug, Default)]
pub(crate) struct Ended {
    threads: Vec<thread::JoinHandle<()>>,
}

// Who unwinds leaves them as they are.
impl std::panic::UnwindSafe for Ended {}
impl std::panic::RefUnwindSafe for Ended {}

impl Drop for Ended {
    fn drop(&mut self) {
        for join in self.threads.drain(..) {
            if join.thread().id() != thread::current().id() {
                // An M's thread never panics: hooks, tasks and what they captured are caught.
                let _ended = join.join();
            }
        }
    }
}

/// Shuts the scheduler down. Waits for its threads until `timeout` has passed; `None` waits for ever.
pub(crate) fn shutdown(sched: &SchedRef, timeout: Option<Duration>) -> Ended {
    // A time-out that no clock can hold is as good as none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let (idle, drivers) = {
        let mut locked = sched.lock.lock();
        if sched.is_closed() {
            return Ended::default();
        }
        sched.close();
        locked.closer = Some(thread::current());
        (std::mem::take(&mut locked.midle), std::mem::take(&mut locked.drivers))
    };
    for m in idle {
        m.note.wakeup();
    }
    for driver in drivers {
        driver.note.wakeup();
    }
    fence(SeqCst);
    sched.netpoll().wake();
    sched.call_sysmon();
    {
        let _entered = context::enter(sched);
        if sched.config.flavor == Flavor::CurrentThread {
            // Its Ms run closures only, one of which may wait for what a G has.
            sched.cancel_all();
        }
        let wait = timeout != Some(Duration::ZERO);
        #[cfg(feature = "deterministic")]
        let wait = match &sched.play {
            Some(play) => play.to_the_end(sched),
            None => wait,
        };
        let ended = if wait && sched.has_ms() {
            // Theirs to do, on their threads.
            sched.await_ms(deadline)
        } else {
            Ended::default()
        };
        sched.cancel_all();
        sched.trace_at_end();
        if !sched.leave_remainder() {
            sched.remainder();
        }
        ended
    }
}

impl Sched {
    fn has_ms(&self) -> bool {
        !self.lock.lock().threads.is_empty()
    }

    /// Step 5.
    fn await_ms(&self, deadline: Option<Instant>) -> Ended {
        let threads = loop {
            let mut locked = self.lock.lock();
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if locked.mexited >= locked.threads.len() {
                locked.mexited = 0;
                break std::mem::take(&mut locked.threads);
            }
            drop(locked);
            match left {
                None => thread::park(),
                // Detached: their handles go with the scheduler's memory.
                Some(left) if left.is_zero() => return Ended::default(),
                Some(left) => thread::park_timeout(left),
            }
        };
        let sysmon = self.lock.lock().sysmon.take();
        Ended {
            threads: threads.into_iter().filter_map(|thread| thread.join).chain(sysmon).collect(),
        }
    }

    /// Does step 6 have to wait for Ms that are still inside of polls or closures? Those may use timers and
    /// sources to their end; the last one of them does it.
    fn leave_remainder(&self) -> bool {
        let mut locked = self.lock.lock();
        locked.remainder_left = locked.mexited < locked.threads.len();
        locked.remainder_left
    }

    /// Tells the closer that the number of Ms has changed. Under the lock.
    pub(super) fn tell_closer(&self, locked: &mut Locked) {
        if let Some(closer) = &locked.closer {
            closer.unpark();
        }
    }

    /// Step 3: claims every live G that is not running, and drops its future on this thread.
    pub(super) fn cancel_all(&self) {
        if !broken("shutdown_no_walk") && self.may_cancel_here() {
            self.walk_allg(|g| g.shutdown());
        }
        self.cancel_blocking();
        self.drop_global();
    }

    /// Step 2 for one shell.
    pub(super) fn abandon(&self, shell: Shell<'_>) {
        self.end_probes(shell);
        while let Some(g) = shell.runq.take_next().or_else(|| shell.runq.get()) {
            // The all-G list still has it: this is just the queue's reference.
            drop(g);
        }
        if !broken("shutdown_no_walk") {
            shell.allg.walk(|g| g.shutdown());
        }
        while let Some(g) = shell.runq.take_next().or_else(|| shell.runq.get()) {
            drop(g);
        }
    }

    /// Gives up the references in the global queue: nobody will run these Gs, and the all-G list has
    /// them.
    #[cold]
    pub(super) fn drop_global(&self) {
        while let Some(g) = self.globrunq.get() {
            drop(g);
        }
        self.drop_hogs();
    }

    /// Wakes whoever waits for a timer of this shell, to see the end. Later ones see it at once.
    pub(super) fn end_timers(&self, p: &P) {
        let mut wakers: Vec<Waker> = Vec::new();
        p.timers.shutdown(&mut wakers);
        foreign::wake_all(wakers);
    }

    /// Step 6.
    pub(super) fn remainder(&self) {
        let mut wakers: Vec<Waker> = Vec::new();
        for p in self.shells() {
            p.timers.shutdown(&mut wakers);
        }
        self.netpoll.shutdown(&mut wakers);
        foreign::wake_all(wakers);
        self.run_errands();
        self.cancel_blocking_left();
        let locked = self.lock.lock();
        let mut refs = 0;
        for p in locked.pidle.iter().chain(&locked.spare) {
            let p = p.get(self);
            let queued = || p.runq.take_next().or_else(|| p.runq.steal_one());
            while let Some(g) = queued().or_else(|| p.probes.first()) {
                // Nobody's foreign code runs in this: the G is dead or claimed, the list had a
                // reference, and what is freed is memory.
                drop(g);
            }
            refs += self.stock_of(p);
        }
        drop(locked);
        self.return_refs(refs);
    }
}
