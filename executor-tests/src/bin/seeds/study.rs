//! What the scheduler does on more Ps than a machine has. The measure of time is the step: with so many
//! threads at work, one round of them all is that many steps.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use gmp::runtime::deterministic::{steps, Report};
use gmp::runtime::{Builder, Runtime};
use gmp::sync::mpsc;
use gmp::task::yield_now;

const PROCS: [usize; 6] = [1, 8, 64, 256, 512, 1024];

/// Steps that tasks waited between their spawn, or wake-up, and their poll.
#[derive(Clone, Default)]
struct Waits(Arc<Mutex<Vec<u64>>>);

impl Waits {
    fn since(&self, start: u64) {
        self.0.lock().expect("no panic under it").push(steps() - start);
    }

    /// At half, at 99 of a hundred, at the most; in rounds of `procs`.
    fn rounds(&self, procs: usize) -> [f64; 3] {
        let mut waits = self.0.lock().expect("no panic under it");
        waits.sort_unstable();
        let at = |part: usize| match waits.len() {
            0 => 0.0,
            n => waits[(n - 1) * part / 100] as f64 / procs as f64,
        };
        [at(50), at(99), at(100)]
    }
}

/// Boxed because it spawns its own kind.
fn tree(depth: u32, waits: Waits, spawned: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        waits.since(spawned);
        if depth == 0 {
            return;
        }
        let children: Vec<_> =
            (0..2).map(|_| gmp::spawn(tree(depth - 1, waits.clone(), steps()))).collect();
        for child in children {
            child.await.expect("it ends");
        }
    })
}

async fn burst(waits: Waits) {
    let tasks: Vec<_> = (0..4096)
        .map(|_| {
            let (waits, spawned) = (waits.clone(), steps());
            gmp::spawn(async move {
                waits.since(spawned);
                for _ in 0..8 {
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
}

async fn pairs(waits: Waits) {
    let tasks: Vec<_> = (0..128)
        .map(|_| {
            let waits = waits.clone();
            let (there, mut here) = mpsc::channel::<u64>(1);
            gmp::spawn(async move {
                for _ in 0..32 {
                    if there.send(steps()).await.is_err() {
                        return;
                    }
                    yield_now().await;
                }
            });
            gmp::spawn(async move {
                while let Some(sent) = here.recv().await {
                    waits.since(sent);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
}

fn row(name: &str, procs: usize, main: impl FnOnce(&Runtime, Waits)) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(procs)
        .deterministic(1)
        .build()
        .expect("a runtime");
    let waits = Waits::default();
    main(&runtime, waits.clone());
    let report = Report::of(runtime.handle()).expect("a deterministic runtime");
    let each = |n: u64| n as f64 / report.polls.max(1) as f64;
    let [half, most, all] = waits.rounds(procs);
    println!(
        "{name:<7} {procs:>5} {:>7} {:>7} {:>7.2} {:>8.3} {:>7.3} {:>8.3} {:>7.3}   {half:>8.2} {most:>8.2} {all:>8.2}",
        report.threads,
        report.polls,
        each(report.steps),
        each(report.searches),
        each(report.steals),
        each(report.lingered),
        each(report.sleeps),
    );
}

/// Prints the table.
pub(crate) fn run() {
    println!("                               ----------- for each poll ------------   waits, in rounds of all Ps");
    println!("program    Ps threads   polls   steps searches  steals lingered  sleeps       half      99%     most");
    for procs in PROCS {
        row("tree", procs, |runtime, waits| runtime.block_on(tree(12, waits, 0)));
        row("burst", procs, |runtime, waits| runtime.block_on(burst(waits)));
        row("pairs", procs, |runtime, waits| runtime.block_on(pairs(waits)));
    }
}
