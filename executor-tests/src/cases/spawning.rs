//! Spawning, and getting outputs back.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{block_on, Count, Drops, Gate, Harness, Kit};

/// What a future ends with is what its handle ends with.
pub fn output_comes_back<H: Harness>(kit: Kit<H>) {
    let task = kit.spawn(async { String::from("out") });
    assert_eq!(kit.block_on(task).expect("it ends"), "out");
}

/// `spawn` polls nothing: not where it is called, not before it returns on this thread.
pub fn never_polled_inside_spawn<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let task = kit.spawn(async move {
        let inside = Arc::new(AtomicBool::new(true));
        let here = thread::current().id();
        let task = executor.spawn({
            let inside = inside.clone();
            async move { !(inside.load(SeqCst) && thread::current().id() == here) }
        });
        inside.store(false, SeqCst);
        task.await.expect("it ends")
    });
    assert!(kit.block_on(task).expect("it ends"), "polled on the stack of spawn");
}

/// A task whose handle was dropped at once runs all the same.
pub fn t_handle_dropped<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    drop(kit.spawn(gate.pass()));
    kit.until("polled", || gate.polls() > 0);
    gate.open();
    kit.until("dropped", || gate.drops().count() == 1);
}

/// So does one whose handle was forgotten; its output stays in it, and that is all.
pub fn t_handle_forgotten<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    std::mem::forget(kit.spawn(gate.pass()));
    gate.open();
    kit.until("dropped", || gate.drops().count() == 1);
    kit.still_works();
}

/// From inside of a task.
pub fn from_a_task<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let task = kit.spawn(async move { executor.spawn(async { 3 }).await.expect("it ends") });
    assert_eq!(kit.block_on(task).expect("it ends"), 3);
}

/// From threads that the executor has never seen, while it sleeps.
pub fn from_foreign_threads<H: Harness>(kit: Kit<H>) {
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (executor, done) = (kit.executor().clone(), done.clone());
            thread::spawn(move || {
                for _ in 0..50 {
                    let done = done.clone();
                    executor.spawn(async move { done.fetch_add(1, SeqCst) }).detach();
                }
            })
        })
        .collect();
    kit.until("all ran", || done.load(SeqCst) == 200);
    for thread in threads {
        thread.join().expect("it only spawns");
    }
}

/// Before anybody drives the executor.
pub fn before_block_on<H: Harness>(kit: Kit<H>) {
    let tasks: Vec<_> = (0..100).map(|n| kit.spawn(ready(n))).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(kit.block_on(task).expect("it ends"), n);
    }
}

/// Ten thousand at once, each to its own handle.
pub fn many<H: Harness>(kit: Kit<H>) {
    let tasks: Vec<_> = (0..10_000_u64).map(|n| kit.spawn(async move { n * n })).collect();
    kit.block_on(async {
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.expect("it ends"), (n * n) as u64);
        }
    });
}

/// Each task spawns the next one and goes: no stack grows.
pub fn a_long_chain<H: Harness>(kit: Kit<H>) {
    fn link<E: Executor + Clone + 'static>(executor: E, left: u32, end: Gate) {
        let next = executor.clone();
        executor
            .spawn(async move {
                match left {
                    0 => end.open(),
                    _ => link(next, left - 1, end),
                }
            })
            .detach();
    }
    let end = Gate::new();
    link(kit.executor().clone(), 20_000, end.clone());
    kit.block_on(end.pass());
}

/// A tree of tasks that wait for their children.
pub fn a_tree<H: Harness>(kit: Kit<H>) {
    fn node<E: Executor + Clone + 'static>(executor: E, depth: u32) -> E::Handle<u64> {
        let inner = executor.clone();
        executor.spawn(async move {
            if depth == 0 {
                return 1;
            }
            let children: Vec<_> = (0..3).map(|_| node(inner.clone(), depth - 1)).collect();
            let mut sum = 1;
            for child in children {
                sum += child.await.expect("it ends");
            }
            sum
        })
    }
    let root = node(kit.executor().clone(), 6);
    assert_eq!(kit.block_on(root).expect("it ends"), (3_u64.pow(7) - 1) / 2);
}

/// Futures of no size, of much, and with a large alignment.
pub fn odd_sizes<H: Harness>(kit: Kit<H>) {
    #[repr(align(256))]
    struct Aligned([u8; 3]);
    kit.block_on(kit.spawn(ready(()))).expect("it ends");
    let aligned = Aligned([1, 2, 3]);
    let executor = kit.executor().clone();
    let task = kit.spawn(async move {
        executor.yield_now().await;
        let here: *const Aligned = &aligned;
        assert!(here.is_aligned(), "the future is not where its alignment asks");
        aligned
    });
    let aligned = kit.block_on(task).expect("it ends");
    assert_eq!(aligned.0, [1, 2, 3]);
    let large = [7_u8; 16_000];
    let executor = kit.executor().clone();
    let task = kit.spawn(async move {
        executor.yield_now().await;
        large
    });
    assert!(kit.block_on(task).expect("it ends").iter().all(|b| *b == 7));
}

