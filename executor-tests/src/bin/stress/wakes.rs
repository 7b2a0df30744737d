//! A random graph of tasks that wake each other, and four threads without a runtime that wake them too.
//!
//! Tokens travel from node to node; a node sleeps until it has some. A lost wake-up leaves a token lying,
//! and the program hangs: the watchdog sees it. Wakers are cloned, kept too long, woken by value and by
//! reference, woken twice.
// Waking by value is one of the ways that are tried.
#![allow(clippy::waker_clone_wake)] // clones that are woken are part of the mix

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use super::case::Case;
use super::lock::Mutex;
use super::rand::Rand;
use super::tally::progress;

const NODES: usize = 48;
const FOREIGN: usize = 4;

#[derive(Default)]
struct Node {
    tokens: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

struct Graph {
    nodes: Vec<Node>,
    /// Hops that are still allowed, tokens under way, and threads that still bring new ones.
    hops: AtomicUsize,
    live: AtomicUsize,
}

impl Graph {
    fn send(&self, rand: &mut Rand) {
        let node = &self.nodes[rand.below(NODES)];
        node.tokens.fetch_add(1, SeqCst);
        let waker = node.waker.with(|waker| waker.clone());
        if let Some(waker) = waker {
            wake(waker, rand);
        }
    }

    /// One token or thread less; the last one lets all nodes end.
    fn retire(&self) {
        if self.live.fetch_sub(1, SeqCst) == 1 {
            for node in &self.nodes {
                let waker = node.waker.with(Option::take);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
    }

    /// Takes one hop; false when they are used up.
    fn hop(&self) -> bool {
        self.hops.fetch_update(SeqCst, SeqCst, |hops| hops.checked_sub(1)).is_ok()
    }
}

fn wake(waker: Waker, rand: &mut Rand) {
    match rand.below(4) {
        0 => waker.wake(),
        1 => waker.wake_by_ref(),
        2 => {
            waker.wake_by_ref();
            waker.clone().wake();
        }
        _ => waker.clone().wake(),
    }
}

async fn node(graph: Arc<Graph>, index: usize, mut rand: Rand) {
    loop {
        let tokens = poll_fn(|cx| {
            let node = &graph.nodes[index];
            if rand.one_in(8) {
                // A stale waker must do no harm.
                cx.waker().clone().wake();
            }
            let new = cx.waker().clone();
            let old = node.waker.with(|waker| waker.replace(new));
            drop(old);
            match node.tokens.swap(0, SeqCst) {
                0 if graph.live.load(SeqCst) == 0 => Poll::Ready(0),
                0 => Poll::Pending,
                tokens => Poll::Ready(tokens),
            }
        })
        .await;
        if tokens == 0 {
            return;
        }
        for _ in 0..tokens {
            if graph.hop() {
                graph.send(&mut rand);
            } else {
                graph.retire();
            }
        }
        if rand.one_in(8) {
            gmp::task::yield_now().await;
        }
    }
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.runtime();
    let graph = Arc::new(Graph {
        nodes: (0..NODES).map(|_| Node::default()).collect(),
        hops: AtomicUsize::new(case.scale(100_000)),
        live: AtomicUsize::new(FOREIGN),
    });
    let tasks: Vec<_> = (0..NODES)
        .map(|index| runtime.spawn(case.tally.watch(node(graph.clone(), index, rand.fork()))))
        .collect();
    let threads: Vec<_> = (0..FOREIGN)
        .map(|_| {
            let (graph, mut rand) = (graph.clone(), rand.fork());
            let tokens = case.scale(2_000);
            thread::spawn(move || {
                for _ in 0..tokens {
                    graph.live.fetch_add(1, SeqCst);
                    graph.send(&mut rand);
                    progress();
                    // Long enough, at times, for every M to fall asleep.
                    match rand.below(256) {
                        0 => thread::sleep(std::time::Duration::from_micros(300)),
                        1..32 => thread::yield_now(),
                        _ => {}
                    }
                }
                graph.retire();
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            case.tally.join(task).await;
        }
    });
    for thread in threads {
        thread.join().expect("a waker's thread");
    }
    // Old wakers outlive the runtime.
    drop(runtime);
    for node in &graph.nodes {
        if let Some(waker) = node.waker.with(Option::take) {
            waker.wake_by_ref();
            drop(waker.clone());
            waker.wake();
        }
    }
}
