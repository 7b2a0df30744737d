//! sysmon: a thread without a P that looks after what nobody else does.
//!
//! Each round:
//!
//! 1. **Ps**: polls that last, what is behind them, permits to be taken back; see `watch.rs`.
//! 2. **Poller**: if nobody has polled for 10 ms, or everybody is inside of a poll that lasts, poll once.
//! 3. **Timers**: those that are overdue, wherever they are, for the same reason.
//! 4. **The machine**, once a second: if its affinity or its cgroup's quota has changed and nobody has said
//!    how many Ps there shall be, the number follows.
//!
//! Pace: a millisecond after something happened, twice as long after every few rounds without, up to
//! 5 ms while Ps are busy and 60 ms while events come so often that it pays. When all permits are idle it
//! sleeps for good, until one of them stays in use for a millisecond (`doze.rs`): so neither an idle process
//! nor an event now and then wakes it.
//!
//! **The stand-in.** A thread costs more than a short program. A thread in `block_on` that goes to sleep
//! before there is a sysmon sleeps for the first millisecond with a time-out ([`StandIn`]): what is left to
//! sysmon meanwhile is noted under `sched.lock`, and the thread is started when the time is over. If the
//! root is woken before, it starts it only if something still waits; else the next that has something to
//! leave does, as if nobody had stood in. It counts as standing in from before its spin, and where the root is a
//! G (`block_on_spawned`) from before that G is there: until it sleeps it runs no code but ours, so it will. (If
//! the G needs a new thread, the function that names threads is called meanwhile, and sysmon waits for it.)
//!
//! `sysmon_wants` is what others go by when they leave something to it: [`START`] if there is no sysmon
//! yet, so a program that never leaves it anything does not pay for the thread; [`WORK`] if it sleeps long
//! and wants to be woken by work that finds no idle permit.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::doze::Pace;
use super::limits::{
    LIMIT_INTERVAL, SYSMON_BUSY, SYSMON_MAX, SYSMON_MIN, SYSMON_NETPOLL_STALE, SYSMON_SLOW_ROUNDS,
    SYSMON_STAND_IN, SYSMON_SUSPECT,
};
use super::procs::DefaultProcs;
use super::sched::{Sched, SchedRef};
use super::spin::Spin;
use super::watch::{Look, Watch};
use crate::primitives::foreign;
use crate::primitives::note::Note;
use crate::primitives::sync::atomic::{
    fence,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use crate::primitives::sync::thread;

/// Nobody has to tell sysmon anything: it comes by itself, or there never will be one.
pub(super) const NOTHING: u8 = 0;
/// There is no sysmon yet.
pub(super) const START: u8 = 1;
/// It wants to hear of work.
pub(super) const WORK: u8 = 2;

/// What a round keeps from the one before.
pub(super) struct Rounds {
    watch: Watch,
    polls: u64,
    polled_at: Instant,
    ready: Vec<Waker>,
    foreign: Vec<Waker>,
    limit: Option<DefaultProcs>,
    limit_at: Instant,
}

impl Sched {
    /// Nobody is woken for what was just readied or added, because an M comes to it soon; if it does not,
    /// sysmon sees to it.
    #[inline]
    pub(super) fn leave_to_sysmon(&self) {
        // Relaxed: who sees it late asks once too often, or once too late: sysmon comes anyway.
        if self.sysmon_wants.load(Relaxed) == START {
            self.tell_sysmon();
        }
    }

    /// There is work, and no permit is idle: if the Ms that have them stay where they are, sysmon is needed.
    #[inline]
    pub(super) fn work_for_sysmon(&self) {
        // Relaxed: as above.
        if self.sysmon_wants.load(Relaxed) != NOTHING {
            self.tell_sysmon();
        }
    }

    #[cold]
    fn tell_sysmon(&self) {
        // Relaxed: as above; the note orders.
        if self.sysmon_wants.compare_exchange(WORK, NOTHING, Relaxed, Relaxed).is_ok() {
            return self.call_sysmon();
        }
        self.start_sysmon();
    }

    /// Starts sysmon, once. Without a thread for it an M is woken instead, each time.
    fn start_sysmon(&self) {
        {
            let mut locked = self.lock.lock();
            if locked.sysmon_started || self.is_closed() {
                return;
            }
            if locked.stand_ins > 0 {
                locked.sysmon_owed = true;
                // Relaxed: as its readers.
                self.sysmon_wants.store(NOTHING, Relaxed);
                return;
            }
            locked.sysmon_started = true;
        }
        let sched = self.owned_ref();
        let spawned = thread::Builder::new().name("gmp-sysmon".to_owned()).spawn(move || {
            sysmon(&sched);
            // Maybe the last reference: what hooks have captured goes with it.
            foreign::call(move || drop(sched));
        });
        let mut locked = self.lock.lock();
        match spawned {
            Ok(join) => {
                locked.sysmon = Some(join);
                // Relaxed: as its reader.
                self.sysmon_wants.store(NOTHING, Relaxed);
            }
            Err(error) => {
                locked.sysmon_started = false;
                drop(locked);
                self.warn_no_thread(&error);
                // Relaxed: `wakep` would come back here if there is none.
                if self.npidle.load(Relaxed) > 0 {
                    self.wakep();
                }
            }
        }
    }
}

/// What the thread runs.
fn sysmon(sched: &SchedRef) {
    let mut rounds = Rounds::new(sched);
    let mut delay = SYSMON_MIN;
    let (mut slow, mut up) = (0, false);
    let mut pace = Pace::new(Instant::now());
    loop {
        // Who observes may want to be called sooner, and then there is no deep sleep.
        let most = sched.observe_round();
        // Relaxed: a rule of thumb for `batch.rs`.
        sched.sysmon_brisk.store(delay <= SYSMON_BUSY, Relaxed);
        let woken = std::mem::take(&mut up)
            || sched.sysmon_note.sleep_timeout(most.map_or(delay, |most| delay.min(most)));
        if sched.is_closed() {
            // The round before may have overlapped with the closer's last look at this queue.
            sched.drop_global();
            return;
        }
        let look = rounds.round(sched);
        let now = Instant::now();
        pace.after_round(now, look.acted, look.moved);
        if look.acted || woken {
            (delay, slow) = (SYSMON_MIN, 0);
        } else if look.suspects {
            delay = SYSMON_SUSPECT;
            continue;
        } else {
            slow += 1;
            if slow >= SYSMON_SLOW_ROUNDS {
                (delay, slow) = (delay * 2, 0);
            }
            delay = delay.clamp(SYSMON_MIN, if look.busy { SYSMON_BUSY } else { SYSMON_MAX });
        }
        if (look.all_stuck || !look.busy) && delay > SYSMON_MIN {
            // Nothing waits yet. Who brings something tells us; who did so before it could see this is
            // seen at the next round.
            sched.sysmon_wants.store(WORK, Relaxed);
        }
        if most.is_none() && !look.busy && pace.allows_sleep(sched, now) {
            let due = rounds.limit_due(sched);
            // Relaxed: as above.
            sched.sysmon_brisk.store(false, Relaxed);
            // Who rings means a poll that goes on: look at once.
            up = pace.sleep(sched, due);
            if up {
                (delay, slow) = (SYSMON_MIN, 0);
            }
        }
    }
}

/// A root that sleeps in sysmon's place, for the first millisecond of a `block_on`. See the module's text.
pub(super) struct StandIn<'a> {
    sched: &'a Sched,
    /// From the first time on.
    until: Option<Instant>,
    /// Counted in `stand_ins`.
    stands: bool,
}

