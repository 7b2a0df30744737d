//! The number of Ps changes while permits are taken.

use std::thread;
use std::time::Duration;

use crate::tools::*;

#[test]
fn b_during_resize() {
    for seed in 0..3 {
        let mut rand = Rand::new(seed);
        let runtime = builder(2)
            .time_slice(Duration::from_millis(1))
            .blocked_threshold(Duration::from_millis(1))
            .computing_threshold(Duration::from_millis(1))
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..24u64)
            .map(|n| {
                let mut rand = Rand::new(rand.below(u64::MAX));
                runtime.spawn(async move {
                    for _ in 0..30 {
                        let time = Duration::from_micros(rand.below(4_000));
                        match rand.below(4) {
                            0 => compute(time),
                            1 => gmp::time::sleep(time).await,
                            2 => gmp::spawn(async move { thread::sleep(time) }).await.unwrap(),
                            _ => thread::sleep(time),
                        }
                        gmp::task::yield_now().await;
                    }
                    n
                })
            })
            .collect();
        while !tasks.iter().all(|task| task.is_finished()) {
            runtime.set_max_procs(1 + rand.below(8) as usize).unwrap();
            thread::sleep(Duration::from_micros(rand.below(4_000)));
        }
        assert_eq!(all_end(&runtime, tasks).into_iter().sum::<u64>(), 276);
        for procs in [3, 64, 1] {
            runtime.handle().set_max_procs(procs).unwrap();
            others_go_on(runtime.handle());
            b_permits_conserved(runtime.handle(), procs);
        }
    }
}

#[test]
fn fewer_ps_while_all_of_them_block() {
    let runtime = builder(4).build().unwrap();
    let gate = Gate::default();
    let blocked = block(&runtime, 4, &gate);
    runtime.set_max_procs(1).unwrap();
    others_go_on(runtime.handle());
    assert_eq!(gate.standing(), 4);
    gate.open();
    all_end(&runtime, blocked);
    others_go_on(runtime.handle());
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn more_ps_while_all_of_them_block() {
    // No retake: it is the new Ps that help.
    let runtime = builder(1).retake(false).build().unwrap();
    let gate = Gate::default();
    let blocked = block(&runtime, 1, &gate);
    runtime.set_max_procs(2).unwrap();
    others_go_on(runtime.handle());
    gate.open();
    all_end(&runtime, blocked);
    b_permits_conserved(runtime.handle(), 2);
}
