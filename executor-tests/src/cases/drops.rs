//! Drops of futures that do things: spawn, wake, abort, lock, wait.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{Drops, Gate, Harness, Kit};

/// Calls a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Each future, however its task ends, exactly once.
pub fn e_each_dropped_once<H: Harness>(mut kit: Kit<H>) {
    let drops = Drops::default();
    let gate = Gate::new();
    let mut tasks = Vec::new();
    for n in 0..200 {
        let (guard, executor, pass) = (drops.guard(), kit.executor().clone(), gate.pass());
        tasks.push(kit.spawn(async move {
            let _guard = guard;
            match n % 4 {
                0 => {}
                1 => loop {
                    executor.yield_now().await;
                },
                2 => pass.await,
                _ => pending().await,
            }
        }));
    }
    kit.until("the quick ones are over", || drops.count() == 50);
    for task in tasks.iter().skip(3).step_by(8) {
        task.abort();
    }
    kit.stop();
    assert_eq!(drops.count(), 200);
    assert!(tasks.iter().all(|task| task.is_finished()));
}

/// A future that spawns in its drop, after an abort.
pub fn t_spawn_in_drop<H: Harness>(kit: Kit<H>) {
    let ran = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (executor, ran) = (kit.executor().clone(), ran.clone());
            let spawns = OnDrop(move || {
                let ran = ran.clone();
                executor.spawn(async move { ran.fetch_add(1, SeqCst) }).detach();
            });
            kit.spawn(async move {
                let _spawns = spawns;
                pending::<()>().await;
            })
        })
        .collect();
    tasks.iter().for_each(|task| task.abort());
    kit.until("all ran", || ran.load(SeqCst) == 20);
}

/// A future that spawns in its drop, at the executor's end: what it spawns is dropped, or has run.
pub fn e_spawn_while_closing<H: Harness>(mut kit: Kit<H>) {
    let (drops, polls) = (Drops::default(), Gate::new());
    for _ in 0..20 {
        let (executor, drops, pass) = (kit.executor().clone(), drops.clone(), polls.pass());
        let spawns = OnDrop(move || {
            let guard = drops.guard();
            executor.spawn(async move { drop(guard) }).detach();
        });
        drop(kit.spawn(async move {
            let _spawns = spawns;
            pass.await;
        }));
    }
    kit.until("all polled", || polls.polls() == 20);
    kit.stop();
    assert_eq!(drops.count(), 20);
}

/// A future that wakes others, and itself, in its drop: after an abort and at the executor's end.
pub fn t_wake_in_drop<H: Harness>(mut kit: Kit<H>) {
    let gates: Vec<_> = (0..20).map(|_| Gate::new()).collect();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (all, pass) = (gates.clone(), gates[n].pass());
            let wakes = OnDrop(move || {
                for gate in &all {
                    if let Some(waker) = gate.waker() {
                        waker.wake_by_ref();
                    }
                }
            });
            kit.spawn(async move {
                let _wakes = wakes;
                pass.await;
            })
        })
        .collect();
    kit.until("all polled", || gates.iter().all(|gate| gate.polls() > 0));
    tasks.iter().take(10).for_each(|task| task.abort());
    kit.until("ten dropped", || gates.iter().map(|gate| gate.drops().count()).sum::<usize>() == 10);
    kit.stop();
    assert!(gates.iter().all(|gate| gate.drops().count() == 1));
}

/// A drop may take a lock that another drop takes too, and spawn under it.
pub fn e_shutdown_drop_locks<H: Harness>(mut kit: Kit<H>) {
    let (lock, polls) = (Arc::new(Mutex::new(0)), Gate::new());
    for _ in 0..50 {
        let (executor, theirs, pass) = (kit.executor().clone(), lock.clone(), polls.pass());
        let locks = OnDrop(move || {
            let mut count = theirs.lock().expect("nobody panics");
            executor.spawn(async {}).detach();
            *count += 1;
        });
        drop(kit.spawn(async move {
            let _locks = locks;
            pass.await;
        }));
    }
    kit.until("all polled", || polls.polls() == 50);
    kit.stop();
    assert_eq!(*lock.lock().expect("nobody panics"), 50);
}

/// Never polled, and dropped with the executor.
pub fn t_drop_before_first_poll<H: Harness>(mut kit: Kit<H>) {
    let drops = Drops::default();
    for _ in 0..100 {
        let guard = drops.guard();
        drop(kit.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
    }
    kit.stop();
    assert_eq!(drops.count(), 100);
}

/// A long chain, each future with the handle of the one before: aborting the last leaves none with a
/// stack that grows.
pub fn drop_chain_of_handles<H: Harness>(mut kit: Kit<H>) {
    const LINKS: usize = 20_000;
    let drops = Drops::default();
    let guard = drops.guard();
    let mut last = kit.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    for _ in 1..LINKS {
        let guard = drops.guard();
        last = kit.spawn(async move {
            let _guard = guard;
            let _cancelled = last.await;
        });
    }
    kit.settle();
    drop(last);
    kit.stop();
    assert_eq!(drops.count(), LINKS);
}

/// Locals of a future are dropped in the order of the language, also by an abort.
pub fn in_order<H: Harness>(kit: Kit<H>) {
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |n: u8| {
        let order = order.clone();
        OnDrop(move || order.lock().expect("nobody panics").push(n))
    };
    let (first, second, third, gate) = (note(1), note(2), note(3), Gate::new());
    let pass = gate.pass();
    let task = kit.spawn(async move {
        let _first = first;
        let _second = second;
        let _third = third;
        pass.await;
    });
    kit.until("polled", || gate.polls() == 1);
    task.abort();
    assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
    assert_eq!(*order.lock().expect("nobody panics"), [3, 2, 1]);
}

/// What a task captured is dropped when it ends, not when its handle or its waker goes.
pub fn at_the_end_of_the_task<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    let waker = gate.waker().expect("polled");
    gate.open();
    kit.until("over", || task.is_finished());
    assert_eq!(gate.drops().count(), 1);
    drop(waker);
    kit.block_on(task).expect("it ended");
}
