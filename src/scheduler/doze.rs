//! sysmon's deep sleep, and the alarm that ends it when a permit stays in use.
//!
//! While all permits are idle there is nothing to watch. To wake sysmon with each permit that is taken would
//! cost a program with an event now and then more than the event; to come by itself now and then would
//! find a poll that lasts too late. So there is an alarm clock, a timer of the kernel's: who takes the first
//! permit sets it, who gives the last one back stops it. Two short system calls for each time that the
//! scheduler wakes up, and sysmon is woken by a permit that stays in use.
//!
//! Protocol.
//!
//! 1. **Sleep** (sysmon): stop the clock; under `sched.lock`, if all permits are idle, `set` becomes false
//!    and `sysmon_waits` true; fence, look at the note, wait for the clock. A permit is taken under that lock
//!    as well: its taker comes before, and is seen, or sees `sysmon_waits`.
//! 2. **Take** (`acquirep`): who turns `set` to true sets the clock.
//! 3. **Give** (`give_up`, the last permit): who turns `set` to false stops the clock, fences, and looks
//!    whether a permit is in use again; then it sets the clock once more. Its stop may have come after the
//!    next taker's set: but then the permit was taken before, and is seen. A clock that was set too often
//!    wakes sysmon for nothing.
//! 4. **Call** (the closer, or work that found no permit): the token into the note, fence; if
//!    `sysmon_waits`, the clock rings at once. A stop may come after that too: so step 3 looks at the note as
//!    well.
//!
//! The taker also wakes sysmon at once if it was asked to (`due`: a look at the machine's limits), or if it
//! finds that the clock is set so often that sysmon's own rounds are cheaper; sysmon then stays awake until
//! events come seldom again (`Pace`).
//!
//! Without such a clock (other systems, no descriptor left) a taken permit wakes sysmon, and it goes to sleep only after
//! a while without polls.

#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use super::limits::{ALARM_BATCH, ALARM_RATE, SYSMON_BUSY, SYSMON_MIN, SYSMON_QUIET};
use super::sched::Sched;
use crate::primitives::sync::atomic::{
    fence, AtomicBool, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Relaxed, SeqCst},
};
use crate::primitives::sync::broken;
use kernel::Clock;

/// See the module's text.
pub(super) struct Alarm {
    clock: Clock,
    /// Somebody has set it, and nobody stopped it.
    set: AtomicBool,
    /// How long (ns) a permit may be in use before it rings.
    after: AtomicU64,
    /// From then on (ns) the next permit wakes sysmon.
    due: AtomicU64,
    /// How often it was set, and when (ns) that was last a multiple of `ALARM_BATCH`.
    times: AtomicU32,
    batch_at: AtomicU64,
    /// It is set too often.
    often: AtomicBool,
}

impl Alarm {
    /// `None`: there is no such clock here.
    pub(super) fn new() -> Option<Alarm> {
        Some(Alarm {
            clock: Clock::new()?,
            set: AtomicBool::new(false),
            after: AtomicU64::new(0),
            due: AtomicU64::new(u64::MAX),
            times: AtomicU32::new(0),
            batch_at: AtomicU64::new(0),
            often: AtomicBool::new(false),
        })
    }

    fn start(&self) {
        // Relaxed: written before sysmon's announcement; a number in any case.
        self.clock.set(self.after.load(Relaxed));
    }

    /// Is it time for sysmon in any case?
    fn wants_sysmon(&self, now: u64) -> bool {
        // Relaxed (all): who counts is one at a time (`set`), and a rule of thumb will do.
        if now >= self.due.load(Relaxed) {
            return true;
        }
        if self.times.fetch_add(1, Relaxed) % ALARM_BATCH != ALARM_BATCH - 1 {
            return false;
        }
        let took = now.saturating_sub(self.batch_at.swap(now, Relaxed));
        let often = took < u64::from(ALARM_BATCH) * 1_000_000_000 / ALARM_RATE;
        if often {
            self.often.store(true, Relaxed);
        }
        often
    }
}

impl Sched {
    /// A permit was taken by this thread.
    #[inline]
    pub(super) fn rouse_sysmon(&self) {
        // Relaxed: set under `sched.lock` before the permit was taken under it, or not at all.
        if self.sysmon_waits.load(Relaxed) {
            self.rouse_sysmon_slow();
        }
    }

    #[cold]
    fn rouse_sysmon_slow(&self) {
        let Some(alarm) = &self.alarm else {
            // Relaxed: as above; the note orders.
            if self.sysmon_waits.swap(false, Relaxed) {
                self.sysmon_note.wakeup();
            }
            return;
        };
        // Ordering(alarm): AcqRel: whoever turns it next sees the permit that was taken before.
        if alarm.set.swap(true, AcqRel) {
            return;
        }
        if alarm.wants_sysmon(self.now()) {
            self.call_sysmon();
        } else {
            alarm.start();
        }
    }

