//! Fairness: what is ready runs in bounded time, whoever else keeps the executor busy.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{Gate, Harness, Kit, PATIENCE};

/// Tasks that are always ready, until this is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn with<H: Harness>(kit: &Kit<H>, tasks: usize) -> Busy {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..tasks {
            let (over, executor) = (over.clone(), kit.executor().clone());
            drop(kit.spawn(async move {
                while !over.load(SeqCst) {
                    executor.yield_now().await;
                }
            }));
        }
        Busy(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// On one worker, equal tasks that yield get equal shares.
pub fn f_yield_fair<H: Harness>(kit: Kit<H>) {
    const TASKS: usize = 10;
    const YIELDS: usize = 1000;
    let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..TASKS).map(|_| AtomicUsize::new(0)).collect());
    let least = Arc::new(AtomicUsize::new(usize::MAX));
    let open = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..TASKS)
        .map(|me| {
            let (counts, least, executor, open) =
                (counts.clone(), least.clone(), kit.executor().clone(), open.clone());
            kit.spawn(async move {
                while !open.load(SeqCst) {
                    executor.yield_now().await;
                }
                for _ in 0..YIELDS {
                    counts[me].fetch_add(1, SeqCst);
                    executor.yield_now().await;
                }
                let least_now = counts.iter().map(|count| count.load(SeqCst)).min();
                least.fetch_min(least_now.expect("there are some"), SeqCst);
            })
        })
        .collect();
    open.store(true, SeqCst);
    kit.block_on(async {
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    // With several workers the system's scheduler decides how far apart they are.
    if H::workers() == 1 {
        let least = least.load(SeqCst);
        assert!(least >= YIELDS / 2, "one had {least} turns when another had {YIELDS}");
    }
}

/// A new task gets its turn among tasks that are always ready.
pub fn a_newcomer_among_yielders<H: Harness>(kit: Kit<H>) {
    let _busy = Busy::with(&kit, 16);
    for _ in 0..100 {
        kit.block_on(kit.spawn(async {})).expect("it ends");
    }
}

/// What foreign threads spawn gets its turn while tasks spawn and yield inside.
pub fn q_global_starved<H: Harness>(kit: Kit<H>) {
    let _busy = Busy::with(&kit, 16);
    let ran = Arc::new(AtomicUsize::new(0));
    let spawner = thread::spawn({
        let (executor, ran) = (kit.executor().clone(), ran.clone());
        move || {
            for _ in 0..200 {
                let ran = ran.clone();
                executor.spawn(async move { ran.fetch_add(1, SeqCst) }).detach();
            }
        }
    });
    kit.until("all ran", || ran.load(SeqCst) == 200);
    spawner.join().expect("no panic");
}

/// Tasks that yield get their turns while foreign threads spawn all the time.
pub fn q_local_starved<H: Harness>(kit: Kit<H>) {
    let over = Arc::new(AtomicBool::new(false));
    let flood = thread::spawn({
        let (executor, over) = (kit.executor().clone(), over.clone());
        let queued = Arc::new(AtomicUsize::new(0));
        move || {
            while !over.load(SeqCst) {
                // Always some, never so many that memory is what is tested.
                if queued.load(SeqCst) < 1000 {
                    queued.fetch_add(1, SeqCst);
                    let queued = queued.clone();
                    executor.spawn(async move { queued.fetch_sub(1, SeqCst) }).detach();
                }
            }
        }
    });
    let executor = kit.executor().clone();
    let task = kit.spawn(async move {
        for _ in 0..500 {
            executor.yield_now().await;
        }
    });
    kit.block_on(task).expect("it ends");
    over.store(true, SeqCst);
    flood.join().expect("no panic");
}

/// Two tasks that hand over to each other for ever do not keep a third from its turns.
pub fn q_runnext_pingpong<H: Harness>(kit: Kit<H>) {
    struct Stops(Arc<AtomicBool>);
    impl Drop for Stops {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let over = Arc::new(AtomicBool::new(false));
    let _stops = Stops(over.clone());
    let wakers: Arc<Mutex<[Option<Waker>; 2]>> = Arc::default();
    for me in 0..2 {
        let (wakers, over) = (wakers.clone(), over.clone());
        drop(kit.spawn(poll_fn(move |cx| {
            if over.load(SeqCst) {
                return Poll::Ready(());
            }
            let mut wakers = wakers.lock().expect("nobody panics");
            wakers[me] = Some(cx.waker().clone());
            match wakers[1 - me].take() {
                Some(other) => {
                    drop(wakers);
                    other.wake();
                }
                // It has not been there yet.
                None => cx.waker().wake_by_ref(),
            }
            Poll::Pending
        })));
    }
    for _ in 0..100 {
        let executor = kit.executor().clone();
        kit.block_on(kit.spawn(async move { executor.yield_now().await })).expect("it ends");
    }
}

/// A task that wakes itself in each poll does not keep others from their turns.
pub fn a_task_that_is_always_ready<H: Harness>(kit: Kit<H>) {
    let over = Arc::new(AtomicBool::new(false));
    for by_value in [false, true] {
        let over = over.clone();
        drop(kit.spawn(poll_fn(move |cx| {
            match by_value {
                true => {
                    let clone = cx.waker().clone();
                    clone.wake();
                }
                false => cx.waker().wake_by_ref(),
            }
            match over.load(SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })));
    }
    for _ in 0..100 {
        kit.still_works();
    }
    over.store(true, SeqCst);
}

/// The future of `block_on` gets its turns among tasks that are always ready.
pub fn the_root_among_yielders<H: Harness>(kit: Kit<H>) {
    let _busy = Busy::with(&kit, 16);
    kit.block_on(async {
        for _ in 0..100 {
            kit.executor().yield_now().await;
        }
    });
}

/// So it does when it waits for a foreign thread.
pub fn a_foreign_wake_among_yielders<H: Harness>(kit: Kit<H>) {
    let _busy = Busy::with(&kit, 16);
    for _ in 0..50 {
        let gate = Gate::new();
        let task = kit.spawn(gate.pass());
        let opener = thread::spawn({
            let gate = gate.clone();
            move || {
                while gate.polls() == 0 {
                    thread::yield_now();
                }
                gate.open();
            }
        });
        kit.block_on(task).expect("it ends");
        opener.join().expect("no panic");
    }
}

/// Timers fire while tasks are always ready.
pub fn timer_among_yielders<H: Harness>(kit: Kit<H>) {
    let _busy = Busy::with(&kit, 16);
    for _ in 0..10 {
        let begun = Instant::now();
        kit.block_on(kit.spawn(kit.executor().sleep(Duration::from_millis(2)))).expect("it ends");
        assert!(begun.elapsed() < PATIENCE);
    }
}

/// Tasks that block their workers, all but one, leave that one to the others.
pub fn beside_blocked_workers<H: Harness>(kit: Kit<H>) {
    let wait = crate::kit::Wait::new();
    let blocked = H::workers() - 1;
    for _ in 0..blocked {
        let wait = wait.clone();
        kit.spawn(async move { wait.meet(blocked + 1) }).detach();
    }
    kit.until("all blocked", || wait.arrived() == blocked);
    for _ in 0..50 {
        kit.still_works();
    }
    wait.arrive();
}

/// What a task spawned before it blocked is not left behind it.
pub fn q_runnext_stranded<H: Harness>(kit: Kit<H>) {
    for _ in 0..20 {
        let executor = kit.executor().clone();
        let wait = crate::kit::Wait::new();
        let task = kit.spawn(async move {
            let child = wait.clone();
            executor.spawn(async move { child.arrive() }).detach();
            wait.until(1);
        });
        kit.block_on(task).expect("it ends");
    }
}

/// All workers take part: as many tasks as there are meet.
pub fn all_workers_at_once<H: Harness>(kit: Kit<H>) {
    let wait = crate::kit::Wait::new();
    let count = H::workers();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let wait = wait.clone();
            kit.spawn(async move { wait.meet(count) })
        })
        .collect();
    kit.block_on(async {
        for task in tasks {
            task.await.expect("they meet");
        }
    });
}
