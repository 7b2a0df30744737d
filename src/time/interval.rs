//! `Interval`: a deadline that comes again and again.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use super::{clock, Duration, Instant, Sleep};
use std::future::Future;

/// A tick is missed when it is seen later than this; a shorter delay is the system's ordinary lateness,
/// and the next tick is due as if there had been none.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Ticks with a period; the first tick is ready at once.
///
/// See [`Interval`]; [`MissedTickBehavior::Burst`] until another is set.
///
/// # Panics
///
/// If `period` is zero; outside of a runtime, and in a runtime whose timers are off.
///
/// # Examples
///
/// ```
/// use gmp::time::{interval, Duration};
///
/// let runtime = gmp::runtime::Builder::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let mut ticks = interval(Duration::from_millis(2));
///     let first = ticks.tick().await; // at once
///     assert_eq!(ticks.tick().await, first + Duration::from_millis(2));
/// });
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval::new(clock::now(), period)
}

/// Ticks with a period; the first tick is ready at `start`.
///
/// See [`Interval`]; [`MissedTickBehavior::Burst`] until another is set.
///
/// # Panics
///
/// If `period` is zero; outside of a runtime, and in a runtime whose timers are off.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval::new(start, period)
}

/// What follows a tick that was seen late.
///
/// Late means more than 5 ms after it was due, because the program did not ask for the tick sooner or the
/// runtime was busy.
///
/// ```
/// use gmp::time::MissedTickBehavior;
///
/// assert_eq!(MissedTickBehavior::default(), MissedTickBehavior::Burst);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// The missed ticks come at once, one after the other, until the schedule is caught up with. The
    /// number of ticks is right, their distance is not.
    #[default]
    Burst,

    /// The next tick comes a period after the late one was seen. The distance is never too short; the
    /// schedule shifts.
    Delay,

    /// The missed ticks are left out; the next comes at the next point of the old schedule. Ticks stay
    /// multiples of the period after the first.
    Skip,
}

impl MissedTickBehavior {
    /// The tick after one that was due at `due` and seen at `now`, late.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            MissedTickBehavior::Burst => clock::after(due, period),
            MissedTickBehavior::Delay => clock::after(now, period),
            MissedTickBehavior::Skip => clock::after(now, period - remainder(now - due, period)),
        }
    }
}

/// `time % period`, for times of any length, in constant time.
fn remainder(time: Duration, period: Duration) -> Duration {
    const NANOS: u128 = 1_000_000_000;
    let rest = time.as_nanos() % period.as_nanos();
    // Less than `time`, so both parts fit.
    Duration::new((rest / NANOS) as u64, (rest % NANOS) as u32)
}

/// The tick after one that was due at `due` and seen at `now`.
fn next_tick(
    behavior: MissedTickBehavior,
    due: Instant,
    now: Instant,
    period: Duration,
) -> Instant {
    if now - due > TOLERANCE {
        behavior.next(due, now, period)
    } else {
        clock::after(due, period)
    }
}

/// Ticks with a period, made by [`interval()`] and [`interval_at`].
///
/// A tick that nobody asks for does nothing: between ticks no timer is set. If ticks are asked for too
/// late, [`MissedTickBehavior`] says what comes next.
#[derive(Debug)]
pub struct Interval {
    /// Boxed, so that the interval may move and ticks allocate nothing.
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(start: Instant, period: Duration) -> Interval {
        Interval {
            delay: Box::pin(Sleep::new(start, false)),
            period,
            missed_tick_behavior: MissedTickBehavior::default(),
        }
    }

    /// Waits for the next tick; answers the instant at which it was due.
    ///
    /// # Cancel safety
    ///
    /// A tick that was not answered is not lost: the next call answers it.
    ///
    /// # Panics
    ///
    /// After the shutdown of the runtime it was made in.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Asks for the next tick; answers the instant at which it was due.
    ///
    /// On `Pending` the task of the last call is woken when the tick comes.
    ///
    /// # Panics
    ///
    /// After the shutdown of the runtime it was made in.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let due = self.delay.deadline();
        let next = next_tick(self.missed_tick_behavior, due, clock::now(), self.period);
        self.delay.as_mut().rearm(next);
        Poll::Ready(due)
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes at once.
    pub fn reset_immediately(&mut self) {
        self.reset_at(clock::now());
    }

    /// The next tick comes `after` from now, the others with the period after it.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(clock::after(clock::now(), after));
    }

    /// The next tick comes at `deadline`, the others with the period after it.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().rearm(deadline);
    }

    /// What follows a tick that was seen late.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Says what is to follow a tick that was seen late.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MissedTickBehavior::{Burst, Delay, Skip};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn in_time_or_nearly_keeps_the_schedule() {
        let due = Instant::now();
        for behavior in [Burst, Delay, Skip] {
            for late in [0, 1, 5] {
                assert_eq!(next_tick(behavior, due, due + ms(late), ms(20)), due + ms(20));
            }
            assert_eq!(next_tick(behavior, due, due - ms(3), ms(20)), due + ms(20), "clock behind");
        }
    }

    #[test]
    fn late_ticks_follow_the_behavior() {
        let due = Instant::now();
        for (late, skip) in
            [(6, 20), (19, 20), (20, 40), (21, 40), (59, 60), (1_000_007, 1_000_020)]
        {
            let now = due + ms(late);
            assert_eq!(next_tick(Burst, due, now, ms(20)), due + ms(20));
            assert_eq!(next_tick(Delay, due, now, ms(20)), now + ms(20));
            assert_eq!(next_tick(Skip, due, now, ms(20)), due + ms(skip), "{late} ms late");
        }
    }

    #[test]
    fn extreme_periods_neither_overflow_nor_loop() {
        let due = Instant::now();
        let now = due + Duration::from_secs(3_600 * 24 * 365 * 50);
        let tiny = Duration::from_nanos(1);
        assert_eq!(next_tick(Skip, due, now, tiny), now + tiny);
        for behavior in [Burst, Delay, Skip] {
            assert!(next_tick(behavior, due, now, Duration::MAX) > due);
        }
        assert_eq!(remainder(Duration::MAX, Duration::MAX), Duration::ZERO);
        assert_eq!(remainder(Duration::MAX - tiny, Duration::MAX), Duration::MAX - tiny);
    }
}