    /// The last permit went idle.
    #[inline]
    pub(super) fn let_sysmon_sleep(&self) {
        // Relaxed: as in `rouse_sysmon`: the permit was taken under the lock.
        if self.sysmon_waits.load(Relaxed) {
            self.stop_alarm();
        }
    }

    #[cold]
    fn stop_alarm(&self) {
        let Some(alarm) = &self.alarm else { return };
        // Ordering(alarm): AcqRel, pairs with the taker's: its permit is seen below.
        if !alarm.set.swap(false, AcqRel) {
            return;
        }
        alarm.clock.stop();
        // Ordering(alarm): full fence between the stop and the looks; pairs with those in `call_sysmon` and,
        // by the kernel's lock of the clock, with a taker's.
        fence(SeqCst);
        if self.sysmon_note.is_notified() && !broken("alarm_stop_ignores_the_note") {
            alarm.clock.ring();
            return;
        }
        // Relaxed: ordered by the fence.
        if (self.npidle.load(Relaxed) as usize) < self.procs() && !broken("alarm_no_second_look") {
            // Relaxed: whoever turns it next acquires the taker's store, or this one; both say the same.
            alarm.set.store(true, Relaxed);
            alarm.start();
        }
    }

    /// Wakes sysmon, however it sleeps.
    pub(super) fn call_sysmon(&self) {
        self.sysmon_note.wakeup();
        // Ordering(alarm): full fence between the token and the look; pairs with the one in `sleep_deeply`.
        fence(SeqCst);
        // Relaxed: ordered by the fence.
        if self.sysmon_waits.load(Relaxed) {
            if let Some(alarm) = &self.alarm {
                alarm.clock.ring();
            }
        }
    }

    /// Step 1. True: every permit is idle, nothing waits that nobody looks after, and sysmon will be woken by
    /// a permit that stays in use for `after` or is taken when the scheduler's clock says `due`.
    pub(super) fn announce_deep_sleep(&self, after: Duration, due: u64) -> bool {
        // Relaxed: a hint, that saves the system call.
        if (self.npidle.load(Relaxed) as usize) < self.procs() {
            return false;
        }
        if let Some(alarm) = &self.alarm {
            alarm.clock.stop();
            // Relaxed: under the lock afterwards.
            alarm.after.store(after.as_nanos() as u64, Relaxed);
            alarm.due.store(due, Relaxed);
        }
        let locked = self.lock.lock();
        if locked.pidle.len() < self.procs() || self.is_closed() || self.poller_is_wanted() {
            return false;
        }
        if broken("deep_sleep_unlocked") {
            drop(locked);
        }
        if let Some(alarm) = &self.alarm {
            // Relaxed: under the lock; nobody turns it who has no permit.
            alarm.set.store(false, Relaxed);
        }
        // Relaxed: under the lock, see `rouse_sysmon`.
        self.sysmon_waits.store(true, Relaxed);
        true
    }

    /// The sleep that was announced.
    pub(super) fn sleep_deeply(&self) {
        let Some(alarm) = &self.alarm else { return self.sysmon_note.sleep() };
        // Ordering(alarm): full fence between the announcement and the look; pairs with the one in
        // `call_sysmon`.
        fence(SeqCst);
        while !self.sysmon_note.take() && !alarm.clock.wait() {}
        // Relaxed: who still sees it sets a clock that nobody waits for.
        self.sysmon_waits.store(false, Relaxed);
    }

    /// How often a permit went idle until now.
    fn parks(&self) -> u64 {
        self.shells().map(|p| p.stats.parks.get()).sum()
    }
}

