//! Runtimes that are made, used and ended in every way, by four threads at once.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::runtime::{Builder, Runtime};
use gmp::sync::oneshot;
use gmp::task::JoinHandle;

use super::case::Case;
use super::rand::Rand;
use super::tally::{planned_panic, progress, Tally};

/// Spawns again while it is dropped, as often as it may.
struct Respawn {
    tally: Arc<Tally>,
    left: usize,
}

impl Drop for Respawn {
    fn drop(&mut self) {
        let Ok(handle) = gmp::runtime::Handle::try_current() else { return };
        if self.left > 0 {
            let next = Respawn { tally: self.tally.clone(), left: self.left - 1 };
            handle.spawn(self.tally.watch(async move {
                let _next = next;
                std::future::pending::<()>().await;
            }));
        }
    }
}

fn use_it(runtime: &Runtime, tally: &Arc<Tally>, rand: &mut Rand) -> Vec<JoinHandle<()>> {
    let mut left = Vec::new();
    for _ in 0..rand.below(40) {
        let respawn = Respawn { tally: tally.clone(), left: rand.below(3) };
        let kind = rand.below(6);
        let task = tally.watch(async move {
            let _respawn = respawn;
            match kind {
                0 => std::future::pending().await,
                1 => gmp::time::sleep(Duration::from_secs(3600)).await,
                2 => loop {
                    gmp::task::yield_now().await;
                },
                3 => planned_panic(),
                4 => {
                    let (tx, rx) = oneshot::channel();
                    gmp::spawn(async move { tx.send(()) });
                    let _sent_or_lost = rx.await;
                }
                _ => {}
            }
        });
        left.push(runtime.spawn(task));
    }
    for _ in 0..rand.below(4) {
        left.push(runtime.spawn_blocking(|| thread::sleep(Duration::from_micros(50))));
    }
    let yields = rand.below(4);
    runtime.block_on(async {
        for _ in 0..yields {
            gmp::task::yield_now().await;
        }
        gmp::spawn(async {}).await.expect("an empty task");
    });
    left
}

fn live(case_procs: usize, tally: Arc<Tally>, mut rand: Rand, times: usize) {
    for _ in 0..times {
        let mut builder = match rand.below(4) {
            0 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder
            .worker_threads(case_procs.min(16))
            .max_blocking_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let left = use_it(&runtime, &tally, &mut rand);
        let handle = runtime.handle().clone();
        let ended = match rand.below(5) {
            0 => {
                runtime.shutdown_background();
                false
            }
            1 => {
                runtime.shutdown_timeout(Duration::from_millis(200));
                false
            }
            2 => {
                // From inside of another runtime's task.
                let outer = Builder::new_current_thread().build().expect("a runtime");
                outer.block_on(async move { runtime.shutdown_background() });
                false
            }
            3 => {
                // While another thread still spawns.
                let spawner = thread::spawn({
                    let (handle, tally) = (handle.clone(), tally.clone());
                    move || {
                        for _ in 0..20 {
                            handle.spawn(tally.watch(async { gmp::task::yield_now().await }));
                        }
                    }
                });
                drop(runtime);
                spawner.join().expect("a spawner");
                false
            }
            _ => {
                drop(runtime);
                true
            }
        };
        let late = handle.spawn(tally.watch(async {}));
        assert!(handle.block_on(late).expect_err("after the end").is_cancelled());
        for task in left {
            if ended {
                assert!(task.is_finished(), "a task outlived the drop of its runtime");
            }
            // Resolves, whatever it says.
            let _result = handle.block_on(task);
        }
        progress();
    }
}

/// Each of the threads lives so many times.
pub(crate) fn run(case: &Case, times: usize) {
    let mut rand = case.rand();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (procs, tally, rand) = (case.procs, case.tally.clone(), rand.fork());
            thread::spawn(move || live(procs, tally, rand, times))
        })
        .collect();
    for thread in threads {
        thread.join().expect("a life");
    }
}
