//! The programs. Each counts its futures: as many drops as there were made, and each join answered.

use std::fmt;
use std::future::{poll_fn, Future};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use gmp::runtime::deterministic::{block_for, choose, point, Report};
use gmp::runtime::{Builder, Handle, Runtime};
use gmp::sync::{mpsc, oneshot, Notify, Semaphore};
use gmp::task::{block_in_place, spawn_blocking, yield_now, JoinHandle};
use gmp::time::{sleep, timeout, Duration, Instant};

use super::Planned;

pub(crate) type Program = fn(&Case) -> Totals;

pub(crate) const PROGRAMS: &[(&str, Program)] = &[
    ("storm", storm),
    ("joins", joins),
    ("channels", channels),
    ("wakes", wakes),
    ("timers", timers),
    ("blocking", blocking),
    ("hogs", hogs),
    ("resize", resize),
    ("shutdown", shutdown),
];

/// Only when named: a program with a fault, to see that it is found and made smaller.
pub(crate) const ON_DEMAND: &[(&str, Program)] = &[("gate", gate)];

/// One game.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) procs: usize,
    pub(crate) tasks: usize,
    tally: Tally,
}

static RUNS_NOW: [AtomicU64; 3] = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];

/// For the watchdog.
pub(crate) fn say_what_runs() {
    let [seed, procs, tasks] = [0, 1, 2].map(|i: usize| RUNS_NOW[i].load(Relaxed));
    println!("it is seed {seed}, {procs} Ps, {tasks} tasks");
}

impl Case {
    pub(crate) fn new(seed: u64, procs: Option<usize>, tasks: Option<usize>) -> Case {
        const PROCS: [usize; 8] = [1, 2, 3, 4, 5, 8, 16, 64];
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let case = Case {
            seed,
            procs: procs.unwrap_or(PROCS[(mixed % 8) as usize]),
            tasks: tasks.unwrap_or(2 + (mixed / 8 % 40) as usize),
            tally: Tally::default(),
        };
        RUNS_NOW[0].store(seed, Relaxed);
        RUNS_NOW[1].store(case.procs as u64, Relaxed);
        RUNS_NOW[2].store(case.tasks as u64, Relaxed);
        case
    }

    fn runtime(&self) -> Runtime {
        Builder::new_multi_thread()
            .worker_threads(self.procs)
            .enable_time()
            .deterministic(self.seed)
            .build()
            .expect("a runtime")
    }

    /// Spawns a future that is counted.
    fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        gmp::spawn(self.tally.watch(future))
    }

    /// Ends the runtime, and checks the sums.
    fn end(&self, runtime: Runtime) -> Totals {
        let totals = Totals::of(&runtime);
        drop(runtime);
        self.tally.check();
        totals
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {} Ps, {} tasks", self.seed, self.procs, self.tasks)
    }
}

/// What the games came to, to see that they go where they are meant to.
#[derive(Default)]
pub(crate) struct Totals([(&'static str, u64); 11]);

impl Totals {
    fn of(runtime: &Runtime) -> Totals {
        let report = Report::of(runtime.handle()).expect("a deterministic runtime");
        let metrics = runtime.metrics();
        Totals([
            ("steps", report.steps),
            ("polls", report.polls),
            ("searches", report.searches),
            ("steals", report.steals),
            ("sleeps", report.sleeps),
            ("retakes", metrics.retakes()),
            ("regains", metrics.regains()),
            ("retirements", metrics.retirements()),
            ("drained", metrics.drained()),
            ("aside", metrics.polls_set_aside()),
            ("handoffs", metrics.handoffs()),
        ])
    }

    pub(crate) fn add(&mut self, part: &Totals) {
        for (sum, part) in self.0.iter_mut().zip(part.0) {
            *sum = (part.0, sum.1 + part.1);
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, n) in self.0.iter().filter(|(_, n)| *n > 0) {
            write!(f, " {name} {n}")?;
        }
        Ok(())
    }
}

/// Futures made and dropped.
#[derive(Clone, Default)]
struct Tally(Arc<[AtomicUsize; 2]>);

struct Counted<F> {
    future: Pin<Box<F>>,
    tally: Tally,
    inside: AtomicBool,
    over: bool,
}

impl Tally {
    fn watch<F: Future>(&self, future: F) -> Counted<F> {
        self.0[0].fetch_add(1, Relaxed);
        Counted {
            future: Box::pin(future),
            tally: self.clone(),
            inside: AtomicBool::new(false),
            over: false,
        }
    }

    fn check(&self) {
        let [made, dropped] = [&self.0[0], &self.0[1]].map(|n| n.load(SeqCst));
        assert_eq!(made, dropped, "futures made, and dropped");
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        assert!(!self.inside.swap(true, SeqCst), "polled by two at once");
        assert!(!self.over, "polled after its end");
        let polled = self.future.as_mut().poll(cx);
        self.over = polled.is_ready();
        assert!(self.inside.swap(false, SeqCst), "somebody else left this poll");
        polled
    }
}

impl<F> Drop for Counted<F> {
    fn drop(&mut self) {
        self.tally.0[1].fetch_add(1, Relaxed);
    }
}

fn ms(below: u32) -> Duration {
    Duration::from_millis(u64::from(choose(below)))
}

/// Everything, mixed.
fn storm(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        let (tx, mut rx) = mpsc::channel::<usize>(2);
        let notify = Arc::new(Notify::new());
        let mut joins = Vec::new();
        for i in 0..case.tasks {
            let (tx, notify, tally) = (tx.clone(), notify.clone(), case.tally.clone());
            let join = case.spawn(async move {
                match choose(9) {
                    0 => drop(tx.send(i).await),
                    1 => sleep(ms(5)).await,
                    2 => {
                        let child = gmp::spawn(tally.watch(yield_now()));
                        child.await.expect("it ends");
                    }
                    3 => spawn_blocking(|| block_for(ms(3))).await.expect("it ends"),
                    4 => block_in_place(point),
                    5 => block_for(ms(12)),
                    6 => notify.notified().await,
                    7 => resume_unwind(Box::new(Planned)),
                    _ => {
                        for _ in 0..choose(80) {
                            yield_now().await;
                        }
                    }
                }
                point();
            });
            if choose(4) == 0 {
                join.abort();
            }
            joins.push(join);
        }
        drop(tx);
        let ring = case.spawn(async move {
            loop {
                notify.notify_waiters();
                sleep(Duration::from_millis(1)).await;
            }
        });
        while rx.recv().await.is_some() {}
        for join in joins {
            answered(join.await);
        }
        ring.abort();
        // Left behind.
        case.spawn(std::future::pending::<()>());
        case.spawn(yield_now());
    });
    case.end(runtime)
}

/// An end of a task that a program reckons with.
fn answered<T>(result: Result<T, gmp::task::JoinError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            if let Ok(payload) = error.try_into_panic() {
                if !payload.is::<Planned>() {
                    resume_unwind(payload);
                }
            }
            None
        }
    }
}