/// When sysmon sleeps deeply, and how long a permit may be in use then.
pub(super) struct Pace {
    after: Duration,
    /// The last sleep ended because a permit stayed in use, and nothing has been done about it.
    in_vain: bool,
    /// Events come too often: since when, and how many there had been.
    often: Option<(Instant, u64)>,
    /// Without a clock: the last time that anything moved.
    moved_at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { after: SYSMON_MIN, in_vain: false, often: None, moved_at: now }
    }

    /// A round is over, in which something was done, or a P had moved.
    pub(super) fn after_round(&mut self, now: Instant, acted: bool, moved: bool) {
        if acted {
            (self.after, self.in_vain) = (SYSMON_MIN, false);
        }
        if acted || moved {
            self.moved_at = now;
        }
    }

    /// Is it time to sleep, if all permits are idle?
    pub(super) fn allows_sleep(&mut self, sched: &Sched, now: Instant) -> bool {
        if sched.alarm.is_none() {
            return now.duration_since(self.moved_at) >= SYSMON_QUIET;
        }
        let Some((since, parks_then)) = self.often else { return true };
        let elapsed = now.duration_since(since);
        if elapsed < SYSMON_QUIET {
            return false;
        }
        let parks = sched.parks();
        // Half the rate at which it began, so that it does not change to and fro.
        let most = elapsed.as_secs_f64() * ALARM_RATE as f64 / 2.0;
        let often = parks.wrapping_sub(parks_then) as f64 > most;
        self.often = often.then_some((now, parks));
        !often
    }

    /// Sleeps, if nothing speaks against it (true).
    pub(super) fn sleep(&mut self, sched: &Sched, due: u64) -> bool {
        if self.in_vain {
            self.after = (self.after * 2).min(SYSMON_BUSY);
        }
        if !sched.announce_deep_sleep(self.after, due) {
            return false;
        }
        sched.sleep_deeply();
        let Some(alarm) = &sched.alarm else { return true };
        // Relaxed (both): a rule of thumb.
        let often = alarm.often.swap(false, Relaxed);
        // Who is woken because it is time, has slept well for long.
        self.in_vain = !often && sched.now() < due;
        if often {
            self.often = Some((Instant::now(), sched.parks()));
        } else if !self.in_vain {
            self.after = SYSMON_MIN;
        }
        true
    }
}

#[cfg(all(target_os = "linux", not(miri), not(all(test, gmp_loom))))]
mod kernel {
    use std::io::ErrorKind;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    /// A timer that one thread reads and others set.
    pub(super) struct Clock(OwnedFd);

    impl Clock {
        pub(super) fn new() -> Option<Clock> {
            // SAFETY: the call takes two numbers and gives an fd or -1.
            let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
            if fd < 0 {
                return None;
            }
            // SAFETY: just made by the kernel for us, owned by nobody else.
            Some(Clock(unsafe { OwnedFd::from_raw_fd(fd) }))
        }

        /// Rings once, `ns` from now; whatever it was set to before.
        pub(super) fn set(&self, ns: u64) {
            let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let value = libc::timespec {
                tv_sec: libc::time_t::try_from(ns / 1_000_000_000).unwrap_or(libc::time_t::MAX),
                tv_nsec: (ns % 1_000_000_000) as libc::c_long,
            };
            let spec = libc::itimerspec { it_interval: zero, it_value: value };
            // SAFETY: `spec` is alive during the call, the old value is not asked for. It fails only if
            // the fd was closed by somebody, and then `wait` says so.
            unsafe {
                libc::timerfd_settime(self.0.as_raw_fd(), 0, &spec, std::ptr::null_mut());
            }
        }

        pub(super) fn ring(&self) {
            self.set(1);
        }

        pub(super) fn stop(&self) {
            self.set(0);
        }

        /// Waits until it rings (true), or for less.
        pub(super) fn wait(&self) -> bool {
            let mut count = [0u8; 8];
            // SAFETY: writes at most as many bytes as `count` has, which is alive.
            let read =
                unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
            if read >= 0 {
                return true;
            }
            let error = std::io::Error::last_os_error();
            if error.kind() != ErrorKind::Interrupted {
                // As with the poller: nobody would ever be woken again.
                eprintln!("gmp: sysmon's timer failed: {error}. Was its file descriptor closed?");
                std::process::abort();
            }
            false
        }
    }
}

#[cfg(all(any(not(target_os = "linux"), miri), not(all(test, gmp_loom))))]
mod kernel {
    /// There is none.
    pub(super) enum Clock {}

    impl Clock {
        pub(super) fn new() -> Option<Clock> {
            None
        }

        pub(super) fn set(&self, _ns: u64) {
            match *self {}
        }

        pub(super) fn ring(&self) {
            match *self {}
        }

        pub(super) fn stop(&self) {
            match *self {}
        }

        pub(super) fn wait(&self) -> bool {
            match *self {}
        }
    }
}

/// It rings as soon as it is looked at, if it is set at all then.
#[cfg(all(test, gmp_loom))]
mod kernel {
    use loom::sync::{Condvar, Mutex};

    pub(super) struct Clock {
        set: Mutex<bool>,
        rings: Condvar,
    }

    impl Clock {
        pub(super) fn new() -> Option<Clock> {
            Some(Clock { set: Mutex::new(false), rings: Condvar::new() })
        }

        pub(super) fn set(&self, _ns: u64) {
            *self.set.lock().unwrap() = true;
            self.rings.notify_one();
        }

        pub(super) fn ring(&self) {
            self.set(1);
        }

        pub(super) fn stop(&self) {
            *self.set.lock().unwrap() = false;
        }

        pub(super) fn wait(&self) -> bool {
            let mut set = self.set.lock().unwrap();
            while !*set {
                set = self.rings.wait(set).unwrap();
            }
            *set = false;
            true
        }
    }
}
