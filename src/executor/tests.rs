use super::*;
use crate::runtime::Runtime;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

/// Everything that the trait has, once; each kind of executor below must answer the same.
fn uses_all_of_it<E: Executor + Clone + 'static>(executor: E) {
    let inner = executor.clone();
    let answer = executor.block_on(async move {
        let spawner = inner.clone();
        let nested = inner.spawn(async move { spawner.spawn(async { 20 }).await });
        let blocking = inner.spawn_blocking(|| 22);
        inner.yield_now().await;
        let before = Instant::now();
        inner.sleep(Duration::from_millis(5)).await;
        assert!(before.elapsed() >= Duration::from_millis(5));
        nested.await.expect("no panic").expect("no panic") + blocking.await.expect("no panic")
    });
    assert_eq!(answer, 42);
}

#[test]
fn handle_reference_and_dyn_are_executors() {
    let runtime = Runtime::new().expect("a runtime");
    uses_all_of_it(runtime.handle().clone());
    let shared: Arc<dyn DynExecutor> = Arc::new(runtime.handle().clone());
    uses_all_of_it(shared);
    static FOR_EVER: std::sync::OnceLock<Runtime> = std::sync::OnceLock::new();
    let borrowed: &'static Runtime = FOR_EVER.get_or_init(|| runtime);
    uses_all_of_it(borrowed);
}

/// The ways in which a task ends without an output.
fn fails_as_it_should<E: Executor>(executor: &E) {
    let number = executor.block_on(async { 1 }); // not a constant: the payload shall be a `String`
    let panicked = executor.block_on(executor.spawn(async move { panic!("boom {number}") }));
    let error: TaskError = Result::<(), _>::expect_err(panicked, "it panicked");
    assert!(error.is_panic() && !error.is_cancelled());
    assert_eq!(error.to_string(), "the task panicked with message \"boom 1\"");
    assert_eq!(format!("{error:?}"), "TaskError::Panicked(\"boom 1\", ..)");
    let payload = error.try_into_panic().expect("a panic");
    assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("boom 1"));

    let blocking = executor.block_on(executor.spawn_blocking(|| panic!("static")));
    let error: TaskError = Result::<(), _>::expect_err(blocking, "it panicked");
    assert_eq!(error.to_string(), "the task panicked with message \"static\"");

    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = SetOnDrop(dropped.clone());
    let waits = executor.spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await
    });
    assert!(!waits.is_finished());
    waits.abort();
    let error = executor.block_on(waits).expect_err("it was aborted");
    assert!(error.is_cancelled() && !error.is_panic());
    assert_eq!(error.to_string(), "the task was cancelled");
    assert!(dropped.load(SeqCst), "a cancelled task has been dropped");
    assert!(error.try_into_panic().is_err());
}

#[test]
fn failures_reach_the_handle() {
    let runtime = Runtime::new().expect("a runtime");
    fails_as_it_should(&runtime);
    fails_as_it_should(runtime.handle());
    let erased: &dyn DynExecutor = &runtime;
    fails_as_it_should(&erased);
}

#[test]
fn detached_tasks_go_on() {
    let runtime = Runtime::new().expect("a runtime");
    let (sender, receiver) = std::sync::mpsc::channel();
    let erased: Arc<dyn DynExecutor> = Arc::new(runtime.handle().clone());
    for detach in [true, false] {
        let sender = sender.clone();
        let task = erased.spawn(async move { sender.send(detach).expect("the test waits") });
        if detach {
            task.detach();
        } else {
            drop(task);
        }
        assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(detach));
    }
}

#[test]
fn spawn_obj_runs_until_shutdown() {
    use futures_task::Spawn;
    let runtime = Runtime::new().expect("a runtime");
    let handle = runtime.handle().clone();
    let (sender, receiver) = std::sync::mpsc::channel();
    let ours = sender.clone();
    let job = Box::pin(async move { ours.send(1).expect("the test waits") });
    let by_reference = &runtime;
    by_reference.spawn_obj(job.into()).expect("it is running");
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(1));
    assert!(Spawn::status(&handle).is_ok());
    drop(runtime);
    assert!(Spawn::status(&handle).is_err());
    let job = Box::pin(async move { sender.send(2).expect("nobody runs this") });
    assert!(handle.spawn_obj(job.into()).is_err());
    assert!(receiver.recv().is_err(), "the future was dropped, its sender with it");
}

#[test]
fn errors_and_tasks_can_cross_threads() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<TaskError>();
    check::<Task<u8>>();
    fn send<T: Send + Unpin>() {}
    send::<DynTask<u8>>();
}
