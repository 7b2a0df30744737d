//! Timers on the runtime.

mod support;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::time::{interval, sleep, sleep_until, timeout};
use support::*;

#[test]
fn x_never_early() {
    for runtime in flavours() {
        runtime.block_on(async {
            for micros in [0, 1, 10, 300, 999, 1000, 1001, 3500, 10_000] {
                let wait = Duration::from_micros(micros);
                let start = Instant::now();
                sleep(wait).await;
                assert!(start.elapsed() >= wait, "in the root");
                gmp::spawn(async move {
                    let start = Instant::now();
                    sleep(wait).await;
                    assert!(start.elapsed() >= wait, "in a task");
                })
                .await
                .unwrap();
            }
        });
    }
}

#[test]
fn x_timer_nearer() {
    // The poller sleeps for an hour; a timer that is nearer, from a thread outside, ends that.
    for runtime in flavours() {
        let far = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
        let handle = runtime.handle().clone();
        let (tx, rx) = gmp::sync::oneshot::channel();
        let outside = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            handle.block_on(async { sleep(Duration::from_millis(10)).await });
            tx.send(()).unwrap();
        });
        let start = Instant::now();
        runtime.block_on(rx).unwrap();
        assert!(start.elapsed() < PATIENCE);
        outside.join().unwrap();
        assert!(!far.is_finished());
    }
}

#[test]
fn x_timer_max() {
    for runtime in flavours() {
        runtime.block_on(async {
            for far in
                [Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_secs(1 << 40)]
            {
                let waited = timeout(Duration::from_millis(2), async { sleep(far).await });
                assert!(waited.await.is_err());
                // The other way round: a limit that never comes.
                assert_eq!(timeout(far, async { 1 }).await.unwrap(), 1);
            }
        });
    }
}

#[test]
fn x_timer_past() {
    for runtime in flavours() {
        runtime.block_on(async {
            let now = gmp::time::Instant::now();
            if let Some(past) = now.checked_sub(Duration::from_secs(1)) {
                sleep_until(past).await;
            }
            sleep_until(now).await;
            gmp::spawn(async { sleep(Duration::ZERO).await }).await.unwrap();
        });
    }
}

#[test]
fn many_timers_at_once() {
    for runtime in flavours() {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..2000u64)
                .map(|n| {
                    gmp::spawn(async move {
                        let (start, wait) = (Instant::now(), Duration::from_micros(n * 7 % 20_000));
                        sleep(wait).await;
                        assert!(start.elapsed() >= wait);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

#[test]
fn x_timer_under_load() {
    // Timers fire while every P is busy with tasks that yield.
    for runtime in [current(), threaded(2)] {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let busy: Vec<_> = (0..8)
            .map(|_| {
                let stop = stop.clone();
                runtime.spawn(async move {
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        gmp::task::yield_now().await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..20 {
                gmp::spawn(async { sleep(Duration::from_millis(1)).await }).await.unwrap();
            }
            assert!(start.elapsed() < PATIENCE);
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            for task in busy {
                task.await.unwrap();
            }
        });
    }
}

#[test]
fn an_interval_keeps_its_pace() {
    for runtime in flavours() {
        runtime.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(Duration::from_millis(2));
            for _ in 0..6 {
                ticks.tick().await;
            }
            assert!(start.elapsed() >= Duration::from_millis(10));
        });
    }
}

#[test]
fn x_timer_drop_elsewhere() {
    for runtime in flavours() {
        let sleeps: Vec<_> = runtime.block_on(async {
            let mut sleeps = Vec::new();
            for n in 0..40 {
                let mut far = Box::pin(sleep(Duration::from_millis(5 + n % 7)));
                assert!(futures_util::poll!(&mut far).is_pending());
                sleeps.push(far);
            }
            sleeps
        });
        let mut sleeps = sleeps.into_iter();
        // On a thread outside while the runtime lives, forgotten, and after the runtime's end.
        let early: Vec<_> = sleeps.by_ref().take(20).collect();
        thread::spawn(move || drop(early)).join().unwrap();
        std::mem::forget(sleeps.next());
        runtime.block_on(async { sleep(Duration::from_millis(3)).await });
        drop(runtime);
        thread::spawn(move || drop(sleeps)).join().unwrap();
    }
}

#[test]
fn a_sleep_of_one_runtime_in_another() {
    let (one, two) = (threaded(1), current());
    let nap = {
        let _guard = one.enter();
        sleep(Duration::from_millis(10))
    };
    let start = Instant::now();
    two.block_on(nap);
    assert!(start.elapsed() >= Duration::from_millis(10));
    let nap = {
        let _guard = one.enter();
        sleep(Duration::from_millis(10))
    };
    smol::block_on(nap);
}
