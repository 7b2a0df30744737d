//! Aborts: of tasks that are queued, running, waiting, over; by themselves, by others, from anywhere.

use std::future::{pending, poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{Count, Drops, Gate, Harness, Kit, Wait};

/// Before its first poll: dropped, or run to its end if it was faster; once in either case.
pub fn t_abort_queued<H: Harness>(kit: Kit<H>) {
    for _ in 0..200 {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = kit.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task.abort();
        assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
        assert_eq!(drops.count(), 1, "dropped before the handle says so");
    }
}

/// While it waits.
pub fn t_abort_waiting<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    task.abort();
    assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
    assert_eq!((gate.polls(), gate.drops().count()), (1, 1));
}

/// While it runs: the poll comes to its end, and is the last one.
pub fn t_abort_running<H: Harness>(kit: Kit<H>) {
    let (started, aborted) = (Wait::new(), Wait::new());
    let gate = Gate::new();
    let task = kit.spawn({
        let (started, aborted, mut pass) = (started.clone(), aborted.clone(), gate.pass());
        poll_fn(move |cx| {
            started.arrive();
            aborted.until(1);
            cx.waker().wake_by_ref();
            Pin::new(&mut pass).poll(cx)
        })
    });
    let drops = gate.drops().clone();
    let aborter = thread::spawn(move || {
        started.until(1);
        task.abort();
        let dropped = drops.count();
        aborted.arrive();
        (task, dropped)
    });
    kit.until("aborted", || aborter.is_finished());
    let (task, dropped) = aborter.join().expect("no panic");
    assert_eq!(dropped, 0, "dropped while it ran");
    assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
    assert_eq!((gate.polls(), gate.drops().count()), (1, 1));
}

/// While it runs the poll that ends it: the output or the abort wins, and the future is dropped once.
pub fn t_abort_running_that_completes<H: Harness>(kit: Kit<H>) {
    let (started, aborted) = (Wait::new(), Wait::new());
    let drops = Drops::default();
    let task = kit.spawn({
        let (started, aborted, guard) = (started.clone(), aborted.clone(), drops.guard());
        async move {
            let _guard = guard;
            started.arrive();
            aborted.until(1);
            9
        }
    });
    let aborter = thread::spawn(move || {
        started.until(1);
        task.abort();
        aborted.arrive();
        task
    });
    kit.until("aborted", || aborter.is_finished());
    match kit.block_on(aborter.join().expect("no panic")) {
        Ok(output) => assert_eq!(output, 9),
        Err(error) => assert!(error.is_cancelled()),
    }
    assert_eq!(drops.count(), 1);
}

/// A task that is over keeps its output.
pub fn t_abort_done<H: Harness>(kit: Kit<H>) {
    let task = kit.spawn(async { 5 });
    kit.until("finished", || task.is_finished());
    task.abort();
    task.abort();
    assert_eq!(kit.block_on(task).expect("it was over"), 5);
}

/// By itself, during its poll: the last one.
pub fn abort_itself<H: Harness>(kit: Kit<H>) {
    type Slot<E> = Arc<Mutex<Option<<E as Executor>::Handle<()>>>>;
    let slot: Slot<H::Executor> = Arc::default();
    let gate = Gate::new();
    let (done, pass) = (Arc::new(AtomicUsize::new(0)), gate.pass());
    let task = kit.spawn({
        let (slot, done) = (slot.clone(), done.clone());
        async move {
            pass.await;
            let me = slot.lock().expect("nobody panics").take().expect("it was put there");
            me.abort();
            *slot.lock().expect("nobody panics") = Some(me);
            done.fetch_add(1, SeqCst);
            pending::<()>().await;
        }
    });
    *slot.lock().expect("nobody panics") = Some(task);
    gate.open();
    kit.until("aborted", || done.load(SeqCst) == 1);
    kit.until("dropped", || gate.drops().count() == 1);
    let task = slot.lock().expect("nobody panics").take().expect("it was put back");
    assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
}

