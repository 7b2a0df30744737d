//! The runtime's instant.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use super::{clock, Duration};

/// A moment on a clock that never goes back; what deadlines are made of.
///
/// It is [`std::time::Instant`] under a type of its own, so that a runtime may put another clock behind
/// it. `From` converts both ways.
///
/// ```
/// use gmp::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let deadline = start + Duration::from_millis(20);
/// assert_eq!(deadline - start, Duration::from_millis(20));
/// assert_eq!(start - deadline, Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: std::time::Instant,
}

impl Instant {
    /// What time it is. Works everywhere, also outside of a runtime. Inside of one whose clock was stopped
    /// (feature `test-util`) it is that clock's time.
    #[inline]
    pub fn now() -> Instant {
        clock::now()
    }

    /// The same moment, given as the standard library's type.
    #[inline]
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant { std }
    }

    /// The same moment as the standard library's type.
    #[inline]
    pub fn into_std(self) -> std::time::Instant {
        self.std
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// How long after `earlier` this is; `None` if it is before it.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How long ago it was; zero if it is still to come.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// This moment plus a duration; `None` if that is beyond what the clock can tell.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Instant::from_std)
    }

    /// This moment minus a duration; `None` if that is beyond what the clock can tell.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_sub(duration).map(Instant::from_std)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant::from_std(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.into_std()
    }
}

/// Panics where [`checked_add`](Instant::checked_add) answers `None`.
impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant::from_std(self.std + duration)
    }
}

/// Panics where [`checked_add`](Instant::checked_add) answers `None`.
impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// Zero if the right side is the later one.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// Panics where [`checked_sub`](Instant::checked_sub) answers `None`.
impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        Instant::from_std(self.std - duration)
    }
}

/// Panics where [`checked_sub`](Instant::checked_sub) answers `None`.
impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_clock_steps() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert_eq!(now.duration_since(later), Duration::ZERO);
        assert_eq!(now - later, Duration::ZERO);
        assert_eq!(now.checked_duration_since(later), None);
        assert_eq!(later.elapsed(), Duration::ZERO);
        assert_eq!(now.checked_add(Duration::MAX), None);
        let mut moved = now;
        moved += Duration::from_secs(2);
        moved -= Duration::from_secs(1);
        assert_eq!(moved, later);
        assert_eq!(Instant::from(std::time::Instant::from(now)), now);
    }
}
