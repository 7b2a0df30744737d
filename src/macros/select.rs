//! `select!`.

/// Waits for the first of several futures, drops the others, and runs the handler of the one that won.
///
/// ```text
/// select! {
///     [biased;]
///     PATTERN = FUTURE [, if CONDITION] => HANDLER,
///     …
///     [else => EXPRESSION]
/// }
/// ```
///
/// From 1 to 64 branches. A handler that is a block needs no comma behind it. Each future expression goes
/// through [`IntoFuture`](std::future::IntoFuture). Needs an `async` context and no runtime. All handlers
/// and the `else` have one type; it is the type of the whole.
///
/// # What happens in which order
///
/// 1. All conditions are evaluated, in order. A branch whose condition is false is disabled.
/// 2. All future expressions are evaluated, in order, those of disabled branches included: a disabled
///    branch's future is made and never polled.
/// 3. The enabled futures are polled until one is ready with a value that matches its pattern. A value
///    that does not match disables its branch.
/// 4. All futures are dropped, in order.
/// 5. The handler runs, with the bindings of the pattern. It is outside of all this: it may use what the
///    futures borrowed, `.await`, use `?`, `break`, `continue` and `return`.
///
/// If all branches are disabled, `else` runs. Conditions see the state before step 2; a future whose
/// making would panic or do harm when its condition is false should be made inside an `async` block.
///
/// # Fairness
///
/// Each poll begins with a branch chosen at random, and goes on in a circle. With `biased;` it begins with
/// the first: cheaper, and the order means something (a shutdown signal before the work), but a branch
/// that is always ready starves those below it.
///
/// If the task's budget is used up, no branch is polled, and the task gives way first.
///
/// # Cancel safety
///
/// A future that lost is dropped, with all progress it has made. In a loop over `select!`, either use
/// operations that lose nothing when dropped (the documentation of each says so; `recv` of a channel is
/// one, `read_exact` is not) or keep the future outside of the loop, [pin](crate::pin!) it, and pass
/// `&mut future`.
///
/// # Errors
///
/// `select! {}` does not compile: there is nothing to wait for.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Examples
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// use std::future::{pending, ready};
///
/// let winner = gmp::select! {
///     number = ready(7) => number,
///     () = pending() => unreachable!(),
/// };
/// assert_eq!(winner, 7);
/// # }).unwrap();
/// ```
///
/// Patterns, conditions and `else`: two queues until both are empty.
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// use futures_util::stream::{self, StreamExt};
///
/// let mut left = stream::iter([1, 2]);
/// let mut right = stream::iter([10, 20, 30]);
/// let mut limit = 60;
/// let mut sum = 0;
/// loop {
///     gmp::select! {
///         Some(n) = left.next() => sum += n,
///         Some(n) = right.next(), if limit > 0 => {
///             sum += n;
///             limit -= n;
///         }
///         else => break,
///     }
/// }
/// assert_eq!(sum, 63);
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! select {
    ($($branches:tt)*) => {
        $crate::macros_support::select_internal! { ($crate) $($branches)* }
    };
}
