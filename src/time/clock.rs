//! The one place that reads the clock, so that a clock of another kind can be put in its place.

use super::{Duration, Instant};

/// Further than anyone waits, and near enough that no arithmetic on it overflows: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What time it is.
#[inline]
pub(super) fn now() -> Instant {
    Instant::from_std(std::time::Instant::now())
}

/// `start + duration`, or the far future where that cannot be represented.
#[inline]
pub(super) fn after(start: Instant, duration: Duration) -> Instant {
    start.checked_add(duration).unwrap_or_else(|| far_future(start))
}

/// An instant that is as good as never.
#[cold]
fn far_future(start: Instant) -> Instant {
    // A start that is itself at the end of time is far enough.
    start.checked_add(FAR).unwrap_or(start)
}
