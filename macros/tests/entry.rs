//! What `#[main]` and `#[test]` make of a function, seen from a runtime that takes notes.
//!
//! The path of the runtime is given by `crate = ..`, so none of gmp's is needed.

use std::rc::Rc;

/// A stand-in for gmp that logs what the expansion calls.
mod mock {
    pub(crate) mod macros_support {
        pub(crate) use gmp::macros_support::{MainFuture, RunAsG, RunOnThread};
    }

    pub(crate) mod runtime {
        use gmp::macros_support::MainRuntime;
        use std::cell::RefCell;
        use std::future::Future;
        use std::pin::pin;
        use std::task::{Context, Poll, Waker};

        thread_local! {
            static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        }

        pub(crate) fn log(entry: impl Into<String>) {
            LOG.with_borrow_mut(|log| log.push(entry.into()));
        }

        /// All calls since the last look, on one line.
        pub(crate) fn take_log() -> String {
            LOG.take().join(" ")
        }

        #[derive(Debug)]
        pub(crate) enum UnhandledPanic {
            Ignore,
            ShutdownRuntime,
        }

        pub(crate) struct Builder;

        impl Builder {
            pub(crate) fn new_multi_thread() -> Self {
                log("multi_thread");
                Builder
            }
            pub(crate) fn new_current_thread() -> Self {
                log("current_thread");
                Builder
            }
            pub(crate) fn worker_threads(&mut self, count: usize) -> &mut Self {
                log(format!("worker_threads={count}"));
                self
            }
            pub(crate) fn start_paused(&mut self, on: bool) -> &mut Self {
                log(format!("start_paused={on}"));
                self
            }
            pub(crate) fn unhandled_panic(&mut self, reaction: UnhandledPanic) -> &mut Self {
                log(format!("unhandled_panic={reaction:?}"));
                self
            }
            pub(crate) fn name(&mut self, name: impl Into<String>) -> &mut Self {
                log(format!("name={}", name.into()));
                self
            }
            pub(crate) fn enable_all(&mut self) -> &mut Self {
                log("enable_all");
                self
            }
            pub(crate) fn build(&mut self) -> std::io::Result<Runtime> {
                log("build");
                Ok(Runtime)
            }
            pub(crate) fn build_local(&mut self, _: LocalOptions) -> std::io::Result<Runtime> {
                log("build_local");
                Ok(Runtime)
            }
        }

        #[derive(Default)]
        pub(crate) struct LocalOptions;

        pub(crate) struct Runtime;

        impl Runtime {
            pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
                log("block_on");
                run(future)
            }
        }

        impl MainRuntime for Runtime {
            fn block_on<F: Future>(&self, future: F) -> F::Output {
                self.block_on(future)
            }

            fn block_on_spawned<F>(&self, future: F) -> F::Output
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                log("spawned");
                run(future)
            }
        }

        impl Drop for Runtime {
            fn drop(&mut self) {
                log("drop");
            }
        }

        fn run<F: Future>(future: F) -> F::Output {
            let mut future = pin!(future);
            loop {
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            }
        }
    }
}

use mock::runtime::{log, take_log};

