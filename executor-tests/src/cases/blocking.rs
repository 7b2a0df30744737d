//! `spawn_blocking`: closures that block, beside tasks that do not.

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{block_on, Drops, Gate, Harness, Kit, Wait};

/// What a closure answers is what its handle ends with.
pub fn output_comes_back<H: Harness>(kit: Kit<H>) {
    let here = thread::current().id();
    let task = kit.executor().spawn_blocking(move || (thread::current().id() != here, 4));
    assert_eq!(kit.block_on(task).expect("it ends"), (true, 4));
}

/// A closure that blocks holds up no task, on however few workers.
pub fn holds_up_no_task<H: Harness>(kit: Kit<H>) {
    let wait = Wait::new();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let wait = wait.clone();
            kit.executor().spawn_blocking(move || wait.until(1))
        })
        .collect();
    for _ in 0..20 {
        kit.still_works();
    }
    assert!(tasks.iter().all(|task| !task.is_finished()));
    wait.arrive();
    kit.block_on(async {
        for task in tasks {
            task.await.expect("it ends");
        }
    });
}

/// Several block at the same time.
pub fn beside_each_other<H: Harness>(kit: Kit<H>) {
    let wait = Wait::new();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let wait = wait.clone();
            kit.executor().spawn_blocking(move || wait.meet(8))
        })
        .collect();
    kit.block_on(async {
        for task in tasks {
            task.await.expect("they meet");
        }
    });
}

/// More than any pool has threads: all run in the end.
pub fn many<H: Harness>(kit: Kit<H>) {
    let ran = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..2000)
        .map(|_| {
            let ran = ran.clone();
            kit.executor().spawn_blocking(move || ran.fetch_add(1, SeqCst))
        })
        .collect();
    kit.block_on(async {
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    assert_eq!(ran.load(SeqCst), 2000);
}

/// A panic is the closure's result; its thread, or another, runs the next one.
pub fn panics<H: Harness>(kit: Kit<H>) {
    for n in 0..20_u8 {
        let task = kit.executor().spawn_blocking(move || panic_any(n));
        let error = kit.block_on(task).map(|never: ()| never).expect_err("it panicked");
        assert_eq!(error.try_into_panic().expect("a panic").downcast_ref(), Some(&n));
    }
    output_comes_back(kit);
}

/// From a closure: spawn a task, and block on it.
pub fn spawns_and_blocks_on<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let task = kit.executor().spawn_blocking(move || {
        let inner = executor.clone();
        let task = executor.spawn(async move {
            inner.yield_now().await;
            inner.spawn_blocking(|| 6).await.expect("it ends")
        });
        executor.block_on(task).expect("it ends")
    });
    assert_eq!(kit.block_on(task).expect("it ends"), 6);
}

/// A closure that has started cannot be aborted.
pub fn abort_after_the_start<H: Harness>(kit: Kit<H>) {
    let (started, go_on) = (Wait::new(), Wait::new());
    let (drops, ran) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
    let task = kit.executor().spawn_blocking({
        let (started, go_on, guard, ran) =
            (started.clone(), go_on.clone(), drops.guard(), ran.clone());
        move || {
            let _guard = guard;
            started.arrive();
            go_on.until(1);
            ran.fetch_add(1, SeqCst);
        }
    });
    started.until(1);
    task.abort();
    assert_eq!(drops.count(), 0);
    go_on.arrive();
    let _output_or_cancelled = kit.block_on(task);
    kit.until("over", || drops.count() == 1);
    assert_eq!(ran.load(SeqCst), 1, "it was cut off");
}

/// Handles may go first.
pub fn without_a_handle<H: Harness>(kit: Kit<H>) {
    let drops = Drops::default();
    for _ in 0..20 {
        let guard = drops.guard();
        kit.executor().spawn_blocking(move || guard).detach();
    }
    kit.until("all ran", || drops.count() == 20);
}

/// From threads that the executor does not know, and from its tasks.
pub fn from_anywhere<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let thread = thread::spawn(move || block_on(executor.spawn_blocking(|| 1)).expect("it ends"));
    kit.until("came back", || thread.is_finished());
    assert_eq!(thread.join().expect("no panic"), 1);
    let executor = kit.executor().clone();
    let task = kit.spawn(async move { executor.spawn_blocking(|| 2).await.expect("it ends") });
    assert_eq!(kit.block_on(task).expect("it ends"), 2);
}

/// A closure wakes a task, as any thread may.
pub fn wakes_a_task<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    let opens = gate.clone();
    kit.executor()
        .spawn_blocking(move || {
            while opens.polls() == 0 {
                thread::sleep(Duration::from_micros(100));
            }
            opens.open();
        })
        .detach();
    kit.block_on(task).expect("it ends");
}
