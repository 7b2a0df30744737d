//! The end of an executor.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{block_on, Count, Drops, Gate, Harness, Kit, Wait};

/// Tasks that wait are dropped, and their handles say that they were cancelled.
pub fn drops_what_waits<H: Harness>(mut kit: Kit<H>) {
    let gate = Gate::new();
    let tasks: Vec<_> = (0..50).map(|_| kit.spawn(gate.pass())).collect();
    kit.until("all polled", || gate.polls() == 50);
    kit.stop();
    assert_eq!(gate.drops().count(), 50);
    for task in tasks {
        assert!(task.is_finished());
        assert!(block_on(task).is_err_and(|error| error.is_cancelled()));
    }
}

/// Outputs that were there before can be had after.
pub fn outputs_outlive_it<H: Harness>(mut kit: Kit<H>) {
    let task = kit.spawn(async { 8 });
    kit.until("finished", || task.is_finished());
    kit.stop();
    assert_eq!(block_on(task).expect("it was over"), 8);
}

/// Whoever waits for a task when it is dropped is woken.
pub fn waiters_are_woken<H: Harness>(mut kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    let waits = thread::spawn(move || block_on(task).is_err_and(|error| error.is_cancelled()));
    kit.settle();
    kit.stop();
    assert!(waits.join().expect("no panic"));
}

/// What is spawned afterwards is dropped, and its handle says so.
pub fn spawn_afterwards<H: Harness>(mut kit: Kit<H>) {
    kit.stop();
    let drops = Drops::default();
    let guard = drops.guard();
    let task = kit.spawn(async move { drop(guard) });
    assert!(block_on(task).is_err_and(|error| error.is_cancelled()));
    assert_eq!(drops.count(), 1);
}

/// Closures too.
pub fn spawn_blocking_afterwards<H: Harness>(mut kit: Kit<H>) {
    kit.stop();
    let drops = Drops::default();
    let guard = drops.guard();
    let task = kit.executor().spawn_blocking(move || drop(guard));
    assert!(block_on(task).is_err_and(|error| error.is_cancelled()));
    assert_eq!(drops.count(), 1);
}

/// Threads that spawn while it stops: each future is dropped once, each handle answers.
pub fn while_others_spawn<H: Harness>(mut kit: Kit<H>) {
    let (drops, over) = (Drops::default(), Arc::new(AtomicBool::new(false)));
    let spawners: Vec<_> = (0..2)
        .map(|_| {
            let (executor, drops, over) = (kit.executor().clone(), drops.clone(), over.clone());
            thread::spawn(move || {
                let mut tasks = Vec::new();
                while !over.load(SeqCst) && tasks.len() < 20_000 {
                    let guard = drops.guard();
                    tasks.push(executor.spawn(async move { drop(guard) }));
                }
                let count = tasks.len();
                for task in tasks {
                    drop(block_on(task));
                }
                count
            })
        })
        .collect();
    kit.settle();
    kit.stop();
    over.store(true, SeqCst);
    let spawned: usize = spawners.into_iter().map(|s| s.join().expect("no panic")).sum();
    assert_eq!(drops.count(), spawned);
}

/// A poll that is under way comes to its end first.
pub fn waits_for_a_poll<H: Harness>(mut kit: Kit<H>) {
    let started = Wait::new();
    let done = Arc::new(AtomicBool::new(false));
    kit.spawn({
        let (started, done) = (started.clone(), done.clone());
        async move {
            started.arrive();
            thread::sleep(Duration::from_millis(30));
            done.store(true, SeqCst);
            pending::<()>().await;
        }
    })
    .detach();
    kit.until("started", || started.arrived() == 1);
    kit.stop();
    assert!(done.load(SeqCst));
}

/// Tasks that spawn each other for ever do not keep it from its end.
pub fn spawners_without_end<H: Harness>(mut kit: Kit<H>) {
    fn next<E: Executor + Clone + 'static>(executor: E, ran: Arc<AtomicUsize>) {
        let inner = executor.clone();
        executor
            .spawn(async move {
                ran.fetch_add(1, SeqCst);
                inner.yield_now().await;
                next(inner, ran);
            })
            .detach();
    }
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..4 {
        next(kit.executor().clone(), ran.clone());
    }
    kit.until("they spin", || ran.load(SeqCst) > 100);
    kit.stop();
    let at_the_end = ran.load(SeqCst);
    thread::sleep(Duration::from_millis(5));
    assert_eq!(ran.load(SeqCst), at_the_end);
}

/// Tasks that are always ready do not either.
pub fn yielders_without_end<H: Harness>(mut kit: Kit<H>) {
    let drops = Drops::default();
    for _ in 0..20 {
        let (executor, guard) = (kit.executor().clone(), drops.guard());
        kit.spawn(async move {
            let _guard = guard;
            loop {
                executor.yield_now().await;
            }
        })
        .detach();
    }
    kit.settle();
    kit.stop();
    assert_eq!(drops.count(), 20);
}

/// With timers that have not fired.
pub fn with_timers<H: Harness>(mut kit: Kit<H>) {
    let drops = Drops::default();
    for n in 0..20 {
        let (sleep, guard) = (kit.executor().sleep(Duration::from_millis(n * 1000)), drops.guard());
        kit.spawn(async move {
            let _guard = guard;
            sleep.await;
            pending::<()>().await;
        })
        .detach();
    }
    kit.settle();
    kit.stop();
    assert_eq!(drops.count(), 20);
}

/// A hundred of them, one after the other, each with work.
pub fn create_and_drop<H: Harness>(kit: Kit<H>) {
    drop(kit);
    for _ in 0..100 {
        let mut kit = Kit::<H>::start();
        kit.still_works();
        kit.spawn(pending::<()>()).detach();
        kit.stop();
    }
}

/// Without ever having been used.
pub fn never_used<H: Harness>(kit: Kit<H>) {
    drop(kit);
    for _ in 0..20 {
        Kit::<H>::start().stop();
    }
}

/// On another thread than the one that started it.
pub fn on_another_thread<H: Harness>(mut kit: Kit<H>) {
    let gate = Gate::new();
    kit.spawn(gate.pass()).detach();
    kit.until("polled", || gate.polls() == 1);
    let stopper = thread::spawn(move || kit.stop());
    stopper.join().expect("no panic");
    assert_eq!(gate.drops().count(), 1);
}

/// Two executors at the same time, of which one ends: the other does not notice.
pub fn beside_another<H: Harness>(mut kit: Kit<H>) {
    let other = Kit::<H>::start();
    let gate = Gate::new();
    let task = other.spawn(gate.pass());
    other.until("polled", || gate.polls() == 1);
    kit.still_works();
    kit.stop();
    gate.open();
    other.block_on(task).expect("it ends");
    other.still_works();
}

/// A handle's waker is let go when the handle goes, or the executor.
pub fn lets_wakers_go<H: Harness>(mut kit: Kit<H>) {
    use std::future::Future;
    let (count, waker) = Count::waker();
    let mut tasks: Vec<_> = (0..10).map(|_| kit.spawn(pending::<()>())).collect();
    kit.block_on(async {
        let mut cx = std::task::Context::from_waker(&waker);
        for task in &mut tasks {
            assert!(std::pin::Pin::new(task).poll(&mut cx).is_pending());
        }
    });
    drop(tasks.split_off(5));
    kit.stop();
    drop((tasks, waker));
    assert_eq!(Arc::strong_count(&count), 1);
}
