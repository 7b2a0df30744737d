//! Panics on their way through the runtime, and where they are said to come from.

mod support;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

use gmp::runtime::Builder;
use support::*;

/// Where the panic of a closure claims to come from.
fn location_of(f: impl FnOnce()) -> String {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let me = std::thread::current().id();
    let at = Arc::new(Mutex::new(None));
    let before = std::panic::take_hook();
    std::panic::set_hook({
        let at = at.clone();
        Box::new(move |info| {
            if std::thread::current().id() == me {
                *at.lock().unwrap() = info.location().map(|at| at.file().to_owned());
            }
        })
    });
    let result = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(before);
    assert!(result.is_err(), "there was no panic");
    let at = at.lock().unwrap().take();
    at.expect("a location")
}

#[test]
fn panics_that_blame_the_caller_name_the_callers_file() {
    let check = |what: &str, f: &mut dyn FnMut()| {
        let at = location_of(&mut *f);
        assert!(at.ends_with("rt_panic.rs"), "{what}: {at}");
    };
    let runtime = current();
    check("spawn", &mut || drop(gmp::spawn(async {})));
    check("spawn_blocking", &mut || drop(gmp::task::spawn_blocking(|| ())));
    check("Handle::current", &mut || drop(gmp::runtime::Handle::current()));
    check("task::id", &mut || {
        gmp::task::id();
    });
    check("sleep", &mut || drop(gmp::time::sleep(std::time::Duration::ZERO)));
    check("worker_threads", &mut || {
        Builder::new_multi_thread().worker_threads(0);
    });
    check("max_blocking_threads", &mut || {
        Builder::new_multi_thread().max_blocking_threads(0);
    });
    check("nested block_on", &mut || {
        runtime.block_on(async { runtime.handle().block_on(async {}) });
    });
    check("block_in_place", &mut || {
        runtime.block_on(async { gmp::task::block_in_place(|| ()) });
    });
    check("into_panic", &mut || {
        let task = runtime.spawn(std::future::pending::<()>());
        task.abort();
        drop(runtime.block_on(task).unwrap_err().into_panic());
    });
}

#[test]
fn p_in_block_on() {
    for runtime in flavours() {
        let drops = Drops::default();
        for _ in 0..3 {
            let guard = drops.guard();
            let text = panic_text(|| {
                runtime.block_on(async {
                    let _guard = guard;
                    gmp::spawn(async { gmp::task::yield_now().await });
                    gmp::task::yield_now().await;
                    panic!("through block_on");
                })
            });
            assert_eq!(text, "through block_on");
            assert!(gmp::runtime::Handle::try_current().is_err(), "the thread has left it");
            assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
        }
        assert_eq!(drops.count(), 3);
    }
}

#[test]
fn a_panic_under_a_guard_leaves_the_runtime() {
    let runtime = current();
    panic_text(|| {
        let _guard = runtime.enter();
        panic!("under a guard");
    });
    assert!(gmp::runtime::Handle::try_current().is_err());
}

#[test]
fn a_runtime_dropped_by_a_panic() {
    for runtime in flavours() {
        let drops = Drops::default();
        let guard = drops.guard();
        let text = panic_text(move || {
            runtime.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            let _runtime = runtime;
            panic!("with a runtime on the stack");
        });
        assert_eq!(text, "with a runtime on the stack");
        assert_eq!(drops.count(), 1);
    }
}

#[test]
fn a_panic_in_block_in_place_is_the_tasks() {
    let runtime = threaded(2);
    for _ in 0..10 {
        let task = runtime.spawn(async { gmp::task::block_in_place(|| panic!("in place")) });
        let error = runtime.block_on(task).unwrap_err();
        assert_eq!(text_of(&*error.into_panic()), "in place");
    }
    let text = panic_text(|| {
        runtime.block_on(async { gmp::task::block_in_place(|| panic!("in the root")) })
    });
    assert_eq!(text, "in the root");
    assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
}

/// With `panic = "abort"` a panic in a task ends the process by a signal; the test profile unwinds, so
/// what is shown here is that nothing of ours catches an abort either.
#[cfg(unix)]
#[test]
fn p_abort_in_a_task_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    let Some(output) = in_child("p_abort_in_a_task_ends_the_process", "ulimit -c 0", &[]) else {
        let runtime = threaded(2);
        let _never: () =
            runtime.block_on(async { gmp::spawn(async { std::process::abort() }).await.unwrap() });
        return;
    };
    assert!(output.status.signal().is_some(), "{}", text_of_child(&output));
}
