//! Handles: entering, leaving, and outliving the runtime.
// Handles are meant to leave the block.
#![allow(clippy::async_yields_async)]

mod support;

use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use gmp::runtime::{is_rt_shutdown_err, Handle};
use support::*;

#[test]
fn guards_nest() {
    let (one, two) = (current(), threaded(1));
    assert!(Handle::try_current().is_err());
    let outer = one.enter();
    assert_eq!(Handle::current().id(), one.handle().id());
    {
        let _inner = two.enter();
        assert_eq!(Handle::current().id(), two.handle().id());
    }
    assert_eq!(Handle::current().id(), one.handle().id());
    drop(outer);
    assert!(Handle::try_current().is_err());
}

#[test]
fn guards_out_of_order_panic() {
    let (one, two) = (current(), current());
    // On a thread of its own: its context is wrong afterwards.
    thread::spawn(move || {
        let outer = one.enter();
        let _inner = two.enter();
        assert_eq!(
            panic_text(AssertUnwindSafe(|| drop(outer)).0),
            "`EnterGuard` values dropped out of order. Guards returned by \
             `tokio::runtime::Handle::enter()` must be dropped in the reverse order as they were \
             acquired."
        );
        std::mem::forget(_inner);
    })
    .join()
    .unwrap();
}

#[test]
fn guards_out_of_order_while_unwinding_do_not_abort() {
    let (one, two) = (current(), current());
    thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let outer = one.enter();
            let inner = two.enter();
            // Fields drop in order: the outer one first.
            let _both = (outer, inner);
            std::panic::resume_unwind(Box::new("first"));
        }));
        assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "first");
    })
    .join()
    .unwrap();
}

#[test]
fn a_guard_makes_spawn_work_and_leaves_blocking_allowed() {
    let runtime = threaded(1);
    let _guard = runtime.enter();
    let task = gmp::spawn(async { 5 });
    assert_eq!(runtime.block_on(task).unwrap(), 5);
    assert_eq!(gmp::task::block_in_place(|| 6), 6);
}

#[test]
fn block_on_of_one_runtime_under_the_guard_of_another() {
    let (one, two) = (threaded(1), current());
    let _guard = one.enter();
    two.block_on(async {
        assert_eq!(Handle::current().id(), two.handle().id());
    });
    assert_eq!(Handle::current().id(), one.handle().id());
}

#[test]
fn a_task_is_inside_of_its_own_runtime() {
    let (one, two) = (threaded(1), threaded(1));
    let id = two.handle().id();
    let there = one.block_on(async { two.spawn(async { Handle::current().id() }).await.unwrap() });
    assert_eq!(there, id);
}

#[test]
fn after_the_end_spawns_are_cancelled() {
    for runtime in flavours() {
        let handle = runtime.handle().clone();
        let drops = Drops::default();
        drop(runtime);
        let guard = drops.guard();
        let task = handle.spawn(async move { drop(guard) });
        assert_eq!(drops.count(), 1, "the future is dropped at once");
        assert!(handle.block_on(task).unwrap_err().is_cancelled());
        let guard = drops.guard();
        let closure = handle.spawn_blocking(move || drop(guard));
        assert_eq!(drops.count(), 2, "the closure too");
        assert!(handle.block_on(closure).unwrap_err().is_cancelled());
        // Plain futures run.
        assert_eq!(handle.block_on(async { 1 }), 1);
        let _guard = handle.enter();
        assert!(gmp::spawn(async {}).is_finished());
    }
}

#[test]
fn after_the_end_timers_panic_when_polled() {
    for runtime in flavours() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let _guard = handle.enter();
        let sleep = gmp::time::sleep(Duration::from_secs(1));
        assert_eq!(
            panic_text(|| poll_once(sleep)),
            "A Tokio 1.x context was found, but it is being shutdown."
        );
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn i_shutdown_pending() {
    use gmp::io::AsyncReadExt;
    use gmp::net::{TcpListener, TcpStream};
    for runtime in flavours() {
        let (mut stream, listener) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (stream, listener)
        });
        let handle = runtime.handle().clone();
        // A thread that waits, in another executor, while the runtime goes.
        let waiting = thread::spawn(move || {
            smol::block_on(async move {
                let result = stream.read(&mut [0; 1]).await;
                (stream, result)
            })
        });
        thread::sleep(Duration::from_millis(20));
        drop(runtime);
        let (mut stream, result) = within_patience(|| waiting.join().unwrap());
        assert!(is_rt_shutdown_err(&result.unwrap_err()));
        // Whoever comes later gets the same.
        let error = smol::block_on(stream.read(&mut [0; 1])).unwrap_err();
        assert!(is_rt_shutdown_err(&error));
        assert!(is_rt_shutdown_err(&smol::block_on(listener.accept()).unwrap_err()));
        let error = handle.block_on(async { TcpListener::bind("127.0.0.1:0").await }).unwrap_err();
        assert!(is_rt_shutdown_err(&error));
        drop((stream, listener));
    }
}

#[test]
fn handles_from_many_threads_while_the_runtime_goes() {
    for runtime in flavours() {
        let drops = Drops::default();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (handle, drops) = (runtime.handle().clone(), drops.clone());
                thread::spawn(move || {
                    for _ in 0..500 {
                        let guard = drops.guard();
                        handle.spawn(async move {
                            gmp::task::yield_now().await;
                            drop(guard);
                        });
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(1));
        drop(runtime);
        for thread in threads {
            thread.join().unwrap();
        }
        eventually("each future dropped once", || drops.count() == 2000);
    }
}

#[test]
fn ids_differ_and_print() {
    let (one, two) = (current(), current());
    assert_ne!(one.handle().id(), two.handle().id());
    assert_ne!(one.handle().id().to_string(), two.handle().id().to_string());
    assert_eq!(one.handle().name(), None);
}
