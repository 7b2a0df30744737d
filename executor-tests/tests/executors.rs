//! The contract of `gmp::executor` on gmp and on the peers behind it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

use gmp::executor::{DynExecutor, Executor, TaskHandle};
use gmp_executor_tests::smol::SmolRuntime;
use gmp_executor_tests::tokio::TokioExecutor;

/// Far above what a loaded machine needs; a hang fails instead of standing still.
const LIMIT: Duration = Duration::from_secs(30);

/// Counts its drops.
struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn outputs_come_back<E: Executor + Clone + 'static>(executor: &E) {
    let inner = executor.clone();
    let sum = executor.block_on(async move {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let executor = inner.clone();
                inner.spawn(async move {
                    executor.yield_now().await;
                    executor.spawn_blocking(move || n).await.expect("no panic")
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("no panic");
        }
        sum
    });
    assert_eq!(sum, 4950);
}

fn sleeps_are_not_early<E: Executor>(executor: &E) {
    let before = Instant::now();
    executor.block_on(executor.sleep(Duration::from_millis(20)));
    assert!(before.elapsed() >= Duration::from_millis(20));
}

fn panics_stay_in_their_task<E: Executor>(executor: &E) {
    let task = executor.spawn(async { std::panic::panic_any(7_u8) });
    let error: gmp::executor::TaskError =
        executor.block_on(task).map(|never: ()| never).expect_err("it panicked");
    assert!(error.is_panic());
    assert_eq!(error.try_into_panic().expect("a panic").downcast_ref(), Some(&7_u8));
    let task = executor.spawn_blocking(|| std::panic::panic_any(8_u8));
    let error = executor.block_on(task).map(|never: ()| never).expect_err("it panicked");
    assert_eq!(error.try_into_panic().expect("a panic").downcast_ref(), Some(&8_u8));
    assert_eq!(executor.block_on(executor.spawn(async { 1 })).expect("it goes on"), 1);
}

fn abort_drops_a_task_that_waits<E: Executor>(executor: &E) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Guard(dropped.clone());
    let (started, has_started) = mpsc::channel();
    let task = executor.spawn(async move {
        let _guard = guard;
        started.send(()).expect("the test waits");
        std::future::pending::<()>().await
    });
    has_started.recv_timeout(LIMIT).expect("it starts");
    assert!(!task.is_finished());
    task.abort();
    let error = executor.block_on(task).expect_err("it was aborted");
    assert!(error.is_cancelled());
    assert_eq!(dropped.load(SeqCst), 1, "dropped before the handle said so, and once");
}

fn abort_leaves_a_finished_task_alone<E: Executor>(executor: &E) {
    let task = executor.spawn(async { 5 });
    let begun = Instant::now();
    while !task.is_finished() {
        assert!(begun.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(1));
    }
    task.abort();
    assert_eq!(executor.block_on(task).expect("it was over"), 5);
}

fn dropped_handles_let_go<E: Executor>(executor: &E) {
    let (sender, receiver) = mpsc::channel();
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Guard(dropped.clone());
    let sleep = executor.sleep(Duration::from_millis(10));
    executor
        .spawn(async move {
            sleep.await;
            sender.send(()).expect("the test waits");
            guard
        })
        .detach();
    receiver.recv_timeout(LIMIT).expect("it goes on");
    let begun = Instant::now();
    while dropped.load(SeqCst) == 0 {
        assert!(begun.elapsed() < LIMIT, "nobody dropped the output");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn keeps_the_contract<E: Executor + Clone + 'static>(executor: &E) {
    outputs_come_back(executor);
    sleeps_are_not_early(executor);
    panics_stay_in_their_task(executor);
    abort_drops_a_task_that_waits(executor);
    abort_leaves_a_finished_task_alone(executor);
    dropped_handles_let_go(executor);
}

fn after_shutdown_all_is_cancelled<E: Executor>(executor: &E, block_on: impl Executor) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (future, closure) = (Guard(dropped.clone()), Guard(dropped.clone()));
    let task = executor.spawn(async move { drop(future) });
    assert!(block_on.block_on(task).expect_err("nobody runs it").is_cancelled());
    let task = executor.spawn_blocking(move || drop(closure));
    assert!(block_on.block_on(task).expect_err("nobody runs it").is_cancelled());
    assert_eq!(dropped.load(SeqCst), 2);
}

#[test]
fn gmp_keeps_the_contract() {
    let runtime = gmp::runtime::Runtime::new().expect("a runtime");
    let executor = runtime.handle().clone();
    keeps_the_contract(&executor);
    let any: Arc<dyn DynExecutor> = Arc::new(executor.clone());
    keeps_the_contract(&any);
    drop(runtime);
    let other = gmp::runtime::Runtime::new().expect("a runtime");
    after_shutdown_all_is_cancelled(&executor, &other);
    after_shutdown_all_is_cancelled(&any, &other);
}

#[test]
fn tokio_keeps_the_contract() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let executor = TokioExecutor::new(runtime.handle().clone());
    keeps_the_contract(&executor);
    drop(runtime);
    let other = gmp::runtime::Runtime::new().expect("a runtime");
    after_shutdown_all_is_cancelled(&executor, &other);
}

#[test]
fn smol_keeps_the_contract() {
    let runtime = SmolRuntime::new(2);
    let executor = runtime.executor();
    keeps_the_contract(&executor);
    let waits = executor.spawn(std::future::pending::<()>());
    drop(runtime);
    let other = gmp::runtime::Runtime::new().expect("a runtime");
    assert!(other.block_on(waits).expect_err("nobody runs it").is_cancelled());
    after_shutdown_all_is_cancelled(&executor, &other);
}
