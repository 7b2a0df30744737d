//! Lanes about locks and timers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::sync::{Barrier, Mutex, RwLock, Semaphore};
use gmp::task::yield_now;
use gmp::time::{interval, sleep, timeout};

use super::rand::Rand;
use super::tally::broken;
use super::world::{Boxed, World};

const TASKS: usize = 24;

/// Locks whose waiters are aborted in the queue: what was counted under them adds up, no permit is lost.
pub(crate) fn locks(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let mutex = Arc::new(Mutex::new((0_u64, 0_u64)));
        let rwlock = Arc::new(RwLock::new((0_u64, 0_u64)));
        let permits = Arc::new(Semaphore::new(5));
        let barrier = Arc::new(Barrier::new(TASKS));
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let (mutex, rwlock) = (mutex.clone(), rwlock.clone());
            let (permits, barrier) = (permits.clone(), barrier.clone());
            tasks.push(gmp::spawn(world.tally.watch(async move {
                // From here on they are at it together.
                barrier.wait().await;
                for n in 0..20 {
                    let _permits = permits.acquire_many(1 + n % 5).await.expect("never closed");
                    let mut pair = mutex.lock().await;
                    pair.0 += 1;
                    yield_now().await;
                    pair.1 += 1;
                    drop(pair);
                    if n % 4 == 0 {
                        let mut pair = rwlock.write().await;
                        pair.0 += 1;
                        yield_now().await;
                        pair.1 += 1;
                    } else {
                        let pair = rwlock.read().await;
                        if pair.0 != pair.1 {
                            broken("a reader saw a half-done write");
                        }
                    }
                }
            })));
        }
        let mut strays = Vec::new();
        for _ in 0..TASKS {
            let (mutex, permits) = (mutex.clone(), permits.clone());
            let stray = gmp::spawn(world.tally.watch(async move {
                let _permits = permits.acquire_many(3).await;
                let _pair = mutex.lock().await;
                std::future::pending::<()>().await;
            }));
            if rand.one_in(2) {
                yield_now().await;
            }
            strays.push(stray);
        }
        for stray in strays {
            stray.abort();
            let _cancelled = world.tally.join(stray).await;
        }
        for task in tasks {
            if world.tally.join(task).await.is_none() {
                broken("a task with locks did not end by itself");
            }
        }
        let (mutex, rwlock) = (*mutex.lock().await, *rwlock.read().await);
        let (locked, written) = (TASKS as u64 * 20, TASKS as u64 * 5);
        if mutex != (locked, locked) || rwlock != (written, written) {
            broken(&format!("under the locks: {mutex:?} and {rwlock:?}"));
        }
        if permits.available_permits() != 5 {
            broken(&format!("{} of 5 permits are there", permits.available_permits()));
        }
    })
}

/// Sleeps, timeouts and intervals: never early, and never not at all.
pub(crate) fn timers(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let (kind, micros) = (rand.below(5), rand.below(20_000) as u64);
                gmp::spawn(world.tally.watch(async move {
                    let (begun, length) = (Instant::now(), Duration::from_micros(micros));
                    let least = match kind {
                        0 => {
                            sleep(length).await;
                            length
                        }
                        1 => {
                            if timeout(length, std::future::pending::<()>()).await.is_ok() {
                                broken("what never comes was there in time");
                            }
                            length
                        }
                        2 => {
                            // Cancelled: by far the most usual end of a timer.
                            let far = Duration::from_secs(3600 + micros);
                            if timeout(far, yield_now()).await.is_err() {
                                broken("an hour went by in no time");
                            }
                            Duration::ZERO
                        }
                        3 => {
                            let mut sleep = std::pin::pin!(sleep(Duration::from_secs(60)));
                            let soon = gmp::time::Instant::now() + length;
                            sleep.as_mut().reset(soon + length);
                            sleep.as_mut().reset(soon);
                            sleep.await;
                            length
                        }
                        _ => {
                            let mut interval = interval(length / 4 + Duration::from_micros(1));
                            for _ in 0..5 {
                                interval.tick().await;
                            }
                            length
                        }
                    };
                    if begun.elapsed() < least {
                        broken(&format!("timer of kind {kind}: {:?} < {least:?}", begun.elapsed()));
                    }
                }))
            })
            .collect();
        for task in tasks {
            if world.tally.join(task).await.is_none() {
                broken("a timer's task did not end by itself");
            }
        }
    })
}