impl<'a> StandIn<'a> {
    pub(super) fn new(sched: &'a Sched) -> StandIn<'a> {
        StandIn { sched, until: None, stands: false }
    }

    /// Stands in from here on, if anybody has to. Until it sleeps, the thread polls nothing of the user's.
    pub(super) fn begin(&mut self) {
        // Relaxed: as its writers; mostly there is a sysmon, or never will be one.
        if self.stands || self.sched.sysmon_wants.load(Relaxed) != START {
            return;
        }
        let now = Instant::now();
        if now < *self.until.get_or_insert(now + SYSMON_STAND_IN) {
            self.sched.lock.lock().stand_ins += 1;
            self.stands = true;
        }
    }

    /// Waits until the note is woken: awake for as long as `spin` finds that worth it, then asleep.
    pub(super) fn sleep(&mut self, note: &Note, spin: &mut Spin) {
        self.begin();
        spin.until(|| note.is_notified());
        if let Some(until) = self.until.filter(|_| self.stands) {
            let woken = note.sleep_timeout(until.saturating_duration_since(Instant::now()));
            self.end(woken);
            if woken {
                return;
            }
        }
        note.sleep();
    }

    fn end(&mut self, woken: bool) {
        self.stands = false;
        self.sched.end_stand_in(woken);
    }
}

impl Drop for StandIn<'_> {
    fn drop(&mut self) {
        if self.stands {
            self.end(true);
        }
    }
}

