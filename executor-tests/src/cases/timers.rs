//! `sleep`: never early, whoever polls it, and gone when it is dropped.

use std::future::Future;
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::thread;
use std::time::{Duration, Instant};

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{block_on, Count, Harness, Kit};

const MS: Duration = Duration::from_millis(1);

/// Not a nanosecond.
pub fn x_never_early<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor();
    for nanos in [1, 999, 100_000, 999_999, 1_000_000, 1_000_001, 2_500_000, 20_000_000] {
        let duration = Duration::from_nanos(nanos);
        kit.block_on(async {
            let before = Instant::now();
            executor.sleep(duration).await;
            assert!(before.elapsed() >= duration, "{:?} for {duration:?}", before.elapsed());
        });
    }
}

/// In a task as in `block_on`.
pub fn in_a_task<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let task = kit.spawn(async move {
        let before = Instant::now();
        executor.sleep(5 * MS).await;
        before.elapsed()
    });
    assert!(kit.block_on(task).expect("it ends") >= 5 * MS);
}

/// No time at all.
pub fn zero<H: Harness>(kit: Kit<H>) {
    for _ in 0..100 {
        kit.block_on(kit.executor().sleep(Duration::ZERO));
    }
}

/// The longest there is: it waits, and goes when it is dropped.
pub fn x_timer_max<H: Harness>(kit: Kit<H>) {
    for duration in [Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_secs(1 << 40)] {
        let (count, waker) = Count::waker();
        let mut sleep = Box::pin(kit.executor().sleep(duration));
        kit.block_on(async {
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        });
        kit.block_on(kit.executor().sleep(2 * MS));
        assert_eq!(count.get(), 0);
        drop(sleep);
    }
    kit.still_works();
}

/// Of many, each in its time.
pub fn many<H: Harness>(kit: Kit<H>) {
    let tasks: Vec<_> = (0..1000_u32)
        .map(|n| {
            let executor = kit.executor().clone();
            let duration = MS * (n * 7919 % 30);
            kit.spawn(async move {
                let before = Instant::now();
                executor.sleep(duration).await;
                before.elapsed() >= duration
            })
        })
        .collect();
    kit.block_on(async {
        for task in tasks {
            assert!(task.await.expect("it ends"));
        }
    });
}