/// `Pending` once.
async fn yield_now() {
    let mut first = true;
    std::future::poll_fn(|_| {
        if std::mem::take(&mut first) {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await
}

#[test]
fn arguments_become_calls() {
    #[gmp_macros::main(crate = crate::mock)]
    async fn default() {}
    default();
    assert_eq!(take_log(), "multi_thread enable_all build spawned drop");

    #[gmp_macros::main(
        crate = "crate::mock",
        flavor = "multi_thread",
        worker_threads = 0x1_0,
        name = "n"
    )]
    async fn threads() {}
    threads();
    assert_eq!(take_log(), "multi_thread worker_threads=16 name=n enable_all build spawned drop");

    #[gmp_macros::main(crate = "mock", flavor = "current_thread", start_paused = true)]
    async fn current() {}
    current();
    assert_eq!(take_log(), "current_thread start_paused=true enable_all build block_on drop");

    #[gmp_macros::main(flavor = "local", crate = crate::mock, unhandled_panic = "shutdown_runtime")]
    async fn local() {}
    local();
    assert_eq!(
        take_log(),
        "current_thread unhandled_panic=ShutdownRuntime enable_all build_local block_on drop"
    );

    #[gmp_macros::main_rt(crate = crate::mock, flavor = "current_thread", unhandled_panic = "ignore")]
    async fn only_rt() {}
    only_rt();
    assert_eq!(take_log(), "current_thread unhandled_panic=Ignore enable_all build block_on drop");
}

#[test]
fn a_send_body_is_spawned_and_any_other_is_not() {
    #[gmp_macros::main(crate = crate::mock)]
    async fn send() -> Result<u8, std::num::ParseIntError> {
        yield_now().await;
        let n: u8 = "7".parse()?;
        if n == 8 {
            return Ok(1);
        }
        Ok(n)
    }
    assert_eq!(send(), Ok(7));
    assert!(take_log().contains("spawned"));

    #[gmp_macros::main(crate = crate::mock)]
    async fn rc_before_an_await() -> usize {
        let rc = Rc::new(());
        drop(rc.clone());
        drop(rc);
        yield_now().await;
        1
    }
    assert_eq!(rc_before_an_await(), 1);
    take_log();

    #[gmp_macros::main(crate = crate::mock)]
    async fn rc_over_an_await() -> usize {
        let rc = Rc::new(());
        yield_now().await;
        Rc::strong_count(&rc)
    }
    assert_eq!(rc_over_an_await(), 1);
    assert!(take_log().contains("block_on"));

    #[gmp_macros::main(crate = crate::mock)]
    async fn rc_as_output() -> Rc<u8> {
        yield_now().await;
        Rc::new(1)
    }
    assert_eq!(*rc_as_output(), 1);
    assert!(take_log().contains("block_on"));

    #[gmp_macros::main(crate = crate::mock)]
    async fn box_dyn_error(/* as most programs have it */) -> Result<(), Box<dyn std::error::Error>>
    {
        yield_now().await;
        let _: u8 = "no number".parse()?;
        Ok(())
    }
    assert!(box_dyn_error().is_err());
    assert!(take_log().contains("block_on"));

    #[gmp_macros::main(crate = crate::mock)]
    async fn send_error() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("text")?;
        // A coercion, not a conversion: the type of the whole has to be known here.
        Err(Box::new(std::fmt::Error))
    }
    assert_eq!(send_error().unwrap_err().to_string(), "text");
    assert!(take_log().contains("spawned"));
}

#[test]
fn a_body_that_is_send_for_some_lifetimes_only() {
    use futures_util::StreamExt;

    async fn copy(n: &u8) -> u8 {
        *n
    }

    // `spawn` would not take this future: "implementation of `FnOnce` is not general enough".
    #[gmp_macros::main(crate = crate::mock)]
    async fn stream() -> Vec<u8> {
        let numbers = [1, 2, 3];
        futures_util::stream::iter(numbers.iter())
            .map(|n| async move { copy(n).await })
            .buffered(2)
            .collect()
            .await
    }
    assert_eq!(stream(), [1, 2, 3]);

    struct Sometimes<'a>(&'a str, Rc<()>);
    #[allow(unsafe_code)]
    // SAFETY: none of these ever leaves its thread; the test is about lifetimes.
    unsafe impl Send for Sometimes<'static> {}

    #[gmp_macros::main(crate = crate::mock)]
    async fn held() -> usize {
        let text = String::from("text");
        let held = Sometimes(&text, Rc::default());
        yield_now().await;
        held.0.len() + Rc::strong_count(&held.1)
    }
    take_log();
    assert_eq!(held(), 5);
    assert!(take_log().contains("block_on"));
}

#[test]
fn return_types_of_all_kinds() {
    #[gmp_macros::main(crate = crate::mock)]
    async fn never() -> ! {
        yield_now().await;
        std::panic::panic_any(7u8)
    }
    let payload = std::panic::catch_unwind(|| never()).unwrap_err();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
    assert!(take_log().contains("spawned"));

    #[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
    async fn never_on_one_thread() -> ! {
        std::panic::panic_any(8u8)
    }
    assert!(std::panic::catch_unwind(|| never_on_one_thread()).is_err());

    #[gmp_macros::main(crate = crate::mock)]
    async fn opaque() -> impl std::process::Termination {
        std::process::ExitCode::SUCCESS
    }
    fn terminates(_: impl std::process::Termination) {}
    terminates(opaque());

    #[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
    async fn opaque_on_one_thread() -> impl Iterator<Item = u8> {
        [1, 2].into_iter()
    }
    assert_eq!(opaque_on_one_thread().sum::<u8>(), 3);

    #[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
    async fn coerced() -> Result<Box<dyn Fn() -> u8>, Box<dyn std::error::Error>> {
        if "1".parse::<u8>()? == 2 {
            return Err(Box::new(std::fmt::Error));
        }
        Ok(Box::new(|| 9))
    }
    assert_eq!(coerced().unwrap()(), 9);

    #[gmp_macros::main(crate = crate::mock)]
    async fn inferred() -> Vec<u8> {
        "1,2".split(',').map(|n| n.parse().unwrap()).collect()
    }
    assert_eq!(inferred(), [1, 2]);
}