impl Sched {
    fn end_stand_in(&self, woken: bool) {
        let owed = {
            let mut locked = self.lock.lock();
            locked.stand_ins -= 1;
            // Another one that stands in takes it over.
            let owed = locked.sysmon_owed && locked.stand_ins == 0;
            if owed {
                locked.sysmon_owed = false;
                // Relaxed: as its readers.
                self.sysmon_wants.store(START, Relaxed);
            }
            owed
        };
        // Ordering(park): full fence between `START` above and the looks; pairs with those in `wakep` and
        // `timer_added`: what came before is seen here, who comes later finds `START`. A lone runnext is put
        // without a fence, and so is who is put off: `has_next_or_tells` and a lock stand for it.
        fence(SeqCst);
        if owed && (!woken || self.is_waited_for()) {
            self.start_sysmon();
        }
    }

    /// Is there anything that an M has to come to, and sysmon if none does?
    fn is_waited_for(&self) -> bool {
        self.anything_queued(true)
            || self.shells().any(|p| p.runq.has_next_or_tells() || p.probes.any_or_tells())
            || self.earliest_timer() != u64::MAX
    }

    /// Nobody sleeps in the poller although there is something to wait for: the M that did is inside of
    /// a poll, or called foreign code. An idle permit lets another M do it.
    pub(super) fn poller_is_wanted(&self) -> bool {
        // Acquire: nothing rides on it.
        self.poll_until.load(Acquire) == 0
            && (self.netpoll.has_sources() || self.earliest_timer() != u64::MAX)
    }
}

impl Rounds {
    pub(super) fn new(sched: &Sched) -> Rounds {
        let now = sched.clock_now();
        Rounds {
            watch: Watch::new(),
            polls: 0,
            polled_at: now,
            ready: Vec::new(),
            foreign: Vec::new(),
            limit: sched.config.follow_limit.then(DefaultProcs::open),
            limit_at: now,
        }
    }

    pub(super) fn round(&mut self, sched: &SchedRef) -> Look {
        let now = sched.clock_now();
        let mut look = self.watch.look(sched, now);
        // First what became ready, which is work that waits.
        look.acted |= self.netpoll(sched, now, look.all_stuck);
        look.acted |= self.timers(sched);
        look.acted |= sched.release_hogs(now);
        self.watch.act(sched, now, &mut look);
        self.follow_limit(sched, now);
        look
    }

    fn netpoll(&mut self, sched: &SchedRef, now: Instant, at_once: bool) -> bool {
        let polls = sched.netpoll.polls();
        // Acquire: nothing rides on it.
        if polls != self.polls || sched.poll_until.load(Acquire) != 0 {
            (self.polls, self.polled_at) = (polls, now);
            return false;
        }
        let stale = at_once || now.duration_since(self.polled_at) >= SYSMON_NETPOLL_STALE;
        if !stale || !sched.netpoll.has_sources() {
            return false;
        }
        let Some(mut poller) = sched.netpoll.try_poller() else { return false };
        sched.netpoll_once(&mut poller, Some(Duration::ZERO), &mut self.ready);
        drop(poller);
        (self.polls, self.polled_at) = (sched.netpoll.polls(), now);
        self.deliver(sched)
    }

    fn timers(&mut self, sched: &SchedRef) -> bool {
        // Somebody sleeps until then and wakes by itself, or is about to look.
        let overdue = sched.now().saturating_sub(SYSMON_MIN.as_nanos() as u64);
        for p in sched.shells() {
            if p.timers.earliest() < overdue {
                p.timers.check(sched.timers_now(), &mut self.ready);
            }
        }
        self.deliver(sched)
    }

    /// Queues what became ready. Foreign wakers may take their time, and sysmon has none.
    fn deliver(&mut self, sched: &SchedRef) -> bool {
        let any = !self.ready.is_empty();
        if sched.queue_wakers(None, &mut self.ready, &mut self.foreign) {
            sched.wakep();
        }
        if !self.foreign.is_empty() {
            sched.send_errand(std::mem::take(&mut self.foreign));
        }
        any
    }

    /// When (ns) a look at the machine is due, if any is wanted.
    fn limit_due(&self, sched: &Sched) -> u64 {
        match self.limit {
            Some(_) => sched.instant_to_ns(self.limit_at + LIMIT_INTERVAL),
            None => u64::MAX,
        }
    }

    fn follow_limit(&mut self, sched: &Sched, now: Instant) {
        if now.duration_since(self.limit_at) < LIMIT_INTERVAL {
            return;
        }
        self.limit_at = now;
        if let Some(limit) = &self.limit {
            sched.follow_limit(limit.get());
        }
    }
}
