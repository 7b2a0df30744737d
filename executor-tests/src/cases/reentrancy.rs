//! Executors inside of executors, and calls from odd places.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{block_on, Drops, Gate, Harness, Kit};

/// A `block_on` that knows no executor, inside of a task: with work that needs no other task.
pub fn m_foreign_block_on<H: Harness>(kit: Kit<H>) {
    let task = kit.spawn(async {
        let mut left = 1000;
        block_on(poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        1
    });
    assert_eq!(kit.block_on(task).expect("it ends"), 1);
}

/// The executor's own `block_on` inside of one of its tasks: it works, or it panics; it does no harm.
pub fn m_nested_block_on<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let task = kit.spawn(async move { executor.block_on(async { 5 }) });
    match kit.block_on(task) {
        Ok(output) => assert_eq!(output, 5),
        Err(error) => assert!(error.is_panic()),
    }
    kit.still_works();
}

/// The same inside of a `block_on`.
pub fn block_on_in_block_on<H: Harness>(kit: Kit<H>) {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        kit.block_on(async { kit.executor().block_on(async { 5 }) })
    }));
    if let Ok(output) = caught {
        assert_eq!(output, 5);
    }
    kit.still_works();
}

/// The task of one executor waits for the task of another, which waits for one of the first.
pub fn two_executors_wait_for_each_other<H: Harness>(kit: Kit<H>) {
    let other = gmp::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let other = other.expect("a runtime");
    let (here, there) = (kit.executor().clone(), other.handle().clone());
    let task = kit.spawn(async move {
        let middle = gmp::executor::Executor::spawn(&there, async move {
            here.spawn(async { 3 }).await.expect("it ends") + 1
        });
        middle.await.expect("it ends") + 1
    });
    assert_eq!(kit.block_on(task).expect("it ends"), 5);
}

/// Spawn and wake from the drop of a thread-local value.
pub fn m_tls_destructors<H: Harness>(kit: Kit<H>) {
    type Parting = Box<dyn FnOnce()>;
    struct AtExit(RefCell<Vec<Parting>>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            for parting in self.0.borrow_mut().drain(..) {
                parting();
            }
        }
    }
    thread_local! {
        static AT_EXIT: AtExit = const { AtExit(RefCell::new(Vec::new())) };
    }
    let (gate, ran) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let waits = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() > 0);
    let handle = kit.spawn(std::future::pending::<()>());
    let thread = thread::spawn({
        let (executor, opens, ran) = (kit.executor().clone(), gate.clone(), ran.clone());
        move || {
            let parting = move || {
                executor.spawn(async move { ran.fetch_add(1, SeqCst) }).detach();
                opens.open();
                drop((handle, executor));
            };
            AT_EXIT.with(|all| all.0.borrow_mut().push(Box::new(parting)));
        }
    });
    thread.join().expect("no panic");
    kit.block_on(waits).expect("it ends");
    kit.until("ran", || ran.load(SeqCst) == 1);
}

/// The last clone of the executor's handle goes inside of one of its tasks.
pub fn handles_inside_of_tasks<H: Harness>(mut kit: Kit<H>) {
    let (drops, gate) = (Drops::default(), Gate::new());
    for _ in 0..10 {
        let (executor, guard, pass) = (kit.executor().clone(), drops.guard(), gate.pass());
        drop(kit.spawn(async move {
            let _both = (guard, executor);
            pass.await;
        }));
    }
    kit.until("all polled", || gate.polls() == 10);
    kit.stop();
    assert_eq!(drops.count(), 10);
    drop(kit);
}

/// Behind `dyn`, in a box, and by reference: the same executor.
pub fn behind_pointers<H: Harness>(kit: Kit<H>) {
    let any: Arc<dyn gmp::executor::DynExecutor> = Arc::new(kit.executor().clone());
    let task = any.spawn(async { 1 });
    assert_eq!(kit.block_on(task).expect("it ends"), 1);
    let task = Box::new(kit.executor().clone()).spawn(async { 2 });
    assert_eq!(kit.block_on(task).expect("it ends"), 2);
    let task = any.spawn(std::future::pending::<()>());
    task.abort();
    assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
}
