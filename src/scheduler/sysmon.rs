//! sysmon: a thread without a P that looks after what nobody else does.
//!
//! Each round:
//!
//! 1. **Poller**: if nobody has polled for 10 ms (every M is inside a long poll), poll once.
//! 2. **Timers**: those that are overdue, wherever they are, for the same reason.
//! 3. **Slices**: an M that is inside one poll for 10 ms is asked to yield (`P.preempt`); leaf futures
//!    obey through `coop`.
//! 4. **Work behind a long poll**: an M that is inside the same poll as at the last round, with Gs in its
//!    queue or nobody in the poller, while a permit is idle and nobody searches: `wakep`. This is what
//!    lets `ready` wake nobody for a lone runnext, and an M with an event run it without a substitute in
//!    the poller.
//!
//! Pace: a millisecond after something happened, twice as long after every few rounds without, up to
//! 10 ms. When all permits are idle and no poll has taken place for a while it sleeps for good, and the
//! next thread that takes a permit wakes it (`acquirep`): so an idle process has no wake-ups, and work that
//! comes in single events does not wake it each time.
//!
//! Deep sleep against the next permit: sysmon checks "all idle" and announces its sleep under
//! `sched.lock`; a permit is taken under that lock, and its taker looks for the announcement afterwards.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::limits::{
    SYSMON_DEEP_ROUNDS, SYSMON_MAX, SYSMON_MIN, SYSMON_NETPOLL_STALE, SYSMON_SLOW_ROUNDS,
    TIME_SLICE,
};
use super::p::Role;
use super::sched::{Sched, SchedRef};
use crate::primitives::sync::atomic::Ordering::{Acquire, Relaxed};
use crate::primitives::sync::thread;

/// What the last round saw of a shell.
#[derive(Clone, Copy)]
struct Seen {
    tick: u64,
    since: Instant,
}

/// What a round keeps from the one before.
struct Rounds {
    seen: Vec<Seen>,
    polls: u64,
    polled_at: Instant,
    ready: Vec<Waker>,
    foreign: Vec<Waker>,
}

impl Sched {
    /// Nobody is woken for what was just readied or added on this M, because the M itself comes to it soon;
    /// if it does not, sysmon sees to it. So now there has to be one: a program that never leaves it
    /// anything does not pay for the thread.
    #[inline]
    pub(super) fn leave_to_sysmon(&self) {
        // Relaxed: who sees it late asks once too often.
        if !self.watched.load(Relaxed) {
            self.start_sysmon();
        }
    }

    /// Starts sysmon, once. Without a thread for it an M is woken instead, each time.
    #[cold]
    fn start_sysmon(&self) {
        {
            let mut locked = self.lock.lock();
            if locked.sysmon_started || self.is_closed() {
                return;
            }
            locked.sysmon_started = true;
        }
        let sched = self.owned_ref();
        let spawned =
            thread::Builder::new().name("gmp-sysmon".to_owned()).spawn(move || sysmon(&sched));
        let mut locked = self.lock.lock();
        match spawned {
            Ok(join) => {
                locked.sysmon = Some(join);
                // Relaxed: as its reader.
                self.watched.store(true, Relaxed);
            }
            Err(error) => {
                locked.sysmon_started = false;
                drop(locked);
                self.warn_no_thread(&error);
                self.wakep();
            }
        }
    }

    /// A permit was taken: sysmon is needed.
    #[inline]
    pub(super) fn rouse_sysmon(&self) {
        // Relaxed: set under `sched.lock` before the permit was taken under it, or not at all.
        if self.sysmon_waits.load(Relaxed) && self.sysmon_waits.swap(false, Relaxed) {
            self.sysmon_note.wakeup();
        }
    }
}

/// What the thread runs.
fn sysmon(sched: &SchedRef) {
    let mut rounds = Rounds {
        seen: Vec::new(),
        polls: 0,
        polled_at: Instant::now(),
        ready: Vec::new(),
        foreign: Vec::new(),
    };
    let mut delay = SYSMON_MIN;
    let (mut slow, mut quiet) = (0, 0);
    // How long whoever watches lets us sleep.
    let mut watching = sched.watch_round();
    loop {
        let woken = sched.sysmon_note.sleep_timeout(watching.map_or(delay, |most| delay.min(most)));
        if sched.is_closed() {
            return;
        }
        if woken {
            (delay, slow) = (SYSMON_MIN, 0);
        }
        let (acted, moved) = rounds.round(sched);
        watching = sched.watch_round();
        if acted {
            (delay, slow) = (SYSMON_MIN, 0);
        } else {
            slow += 1;
            if slow >= SYSMON_SLOW_ROUNDS {
                (delay, slow) = ((delay * 2).min(SYSMON_MAX), 0);
            }
        }
        quiet = if moved || acted { 0 } else { quiet + 1 };
        if quiet >= SYSMON_DEEP_ROUNDS && watching.is_none() {
            quiet = 0;
            if sched.announce_deep_sleep() {
                sched.sysmon_note.sleep();
                (delay, slow) = (SYSMON_MIN, 0);
            }
        }
    }
}