#[test]
fn functions_that_are_not_main() {
    #[gmp_macros::main(crate = crate::mock)]
    async fn with_arguments(mut a: u8, (b, _): (u8, u8), text: &str) -> String {
        a += b;
        yield_now().await;
        format!("{text}{a}")
    }
    assert_eq!(with_arguments(1, (2, 0), "n"), "n3");
    assert!(take_log().contains("block_on"));

    #[gmp_macros::main(crate = crate::mock)]
    async fn generic<T>() -> T
    where
        T: Default + 'static,
    {
        T::default()
    }
    assert_eq!(generic::<u8>(), 0);

    #[gmp_macros::main(crate = crate::mock)]
    async fn borrows<'a>(a: &'a str, _: &str) -> &'a str {
        &a[1..]
    }
    assert_eq!(borrows("ab", ""), "b");

    struct Server<'a>(&'a str);
    impl<'a> Server<'a> {
        #[gmp_macros::main(crate = crate::mock)]
        async fn new() -> Self {
            Server("name")
        }

        #[gmp_macros::main(crate = crate::mock)]
        async fn name(&self) -> &'a str {
            yield_now().await;
            self.0
        }
    }
    assert_eq!(Server::new().name(), "name");

    #[gmp_macros::main(crate = crate::mock)]
    async unsafe fn careful() -> u8 {
        1
    }
    #[allow(unsafe_code)]
    // SAFETY: it asks for nothing.
    let one = unsafe { careful() };
    assert_eq!(one, 1);
}

#[test]
fn attributes_are_kept() {
    /// Text.
    #[gmp_macros::main(crate = crate::mock)]
    #[must_use]
    #[allow(clippy::mixed_attributes_style)]
    #[allow(non_snake_case)]
    pub(crate) async fn Odd() -> u8 {
        #![allow(unused_variables)]
        let unused = 1;
        2
    }
    assert_eq!(Odd(), 2);

    #[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
    async fn inner() -> u8 {
        #![allow(unused_variables)]
        let unused = 1;
        3
    }
    assert_eq!(inner(), 3);
}

#[test]
fn hygiene_of_the_body() {
    #[gmp_macros::main(crate = crate::mock)]
    async fn main() -> u8 {
        let (runtime, future, body) = (1, 2, 3);
        async fn helper() -> u8 {
            4
        }
        runtime + future + body + helper().await
    }
    assert_eq!(main(), 10);
}

#[test]
fn the_runtime_lives_as_long_as_the_body() {
    #[gmp_macros::main(crate = crate::mock)]
    async fn spawned() {
        log("body");
    }
    spawned();
    assert_eq!(take_log(), "multi_thread enable_all build spawned body drop");

    #[gmp_macros::main(crate = crate::mock)]
    async fn polled() -> Rc<()> {
        log("body");
        Rc::default()
    }
    polled();
    assert_eq!(take_log(), "multi_thread enable_all build block_on body drop");
}

#[gmp_macros::test(crate = crate::mock)]
async fn test_runs_on_one_thread() {
    assert_eq!(take_log(), "current_thread enable_all build block_on");
    let rc = Rc::new(());
    yield_now().await;
    drop(rc);
}

#[gmp_macros::test(crate = crate::mock, flavor = "multi_thread", worker_threads = 2)]
async fn test_with_two_threads() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(take_log(), "multi_thread worker_threads=2 enable_all build block_on");
    let _: u8 = "1".parse()?;
    Ok(())
}

#[gmp_macros::test_rt(crate = crate::mock, start_paused = true, name = "paused")]
async fn test_paused() {
    let expected = "current_thread start_paused=true name=paused enable_all build block_on";
    assert_eq!(take_log(), expected);
}

#[gmp_macros::test(crate = crate::mock, flavor = "local")]
async fn test_local() {
    assert_eq!(take_log(), "current_thread enable_all build_local block_on");
}

#[gmp_macros::test(crate = crate::mock)]
#[should_panic(expected = "as it should")]
async fn test_should_panic() {
    panic!("as it should");
}

#[gmp_macros::test(crate = crate::mock)]
#[ignore = "shows that `#[ignore]` is kept: it fails when it runs"]
async fn test_ignored() {
    panic!("not ignored");
}

#[gmp_macros::test(crate = crate::mock)]
async fn test_with_an_opaque_output() -> impl std::process::Termination {
    std::process::ExitCode::SUCCESS
}

macro_rules! through_a_macro {
    ($name:ident, $flavor:literal, $threads:expr) => {
        #[gmp_macros::main(crate = crate::mock, flavor = $flavor, worker_threads = $threads)]
        async fn $name() -> u8 {
            1
        }
    };
}

#[test]
fn arguments_through_a_macro() {
    through_a_macro!(three, "multi_thread", 3);
    assert_eq!(three(), 1);
    assert_eq!(take_log(), "multi_thread worker_threads=3 enable_all build spawned drop");
}
