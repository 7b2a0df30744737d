//! Closures that block, `block_in_place`, `block_on` from inside of them, and tasks that go on meanwhile.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::runtime::Handle;
use gmp::sync::{mpsc, Semaphore};
use gmp::task::{block_in_place, spawn_blocking, yield_now};

use super::case::Case;
use super::rand::Rand;
use super::tally::{planned_panic, progress, Tally};

fn nap(rand: &mut Rand) {
    match rand.below(8) {
        0 => thread::sleep(Duration::from_micros(200)),
        1..4 => thread::yield_now(),
        _ => {}
    }
    progress();
}

async fn one(tally: Arc<Tally>, mut rand: Rand, gate: Arc<Semaphore>) -> u64 {
    let _permit = gate.acquire().await.expect("never closed");
    match rand.below(6) {
        0 => spawn_blocking(move || nap(&mut rand)).await.expect("a nap"),
        1 => {
            block_in_place(|| nap(&mut rand));
            yield_now().await;
        }
        2 => {
            // A closure that waits for tasks.
            let handle = Handle::current();
            let inner = tally.watch(async { yield_now().await });
            spawn_blocking(move || handle.block_on(async { gmp::spawn(inner).await }))
                .await
                .expect("a closure")
                .expect("a task");
        }
        3 => {
            let inner = tally.watch(async { yield_now().await });
            block_in_place(|| {
                block_in_place(|| nap(&mut rand));
                Handle::current().block_on(async { gmp::spawn(inner).await })
            })
            .expect("a task");
        }
        4 => {
            // Aborted before it starts, or too late.
            let closure = spawn_blocking(move || nap(&mut rand));
            closure.abort();
            let _either = closure.await;
        }
        _ => {
            let (tx, mut rx) = mpsc::channel(1);
            let sender = spawn_blocking(move || {
                for n in 0..8 {
                    tx.blocking_send(n).expect("the receiver lives");
                }
                if rand.one_in(8) {
                    planned_panic();
                }
            });
            let mut sum = 0;
            while let Some(n) = rx.recv().await {
                sum += n;
            }
            assert_eq!(sum, 28);
            tally.join(sender).await;
        }
    }
    1
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.threaded();
    let tally = case.tally.clone();
    // Each of them may hold a thread.
    let gate = Arc::new(Semaphore::new(24));
    let total = case.scale(4_000);
    let tasks: Vec<_> = (0..total)
        .map(|_| runtime.spawn(tally.watch(one(tally.clone(), rand.fork(), gate.clone()))))
        .collect();
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += tally.join(task).await.unwrap_or(0);
        }
        sum
    });
    assert_eq!(sum, total as u64);
}
