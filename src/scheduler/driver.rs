//! The current_thread flavour: one P, and as its only M the thread that is in `block_on`.
//!
//! It is the same scheduler: the same queues, states and timers. There is nobody to wake and nothing to
//! steal; a G that is readied by another thread goes to the global queue and breaks the driver's sleep in
//! the poller. Between two `block_on`s the P keeps its Gs, and nobody runs them.
//!
//! Gs run in the order in which they became runnable (`Role::Alone`), as on tokio's current_thread: tests rely
//! on it, and without other Ms there is little that runnext could gain. Only reads that are put off come later,
//! when no other G is queued and the root has nothing to do (`probes.rs`).
//!
//! A round: the root future is polled, if it was woken; then the Gs that are queued or become so, until
//! there is none, or a G that gave way in this round is next again and the root or I/O has something to
//! do, or `event_interval` of them have run; then the poller and the timers. So by one `yield_now` the root
//! lets all run that can, and takes turns with those that yield in a loop.
//!
//! Several threads may be in `block_on` at once: one has the P and drives, the others poll their own
//! futures only; when the driver leaves it wakes one of them, which takes over.

use std::future::Future;
use std::pin::{pin, Pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::context;
use super::observe::trace::Event;
use super::p::Role;
use super::proc::Local;
use super::root::{self, Root};
use super::sched::{Sched, SchedRef};
use crate::g::block;
use crate::g::raw::G;
use crate::primitives::note::Note;
use crate::primitives::sync::atomic::Ordering::Relaxed;
use crate::primitives::sync::broken;

/// `Runtime::block_on` of a current_thread runtime.
#[track_caller]
pub(crate) fn block_on<F: Future>(sched: &SchedRef, future: F) -> F::Output {
    root::assert_may_block_on();
    let _entered = context::enter(sched);
    let _driving = block::forbid();
    let root = Arc::new(Root { note: Note::new(), poller: Some(sched.clone()) });
    let waker = Waker::from(root.clone());
    let mut future = pin!(future);
    // The first poll needs no wake-up.
    root.note.wakeup();
    loop {
        if let Some(driver) = Driver::acquire(sched, &root) {
            if let Some(output) = driver.drive(future.as_mut(), &root, &waker) {
                return output;
            }
            continue;
        }
        root.note.sleep();
        if let Poll::Ready(output) = root::poll_once(future.as_mut(), &waker) {
            Driver::pass_on(sched, &root);
            return output;
        }
    }
}

/// `Handle::block_on` of a current_thread runtime: polls the future, drives nothing.
#[track_caller]
pub(crate) fn block_on_undriven<F: Future>(sched: &SchedRef, future: F) -> F::Output {
    root::assert_may_block_on();
    let _entered = context::enter(sched);
    let _polling = block::forbid_undriven();
    let root = Arc::new(Root { note: Note::new(), poller: None });
    let waker = Waker::from(root.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = root::poll_once(future.as_mut(), &waker) {
            return output;
        }
        root.note.sleep();
    }
}

/// Evidence that this thread has the P. Gives it back when dropped, also by a panic of the root future.
pub(super) struct Driver<'a> {
    sched: &'a SchedRef,
    outer: *const super::p::P,
}

impl<'a> Driver<'a> {
    /// The P, or a place among those who wait for it.
    pub(super) fn acquire(sched: &'a SchedRef, root: &Arc<Root>) -> Option<Driver<'a>> {
        let p = {
            let mut locked = sched.lock.lock();
            match sched.pidleget(&mut locked) {
                Some(p) => {
                    p.get(sched).set_role(Role::Alone);
                    p
                }
                None => {
                    if !locked.drivers.iter().any(|d| Arc::ptr_eq(d, root)) {
                        locked.drivers.push(root.clone());
                    }
                    return None;
                }
            }
        };
        let outer = context::swap_shell(p.get(sched));
        Some(Driver { sched, outer })
    }

    /// A thread that waited for the P leaves: if it was chosen as the next driver, another one is.
    fn pass_on(sched: &Sched, root: &Arc<Root>) {
        let next = {
            let mut locked = sched.lock.lock();
            let waiting = locked.drivers.len();
            locked.drivers.retain(|d| !Arc::ptr_eq(d, root));
            let was_chosen = locked.drivers.len() == waiting;
            if !was_chosen || locked.pidle.is_empty() || broken("chosen_driver_keeps_silent") {
                None
            } else {
                locked.drivers.pop()
            }
        };
        if let Some(next) = next {
            next.note.wakeup();
        }
    }

    /// Runs Gs and the root future until that is ready.
    fn drive<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        root: &Root,
        waker: &Waker,
    ) -> Option<F::Output> {
        let sched = self.sched;
        let mut local = Local::new(sched.config.spin_ns);
        loop {
            if sched.panicked.load(Relaxed) {
                // Relaxed: see `panicked`; whoever comes later got the P by a lock.
                self.end_by_panic();
            }
            if root.note.take() {
                let shell = context::shell_of(sched)?;
                shell.set_in_poll(true);
                let polled = {
                    let _tick = EvenTick(sched);
                    root::poll_once(future.as_mut(), waker)
                };
                if let Poll::Ready(output) = polled {
                    return Some(output);
                }
            }
            let mut idle = false;
            // How many are ahead of the first G that gave way in this round.
            let mut ahead = None;
            for _ in 0..sched.config.netpoll_tick {
                if ahead == Some(0) && (root.note.is_notified() || sched.netpoll.has_sources()) {
                    break;
                }
                let shell = context::shell_of(sched)?;
                match sched.next_here(shell, root) {
                    Some((g, inherit)) => {
                        let gave_way = sched.execute(shell, g, inherit);
                        ahead = match ahead {
                            None if gave_way => context::shell_of(sched).map(queued_before_last),
                            counted => counted.map(|n| n.saturating_sub(1)),
                        };
                        if sched.panicked.load(Relaxed) {
                            // Relaxed: as above.
                            break;
                        }
                    }
                    None => {
                        idle = true;
                        break;
                    }
                }
            }
            if !sched.panicked.load(Relaxed) {
                // Relaxed: as above.
                sched.wait_here(&mut local, idle, root);
            }
        }
    }
}

