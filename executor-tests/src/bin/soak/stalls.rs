//! Lanes that keep threads, change the number of Ps, and make whole runtimes.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::task::{block_in_place, spawn_blocking, yield_now};

use super::case::Case;
use super::lifecycle;
use super::rand::Rand;
use super::tally::broken;
use super::world::{Boxed, World};

/// Closures on threads of their own, which spawn and wait in turn.
pub(crate) fn closures(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let closures: Vec<_> = (0..30_usize)
            .map(|n| {
                let (world, kind) = (world.clone(), rand.below(3));
                spawn_blocking(move || match kind {
                    0 => {
                        thread::sleep(Duration::from_micros(300));
                        n
                    }
                    1 => {
                        let task = world.handle.spawn(world.tally.watch(async move { n }));
                        world.handle.block_on(world.tally.join(task)).unwrap_or(0)
                    }
                    _ => n,
                })
            })
            .collect();
        let mut sum = 0;
        for closure in closures {
            sum += closure.await.expect("a closure");
        }
        let inner = world.tally.watch(async {
            yield_now().await;
            1000
        });
        sum += block_in_place(|| {
            thread::sleep(Duration::from_micros(500));
            world.handle.block_on(async { world.tally.join(gmp::spawn(inner)).await.unwrap_or(0) })
        });
        if sum != 435 + 1000 {
            broken(&format!("closures answered {sum}"));
        }
    })
}

/// Polls that block or compute for long, and what they spawned and woke meanwhile.
pub(crate) fn stalls(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let tasks: Vec<_> = (0..6_usize)
            .map(|n| {
                let (of, mut rand) = (world.clone(), rand.fork());
                gmp::spawn(world.tally.watch(async move {
                    let child = gmp::spawn(of.tally.watch(async move { n }));
                    let length = Duration::from_micros(200 + rand.below(12_000) as u64);
                    if rand.one_in(3) {
                        let end = Instant::now() + length;
                        while Instant::now() < end {
                            std::hint::spin_loop();
                        }
                    } else {
                        thread::sleep(length);
                    }
                    let second = gmp::spawn(of.tally.watch(async move { n }));
                    of.tally.join(child).await.unwrap_or(0)
                        + of.tally.join(second).await.unwrap_or(0)
                }))
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += world.tally.join(task).await.unwrap_or(0);
        }
        if sum != 30 {
            broken(&format!("what stalled polls spawned answered {sum}"));
        }
        // The others get most of the time.
        gmp::time::sleep(Duration::from_millis(20)).await;
    })
}

/// Another number of Ps.
pub(crate) fn resizes(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let procs = 1 + rand.below(8);
        world.handle.set_max_procs(procs).expect("from 1 to 8");
        gmp::time::sleep(Duration::from_millis(1 + rand.below(40) as u64)).await;
        if world.handle.max_procs() != procs {
            broken("nobody else sets the number of Ps");
        }
    })
}

/// Runtimes that are made, used and ended in every way, by four threads at once.
pub(crate) fn runtimes(_: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let lives = spawn_blocking(move || {
            let case = Case::new("runtimes", 1 + rand.below(8), rand.next());
            lifecycle::run(&case, 4);
            case.tally.settle();
        });
        lives.await.expect("runtimes");
        gmp::time::sleep(Duration::from_millis(50)).await;
    })
}