/// `is_finished` says so in the end, and not before; the output can still be had then.
pub fn is_finished<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let pass = gate.pass();
    let task = kit.spawn(async move {
        pass.await;
        5
    });
    kit.until("polled", || gate.polls() > 0);
    assert!(!task.is_finished());
    gate.open();
    kit.until("finished", || task.is_finished());
    assert_eq!(kit.block_on(task).expect("it ends"), 5);
}

/// A handle that is polled with one waker after the other wakes the last of them.
pub fn t_join_register_two_wakers<H: Harness>(kit: Kit<H>) {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::Context;
    let gate = Gate::new();
    let mut task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() > 0);
    let (_first, first_waker) = Count::waker();
    let (last, last_waker) = Count::waker();
    for waker in [&first_waker, &last_waker, &first_waker, &last_waker, &last_waker] {
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(waker)).is_pending());
    }
    gate.open();
    kit.until("woken", || last.get() > 0);
    kit.block_on(task).expect("it ends");
    kit.settle();
    drop((first_waker, last_waker));
    assert_eq!(Arc::strong_count(&last), 1, "nobody keeps the waker");
}

/// Somebody who is no task of this executor waits for one.
pub fn joined_from_elsewhere<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    let waits = thread::spawn(move || block_on(task).is_ok());
    kit.until("polled", || gate.polls() > 0);
    gate.open();
    kit.until("joined", || waits.is_finished());
    assert!(waits.join().expect("no panic"));
}

/// An output is dropped with the handle, if it comes first, and by the task, if the handle went first.
pub fn output_that_nobody_takes<H: Harness>(kit: Kit<H>) {
    let drops = Drops::default();
    let guard = drops.guard();
    let task = kit.spawn(async move { guard });
    kit.until("finished", || task.is_finished());
    assert_eq!(drops.count(), 0, "the handle still wants it");
    drop(task);
    kit.until("dropped with the handle", || drops.count() == 1);
    let (guard, gate) = (drops.guard(), Gate::new());
    let pass = gate.pass();
    drop(kit.spawn(async move {
        pass.await;
        guard
    }));
    kit.until("polled", || gate.polls() > 0);
    gate.open();
    kit.until("dropped by the task", || drops.count() == 2);
}

/// A join is woken when the task's future has been dropped, not before.
pub fn dropped_before_the_handle_answers<H: Harness>(kit: Kit<H>) {
    for _ in 0..200 {
        let drops = Drops::default();
        let guard = drops.guard();
        let executor = kit.executor().clone();
        let task = kit.spawn(async move {
            let _guard = guard;
            executor.yield_now().await;
        });
        let drops_then = kit.block_on(async {
            task.await.expect("it ends");
            drops.count()
        });
        assert_eq!(drops_then, 1);
    }
}

/// The future of `block_on` may borrow, need not be `Send`, and stays on its thread.
pub fn block_on_is_at_home<H: Harness>(kit: Kit<H>) {
    let local = std::rc::Rc::new(std::cell::Cell::new(0));
    let here = thread::current().id();
    kit.block_on(async {
        for _ in 0..10 {
            kit.executor().yield_now().await;
            assert_eq!(thread::current().id(), here);
            local.set(local.get() + 1);
        }
    });
    assert_eq!(local.get(), 10);
}

/// Tasks go on from one `block_on` to the next.
pub fn block_on_again_and_again<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    for n in 0..100 {
        assert_eq!(kit.block_on(async { n }), n);
    }
    kit.until("polled", || gate.polls() > 0);
    gate.open();
    kit.block_on(task).expect("it ends");
}

/// Several threads block on one executor.
pub fn block_on_from_many_threads<H: Harness>(kit: Kit<H>) {
    let tasks: Vec<_> = (0..4_u32)
        .map(|n| {
            let executor = kit.executor().clone();
            kit.spawn(async move {
                executor.yield_now().await;
                n
            })
        })
        .collect();
    let threads: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let executor = kit.executor().clone();
            thread::spawn(move || executor.block_on(task).expect("it ends"))
        })
        .collect();
    kit.until("all came back", || threads.iter().all(|thread| thread.is_finished()));
    let sum: u32 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert_eq!(sum, 6);
}

/// Two tasks that are never ready do not keep others from their outputs.
pub fn beside_tasks_that_wait_for_ever<H: Harness>(kit: Kit<H>) {
    for _ in 0..100 {
        kit.spawn(pending::<()>()).detach();
    }
    kit.still_works();
}
