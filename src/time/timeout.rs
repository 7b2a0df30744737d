//! `Timeout`: a future with a deadline.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::error::Elapsed;
use super::{clock, Duration, Instant, Sleep};
use crate::g::coop;

/// Gives a future a limited time.
///
/// Answers `Ok` with the future's output, or `Err(Elapsed)` when `duration` passed first; the future is
/// then dropped with the `Timeout`, so it is cancelled where it waits. A future that never yields cannot
/// be stopped. The future is polled before the deadline is looked at: an output that is there in time
/// is never lost to a clock that is late. A duration so long that its end cannot be represented
/// ([`Duration::MAX`]) means no deadline at all.
///
/// # Cancel safety
///
/// As the future's own.
///
/// # Panics
///
/// Outside of a runtime, and in a runtime whose timers are off, unless there is no deadline at all.
///
/// # Examples
///
/// ```
/// use gmp::time::{timeout, Duration};
///
/// let runtime = gmp::runtime::Builder::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let in_time = timeout(Duration::from_secs(30), async { 7 }).await;
///     assert_eq!(in_time, Ok(7));
///     let never = std::future::pending::<()>();
///     assert!(timeout(Duration::from_millis(2), never).await.is_err());
/// });
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn timeout<F>(duration: Duration, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    // Not a closure: the caller's place is wanted in the panic.
    #[allow(clippy::manual_map)]
    let delay = match clock::now().checked_add(duration) {
        Some(deadline) => Some(Sleep::new(deadline, !duration.is_zero())),
        None => None,
    };
    Timeout { value: future.into_future(), delay }
}

/// Gives a future time until an instant.
///
/// As [`timeout`], with the deadline given. A deadline that has passed still lets the future be polled
/// once.
///
/// # Cancel safety
///
/// As the future's own.
///
/// # Panics
///
/// Outside of a runtime, and in a runtime whose timers are off.
#[track_caller]
pub fn timeout_at<F>(deadline: Instant, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout { value: future.into_future(), delay: Some(Sleep::new(deadline, false)) }
}

pin_project! {
    /// The future of [`timeout()`] and [`timeout_at`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        // None: no deadline.
        #[pin]
        delay: Option<Sleep>,
    }
}

impl<T> Timeout<T> {
    /// The future inside.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Gives the future back and forgets the deadline.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Future for Timeout<T>
where
    T: Future,
{
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(output) = this.value.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let Some(delay) = this.delay.as_pin_mut() else { return Poll::Pending };
        // A future that uses up the budget at every poll must not keep its deadline from being seen.
        let exhausted = had_budget && !coop::has_budget_remaining();
        let _unlimited = exhausted.then(coop::enter_unconstrained);
        delay.poll(cx).map(|()| Err(Elapsed::new()))
    }
}
