//! How long polls are kept short.
//!
//! Each poll of a task has a budget of 128 units. Every operation of gmp's own resources that is ready
//! (a received message, a lock taken, a read) spends one; when none is left, or when the task's time slice
//! is over, they answer `Pending` after waking the task, which so goes to the back of the queue. A loop
//! over an always-ready channel therefore lets others run without containing a `yield`.
//!
//! Code that brings resources of its own takes part through [`poll_proceed`] or [`cooperative`]; a future
//! that must not be interrupted so goes into [`unconstrained`].

use std::fmt;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use pin_project_lite::pin_project;

use crate::g::coop;
pub use crate::g::coop::RestoreOnPending;

/// Takes one unit of the budget, or answers `Pending`, with the task woken, if there is none.
///
/// A leaf future calls it first, and [`RestoreOnPending::made_progress`] when it turns out ready; without
/// that the guard's drop gives the unit back. Outside of a runtime there is no limit.
///
/// ```
/// use std::task::{Context, Poll};
///
/// struct Source(Vec<u32>);
///
/// impl Source {
///     fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<u32>> {
///         let unit = std::task::ready!(gmp::task::coop::poll_proceed(cx));
///         let next = self.0.pop();
///         unit.made_progress();
///         Poll::Ready(next)
///     }
/// }
/// # let mut cx = Context::from_waker(std::task::Waker::noop());
/// # assert_eq!(Source(vec![1]).poll_next(&mut cx), Poll::Ready(Some(1)));
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    coop::poll_proceed(cx)
}

/// Is there budget left in this poll? True where there is no limit: outside of a runtime, in
/// [`unconstrained`].
pub fn has_budget_remaining() -> bool {
    coop::has_budget_remaining()
}

/// Spends one unit, and gives way if there is none: for loops that use no resource of the runtime.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// let mut sum = 0u64;
/// for n in 0..1000 {
///     sum += n;
///     gmp::task::coop::consume_budget().await;
/// }
/// assert_eq!(sum, 499_500);
/// # });
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| {
        let unit = ready!(coop::poll_proceed(cx));
        unit.made_progress();
        Poll::Ready(())
    })
    .await
}

/// Polls a future without a limit. The budget of the surrounding poll is as before afterwards.
///
/// A future that is always ready then keeps its thread from other tasks for as long as it likes.
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

pin_project! {
    /// A future that has no budget; from [`unconstrained`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

impl<F> fmt::Debug for Unconstrained<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unconstrained").finish_non_exhaustive()
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _scope = coop::enter_unconstrained();
        self.project().inner.poll(cx)
    }
}

/// Makes a future that never yields by itself take part: each poll of it that is ready spends a unit.
pub fn cooperative<F: Future>(fut: F) -> Coop<F> {
    Coop { fut }
}

pin_project! {
    /// A future that spends budget; from [`cooperative`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Coop<F: Future> {
        #[pin]
        fut: F,
    }
}

impl<F: Future> fmt::Debug for Coop<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coop").finish_non_exhaustive()
    }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        let polled = self.project().fut.poll(cx);
        if polled.is_ready() {
            unit.made_progress();
        }
        polled
    }
}
