//! A million spawns a round, from threads and from tasks, with yields, aborts, panics, dropped handles
//! and, every other time, a runtime that is dropped in the middle of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use gmp::runtime::Handle;
use gmp::task::JoinHandle;

use super::case::Case;
use super::rand::Rand;
use super::tally::{planned_panic, progress, Tally};

const FOREIGN: usize = 4;

/// A task that yields, may spawn one more, and may panic. Boxed because it spawns its own kind.
fn work(
    tally: Arc<Tally>,
    mut rand: Rand,
    depth: usize,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        for _ in 0..rand.below(4) {
            gmp::task::yield_now().await;
        }
        if depth > 0 && rand.one_in(4) {
            let child = gmp::spawn(tally.watch(work(tally.clone(), rand.fork(), depth - 1)));
            match rand.below(3) {
                0 => drop(child),
                1 => child.abort(),
                _ => drop(tally.join(child).await),
            }
        }
        if rand.one_in(16) {
            planned_panic();
        }
    })
}

/// Spawns from one thread; answers what was kept.
fn spawner(
    count: usize,
    tally: &Arc<Tally>,
    mut rand: Rand,
    spawn: impl Fn(super::tally::Counted<()>) -> JoinHandle<()>,
) -> Vec<JoinHandle<()>> {
    let mut kept: Vec<JoinHandle<()>> = Vec::new();
    for _ in 0..count {
        let handle = spawn(tally.watch(work(tally.clone(), rand.fork(), 2)));
        progress();
        match rand.below(8) {
            0 | 1 => drop(handle),
            2 => handle.abort(),
            3 if !kept.is_empty() => {
                kept[rand.below(kept.len())].abort();
                kept.push(handle);
            }
            _ => kept.push(handle),
        }
        if rand.one_in(64) {
            thread::yield_now();
        }
    }
    kept
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.runtime();
    let each = case.scale(200_000) / (FOREIGN + 1);
    let busy_end = case.seed % 4 >= 2;
    let threads: Vec<_> = (0..FOREIGN)
        .map(|_| {
            let (handle, tally, rand) = (runtime.handle().clone(), case.tally.clone(), rand.fork());
            thread::spawn(move || {
                let kept = spawner(each, &tally, rand, |future| handle.spawn(future));
                // Also after the runtime's end every handle resolves, in whatever executor.
                if busy_end {
                    drop(kept);
                    return Vec::new();
                }
                kept
            })
        })
        .collect();
    if busy_end {
        let tally = case.tally.clone();
        let rand = rand.fork();
        runtime.block_on(async move {
            let handle = Handle::current();
            drop(spawner(each, &tally, rand, |future| handle.spawn(future)));
        });
        drop(runtime);
        for thread in threads {
            thread.join().expect("a spawner");
        }
        return;
    }
    let tally = case.tally.clone();
    let mine = rand.fork();
    runtime.block_on(async move {
        for handle in spawner(each, &tally, mine, gmp::spawn) {
            tally.join(handle).await;
        }
        for thread in threads {
            // current_thread: nothing else runs on this thread while it waits, so it must not block
            // on what the others spawn; they only spawn.
            for handle in thread.join().expect("a spawner") {
                tally.join(handle).await;
            }
        }
    });
    drop(runtime);
}
