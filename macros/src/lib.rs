//! The procedural macros of gmp: the attributes `main` and `test`, and the code generators behind
//! `select!`, `join!` and `try_join!`.
//!
//! Nobody depends on this package directly: `gmp` re-exports what its features call for. The attributes
//! come in three pairs, because an attribute cannot see the features of the crate that re-exports it:
//!
//! | gmp's features | `gmp::main` is | `gmp::test` is |
//! |---|---|---|
//! | `macros`, `rt-multi-thread` | [`macro@main`] | [`macro@test`] |
//! | `macros`, `rt` | [`macro@main_rt`] | [`macro@test_rt`] |
//! | `macros` | [`macro@main_fail`] | [`macro@test_fail`] |
//!
//! The same six with `tokio_` in front are for the facade, the package `tokio`: there the paths begin with
//! `tokio`, the texts say it, and `crate = ..` may name a module that has tokio's `runtime` and nothing else.
//!
//! How an attribute works:
//!
//! 1. `item` reads the function. Its body stays a token stream: what it means is the compiler's business,
//!    and half-typed code in an editor is no reason to give up.
//! 2. `config` reads the arguments and checks them against each other and against the features.
//! 3. `entry` writes the function again, without `async`, around a runtime that runs the body.
//! 4. If step 2 finds a mistake, the error is emitted beside a function of the same signature that holds
//!    the body but names no runtime. So the mistake is reported alone, where it was made.
//!
//! How the generators work: the `macro_rules!` side in `gmp` hands them `($crate)` first, because a
//! procedural macro cannot name the crate it is used from. All they write carries `mixed_site` spans, so
//! that no variable of theirs meets one of the caller's.

mod config;
mod entry;
mod item;
mod join;
mod place;
mod select;

use config::{Home, Macro};
use proc_macro::TokenStream;

/// Makes an `async fn` an ordinary one that builds a runtime and runs the body on it.
///
/// ```
/// #[gmp::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let answer = gmp::spawn(async { 42 }).await?;
///     println!("{answer}");
///     Ok(())
/// }
/// ```
///
/// # Arguments
///
/// All are optional; they are separated by commas.
///
/// - `flavor = "multi_thread"` (the default), `"current_thread"` or `"local"`. A local runtime may spawn
///   futures that are not `Send`.
/// - `worker_threads = N`: how many Ps a multi-thread runtime has. Default: what the machine, its cgroup
///   and the environment say.
/// - `start_paused = true`: start with the clock paused (`current_thread` and `local`; gmp's feature
///   `test-util`).
/// - `name = "text"`: a name for the runtime.
/// - `crate = "path"` or `crate = path`: where gmp is found. Default: `gmp`, or the name under which the
///   manifest of the package has it (`tokio = { package = "gmp", .. }`).
/// - `unhandled_panic = "ignore"` or `"shutdown_runtime"` (`current_thread` and `local`): passed on to
///   `Builder::unhandled_panic`, where the builder has it.
///
/// All drivers are enabled. The function may have any name; only a function called `main` may not take
/// arguments. Other attributes on it are kept.
///
/// # Where the body runs
///
/// With the `multi_thread` flavour a body whose future is `Send`, with an output that is `Send`, runs as
/// a G like any other: a long computation in it does not hold up a special thread, and what it spawns
/// lands in the queue of the P it runs on. Any other body (one that keeps an `Rc` over an `.await`, say,
/// or returns `Box<dyn Error>`) is polled on the calling thread by `Runtime::block_on`. Which one it is
/// is settled at compile time. A function with arguments, with generics, or one that says `Self`, is
/// always run by `block_on`, because its future may borrow.
///
/// # Errors
///
/// Mistakes in the arguments are compile errors at the argument.
///
/// # Panics
///
/// The function panics with "Failed building the Runtime" if the runtime cannot be built. A panic of the
/// body goes on in the caller.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        args.into(),
        item.into(),
        Macro { home: Home::Gmp, is_test: false, multi_thread: true },
    )
    .into()
}

