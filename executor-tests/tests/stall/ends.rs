//! Permits that are taken while the runtime ends.

use std::thread;
use std::time::Duration;

use gmp::runtime::Runtime;

use crate::support::*;
use crate::tools::*;

/// Taken from whoever lasts for longer than sysmon's shortest round.
fn eager(procs: usize) -> Runtime {
    builder(procs)
        .time_slice(Duration::from_millis(1))
        .blocked_threshold(Duration::from_millis(1))
        .computing_threshold(Duration::from_millis(1))
        .build()
        .unwrap()
}

async fn one(mut rand: Rand, guard: DropGuard, children: Drops) {
    let _guard = guard;
    loop {
        let time = Duration::from_micros(rand.below(6_000));
        match rand.below(5) {
            0 => compute(time),
            1 => gmp::time::sleep(time).await,
            2 => {
                let guard = children.guard();
                gmp::spawn(async move {
                    let _guard = guard;
                    std::future::pending::<()>().await;
                });
            }
            _ => thread::sleep(time),
        }
        gmp::task::yield_now().await;
    }
}

#[test]
fn b_during_shutdown() {
    for seed in 0..40 {
        let mut rand = Rand::new(seed);
        let runtime = eager(1 + seed as usize % 3);
        let (drops, children) = (Drops::default(), Drops::default());
        for _ in 0..12 {
            let task = one(Rand::new(rand.below(u64::MAX)), drops.guard(), children.clone());
            runtime.spawn(task);
        }
        thread::sleep(Duration::from_micros(rand.below(25_000)));
        let handle = runtime.handle().clone();
        match rand.below(3) {
            0 => runtime.shutdown_background(),
            1 => within_patience(move || runtime.shutdown_timeout(Duration::from_secs(10))),
            _ => {
                within_patience(move || drop(runtime));
                assert_eq!(drops.count(), 12, "seed {seed}");
            }
        }
        eventually("all futures are dropped", || drops.count() == 12);
        eventually("no task is left", || handle.metrics().num_alive_tasks() == 0);
    }
}

#[test]
fn a_drop_waits_for_a_poll_without_permit() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let gate = Gate::default();
        let drops = Drops::default();
        for _ in 0..procs {
            let (door, guard) = (gate.door(), drops.guard());
            runtime.spawn(async move {
                let _guard = guard;
                door.block();
                // Not reached: the runtime is closed.
                std::future::pending::<()>().await;
            });
        }
        gate.wait_for(procs);
        others_go_on(runtime.handle());
        let dropper = thread::spawn(move || drop(runtime));
        thread::sleep(Duration::from_millis(50));
        assert!(!dropper.is_finished(), "a poll is not over, and the runtime is gone");
        gate.open();
        within_patience(move || dropper.join().unwrap());
        assert_eq!(drops.count(), procs);
    }
}

#[test]
fn a_poll_without_permit_outlives_its_runtime() {
    let runtime = builder(1).build().unwrap();
    let gate = Gate::default();
    let (drops, late) = (Drops::default(), Drops::default());
    let (door, guard, child) = (gate.door(), drops.guard(), late.guard());
    runtime.spawn(async move {
        let _guard = guard;
        door.block();
        // Nobody will run it.
        gmp::spawn(async move { drop(child) });
        gmp::task::yield_now().await;
        unreachable!("polled after the end");
    });
    gate.wait_for(1);
    others_go_on(runtime.handle());
    within_patience(move || runtime.shutdown_timeout(Duration::from_millis(50)));
    assert_eq!(drops.count(), 0);
    gate.open();
    eventually("the task and its child are dropped", || drops.count() == 1 && late.count() == 1);
}
