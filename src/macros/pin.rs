//! `pin!`.

/// Pins values to the place where they are: a future that is to be awaited through `&mut`.
///
/// Two forms:
///
/// - `pin!(a, b)` takes variables and shadows each by a `Pin<&mut _>` to it;
/// - `pin! { let a = EXPR; let b = EXPR; }` declares them, too.
///
/// The values move into the enclosing block and live until its end; the pins cannot leave it. Needs
/// neither allocation nor `unsafe`. To keep a pinned future in a struct, use `Box::pin`.
///
/// `std::pin::pin!` does the same as an expression.
///
/// # Examples
///
/// A future that is not `Unpin` and that a loop goes on with:
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// async fn first() -> u32 {
///     1
/// }
///
/// let future = first();
/// gmp::pin!(future);
/// assert_eq!((&mut future).await, 1);
///
/// gmp::pin! {
///     let again = first();
///     let third = async { 3 };
/// }
/// assert_eq!(again.await + third.await, 4);
/// # }).unwrap();
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => {
        $(
            #[allow(unused_mut)]
            let mut $name = ::core::pin::pin!($name);
        )*
    };
    ($(let $name:ident = $init:expr;)*) => {
        $(
            #[allow(unused_mut)]
            let mut $name = ::core::pin::pin!($init);
        )*
    };
}