/// Makes an `async fn` a test that runs on a runtime of its own.
///
/// ```
/// #[gmp::test]
/// async fn the_answer() {
///     assert_eq!(gmp::spawn(async { 42 }).await.unwrap(), 42);
/// }
/// ```
///
/// The arguments are those of [`macro@main`], but the default flavour is `current_thread`, so a test is
/// as deterministic as it can be; ask for `flavor = "multi_thread"` where a test needs more Ps.
///
/// Other attributes (`#[should_panic]`, `#[ignore]`) are kept, and so are arguments of the function, which
/// another attribute macro may want to fill. A second `#[test]` is an error. The body is polled by
/// `block_on` on the test's thread.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        args.into(),
        item.into(),
        Macro { home: Home::Gmp, is_test: true, multi_thread: true },
    )
    .into()
}

/// [`macro@main`] where gmp is built without `rt-multi-thread`: a flavour must be given, and it is
/// `current_thread` or `local`.
#[proc_macro_attribute]
pub fn main_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        args.into(),
        item.into(),
        Macro { home: Home::Gmp, is_test: false, multi_thread: false },
    )
    .into()
}

/// [`macro@test`] where gmp is built without `rt-multi-thread`.
#[proc_macro_attribute]
pub fn test_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        args.into(),
        item.into(),
        Macro { home: Home::Gmp, is_test: true, multi_thread: false },
    )
    .into()
}

/// [`macro@main`] where gmp is built without a runtime: always an error that says what is missing.
#[proc_macro_attribute]
pub fn main_fail(_args: TokenStream, item: TokenStream) -> TokenStream {
    entry::fail(item.into(), Macro { home: Home::Gmp, is_test: false, multi_thread: false }).into()
}

/// [`macro@test`] where gmp is built without a runtime: always an error that says what is missing.
#[proc_macro_attribute]
pub fn test_fail(_args: TokenStream, item: TokenStream) -> TokenStream {
    entry::fail(item.into(), Macro { home: Home::Gmp, is_test: true, multi_thread: false }).into()
}

/// [`macro@main`] for the facade.
#[proc_macro_attribute]
pub fn tokio_main(args: TokenStream, item: TokenStream) -> TokenStream {
    let makro = Macro { home: Home::Tokio, is_test: false, multi_thread: true };
    entry::expand(args.into(), item.into(), makro).into()
}

/// [`macro@test`] for the facade.
#[proc_macro_attribute]
pub fn tokio_test(args: TokenStream, item: TokenStream) -> TokenStream {
    let makro = Macro { home: Home::Tokio, is_test: true, multi_thread: true };
    entry::expand(args.into(), item.into(), makro).into()
}

/// [`macro@main_rt`] for the facade.
#[proc_macro_attribute]
pub fn tokio_main_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    let makro = Macro { home: Home::Tokio, is_test: false, multi_thread: false };
    entry::expand(args.into(), item.into(), makro).into()
}

/// [`macro@test_rt`] for the facade.
#[proc_macro_attribute]
pub fn tokio_test_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    let makro = Macro { home: Home::Tokio, is_test: true, multi_thread: false };
    entry::expand(args.into(), item.into(), makro).into()
}

/// [`macro@main_fail`] for the facade.
#[proc_macro_attribute]
pub fn tokio_main_fail(_args: TokenStream, item: TokenStream) -> TokenStream {
    let makro = Macro { home: Home::Tokio, is_test: false, multi_thread: false };
    entry::fail(item.into(), makro).into()
}

/// [`macro@test_fail`] for the facade.
#[proc_macro_attribute]
pub fn tokio_test_fail(_args: TokenStream, item: TokenStream) -> TokenStream {
    let makro = Macro { home: Home::Tokio, is_test: true, multi_thread: false };
    entry::fail(item.into(), makro).into()
}

/// What `gmp::select!` expands to. Not for direct use.
#[doc(hidden)]
#[proc_macro]
pub fn select_internal(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}

/// What `gmp::join!` expands to. Not for direct use.
#[doc(hidden)]
#[proc_macro]
pub fn join_internal(input: TokenStream) -> TokenStream {
    join::expand(input.into(), join::Kind::Join).into()
}

/// What `gmp::try_join!` expands to. Not for direct use.
#[doc(hidden)]
#[proc_macro]
pub fn try_join_internal(input: TokenStream) -> TokenStream {
    join::expand(input.into(), join::Kind::TryJoin).into()
}

/// Where an expression begins, also one that came through a `macro_rules!` variable.
fn first_span(tokens: &proc_macro2::TokenStream) -> proc_macro2::Span {
    use proc_macro2::{Delimiter, Span, TokenTree};
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::None => {
            first_span(&group.stream())
        }
        Some(token) => token.span(),
        None => Span::call_site(),
    }
}
