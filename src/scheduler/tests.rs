//! What the parts of the scheduler promise each other, on real threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::runtime::Builder;
use crate::task::yield_now;

/// Whoever holds `sched.lock` stands still, as if the system had taken its CPU away. Ms that have a P and
/// work go on: they spawn, wake, join and sleep by timers without that lock.
#[test]
fn m_priority_inversion() {
    const PROCS: usize = 2;
    const ROUNDS: usize = 300;
    // No permit is to be taken away: that needs the lock.
    let runtime =
        Builder::new_multi_thread().worker_threads(PROCS).retake(false).enable_time().build();
    let runtime = runtime.unwrap();
    let sched = runtime.handle().sched.clone();
    // Which takes the lock to start it.
    sched.leave_to_sysmon();
    let met = Arc::new(Barrier::new(PROCS + 1));
    let (locked, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let rounds: Arc<[AtomicUsize; PROCS]> = Arc::default();
    let tasks: Vec<_> = (0..PROCS)
        .map(|i| {
            let (met, locked, over, rounds) =
                (met.clone(), locked.clone(), over.clone(), rounds.clone());
            runtime.spawn(async move {
                // One on each P.
                met.wait();
                while !locked.load(SeqCst) {
                    std::hint::spin_loop();
                }
                while !over.load(SeqCst) {
                    let child = crate::spawn(async {
                        yield_now().await;
                        7
                    });
                    let timer = crate::time::sleep(Duration::from_micros(20));
                    let timer = crate::spawn(timer);
                    // Never dry: who goes idle needs the lock.
                    while !child.is_finished() || !timer.is_finished() {
                        yield_now().await;
                    }
                    timer.await.unwrap();
                    assert_eq!(child.await.unwrap(), 7);
                    rounds[i].fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    met.wait();
    {
        let _stands_still = sched.lock.lock();
        locked.store(true, SeqCst);
        let begun = std::time::Instant::now();
        while rounds.iter().any(|rounds| rounds.load(SeqCst) < ROUNDS) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "work waits for the lock: {rounds:?} rounds"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    over.store(true, SeqCst);
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}
