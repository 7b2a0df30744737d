//! Lanes about tasks: trees of them, aborts, sets, threads of no runtime.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::runtime::Builder;
use gmp::sync::oneshot;
use gmp::task::{spawn_blocking, yield_now, JoinSet, LocalSet};

use super::rand::Rand;
use super::tally::{broken, planned_panic};
use super::world::{Boxed, World};

fn tree(world: Arc<World>, depth: usize, fan: usize) -> Boxed<usize> {
    Box::pin(async move {
        let mut children = Vec::new();
        if depth > 0 {
            for _ in 0..fan {
                let child = tree(world.clone(), depth - 1, fan);
                children.push(gmp::spawn(world.tally.watch(child)));
            }
        }
        let mut sum = 1;
        for child in children {
            sum += world.tally.join(child).await.unwrap_or(0);
        }
        sum
    })
}

/// A tree of tasks, each of which waits for its children. All are counted.
pub(crate) fn storm(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let (depth, fan) = [(3, 8_usize), (1, 400), (8, 2), (2, 20)][rand.below(4)];
        let all = (0..=depth).map(|level| fan.pow(level as u32)).sum::<usize>();
        let found = tree(world, depth, fan).await;
        if found != all {
            broken(&format!("{found} of {all} tasks of a tree answered"));
        }
    })
}

/// Tasks of all kinds, ended in the middle of it. Each handle answers.
pub(crate) fn aborts(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let mut tasks = Vec::new();
        for _ in 0..100 {
            let kind = rand.below(5);
            let micros = rand.below(3_000) as u64;
            tasks.push(gmp::spawn(world.tally.watch(async move {
                match kind {
                    0 => std::future::pending().await,
                    1 => gmp::time::sleep(Duration::from_micros(micros)).await,
                    2 => loop {
                        yield_now().await;
                    },
                    3 => planned_panic(),
                    _ => {
                        let (tx, rx) = oneshot::channel();
                        gmp::spawn(async move { tx.send(()) });
                        let _sent_or_lost = rx.await;
                    }
                }
            })));
            if rand.one_in(10) {
                yield_now().await;
            }
        }
        let mut handles: Vec<_> = tasks.iter().map(|task| task.abort_handle()).collect();
        if rand.one_in(2) {
            // By another thread.
            let rest = handles.split_off(50);
            gmp::spawn(async move { rest.iter().for_each(|handle| handle.abort()) });
        }
        for handle in handles {
            handle.abort();
            if rand.one_in(20) {
                gmp::time::sleep(Duration::from_micros(200)).await;
            }
        }
        for task in tasks {
            // `join` passes on what was not planned; cancelled or not, it answers.
            let _either = world.tally.join(task).await;
        }
    })
}

/// A set of tasks, ended in each of the ways there are.
pub(crate) fn join_set(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let mut set = JoinSet::new();
        for n in 0..100 {
            let yields = rand.below(4);
            set.spawn(world.tally.watch(async move {
                for _ in 0..yields {
                    yield_now().await;
                }
                n
            }));
        }
        match rand.below(4) {
            0 => set.shutdown().await,
            1 => drop(set),
            manner => {
                if manner == 2 {
                    set.abort_all();
                }
                let (mut answers, mut cancelled) = (Vec::new(), 0);
                while let Some(answer) = set.join_next().await {
                    match answer {
                        Ok(n) => answers.push(n),
                        Err(_) => cancelled += 1,
                    }
                }
                answers.sort_unstable();
                answers.dedup();
                if answers.len() + cancelled != 100 || (manner == 3 && cancelled > 0) {
                    broken("a JoinSet did not answer once for each of its tasks");
                }
            }
        }
    })
}

/// Tasks that stay on their thread, and are woken from the others.
pub(crate) fn local_set(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let outside = world.handle.clone();
        let home = spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let (set, alive) = (LocalSet::new(), Rc::new(Cell::new(0)));
            let done = set.block_on(&runtime, {
                let alive = alive.clone();
                async move {
                    let mut tasks = Vec::new();
                    for n in 0..20_usize {
                        let held = Held::new(&alive);
                        let (tx, rx) = oneshot::channel();
                        outside.spawn(async move { tx.send(n) });
                        tasks.push(gmp::task::spawn_local(async move {
                            let _held = held;
                            rx.await.expect("it is sent")
                        }));
                    }
                    // One that goes down with the set.
                    let held = Held::new(&alive);
                    gmp::task::spawn_local(async move {
                        let _held = held;
                        std::future::pending::<()>().await;
                    });
                    if rand.one_in(2) {
                        yield_now().await;
                    }
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.expect("a local task");
                    }
                    sum
                }
            });
            drop(set);
            if done != 190 || alive.get() != 0 {
                broken(&format!("local tasks: sum {done}, {} not dropped", alive.get()));
            }
        });
        home.await.expect("a LocalSet");
        gmp::time::sleep(Duration::from_millis(2)).await;
    })
}

/// Counts what lives on one thread.
struct Held(Rc<Cell<usize>>);

impl Held {
    fn new(alive: &Rc<Cell<usize>>) -> Held {
        alive.set(alive.get() + 1);
        Held(alive.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A thread of no runtime spawns, waits and wakes.
pub(crate) fn foreign(world: Arc<World>, _: Rand) -> Boxed<()> {
    Box::pin(async move {
        let (tx, rx) = oneshot::channel();
        let stranger = thread::spawn({
            let world = world.clone();
            move || {
                let tasks: Vec<_> = (0..50)
                    .map(|n| {
                        let task = async move {
                            yield_now().await;
                            n
                        };
                        world.handle.spawn(world.tally.watch(task))
                    })
                    .collect();
                let sum: usize = world.handle.block_on(async {
                    let mut sum = 0;
                    for task in tasks {
                        sum += world.tally.join(task).await.unwrap_or(0);
                    }
                    sum
                });
                tx.send(sum).expect("the lane waits");
            }
        });
        if rx.await.expect("the thread sends") != 1225 {
            broken("what a foreign thread spawned was lost");
        }
        spawn_blocking(|| stranger.join().expect("a thread")).await.expect("a closure");
        gmp::time::sleep(Duration::from_millis(2)).await;
    })
}
