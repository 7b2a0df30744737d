//! The one place that reads the clock, and with `test-util` the commands to a runtime's own one.

use super::{Duration, Instant};
#[cfg(feature = "test-util")]
use crate::scheduler::context;

/// Further than anyone waits, and near enough that no arithmetic on it overflows: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What time it is.
#[inline]
pub(super) fn now() -> Instant {
    #[cfg(feature = "test-util")]
    if let Some(now) = context::test_now() {
        return Instant::from_std(now);
    }
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

/// Gives a command to the clock of the current runtime.
#[cfg(feature = "test-util")]
#[track_caller]
fn command<E: std::fmt::Display>(f: impl FnOnce(&context::SchedRef) -> Result<(), E>) {
    match context::with_current(f) {
        Ok(Ok(())) => {}
        Ok(Err(refused)) => panic!("{refused}"),
        Err(_) => panic!("time cannot be frozen from outside the Tokio runtime"),
    }
}

/// Stops the clock of the current runtime, for tests.
///
/// [`Instant::now`] answers the same instant from now on, and timers come up only as the clock is moved: by
/// [`advance`], or by itself. When the runtime has nothing to do but wait for a timer, its clock jumps
/// there, unless a closure of [`spawn_blocking`](crate::task::spawn_blocking) is under way. Deadlines are
/// rounded up to milliseconds, counted from here. I/O takes its real time, and what waits for it is
/// overtaken by timers.
///
/// # Panics
///
/// Outside of a runtime; in a multi_thread runtime; and if the clock stands already.
///
/// # Examples
///
/// ```
/// use gmp::time::{self, Duration, Instant};
///
/// let runtime = gmp::runtime::Builder::new_current_thread().enable_all().build()?;
/// runtime.block_on(async {
///     time::pause();
///     let start = Instant::now();
///     time::sleep(Duration::from_secs(86_400)).await; // at once
///     assert_eq!(start.elapsed(), Duration::from_secs(86_400));
///     time::resume();
/// });
/// # std::io::Result::Ok(())
/// ```
#[cfg(feature = "test-util")]
#[track_caller]
pub fn pause() {
    command(|sched| sched.clock_stop());
}

/// Lets the clock of the current runtime run on from where it stands.
///
/// # Panics
///
/// Outside of a runtime, in a multi_thread runtime, and if the clock does not stand.
#[cfg(feature = "test-util")]
#[track_caller]
pub fn resume() {
    command(|sched| sched.clock_go_on());
}

/// Moves the clock of the current runtime, which [`pause`] has stopped, and gives way once.
///
/// Timers that are due by then fire, in their order, and their tasks are queued before this is ready. The
/// clock goes there in one jump: who has to see each step advances in steps.
///
/// # Cancel safety
///
/// The clock moves at the first poll; dropping it afterwards changes nothing.
///
/// # Panics
///
/// Outside of a runtime, in a multi_thread runtime, if the clock does not stand, and if `duration` leads
/// beyond what a clock can tell.
///
/// # Examples
///
/// ```
/// use gmp::time::{self, Duration};
///
/// let runtime = gmp::runtime::Builder::new_current_thread()
///     .enable_all()
///     .start_paused(true)
///     .build()?;
/// runtime.block_on(async {
///     let task = gmp::spawn(time::sleep(Duration::from_millis(10)));
///     gmp::task::yield_now().await; // the task has set its timer
///     time::advance(Duration::from_millis(9)).await;
///     assert!(!task.is_finished());
///     time::advance(Duration::from_millis(1)).await;
///     gmp::task::yield_now().await;
///     assert!(task.is_finished());
/// });
/// # std::io::Result::Ok(())
/// ```
#[cfg(feature = "test-util")]
pub async fn advance(duration: Duration) {
    command(|sched| sched.clock_advance(duration));
    let mut gave_way = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}
