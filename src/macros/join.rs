//! `join!`.

/// Waits for several futures in one task and answers the tuple of their outputs.
///
/// `join!([biased;] FUTURE, FUTURE, …)`: any number of expressions, also none; a comma may follow the last.
/// Each goes through [`IntoFuture`](std::future::IntoFuture). Needs an `async` context and no runtime.
///
/// All of them make progress whenever the task is polled, on the same thread: one that blocks holds up
/// the others. To run them in parallel, spawn them and join the handles.
///
/// # Which one is polled first
///
/// Without `biased;` the first poll begins with the first future, the next poll with the second, and so
/// on in a circle. So a future that uses up the task's budget at each poll cannot keep the rest from
/// theirs. With `biased;` the order is always as written.
///
/// # Cancel safety
///
/// If the joined future is dropped, so are all futures in it, and the outputs that were there already. A
/// future that is done is dropped at once; its output waits.
///
/// # Examples
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// async fn name() -> &'static str {
///     "gopher"
/// }
/// async fn age() -> u32 {
///     17
/// }
///
/// let (name, age) = gmp::join!(name(), age());
/// assert_eq!((name, age), ("gopher", 17));
///
/// let (first, second) = gmp::join!(biased; async { 1 }, async { 2 });
/// assert_eq!(first + second, 3);
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::macros_support::join_internal! { ($crate) biased; $(($future))* }
    };
    ($($future:expr),* $(,)?) => {
        $crate::macros_support::join_internal! { ($crate) $(($future))* }
    };
}
