//! Tasks that would never end, each aborted at a random moment by a random thread, task, or both.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::sync::{mpsc, Notify};
use gmp::task::AbortHandle;

use super::case::Case;
use super::rand::Rand;
use super::tally::{progress, Tally};

const FOREIGN: usize = 4;

/// Spawns and wakes from inside of a future's drop.
struct DropWork {
    tally: Arc<Tally>,
    notify: Arc<Notify>,
}

impl Drop for DropWork {
    fn drop(&mut self) {
        self.notify.notify_one();
        if let Ok(handle) = gmp::runtime::Handle::try_current() {
            handle.spawn(self.tally.watch(async {}));
        }
    }
}

async fn endless(kind: usize, tally: Arc<Tally>, notify: Arc<Notify>) {
    let _drop = DropWork { tally, notify: notify.clone() };
    match kind {
        0 => loop {
            gmp::task::yield_now().await;
        },
        1 => loop {
            notify.notified().await;
        },
        2 => loop {
            gmp::time::sleep(Duration::from_micros(100)).await;
        },
        3 => std::future::pending().await,
        4 => {
            let (_keep, mut never) = mpsc::channel::<()>(1);
            never.recv().await;
        }
        // Ends by itself, so that the abort may come too late.
        _ => gmp::task::yield_now().await,
    }
}

fn storm(mut victims: Vec<AbortHandle>, mut rand: Rand) {
    while !victims.is_empty() {
        let victim = victims.swap_remove(rand.below(victims.len()));
        victim.abort();
        if rand.one_in(4) {
            victim.clone().abort();
        }
        progress();
        if rand.one_in(16) {
            thread::yield_now();
        }
    }
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.runtime();
    let notify = Arc::new(Notify::new());
    let tally = &case.tally;
    let mut tasks = Vec::new();
    let mut victims: Vec<Vec<AbortHandle>> = (0..=FOREIGN).map(|_| Vec::new()).collect();
    // The aborting threads share the CPUs with every M, and all of those are busy.
    for _ in 0..case.scale(10_000) / case.procs.div_ceil(4) {
        let kind = rand.below(6);
        let task = runtime.spawn(tally.watch(endless(kind, tally.clone(), notify.clone())));
        // Some by two of them.
        for _ in 0..=rand.below(2) {
            victims[rand.below(FOREIGN + 1)].push(task.abort_handle());
        }
        if rand.one_in(8) {
            drop(task);
        } else {
            tasks.push(task);
        }
    }
    let inside = victims.pop().expect("a list for a task");
    let threads: Vec<_> = victims
        .into_iter()
        .map(|victims| {
            let rand = rand.fork();
            thread::spawn(move || storm(victims, rand))
        })
        .collect();
    let inside = runtime.spawn(tally.watch({
        let rand = rand.fork();
        async move { storm(inside, rand) }
    }));
    runtime.block_on(async {
        tally.join(inside).await;
        for task in tasks {
            tally.join(task).await;
        }
    });
    for thread in threads {
        thread.join().expect("an aborter");
    }
}
