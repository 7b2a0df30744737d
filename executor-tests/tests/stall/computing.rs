//! Polls that compute, and a machine that has too much to do.

use std::hint::spin_loop;
use std::thread;
use std::time::Duration;

use crate::tools::*;

/// tokio-rs/tokio#4730: one task of many never yields.
fn a_busy_loop_that_never_yields(procs: usize) {
    let runtime = builder(procs).build().unwrap();
    let stop = Stop::new();
    let before: Vec<_> = (0..100).map(|n| runtime.spawn(sometimes(n))).collect();
    for _ in 0..procs {
        let going = stop.going();
        runtime.spawn(async move {
            // It leaves something behind before it gets lost.
            let child = gmp::spawn(sometimes(0));
            while going.on() {
                spin_loop();
            }
            child.await.unwrap();
        });
    }
    let after: Vec<_> = (0..100).map(|n| runtime.spawn(sometimes(n))).collect();
    for _ in 0..3 {
        others_go_on(runtime.handle());
    }
    for tasks in [before, after] {
        assert_eq!(all_end(&runtime, tasks).into_iter().sum::<u64>(), 4950);
    }
    assert!(runtime.metrics().retakes() >= 1);
    drop(stop);
    b_permits_conserved(runtime.handle(), procs);
}

async fn sometimes(n: u64) -> u64 {
    for _ in 0..10 {
        gmp::task::yield_now().await;
    }
    gmp::time::sleep(Duration::from_millis(n % 7)).await;
    n
}

#[test]
fn a_busy_loop_beside_one_p() {
    a_busy_loop_that_never_yields(1);
}

#[test]
fn busy_loops_on_two_ps() {
    a_busy_loop_that_never_yields(2);
}

#[test]
fn b_sysmon_alive() {
    // The machine has twice the work that it can do, and each P always has some.
    let runtime = builder(2).build().unwrap();
    let gate = Gate::default();
    let stop = Stop::new();
    let cpus = thread::available_parallelism().unwrap().get();
    for _ in 0..2 * cpus {
        let going = stop.going();
        thread::spawn(move || {
            while going.on() {
                spin_loop();
            }
        });
    }
    for _ in 0..64 {
        let going = stop.going();
        runtime.spawn(async move {
            while going.on() {
                compute(Duration::from_micros(100));
                gmp::task::yield_now().await;
            }
        });
    }
    let blocked = block(&runtime, 2, &gate);
    others_go_on(runtime.handle());
    assert_eq!(gate.standing(), 2);
    gate.open();
    all_end(&runtime, blocked);
    drop(stop);
    b_permits_conserved(runtime.handle(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn b_host_busy() {
    // A thread that computes and waits for a core does not block, although its clock stands still.
    let runtime = builder(1).computing_threshold(Duration::from_secs(3600)).build().unwrap();
    let stop = Stop::new();
    for _ in 0..4 * thread::available_parallelism().unwrap().get() {
        let going = stop.going();
        thread::spawn(move || {
            while going.on() {
                spin_loop();
            }
        });
    }
    let computing = runtime.spawn(async { compute(Duration::from_millis(500)) });
    let waiting = (0..10).map(|n| runtime.spawn(async move { n }));
    let waiting: Vec<_> = waiting.collect();
    all_end(&runtime, vec![computing]);
    assert_eq!(all_end(&runtime, waiting).len(), 10);
    assert_eq!(runtime.metrics().retakes(), 0);
}

#[test]
fn computing_is_allowed_for_as_long_as_asked_for() {
    let runtime = builder(1).computing_threshold(Duration::from_secs(3600)).build().unwrap();
    let stop = Stop::new();
    let going = stop.going();
    let busy = runtime.spawn(async move {
        while going.on() {
            spin_loop();
        }
    });
    let waiting = runtime.spawn(async {});
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    drop(stop);
    all_end(&runtime, vec![busy, waiting]);
    b_permits_conserved(runtime.handle(), 1);
}
