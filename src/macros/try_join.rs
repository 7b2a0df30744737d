//! `try_join!`.

/// Waits for several fallible futures in one task: `Ok` with the tuple of all values, or the first `Err`.
///
/// `try_join!([biased;] FUTURE, FUTURE, …)`, with expressions and order of polls as in
/// [`join!`](crate::join). The outputs are `Result`s with one error type. As soon as one of them is an
/// `Err` that is the answer, and the other futures are dropped where they are.
///
/// With spawned tasks, mind that the outer `Result` of a handle says whether the task panicked: flatten
/// the two, or errors of the tasks will not end the wait.
///
/// # Cancel safety
///
/// If the joined future is dropped, or one future fails, all others are dropped, and the values that
/// were there already.
///
/// # Examples
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// use std::num::ParseIntError;
///
/// async fn parse(text: &str) -> Result<u8, ParseIntError> {
///     text.parse()
/// }
/// async fn never() -> Result<(), ParseIntError> {
///     std::future::pending().await
/// }
///
/// assert_eq!(gmp::try_join!(parse("1"), parse("2")), Ok((1, 2)));
/// assert!(gmp::try_join!(never(), parse("1"), parse("two")).is_err());
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::macros_support::try_join_internal! { ($crate) biased; $(($future))* }
    };
    ($($future:expr),* $(,)?) => {
        $crate::macros_support::try_join_internal! { ($crate) $(($future))* }
    };
}