impl Driver<'_> {
    /// `UnhandledPanic::ShutdownRuntime`: ends the scheduler and whoever is in `block_on`.
    #[cold]
    fn end_by_panic(&self) -> ! {
        let _none = super::shutdown::shutdown(self.sched, Some(Duration::ZERO));
        panic!(
            "a spawned task panicked and the runtime is configured to shut down on unhandled panic"
        );
    }
}

/// How many Gs run before the one that was queued last.
fn queued_before_last(shell: super::p::Shell<'_>) -> usize {
    shell.runq.len().saturating_sub(1) + usize::from(shell.runq.has_next())
}

/// Ends the "in a poll" mark, also when the root future panics.
struct EvenTick<'a>(&'a Sched);

impl Drop for EvenTick<'_> {
    fn drop(&mut self) {
        if let Some(shell) = context::shell_of(self.0) {
            shell.set_in_poll(false);
        }
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let sched: &Sched = self.sched;
        let Some(shell) = context::shell_of(sched) else {
            unreachable!("a driver's P is given up by its own guard")
        };
        sched.return_refs(shell.drain_sched_refs());
        let p = shell.p();
        context::swap_shell(self.outer);
        let next = {
            let mut locked = sched.lock.lock();
            sched.pidleput(&mut locked, p);
            locked.drivers.pop().filter(|_| !broken("driver_leaves_in_silence"))
        };
        if let Some(next) = next {
            next.note.wakeup();
        }
    }
}

impl Sched {
    /// The next G of the only P.
    fn next_here(&self, shell: super::p::Shell<'_>, root: &Root) -> Option<(G, bool)> {
        if shell.schedtick() % self.config.globrunq_tick == 0 {
            if let Some(g) = self.globrunq.get() {
                return Some((g, false));
            }
        }
        if shell.putting_off().anyone_late(shell.stats.polls.get()) {
            self.late_probes(shell);
        }
        self.runqget(shell).or_else(|| {
            let put_off = || match root.note.is_notified() {
                true => None,
                false => self.ripe_probe(shell),
            };
            self.globrunq.get().or_else(put_off).map(|g| (g, false))
        })
    }

    /// Timers and the poller: a look, or, with nothing to run, a sleep until there is something.
    fn wait_here(&self, local: &mut Local, idle: bool, root: &Root) {
        let Some(shell) = context::shell_of(self) else { return };
        let io = self.netpoll.has_sources();
        if io {
            let (polls, tick) = (shell.stats.polls.get(), self.config.globrunq_tick);
            let short = local.fair.looks(polls, tick, false, Instant::now());
            shell.putting_off().allow(short);
        }
        if idle {
            self.hook(&self.config.on_thread_park);
        }
        let deadline = self.earliest_timer();
        // A wake-up or an inject that comes after these looks breaks the sleep: `Netpoll::wake` is kept
        // for the next blocking poll.
        let may_sleep = idle
            && !root.note.is_notified()
            && self.globrunq.is_empty()
            && shell.runq.is_empty()
            && shell.probes.is_empty();
        let auto = may_sleep && deadline != u64::MAX && self.may_auto_advance();
        let timeout = if !may_sleep || auto {
            Some(Duration::ZERO)
        } else if deadline == u64::MAX || self.clock_stands() {
            None
        } else {
            Some(Duration::from_nanos(deadline.saturating_sub(self.now())))
        };
        let timeout = self.observe_bound(timeout);
        if may_sleep || self.netpoll.has_sources() {
            if let Some(mut poller) = self.netpoll.try_poller() {
                if may_sleep {
                    shell.stats.parks.add(1);
                    self.trace(Event::Park { p: shell.id });
                    self.publish_poll_until(deadline.max(1));
                }
                shell.putting_off().looked();
                self.netpoll_once(&mut poller, timeout, &mut local.ready);
                if may_sleep {
                    self.publish_poll_until(0);
                    shell.stats.unparks.add(1);
                    self.trace(Event::Unpark);
                }
            }
            // Whoever came meanwhile may run before the clock moves.
            if auto
                && local.ready.is_empty()
                && !root.note.is_notified()
                && self.globrunq.is_empty()
                && !self.is_closed()
            {
                self.auto_advance(deadline);
            }
            self.inject_wakers(Some(shell), &mut local.ready, &mut local.foreign);
        }
        if idle {
            self.hook(&self.config.on_thread_unpark);
        }
        if self.earliest_timer() != u64::MAX {
            let now = self.timers_now();
            for p in self.shells() {
                self.run_timers(local, shell, p, now);
            }
        }
        if io {
            local.fair.begin(shell.stats.polls.get(), Instant::now());
        }
        if idle && shell.runq.is_empty() {
            // Step 4 of `probes.rs`.
            if let Some(g) = shell.probes.first() {
                self.runqput(shell, g, false);
            }
        }
    }
}

/// Without the test clock, time passes by itself.
#[cfg(not(feature = "test-util"))]
impl Sched {
    pub(super) fn timers_now(&self) -> u64 {
        self.now()
    }

    fn clock_stands(&self) -> bool {
        false
    }

    fn may_auto_advance(&self) -> bool {
        false
    }

    fn auto_advance(&self, _when: u64) {}
}