/// Each awaits some that were spawned before it; each counts itself once.
fn joins(case: &Case) -> Totals {
    let runtime = case.runtime();
    let sum = runtime.block_on(async {
        let mut open: Vec<JoinHandle<usize>> = Vec::new();
        for _ in 0..case.tasks {
            let mut parents = Vec::new();
            for _ in 0..choose(4) {
                if !open.is_empty() {
                    parents.push(open.swap_remove(choose(open.len() as u32) as usize));
                }
            }
            open.push(case.spawn(async move {
                let mut sum = 1;
                for parent in parents {
                    point();
                    sum += parent.await.expect("nobody fails");
                }
                sum
            }));
            if choose(4) == 0 {
                yield_now().await;
            }
        }
        let mut sum = 0;
        for task in open {
            sum += task.await.expect("nobody fails");
        }
        sum
    });
    assert_eq!(sum, case.tasks);
    case.end(runtime)
}

/// Bounded channels, permits, answers.
fn channels(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        let (tx, mut rx) = mpsc::channel::<(usize, oneshot::Sender<usize>)>(1 + choose(3) as usize);
        let permits = Arc::new(Semaphore::new(1 + choose(3) as usize));
        let inside = Arc::new(AtomicUsize::new(0));
        let most = permits.available_permits();
        let server = case.spawn(async move {
            let mut served = 0;
            while let Some((n, answer)) = rx.recv().await {
                point();
                let _gone = answer.send(n + 1);
                served += 1;
            }
            served
        });
        let clients: Vec<_> = (0..case.tasks)
            .map(|i| {
                let (tx, permits, inside) = (tx.clone(), permits.clone(), inside.clone());
                case.spawn(async move {
                    let permit = permits.acquire().await.expect("open");
                    assert!(inside.fetch_add(1, SeqCst) < most, "too many permits");
                    point();
                    let (answer, answered) = oneshot::channel();
                    tx.send((i, answer)).await.map_err(drop).expect("it serves");
                    assert_eq!(answered.await, Ok(i + 1));
                    inside.fetch_sub(1, SeqCst);
                    drop(permit);
                })
            })
            .collect();
        drop(tx);
        for client in clients {
            client.await.expect("served");
        }
        assert_eq!(server.await.expect("it ends"), case.tasks);
    });
    case.end(runtime)
}

