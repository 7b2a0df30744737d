//! What the counters say.
// Handles are meant to leave the block.
#![allow(clippy::async_yields_async)]

mod support;

use std::time::Duration;

use support::*;

#[test]
fn num_workers() {
    assert_eq!(current().metrics().num_workers(), 1);
    assert_eq!(threaded(3).metrics().num_workers(), 3);
}

#[test]
fn num_alive_tasks() {
    for runtime in flavours() {
        let metrics = runtime.metrics();
        assert_eq!(metrics.num_alive_tasks(), 0);
        let tasks: Vec<_> = (0..10).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
        assert_eq!(metrics.num_alive_tasks(), 10);
        runtime.block_on(async {
            // From the root and from a task: different lists inside.
            let inner =
                gmp::spawn(async { gmp::spawn(std::future::pending::<()>()).abort_handle() });
            inner.await.unwrap().abort();
            for task in tasks {
                task.abort();
                task.await.unwrap_err();
            }
        });
        let deadline = std::time::Instant::now() + PATIENCE;
        while metrics.num_alive_tasks() != 0 {
            assert!(std::time::Instant::now() < deadline, "{metrics:?}");
            runtime.block_on(gmp::task::yield_now());
        }
    }
}

#[test]
fn blocking_closures_are_not_tasks() {
    let runtime = threaded(1);
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let closure = runtime.spawn_blocking(move || rx.recv().unwrap());
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    tx.send(()).unwrap();
    runtime.block_on(closure).unwrap();
}

#[test]
fn alive_tasks_after_the_end() {
    for runtime in flavours() {
        let metrics = runtime.metrics();
        for _ in 0..10 {
            runtime.spawn(std::future::pending::<()>());
        }
        drop(runtime);
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}

#[test]
fn global_queue_depth() {
    let runtime = current();
    let metrics = runtime.metrics();
    for n in 1..=5 {
        runtime.spawn(async {});
        assert_eq!(metrics.global_queue_depth(), n);
    }
    runtime.block_on(async {
        for _ in 0..10 {
            gmp::task::yield_now().await;
        }
    });
    assert_eq!(metrics.global_queue_depth(), 0);
}

#[test]
fn parks_are_counted() {
    let runtime = threaded(1);
    let metrics = runtime.metrics();
    let idle = || metrics.worker_park_unpark_count(0) % 2 == 1;
    eventually("idle at first", idle);
    let before = metrics.worker_park_count(0);
    for _ in 0..3 {
        runtime.block_on(runtime.spawn(async {})).unwrap();
        eventually("idle again", idle);
    }
    assert!(metrics.worker_park_count(0) >= before + 3);
}

#[test]
fn busy_time_grows_with_work() {
    let runtime = threaded(1);
    let metrics = runtime.metrics();
    let before = metrics.worker_total_busy_duration(0);
    let work = Duration::from_millis(20);
    runtime
        .block_on(runtime.spawn(async move {
            let start = std::time::Instant::now();
            while start.elapsed() < work {
                std::hint::spin_loop();
            }
        }))
        .unwrap();
    eventually("the work is in it", || metrics.worker_total_busy_duration(0) >= before + work);
}

#[test]
fn a_worker_that_does_not_exist_panics() {
    let metrics = threaded(2).metrics();
    let text = panic_text(|| metrics.worker_park_count(2));
    assert!(text.contains('2'), "{text}");
    panic_text(|| metrics.worker_park_unpark_count(usize::MAX));
    panic_text(|| metrics.worker_total_busy_duration(7));
}