impl Sched {
    /// True: every permit is idle, and whoever takes one will wake us.
    fn announce_deep_sleep(&self) -> bool {
        let locked = self.lock.lock();
        if locked.pidle.len() < self.procs as usize || self.is_closed() {
            return false;
        }
        // Relaxed: under the lock, see `rouse_sysmon`.
        self.sysmon_waits.store(true, Relaxed);
        true
    }
}

impl Sched {
    /// Nobody sleeps in the poller although there is something to wait for: the M that did is inside of
    /// a poll. An idle permit lets another M do it.
    fn poller_is_wanted(&self) -> bool {
        // Acquire: nothing rides on it.
        self.poll_until.load(Acquire) == 0
            && (self.netpoll.has_sources() || self.earliest_timer() != u64::MAX)
    }
}

impl Rounds {
    /// Did it do something, and did any P poll a G since the last round?
    fn round(&mut self, sched: &Sched) -> (bool, bool) {
        let now = Instant::now();
        let mut acted = self.netpoll(sched, now);
        acted |= self.timers(sched);
        let (stuck, moved) = self.look_at_ps(sched, now);
        if stuck {
            sched.wakep();
            acted = true;
        }
        (acted, moved)
    }

    fn netpoll(&mut self, sched: &Sched, now: Instant) -> bool {
        let polls = sched.netpoll.polls();
        // Acquire: nothing rides on it.
        if polls != self.polls || sched.poll_until.load(Acquire) != 0 {
            (self.polls, self.polled_at) = (polls, now);
            return false;
        }
        if now.duration_since(self.polled_at) < SYSMON_NETPOLL_STALE || !sched.netpoll.has_sources()
        {
            return false;
        }
        let Some(mut poller) = sched.netpoll.try_poller() else { return false };
        sched.netpoll_once(&mut poller, Some(Duration::ZERO), &mut self.ready);
        drop(poller);
        (self.polls, self.polled_at) = (sched.netpoll.polls(), now);
        self.deliver(sched)
    }

    fn timers(&mut self, sched: &Sched) -> bool {
        // Somebody sleeps until then and wakes by itself, or is about to look.
        let overdue = sched.now().saturating_sub(SYSMON_MIN.as_nanos() as u64);
        for p in sched.shells() {
            if p.timers.earliest() < overdue {
                p.timers.check(sched.now(), &mut self.ready);
            }
        }
        self.deliver(sched)
    }

    /// Queues what became ready.
    fn deliver(&mut self, sched: &Sched) -> bool {
        let any = !self.ready.is_empty();
        sched.inject_wakers(None, &mut self.ready, &mut self.foreign);
        any
    }

    /// Is there work behind a poll that lasts, which somebody else could do? And did anything move?
    fn look_at_ps(&mut self, sched: &Sched, now: Instant) -> (bool, bool) {
        let (mut stuck, mut moved) = (false, false);
        for (i, p) in sched.shells().enumerate() {
            // Acquire: what the owner queued before this tick is visible.
            let tick = p.tick.load(Acquire);
            if i == self.seen.len() {
                self.seen.push(Seen { tick, since: now });
                moved = true;
                continue;
            }
            let seen = &mut self.seen[i];
            if seen.tick != tick {
                *seen = Seen { tick, since: now };
                moved = true;
                continue;
            }
            let in_poll = tick & 1 == 1 && p.role() == Role::Running;
            if !in_poll {
                continue;
            }
            // A poll that goes on is life: no deep sleep.
            moved = true;
            if now.duration_since(seen.since) >= TIME_SLICE {
                // Relaxed: a hint.
                p.preempt.store(true, Relaxed);
            }
            // Relaxed (both): `wakep` looks again.
            let nobody = sched.nmspinning.load(Relaxed) == 0 && sched.npidle.load(Relaxed) > 0;
            stuck |= nobody && (p.runq.len() > 0 || p.runq.has_next() || sched.poller_is_wanted());
        }
        (stuck, moved)
    }
}
