//! Hazards of polls that block: who goes on, what is counted, and what is left alone.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::Runtime;
use support::*;

/// A task whose poll blocks until the sender goes.
fn block_one(runtime: &Runtime) -> Sender<()> {
    let (release, wait) = channel::<()>();
    let (tell, begun) = channel();
    runtime.spawn(async move {
        tell.send(()).unwrap();
        let _released = wait.recv();
    });
    begun.recv_timeout(PATIENCE).unwrap();
    release
}

#[test]
fn b_blocked_forever() {
    // Two polls never end: the rest goes on, and a shutdown with a limit returns.
    let runtime = threaded(2);
    let releases = [block_one(&runtime), block_one(&runtime)];
    for n in 0..50 {
        let (tx, rx) = channel();
        runtime.spawn(async move {
            gmp::time::sleep(Duration::from_micros(200)).await;
            tx.send(n).unwrap();
        });
        assert_eq!(rx.recv_timeout(PATIENCE), Ok(n));
    }
    let drops = Drops::default();
    let guard = drops.guard();
    runtime.spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    within_patience(move || runtime.shutdown_timeout(Duration::from_millis(50)));
    eventually("what waits is dropped", || drops.count() == 1);
    // Not before: they blocked all the time.
    drop(releases);
}

#[test]
fn b_drain_covers_all() {
    // What is tied to the P of a poll that blocks: its queue, what was readied last, its timers, and the
    // sockets that its task registered.
    let runtime = threaded(1);
    let (tx, rx) = channel();
    let (release, wait) = channel::<()>();
    let addr = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let tx = tx.clone();
        gmp::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_u8(1).await.unwrap();
            tx.send("event").unwrap();
        });
        gmp::task::yield_now().await;
        addr
    });
    runtime.spawn(async move {
        for name in ["queued", "next"] {
            let tx = tx.clone();
            gmp::spawn(async move { tx.send(name).unwrap() });
        }
        let timer = tx.clone();
        gmp::spawn(async move {
            gmp::time::sleep(Duration::from_millis(3)).await;
            timer.send("timer").unwrap();
        });
        let _released = wait.recv();
    });
    let _client = std::net::TcpStream::connect(addr).unwrap();
    let mut seen: Vec<_> = (0..4).map(|_| rx.recv_timeout(PATIENCE).expect("all of it")).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["event", "next", "queued", "timer"]);
    drop(release);
}

#[test]
fn b_permits_conserved() {
    for procs in [1, 2, 4] {
        let runtime = threaded(procs);
        for _ in 0..5 {
            let tasks: Vec<_> = (0..4 * procs as u64)
                .map(|n| {
                    runtime.spawn(async move {
                        thread::sleep(Duration::from_millis(n % 5 * 4));
                        gmp::task::yield_now().await;
                        if n % 2 == 0 {
                            gmp::task::block_in_place(|| thread::sleep(Duration::from_millis(1)));
                        }
                        gmp::time::sleep(Duration::from_millis(1)).await;
                    })
                })
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
        let metrics = runtime.metrics();
        eventually("all permits are idle", || metrics.idle_permits() == procs);
        eventually("nobody is extra", || metrics.extra_threads() == 0);
        assert_eq!(metrics.retakes(), metrics.regains() + metrics.retirements());
    }
}

#[test]
fn b_during_shutdown() {
    // The runtime ends while polls block and others go on: it waits for them, and all is dropped once.
    for round in 0..20u64 {
        let runtime = threaded(2);
        let drops = Drops::default();
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..4 {
            let (guard, started) = (drops.guard(), started.clone());
            runtime.spawn(async move {
                let _guard = guard;
                started.fetch_add(1, SeqCst);
                thread::sleep(Duration::from_millis(5 + round));
                gmp::task::yield_now().await;
                std::future::pending::<()>().await;
            });
        }
        eventually("one blocks", || started.load(SeqCst) > 0);
        thread::sleep(Duration::from_millis(round));
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), 4);
    }
}

#[test]
fn b_no_gain_no_mark() {
    // Nothing waits: the only task may compute and block as long as it likes.
    let runtime = threaded(2);
    let metrics = runtime.metrics();
    let task = runtime.spawn(async {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        thread::sleep(Duration::from_millis(60));
    });
    runtime.block_on(task).unwrap();
    assert_eq!((metrics.retakes(), metrics.extra_threads_peak()), (0, 0));
}

#[test]
fn b_sysmon_alive() {
    // It watches through all of this, and work that comes after each phase is taken from polls that last.
    let runtime = threaded(1);
    for phase in 0..4 {
        match phase {
            0 => {}
            1 => thread::sleep(Duration::from_millis(100)),
            2 => runtime.block_on(async {
                for _ in 0..20_000 {
                    gmp::task::yield_now().await;
                }
            }),
            _ => drop((0..50).map(|_| runtime.spawn(async {})).collect::<Vec<_>>()),
        }
        let release = block_one(&runtime);
        let (tx, rx) = channel();
        runtime.spawn(async move { tx.send(()).unwrap() });
        rx.recv_timeout(PATIENCE).expect("taken from the poll that blocks");
        drop(release);
    }
}

#[test]
fn b_waker_blocks() {
    // A waker that blocks, called by whoever runs timers or polls for events: others go on.
    struct Blocks {
        until: AtomicBool,
        called: AtomicBool,
    }
    impl Wake for Blocks {
        fn wake(self: Arc<Self>) {
            self.called.store(true, SeqCst);
            let begun = Instant::now();
            while !self.until.load(SeqCst) && begun.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    use std::future::Future;
    let runtime = threaded(2);
    let blocks = Arc::new(Blocks { until: AtomicBool::new(false), called: AtomicBool::new(false) });
    let waker = Waker::from(blocks.clone());
    let mut sleep = {
        let _entered = runtime.enter();
        Box::pin(gmp::time::sleep(Duration::from_millis(5)))
    };
    let polled = sleep.as_mut().poll(&mut std::task::Context::from_waker(&waker));
    assert!(polled.is_pending());
    eventually("the timer has fired", || blocks.called.load(SeqCst));
    for _ in 0..20 {
        let (tx, rx) = channel();
        runtime.spawn(async move {
            gmp::time::sleep(Duration::from_micros(300)).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let client = gmp::spawn(async move {
                TcpStream::connect(addr).await.unwrap().write_u8(3).await.unwrap();
            });
            let (mut server, _) = listener.accept().await.unwrap();
            tx.send(server.read_u8().await.unwrap()).unwrap();
            client.await.unwrap();
        });
        assert_eq!(rx.recv_timeout(PATIENCE), Ok(3), "held up by somebody's waker");
    }
    blocks.until.store(true, SeqCst);
    runtime.block_on(sleep.as_mut());
}
