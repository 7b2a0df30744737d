//! Aborting: in each state of a task, from everywhere.

mod support;

use std::future::{pending, poll_fn};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use support::*;

#[test]
fn t_abort_waiting() {
    for runtime in flavours() {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        runtime.block_on(async {
            gmp::task::yield_now().await;
            let handle = task.abort_handle();
            assert_eq!(handle.id(), task.id());
            task.abort();
            let id = task.id();
            let error = task.await.unwrap_err();
            assert!(error.is_cancelled() && !error.is_panic());
            assert_eq!(error.id(), id);
            assert_eq!(error.to_string(), format!("task {id} was cancelled"));
            assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({id:?})"));
            assert!(handle.is_finished());
            handle.abort();
        });
        assert_eq!(drops.count(), 1);
    }
}

#[test]
fn t_abort_queued() {
    // Never polled.
    let runtime = current();
    let drops = Drops::default();
    let guard = drops.guard();
    let task = runtime.spawn(async move {
        let _guard = guard;
        unreachable!("aborted before its first poll");
    });
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(drops.count(), 1);
}

#[test]
fn t_abort_running() {
    // The poll that runs ends by itself; then the future is dropped.
    let runtime = threaded(2);
    let (inside, is_inside) = channel();
    let (go_on, goes_on) = channel::<()>();
    let drops = Drops::default();
    let guard = drops.guard();
    let task = runtime.spawn(async move {
        let _guard = guard;
        inside.send(()).unwrap();
        goes_on.recv().unwrap();
        gmp::task::yield_now().await;
        unreachable!("aborted in its first poll");
    });
    is_inside.recv().unwrap();
    task.abort();
    assert!(!task.is_finished());
    assert_eq!(drops.count(), 0);
    go_on.send(()).unwrap();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(drops.count(), 1);
}

#[test]
fn t_abort_running_that_completes() {
    let runtime = threaded(2);
    let (inside, is_inside) = channel();
    let (go_on, goes_on) = channel::<()>();
    let task = runtime.spawn(async move {
        inside.send(()).unwrap();
        goes_on.recv().unwrap();
        5
    });
    is_inside.recv().unwrap();
    task.abort();
    go_on.send(()).unwrap();
    // It made it: its output is not thrown away.
    assert_eq!(runtime.block_on(task).unwrap(), 5);
}

#[test]
fn t_abort_itself() {
    for runtime in flavours() {
        let (tx, rx) = gmp::sync::oneshot::channel::<gmp::task::AbortHandle>();
        let task = runtime.spawn(async move {
            rx.await.unwrap().abort();
            // The poll goes on to its end.
            gmp::task::yield_now().await;
            unreachable!("it has aborted itself");
        });
        tx.send(task.abort_handle()).unwrap();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn t_abort_then_drop_handle() {
    for runtime in flavours() {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task.abort();
        drop(task);
        runtime.block_on(async {
            let start = std::time::Instant::now();
            while drops.count() == 0 {
                assert!(start.elapsed() < PATIENCE);
                gmp::task::yield_now().await;
            }
        });
    }
}

#[test]
fn a_waiter_learns_of_the_abort() {
    for runtime in flavours() {
        let task = runtime.spawn(pending::<()>());
        let abort = task.abort_handle();
        let waiter = runtime.spawn(async move { task.await.unwrap_err().is_cancelled() });
        let aborter = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            abort.abort();
        });
        assert!(runtime.block_on(waiter).unwrap());
        aborter.join().unwrap();
    }
}

#[test]
fn a_panic_in_the_drop_of_an_aborted_future_is_its_result() {
    for runtime in flavours() {
        let task = runtime.spawn(async {
            let _bomb = PanicOnDrop;
            pending::<()>().await;
        });
        runtime.block_on(async {
            for _ in 0..3 {
                gmp::task::yield_now().await;
            }
        });
        // Polled at least once on current_thread; elsewhere it may not have been.
        let finished_unpolled = {
            task.abort();
            runtime.block_on(task).unwrap_err()
        };
        if let Ok(payload) = finished_unpolled.try_into_panic() {
            assert_eq!(text_of(&*payload), "panic in a drop");
        }
        assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
    }
}

#[test]
fn an_abort_in_the_middle_of_wakes() {
    // A future that is woken all the time, and never more than by one poll at a time.
    let runtime = threaded(4);
    for _ in 0..200 {
        let task = runtime.spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let abort = task.abort_handle();
        let aborter = thread::spawn(move || abort.abort());
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        aborter.join().unwrap();
    }
}

#[test]
fn closures_can_be_aborted_only_before_they_start() {
    let runtime = gmp::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (inside, is_inside) = channel();
    let (go_on, goes_on) = channel::<()>();
    let first = runtime.spawn_blocking(move || {
        inside.send(()).unwrap();
        goes_on.recv().unwrap();
        1
    });
    is_inside.recv().unwrap();
    let drops = Drops::default();
    let guard = drops.guard();
    let second = runtime.spawn_blocking(move || {
        let _guard = guard;
        unreachable!("aborted in the queue")
    });
    first.abort();
    second.abort();
    go_on.send(()).unwrap();
    assert_eq!(runtime.block_on(first).unwrap(), 1);
    let second: Result<(), _> = runtime.block_on(second);
    assert!(second.unwrap_err().is_cancelled());
    assert_eq!(drops.count(), 1);
}