/// Far enough apart for any machine: in order.
pub fn in_order<H: Harness>(kit: Kit<H>) {
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = [300_u64, 3, 150]
        .into_iter()
        .map(|ms| {
            let (executor, order) = (kit.executor().clone(), order.clone());
            kit.spawn(async move {
                executor.sleep(Duration::from_millis(ms)).await;
                order.lock().expect("nobody panics").push(ms);
            })
        })
        .collect();
    kit.block_on(async {
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    assert_eq!(*order.lock().expect("nobody panics"), [3, 150, 300]);
}

/// A nearer one, made while all sleep until a far one.
pub fn x_timer_nearer<H: Harness>(kit: Kit<H>) {
    let far = kit.spawn(kit.executor().sleep(Duration::from_secs(3600)));
    kit.settle();
    let executor = kit.executor().clone();
    let spawner = thread::spawn(move || {
        thread::sleep(5 * MS);
        executor.spawn(executor.sleep(MS))
    });
    kit.block_on(kit.executor().sleep(10 * MS));
    kit.until("spawned", || spawner.is_finished());
    kit.block_on(spawner.join().expect("no panic")).expect("it ends");
    assert!(!far.is_finished());
}

/// Dropped before its time: nobody is woken.
pub fn dropped<H: Harness>(kit: Kit<H>) {
    let (count, waker) = Count::waker();
    for _ in 0..100 {
        let mut sleep = Box::pin(kit.executor().sleep(2 * MS));
        kit.block_on(async {
            let _pending_or_not = sleep.as_mut().poll(&mut Context::from_waker(&waker));
        });
        drop(sleep);
    }
    let woken = count.get();
    kit.block_on(kit.executor().sleep(10 * MS));
    assert_eq!(count.get(), woken, "woken by a timer that is gone");
    drop(waker);
    kit.until("the wakers are gone", || Arc::strong_count(&count) == 1);
}

/// Polled by one waker, then by another: the last one is woken.
pub fn wakes_the_last_waker<H: Harness>(kit: Kit<H>) {
    let (_first, first_waker) = Count::waker();
    let (last, last_waker) = Count::waker();
    let mut sleep = pin!(kit.executor().sleep(20 * MS));
    kit.block_on(async {
        for waker in [&first_waker, &last_waker] {
            let _pending_or_not = sleep.as_mut().poll(&mut Context::from_waker(waker));
        }
    });
    let begun = Instant::now();
    kit.until("woken", || last.get() > 0 || begun.elapsed() > Duration::from_secs(20));
    assert!(last.get() > 0);
}

/// Made by one thread, first polled by a task, then by another one.
pub fn from_task_to_task<H: Harness>(kit: Kit<H>) {
    let mut sleep = Box::pin(kit.executor().sleep(10 * MS));
    let first = kit.spawn(async move {
        let (_, waker) = Count::waker();
        let _pending_or_not = sleep.as_mut().poll(&mut Context::from_waker(&waker));
        Some(sleep)
    });
    let sleep = kit.block_on(first).expect("it ends");
    kit.block_on(kit.spawn(sleep.expect("it is there"))).expect("it ends");
}

/// Polled by somebody who is no part of the executor.
pub fn polled_from_elsewhere<H: Harness>(kit: Kit<H>) {
    let sleep = kit.executor().sleep(5 * MS);
    let thread = thread::spawn(move || {
        let before = Instant::now();
        block_on(sleep);
        before.elapsed()
    });
    let over = || thread.is_finished();
    kit.until("it woke", over);
    thread.join().expect("no panic");
}

/// Dropped on another thread than the one that polled it.
pub fn x_timer_drop_elsewhere<H: Harness>(mut kit: Kit<H>) {
    let (_count, waker) = Count::waker();
    let mut sleeps = Vec::new();
    kit.block_on(async {
        for _ in 0..20 {
            let mut sleep = Box::pin(kit.executor().sleep(Duration::from_secs(3600)));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            sleeps.push(sleep);
        }
    });
    let rest = sleeps.split_off(10);
    thread::spawn(move || drop(sleeps)).join().expect("no panic");
    kit.stop();
    thread::spawn(move || drop(rest)).join().expect("no panic");
}

/// Of an aborted task: gone with it.
pub fn of_an_aborted_task<H: Harness>(kit: Kit<H>) {
    let task = kit.spawn(kit.executor().sleep(Duration::from_secs(3600)));
    kit.settle();
    task.abort();
    assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
}

/// Two sleeps race, many times, and the loser is dropped.
pub fn races<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor();
    for _ in 0..20 {
        let short = executor.sleep(MS);
        let long = executor.sleep(Duration::from_secs(3600));
        kit.block_on(async {
            let mut both = (Box::pin(short), Box::pin(long));
            std::future::poll_fn(|cx| {
                assert!(Pin::new(&mut both.1).poll(cx).is_pending());
                Pin::new(&mut both.0).poll(cx)
            })
            .await;
        });
    }
}

/// Fires while everybody else computes, all workers but one.
pub fn x_timer_under_load<H: Harness>(kit: Kit<H>) {
    let over = Arc::new(AtomicBool::new(false));
    for _ in 1..H::workers() {
        let over = over.clone();
        kit.spawn(async move {
            while !over.load(SeqCst) {
                std::hint::spin_loop();
            }
        })
        .detach();
    }
    for _ in 0..5 {
        kit.block_on(kit.spawn(kit.executor().sleep(2 * MS))).expect("it ends");
    }
    over.store(true, SeqCst);
}
