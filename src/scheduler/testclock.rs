//! The clock of a current_thread runtime under test: it can be stopped, moved, and let go.
//!
//! Protocol.
//!
//! 1. A clock is a reading (`base`) and the moment since which it has run on from there; a stopped one has
//!    no such moment. Everything that asks for the time (`Instant::now` inside of the runtime, the
//!    timers) asks it. [`EVER_STOPPED`] keeps all that one relaxed load, until some clock of the process
//!    was stopped.
//! 2. *Milliseconds.* While it stands, a timer is due at the next whole millisecond after its deadline,
//!    counted from where the clock was stopped (tokio's resolution): so two timers of one deadline fire
//!    together, and tests can compare instants. The wheel counts in finer ticks and rounds up; the
//!    clock is set to the millisecond, and the wheel is told the tick after it (`timers_now`).
//! 3. *Auto-advance.* A driver with nothing to do, which would sleep until the next timer, looks at the
//!    poller once without sleeping; if nothing came of it, it moves the clock to that timer instead.
//! 4. A blocking closure in flight (submitted and not over) holds the clock: it may be about to wake
//!    somebody. It is counted out after it has woken whoever joins it, and the driver counts first and looks
//!    at its queues afterwards, so it sees one or the other. A driver that is held sleeps without a time-out
//!    and is woken by the count reaching zero.
//! 5. `advance` moves the clock by hand, fires what is due, and queues it in order, before its caller gives
//!    way.
//!
//! Only the flavour current_thread has such a clock: with several Ms nobody could say that nothing runs.
//! Except where one thread plays all of them (`deterministic/`): there it always stands, and the player
//! moves it.

use std::time::{Duration, Instant};

use super::config::Flavor;
use super::context;
use super::sched::Sched;
use super::timers;
use crate::g::waker;
use crate::primitives::foreign;
use crate::primitives::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::primitives::sync::Mutex;

/// Was any clock of the process ever stopped? std's atomic also under loom: it starts one look, no more.
static EVER_STOPPED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

const MILLISECOND: u128 = 1_000_000;

/// See the module's text.
pub(super) struct TestClock {
    state: Mutex<State>,
    /// Blocking closures in flight.
    closures: AtomicUsize,
}

#[derive(Clone, Copy)]
struct State {
    base: Instant,
    /// When it began to run from `base` on. `None`: it stands.
    running_since: Option<Instant>,
    /// Where milliseconds are counted from: the reading at which it was stopped last.
    grid: Instant,
}

impl State {
    fn now(&self) -> Instant {
        match self.running_since {
            // A sum that no clock can hold: it stands where it is.
            Some(since) => self.base.checked_add(since.elapsed()).unwrap_or(self.base),
            None => self.base,
        }
    }

    fn stop(&mut self) {
        // Relaxed: whoever has to see it is told of the stop by other means.
        EVER_STOPPED.store(true, std::sync::atomic::Ordering::Relaxed);
        self.base = self.now();
        self.grid = self.base;
        self.running_since = None;
    }

    /// The first whole millisecond at or after `at`.
    fn millisecond_after(&self, at: Instant) -> Instant {
        let past = at.saturating_duration_since(self.grid).as_nanos() % MILLISECOND;
        if past == 0 {
            return at;
        }
        at.checked_add(nanos(MILLISECOND - past)).unwrap_or(at)
    }

    /// The last whole millisecond at or before `at`.
    fn millisecond_before(&self, at: Instant) -> Instant {
        let past = at.saturating_duration_since(self.grid).as_nanos() % MILLISECOND;
        at.checked_sub(nanos(past)).unwrap_or(at)
    }
}

/// Less than a millisecond.
fn nanos(n: u128) -> Duration {
    Duration::from_nanos(n as u64)
}

/// What stands in the way of a command to the clock. The texts are tokio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    OtherFlavor,
    Standing,
    Running,
    TooFar,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::OtherFlavor => {
                "`time::pause()` requires the `current_thread` Tokio runtime. This is the default \
                 Runtime used by `#[tokio::test]."
            }
            Refused::Standing => "time is already frozen",
            Refused::Running => "time is not frozen",
            Refused::TooFar => "advance: beyond what the clock can tell",
        })
    }
}

impl TestClock {
    pub(super) fn new(start: Instant, stopped: bool) -> TestClock {
        let mut state = State { base: start, running_since: Some(start), grid: start };
        if stopped {
            state.running_since = None;
            state.stop();
        }
        TestClock { state: Mutex::new(state), closures: AtomicUsize::new(0) }
    }

    fn stands(&self) -> bool {
        // Relaxed: see `stop`.
        EVER_STOPPED.load(std::sync::atomic::Ordering::Relaxed)
            && self.state.lock().running_since.is_none()
    }
}

/// What time it is for code that runs here, if that may differ from the system's clock.
#[inline]
pub(crate) fn test_now() -> Option<Instant> {
    // Relaxed: see `stop`.
    if !EVER_STOPPED.load(std::sync::atomic::Ordering::Relaxed) {
        return None;
    }
    context::with_current(|sched| sched.clock_now()).ok()
}