/// From a thread that the executor does not know, and not dropped there.
pub fn t_abort_foreign<H: Harness>(kit: Kit<H>) {
    for _ in 0..50 {
        let gate = Gate::new();
        let task = kit.spawn(gate.pass());
        kit.until("polled", || gate.polls() == 1);
        let aborter = thread::spawn(move || {
            task.abort();
            (task, thread::current().id())
        });
        let (task, id) = aborter.join().expect("no panic");
        assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
        assert_eq!(gate.drops().count(), 1);
        assert_ne!(gate.drops().threads(), [id]);
    }
}

/// The handle goes right after the abort: it acts all the same.
pub fn t_abort_then_drop_handle<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    task.abort();
    drop(task);
    kit.until("dropped", || gate.drops().count() == 1);
}

/// Again and again, from one thread after the other: as once.
pub fn again_and_again<H: Harness>(kit: Kit<H>) {
    for _ in 0..50 {
        let gate = Gate::new();
        let mut task = kit.spawn(gate.pass());
        kit.until("polled", || gate.polls() == 1);
        for _ in 0..3 {
            task.abort();
            let abort = move || {
                task.abort();
                task
            };
            task = thread::spawn(abort).join().expect("no panic");
        }
        kit.until("dropped", || gate.drops().count() == 1);
        kit.until("finished", || task.is_finished());
    }
}

/// Whoever waits for it learns of it.
pub fn a_waiter_learns_of_it<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let mut task = kit.spawn(gate.pass());
    let (count, waker) = Count::waker();
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut task).poll(&mut cx).is_pending());
    kit.until("polled", || gate.polls() == 1);
    task.abort();
    kit.until("woken", || count.get() > 0);
    match Pin::new(&mut task).poll(&mut cx) {
        Poll::Ready(result) => assert!(result.is_err_and(|error| error.is_cancelled())),
        Poll::Pending => panic!("woken for nothing"),
    }
}

/// Wakes and aborts from several threads: each future is dropped once, nobody hangs.
pub fn in_the_middle_of_wakes<H: Harness>(kit: Kit<H>) {
    for round in 0..50_u32 {
        let gate = Gate::new();
        let task = kit.spawn(gate.pass());
        kit.until("polled", || gate.polls() > 0);
        let waker = gate.waker().expect("polled");
        let wakes = thread::spawn(move || {
            for _ in 0..20 {
                waker.wake_by_ref();
            }
        });
        for _ in 0..round % 7 {
            std::hint::spin_loop();
        }
        task.abort();
        assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
        wakes.join().expect("no panic");
        assert_eq!(gate.drops().count(), 1);
    }
}

/// From the drop of another future that is aborted: a chain of a thousand.
pub fn from_a_drop<H: Harness>(kit: Kit<H>) {
    struct Aborts<T: TaskHandle<()>>(Option<T>);
    impl<T: TaskHandle<()>> Drop for Aborts<T> {
        fn drop(&mut self) {
            if let Some(task) = self.0.take() {
                task.abort();
            }
        }
    }
    let drops = Drops::default();
    let mut last = None;
    for _ in 0..1000 {
        let (aborts, guard) = (Aborts(last.take()), drops.guard());
        last = Some(kit.spawn(async move {
            let _both = (aborts, guard);
            pending::<()>().await;
        }));
    }
    last.expect("spawned").abort();
    kit.until("all dropped", || drops.count() == 1000);
}

/// Each of many tasks is aborted at some moment of its life, by another thread.
pub fn a_storm<H: Harness>(kit: Kit<H>) {
    const TASKS: usize = 2000;
    let drops = Drops::default();
    let (give, take) = std::sync::mpsc::channel::<<H::Executor as Executor>::Handle<()>>();
    let aborter = thread::spawn(move || {
        for (n, task) in take.into_iter().enumerate() {
            for _ in 0..n % 50 {
                std::hint::spin_loop();
            }
            task.abort();
        }
    });
    for n in 0..TASKS {
        let (guard, executor) = (drops.guard(), kit.executor().clone());
        let task = kit.spawn(async move {
            let _guard = guard;
            for _ in 0..n % 5 {
                executor.yield_now().await;
            }
        });
        give.send(task).expect("the aborter lives");
    }
    drop(give);
    kit.until("all dropped", || drops.count() == TASKS);
    kit.until("the aborter is done", || aborter.is_finished());
    aborter.join().expect("no panic");
    kit.still_works();
}
