//! Polls that block.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::*;
use crate::tools::*;

#[test]
fn b_all_blocked() {
    for procs in [1, 2, 4] {
        let runtime = builder(procs).build().unwrap();
        let gate = Gate::default();
        let blocked = block(&runtime, procs, &gate);
        for _ in 0..3 {
            others_go_on(runtime.handle());
        }
        // Each of those is stuck still, and one permit at least was taken from them.
        assert_eq!(gate.standing(), procs);
        assert!(runtime.metrics().retakes() >= 1);
        gate.open();
        all_end(&runtime, blocked);
        others_go_on(runtime.handle());
        b_permits_conserved(runtime.handle(), procs);
    }
}

#[test]
fn b_all_blocked_four_times_over() {
    let runtime = builder(2).build().unwrap();
    let gate = Gate::default();
    // They all get to run although two of them hold all there was.
    let blocked = block(&runtime, 8, &gate);
    others_go_on(runtime.handle());
    assert_eq!(gate.standing(), 8);
    assert!(runtime.metrics().retakes() >= 7);
    gate.open();
    all_end(&runtime, blocked);
    b_permits_conserved(runtime.handle(), 2);
}

#[test]
fn blocked_root_futures_hold_nobody_up() {
    let runtime = builder(1).build().unwrap();
    let gate = Gate::default();
    let handle = runtime.handle().clone();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| handle.block_on(async { gate.door().block() }));
        }
        gate.wait_for(3);
        others_go_on(&handle);
        gate.open();
    });
    b_permits_conserved(&handle, 1);
}

#[test]
fn the_promise_is_gone_without_the_retake() {
    let runtime = builder(2).retake(false).build().unwrap();
    let gate = Gate::default();
    let blocked = block(&runtime, 2, &gate);
    let (tell, told) = channel();
    runtime.spawn(async move { tell.send(()) });
    assert!(told.recv_timeout(Duration::from_millis(500)).is_err(), "who has run this?");
    assert_eq!(runtime.metrics().retakes(), 0);
    gate.open();
    told.recv_timeout(PATIENCE).unwrap();
    all_end(&runtime, blocked);
    b_permits_conserved(runtime.handle(), 2);
}

#[test]
fn b_blocked_forever() {
    // In a process of its own, which ends although these threads never do.
    if child_succeeds("blocked::b_blocked_forever", "", &[]).is_some() {
        return;
    }
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let gate = Gate::default();
        block(&runtime, procs, &gate);
        // Nobody will ever open it.
        std::mem::forget(gate);
        others_go_on(runtime.handle());
        let drops = Drops::default();
        for _ in 0..10 {
            let guard = drops.guard();
            runtime.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
        }
        others_go_on(runtime.handle());
        within_patience(move || runtime.shutdown_timeout(Duration::from_millis(100)));
        assert_eq!(drops.count(), 10);
    }
}

#[test]
fn a_thousand_tasks_that_each_block() {
    const TASKS: usize = 1000;
    const EXTRA: usize = 16;
    let mut builder = builder(1);
    let threads = Threads::of(&mut builder);
    let runtime = builder.max_extra_threads(EXTRA).build().unwrap();
    let left = Arc::new(AtomicUsize::new(TASKS));
    let ticker = runtime.spawn({
        let left = left.clone();
        async move {
            let mut ticks = 0;
            while left.load(SeqCst) > 0 {
                gmp::time::sleep(Duration::from_millis(1)).await;
                ticks += usize::from(left.load(SeqCst) > 0);
            }
            ticks
        }
    });
    let start = Instant::now();
    let blocked = (0..TASKS).map(|_| {
        let left = left.clone();
        runtime.spawn(async move {
            thread::sleep(Duration::from_millis(50));
            left.fetch_sub(1, SeqCst);
        })
    });
    // One after the other they take 50 seconds.
    all_end(&runtime, blocked.collect());
    let took = start.elapsed();
    let ticks = all_end(&runtime, vec![ticker])[0];
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(ticks >= 1, "the ticker never ran meanwhile");
    // One for the poller, and one on its way in or out.
    assert!(threads.most() <= 1 + EXTRA + 2, "{} threads", threads.most());
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn a_ticker_beside_tasks_that_block_again_and_again() {
    const TICKS: u32 = 60;
    let runtime = builder(2).build().unwrap();
    let stop = Stop::new();
    for _ in 0..8 {
        let going = stop.going();
        runtime.spawn(async move {
            while going.on() {
                thread::sleep(Duration::from_millis(100));
                gmp::task::yield_now().await;
            }
        });
    }
    let start = Instant::now();
    let ticker = runtime.spawn(async {
        for _ in 0..TICKS {
            gmp::time::sleep(Duration::from_millis(1)).await;
        }
    });
    all_end(&runtime, vec![ticker]);
    // Two at a time, eight of them take 400 ms, which is what a tick waits if it waits its turn.
    let took = start.elapsed();
    assert!(took < TICKS * Duration::from_millis(400) / 3, "{took:?}");
    drop(stop);
    b_permits_conserved(runtime.handle(), 2);
}

#[test]
fn b_no_gain_no_mark() {
    let mut builder = builder(1);
    let threads = Threads::of(&mut builder);
    let runtime = builder.build().unwrap();
    // Nobody waits for anything: neither of these is to be disturbed.
    let computing = runtime.spawn(async { compute(Duration::from_millis(200)) });
    all_end(&runtime, vec![computing]);
    let blocking = runtime.spawn(async { thread::sleep(Duration::from_millis(200)) });
    all_end(&runtime, vec![blocking]);
    assert_eq!(runtime.metrics().retakes(), 0);
    assert!(threads.most() <= 2, "{} threads", threads.most());
}