impl Sched {
    /// The reading of the clock.
    pub(crate) fn clock_now(&self) -> Instant {
        // Relaxed: see `stop`.
        if (self.config.flavor == Flavor::MultiThread && !self.is_played())
            || !EVER_STOPPED.load(std::sync::atomic::Ordering::Relaxed)
        {
            return Instant::now();
        }
        self.clock.state.lock().now()
    }

    fn command(&self, f: impl FnOnce(&mut State) -> Result<(), Refused>) -> Result<(), Refused> {
        if self.config.flavor == Flavor::MultiThread {
            return Err(Refused::OtherFlavor);
        }
        f(&mut self.clock.state.lock())?;
        // A driver that sleeps until a timer looks again.
        self.netpoll().wake();
        Ok(())
    }

    /// Stops the clock.
    pub(crate) fn clock_stop(&self) -> Result<(), Refused> {
        self.command(|state| {
            if state.running_since.is_none() {
                return Err(Refused::Standing);
            }
            state.stop();
            Ok(())
        })
    }

    /// Lets it run on from where it stands.
    pub(crate) fn clock_go_on(&self) -> Result<(), Refused> {
        self.command(|state| {
            if state.running_since.is_some() {
                return Err(Refused::Running);
            }
            state.running_since = Some(Instant::now());
            Ok(())
        })
    }

    /// Step 5, without giving way.
    pub(crate) fn clock_advance(&self, by: Duration) -> Result<(), Refused> {
        self.command(|state| {
            if state.running_since.is_some() {
                return Err(Refused::Running);
            }
            state.base = state.base.checked_add(by).ok_or(Refused::TooFar)?;
            Ok(())
        })?;
        let now = self.timers_now();
        let mut fired = Vec::new();
        for p in self.shells() {
            p.timers.check(now, &mut fired);
        }
        for waker in fired {
            match waker::take_g(waker) {
                Ok(Some(g)) if self.owns(&g) => match context::shell_of(self) {
                    // To the tail: runnext would turn the order round.
                    Some(shell) => {
                        self.runqput(shell, g, false);
                    }
                    None => self.inject(g),
                },
                Ok(Some(g)) => g.ready(),
                Ok(None) => {}
                Err(waker) => {
                    foreign::call(|| waker.wake());
                }
            }
        }
        Ok(())
    }

    /// When (ns) a timer with this deadline is due (step 2); 0 if it is past.
    pub(crate) fn timer_at(&self, deadline: Instant) -> u64 {
        if !self.clock.stands() {
            return self.instant_to_ns(deadline);
        }
        let state = *self.clock.state.lock();
        if deadline <= state.now() {
            // At once: the wheel itself may not have been told the time yet.
            return 0;
        }
        self.instant_to_ns(state.millisecond_after(deadline))
    }

    /// The time (ns) by which timers are fired (step 2).
    pub(super) fn timers_now(&self) -> u64 {
        let now = self.now();
        if self.clock.stands() {
            timers::tick_end(now)
        } else {
            now
        }
    }

    /// Does the clock stand?
    pub(super) fn clock_stands(&self) -> bool {
        self.clock.stands()
    }

    /// May an idle driver move the clock (steps 3 and 4)?
    pub(super) fn may_auto_advance(&self) -> bool {
        // Ordering(test-clock): Acquire, pairs with `closure_ends`: the wake-ups of closures that are over
        // are in the queues that the caller looks at next.
        self.clock.stands() && self.clock.closures.load(Acquire) == 0
    }

    /// Moves the clock to a timer that is due at `when` (ns), or to the millisecond it was rounded from.
    pub(super) fn auto_advance(&self, when: u64) {
        let Some(tick) = self.ns_to_instant(when) else { return };
        let mut state = self.clock.state.lock();
        if state.running_since.is_some() {
            return;
        }
        let exact = state.millisecond_before(tick);
        let target = if tick - exact < timers::TICK { exact } else { tick };
        state.base = state.base.max(target);
    }

    /// Moves a clock that stands on to `to` (ns), if that is later.
    #[cfg(feature = "deterministic")]
    pub(super) fn clock_reach(&self, to: u64) {
        let Some(to) = self.ns_to_instant(to) else { return };
        let mut state = self.clock.state.lock();
        state.base = state.base.max(to);
    }

    /// A blocking closure was submitted.
    pub(super) fn closure_begins(&self) {
        // Relaxed: its submitter runs on the driver's thread, or could not be expected before.
        self.clock.closures.fetch_add(1, Relaxed);
    }

    /// A blocking closure is over, and has woken who waits for it.
    pub(super) fn closure_ends(&self) {
        // Ordering(test-clock): Release, pairs with `may_auto_advance`.
        if self.clock.closures.fetch_sub(1, AcqRel) == 1 && self.clock.stands() {
            self.netpoll().wake();
        }
    }
}