/// Tokens that travel between nodes, each of which sleeps until it has one.
fn wakes(case: &Case) -> Totals {
    #[derive(Default)]
    struct Node {
        tokens: AtomicUsize,
        waker: Mutex<Option<Waker>>,
    }
    impl Node {
        fn wake(&self) {
            // Outside of the lock: a waker is foreign code.
            let waker = self.waker.lock().expect("no panic under it").clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
    let runtime = case.runtime();
    let nodes: Arc<Vec<Node>> = Arc::new((0..case.tasks).map(|_| Node::default()).collect());
    let hops = Arc::new(AtomicUsize::new(20 * case.tasks));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..case.tasks)
            .map(|i| {
                let (nodes, hops) = (nodes.clone(), hops.clone());
                case.spawn(poll_fn(move |cx| {
                    let waker = cx.waker().clone();
                    *nodes[i].waker.lock().expect("no panic under it") = Some(waker);
                    point();
                    for _ in 0..nodes[i].tokens.swap(0, SeqCst) {
                        let left = hops.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
                        match left {
                            // The last one ends them all.
                            Ok(1) => nodes.iter().for_each(Node::wake),
                            Ok(_) => {
                                let node = &nodes[choose(nodes.len() as u32) as usize];
                                node.tokens.fetch_add(1, SeqCst);
                                point();
                                node.wake();
                            }
                            Err(_) => {}
                        }
                    }
                    if hops.load(SeqCst) == 0 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }))
            })
            .collect();
        for node in nodes.iter().take(3) {
            node.tokens.fetch_add(1, SeqCst);
            node.wake();
        }
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    case.end(runtime)
}

/// Sleeps, time-outs, cancelled timers: never early, and in this world never late.
fn timers(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..case.tasks)
            .map(|_| {
                case.spawn(async {
                    for _ in 0..3 {
                        let (start, wait) = (Instant::now(), ms(50));
                        match choose(3) {
                            0 => sleep(wait).await,
                            1 => drop(timeout(wait, std::future::pending::<()>()).await),
                            _ => {
                                let long = Duration::from_secs(3600);
                                drop(timeout(long, sleep(wait)).await);
                            }
                        }
                        assert_eq!(start.elapsed(), wait);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    case.end(runtime)
}

/// Closures, polls that block, `block_in_place` with a `block_on` in it.
fn blocking(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..case.tasks)
            .map(|i| {
                case.spawn(async move {
                    match choose(4) {
                        0 => spawn_blocking(move || {
                            block_for(ms(20));
                            i
                        })
                        .await
                        .expect("it ends"),
                        1 => block_in_place(|| {
                            block_for(ms(20));
                            i
                        }),
                        2 => block_in_place(|| {
                            Handle::current().block_on(async {
                                sleep(ms(5)).await;
                                gmp::spawn(async move { i }).await.expect("it ends")
                            })
                        }),
                        _ => {
                            gmp::spawn(yield_now());
                            block_for(ms(20));
                            yield_now().await;
                            i
                        }
                    }
                })
            })
            .collect();
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.expect("it ends"), i);
        }
    });
    case.end(runtime)
}

/// Tasks that block in each poll, beside some that do not.
fn hogs(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..case.tasks)
            .map(|i| {
                case.spawn(async move {
                    for _ in 0..6 {
                        if i % 3 == 0 {
                            block_for(Duration::from_millis(4 + u64::from(choose(10))));
                        } else {
                            sleep(ms(4)).await;
                        }
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    case.end(runtime)
}

/// The number of Ps goes up and down meanwhile.
fn resize(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..case.tasks)
            .map(|_| {
                case.spawn(async {
                    for _ in 0..choose(10) {
                        match choose(3) {
                            0 => yield_now().await,
                            1 => sleep(ms(3)).await,
                            _ => block_for(ms(6)),
                        }
                    }
                })
            })
            .collect();
        for _ in 0..6 {
            let procs = 1 + choose(2 * case.procs as u32) as usize;
            Handle::current().set_max_procs(procs).expect("in range");
            sleep(ms(4)).await;
        }
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    case.end(runtime)
}

/// The runtime goes while its tasks are anywhere.
fn shutdown(case: &Case) -> Totals {
    let runtime = case.runtime();
    runtime.block_on(async {
        for _ in 0..case.tasks {
            let tally = case.tally.clone();
            let task = case.spawn(async move {
                loop {
                    match choose(4) {
                        0 => yield_now().await,
                        1 => sleep(ms(3)).await,
                        2 => {
                            gmp::spawn(tally.watch(sleep(ms(9))));
                        }
                        _ => point(),
                    }
                }
            });
            if choose(8) == 0 {
                task.abort();
            }
        }
        sleep(ms(20)).await;
    });
    case.end(runtime)
}

/// The fault: whoever opens the gate between the look and the entry of the waker wakes nobody.
fn gate(case: &Case) -> Totals {
    #[derive(Default)]
    struct Gate {
        open: AtomicBool,
        waiter: Mutex<Option<Waker>>,
    }
    let runtime = case.runtime();
    runtime.block_on(async {
        let gates: Arc<Vec<Gate>> = Arc::new((0..case.tasks).map(|_| Gate::default()).collect());
        let waiters: Vec<_> = (0..case.tasks)
            .map(|i| {
                let gates = gates.clone();
                case.spawn(poll_fn(move |cx| {
                    if gates[i].open.load(SeqCst) {
                        return Poll::Ready(());
                    }
                    point();
                    *gates[i].waiter.lock().expect("no panic under it") = Some(cx.waker().clone());
                    Poll::Pending
                }))
            })
            .collect();
        case.spawn(async move {
            for gate in gates.iter() {
                gate.open.store(true, SeqCst);
                let waiter = gate.waiter.lock().expect("no panic under it").take();
                if let Some(waiter) = waiter {
                    waiter.wake();
                }
            }
        });
        for waiter in waiters {
            waiter.await.expect("it passes");
        }
    });
    case.end(runtime)
}
