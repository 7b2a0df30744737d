//! Hazards of the scheduler's threads and queues: who is woken, who takes the work of whom, what a
//! process near its limits does.

mod support;

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::Builder;
use gmp::sync::Notify;
use support::*;

#[test]
fn w_idle_accounting() {
    // Every reason to wake an M, again and again from an idle state: the scheduler's own assertions look
    // on (in a debug build), and nothing is left asleep.
    for procs in [1, 3] {
        let runtime = threaded(procs);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..60u32 {
            let (tx, rx) = channel();
            let done = || {
                let tx = tx.clone();
                move || tx.send(()).unwrap()
            };
            let reasons = 5;
            // A spawn, from here and from a thread; a timer; a closure; an event.
            let (by_spawn, by_thread, by_timer, by_closure, by_event) =
                (done(), done(), done(), done(), done());
            runtime.spawn(async move { by_spawn() });
            let handle = runtime.handle().clone();
            let spawner = thread::spawn(move || drop(handle.spawn(async move { by_thread() })));
            runtime.spawn(async move {
                gmp::time::sleep(Duration::from_micros(u64::from(round % 7) * 300)).await;
                by_timer();
            });
            runtime.spawn_blocking(by_closure);
            runtime.spawn(async move {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.write_u8(1).await.unwrap();
                by_event();
            });
            let (mut server, _) = runtime.block_on(listener.accept()).unwrap();
            assert_eq!(runtime.block_on(server.read_u8()).unwrap(), 1);
            for _ in 0..reasons {
                rx.recv_timeout(PATIENCE).expect("nobody sleeps through it");
            }
            spawner.join().unwrap();
            if round % 3 == 0 {
                // All of them asleep.
                thread::sleep(Duration::from_millis(2));
            }
        }
        let metrics = runtime.metrics();
        eventually("no task is left", || metrics.num_alive_tasks() == 0);
        assert_eq!(metrics.global_queue_depth(), 0);
    }
}

#[test]
fn w_schedule_publishes_last() {
    // A foreign wake that puts a task into the queue is overtaken by the end of the runtime: what it
    // published may be gone when it looks again.
    for round in 0..300u32 {
        let runtime = threaded(1);
        let (tx, rx) = channel();
        for _ in 0..4 {
            let tx = tx.clone();
            runtime.spawn(poll_fn(move |cx| {
                let _the_test_has_enough = tx.send(cx.waker().clone());
                Poll::<()>::Pending
            }));
        }
        let wakers: Vec<_> = (0..4).map(|_| rx.recv_timeout(PATIENCE).unwrap()).collect();
        let start = Arc::new(Barrier::new(2));
        let waking = thread::spawn({
            let start = start.clone();
            move || {
                start.wait();
                for waker in wakers {
                    waker.wake();
                }
            }
        });
        start.wait();
        for _ in 0..(round % 10) * 20 {
            std::hint::spin_loop();
        }
        within_patience(move || drop(runtime));
        waking.join().unwrap();
    }
}

#[test]
fn w_batch_stealable() {
    // Many sockets become readable at once: the first handler blocks its thread until another has run.
    let runtime = threaded(2);
    for _ in 0..20 {
        let (met, blocked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (mut clients, mut handlers) = (Vec::new(), Vec::new());
            for _ in 0..8 {
                clients.push(std::net::TcpStream::connect(addr).unwrap());
                let (mut server, _) = listener.accept().await.unwrap();
                let (met, blocked) = (met.clone(), blocked.clone());
                handlers.push(gmp::spawn(async move {
                    server.read_u8().await.unwrap();
                    met.fetch_add(1, SeqCst);
                    if !blocked.swap(true, SeqCst) {
                        let begun = std::time::Instant::now();
                        while met.load(SeqCst) < 8 {
                            assert!(begun.elapsed() < PATIENCE, "the batch stays behind this poll");
                            thread::yield_now();
                        }
                    }
                }));
            }
            gmp::time::sleep(Duration::from_millis(1)).await;
            for client in &mut clients {
                use std::io::Write;
                client.write_all(&[1]).unwrap();
            }
            for handler in handlers {
                handler.await.unwrap();
            }
        });
    }
}

#[test]
fn q_stuck_in_local_queue() {
    // `block_on` spawns and then blocks its thread: what is in its queue is taken by others.
    for procs in [1, 2] {
        let runtime = threaded(procs);
        for _ in 0..50 {
            runtime.block_on(async {
                let (tx, rx) = channel();
                for n in 0..10 {
                    let tx = tx.clone();
                    gmp::spawn(async move { tx.send(n).unwrap() });
                }
                let mut all: Vec<_> =
                    (0..10).map(|_| rx.recv_timeout(PATIENCE).expect("taken by others")).collect();
                all.sort_unstable();
                assert_eq!(all, (0..10).collect::<Vec<_>>());
            });
        }
    }
}

#[test]
fn q_runnext_no_thrash() {
    // Two tasks hand over to each other through runnext while a third keeps the thieves awake: the pair
    // stays on its thread, mostly. To move is what costs.
    const ROUNDS: usize = 20_000;
    let runtime = threaded(4);
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let moves = Arc::new(AtomicUsize::new(0));
    let side = |mine: Arc<Notify>, other: Arc<Notify>, moves: Arc<AtomicUsize>| async move {
        let mut at = thread::current().id();
        for _ in 0..ROUNDS {
            mine.notified().await;
            let here = thread::current().id();
            moves.fetch_add(usize::from(here != at), SeqCst);
            at = here;
            other.notify_one();
        }
    };
    let over = Arc::new(AtomicBool::new(false));
    let storm = runtime.spawn({
        let over = over.clone();
        async move {
            while !over.load(SeqCst) {
                let tasks: Vec<_> = (0..8).map(|_| gmp::spawn(gmp::task::yield_now())).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        }
    });
    let first = runtime.spawn(side(ping.clone(), pong.clone(), moves.clone()));
    let second = runtime.spawn(side(pong.clone(), ping.clone(), moves.clone()));
    ping.notify_one();
    runtime.block_on(async {
        first.await.unwrap();
        second.await.unwrap();
        over.store(true, SeqCst);
        storm.await.unwrap();
    });
    let moves = moves.load(SeqCst);
    println!("{moves} moves in {} hand-overs", 2 * ROUNDS);
    assert!(moves < ROUNDS / 2, "{moves} moves in {} hand-overs", 2 * ROUNDS);
}

#[test]
fn m_reap_vs_wake() {
    // Closures that arrive just when the threads of the last ones give up waiting for them.
    let keep_alive = Duration::from_millis(1);
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .thread_keep_alive(keep_alive)
        .build()
        .unwrap();
    for round in 0..400u64 {
        let tasks: Vec<_> = (0..3).map(|n| runtime.spawn_blocking(move || n)).collect();
        let pause = keep_alive * 9 / 10 + Duration::from_micros(round % 40 * 10);
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(runtime.block_on(task).unwrap(), n);
        }
        thread::sleep(pause);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn m_fork_and_exec() {
    // Nothing that a runtime opens stays open in a program that is started by the process.
    let runtime = threaded(2);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let udp = runtime.block_on(gmp::net::UdpSocket::bind("127.0.0.1:0")).unwrap();
    let client = runtime.block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
    let server = runtime.block_on(listener.accept()).unwrap();
    let _signals = runtime.block_on(async {
        gmp::signal::unix::signal(gmp::signal::unix::SignalKind::user_defined2()).unwrap()
    });
    let ours: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|target| target.to_str().map(String::from))
        .filter(|target| target.starts_with("socket:") || target.starts_with("anon_inode:"))
        .collect();
    assert!(ours.len() >= 5, "{ours:?}");
    let script = "for fd in /proc/self/fd/*; do readlink $fd; done";
    let child = std::process::Command::new("sh").args(["-c", script]).output().unwrap();
    let theirs = String::from_utf8(child.stdout).unwrap();
    // Inodes have numbers for sockets; anonymous ones have only their kind, and none is inherited.
    let leaked: Vec<_> = theirs.lines().filter(|line| ours.iter().any(|our| our == line)).collect();
    assert_eq!(leaked, Vec::<&str>::new());
    drop((udp, client, server));
}

#[cfg(target_os = "linux")]
#[test]
fn m_spawn_fails_first() {
    // The address space is full when the runtime wants its first thread: `build` says so. Later there is
    // room again.
    let name = "m_spawn_fails_first";
    let before = "ulimit -v 3000000";
    if child_succeeds(name, before, &[("MALLOC_ARENA_MAX", "1")]).is_some() {
        return;
    }
    // Half of the limit in one piece that is never touched; stacks of the other half and more.
    let full: Vec<u8> = Vec::with_capacity(1_700_000_000);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).thread_stack_size(1_500_000_000).enable_all();
    let text = builder.build().unwrap_err().to_string();
    assert!(text.starts_with("cannot start the first worker thread: "), "{text}");
    drop(std::hint::black_box(full));
    let runtime = builder.build().unwrap();
    assert_eq!(runtime.block_on(runtime.spawn(async { 2 })).unwrap(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn m_spawn_fails_after_the_first() {
    // As above, with room for one stack: one thread does everything, until there is room for more.
    let name = "m_spawn_fails_after_the_first";
    let before = "ulimit -v 3000000";
    let Some(text) = child_succeeds(name, before, &[("MALLOC_ARENA_MAX", "1")]) else {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).thread_stack_size(1_000_000_000).enable_all();
        // No room for a second stack.
        let fill = || Vec::<u8>::with_capacity(1_400_000_000);
        let runtime = builder.build().unwrap();
        let full = fill();
        let two = runtime.spawn(async {
            gmp::time::sleep(Duration::from_millis(1)).await;
            gmp::task::block_in_place(|| 2)
        });
        assert_eq!(runtime.block_on(two).unwrap(), 2);
        // The only thread is in a poll: whoever submits a closure is told, as in tokio.
        let told = runtime.spawn(async { panic_text(|| gmp::task::spawn_blocking(|| ())) });
        let text = runtime.block_on(told).unwrap();
        assert!(text.starts_with("OS can't spawn worker thread: "), "{text}");
        drop(runtime);
        drop(std::hint::black_box(full));

        // The only thread is in a closure: tasks wait. With the next submission they get another one.
        let runtime = builder.build().unwrap();
        let full = fill();
        let ((tx, rx), (begins, begun)) = (channel::<()>(), channel());
        let closure = runtime.spawn_blocking(move || {
            begins.send(()).unwrap();
            rx.recv_timeout(PATIENCE)
        });
        begun.recv_timeout(PATIENCE).unwrap();
        let task = runtime.spawn(async { 4 });
        thread::sleep(Duration::from_millis(5));
        assert!(!task.is_finished(), "there was room for a second thread");
        drop(std::hint::black_box(full));
        runtime.spawn(async {});
        assert_eq!(runtime.block_on(task).unwrap(), 4);
        tx.send(()).unwrap();
        runtime.block_on(closure).unwrap().unwrap();
        return;
    };
    assert!(text.contains("gmp: cannot start a thread"), "nobody was warned: {text}");
}

#[test]
fn f_fairness_bound() {
    // On one P: between two turns of a task that yields, each of the others has a bounded number.
    const TASKS: usize = 20;
    const TURNS: usize = 200;
    for runtime in [current(), threaded(1)] {
        let log = Arc::new(Mutex::new(Vec::with_capacity(TASKS * TURNS)));
        let open = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..TASKS)
            .map(|me| {
                let (log, open) = (log.clone(), open.clone());
                runtime.spawn(async move {
                    while !open.load(SeqCst) {
                        gmp::task::yield_now().await;
                    }
                    for _ in 0..TURNS {
                        log.lock().unwrap().push(me);
                        gmp::task::yield_now().await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            open.store(true, SeqCst);
            for task in tasks {
                task.await.unwrap();
            }
        });
        let log = log.lock().unwrap();
        let mut last = [None; TASKS];
        // While all of them still have turns to take.
        for (at, &who) in log.iter().enumerate().take(TASKS * TURNS / 2) {
            if let Some(before) = last[who].replace(at) {
                let gap = at - before;
                assert!(gap <= 4 * TASKS, "{who} waited for {gap} turns of {TASKS} tasks");
            }
        }
    }
}

#[test]
fn f_budget_combinators() {
    use futures_util::future::join_all;
    use futures_util::stream::{FuturesUnordered, StreamExt};
    // More budgeted leaves in one task than a poll's budget, all of them ready: no livelock.
    for runtime in flavours() {
        within_patience(move || {
            runtime.block_on(async {
                let task = gmp::spawn(async {
                    let semaphore = gmp::sync::Semaphore::new(2000);
                    let all = join_all((0..1000).map(|_| semaphore.acquire())).await;
                    assert!(all.iter().all(|permit| permit.is_ok()));
                    drop(all);
                    let (tx, rx) = gmp::sync::mpsc::unbounded_channel();
                    let rx = gmp::sync::Mutex::new(rx);
                    (0..1000).for_each(|n| tx.send(n).unwrap());
                    let receive = || async { rx.lock().await.recv().await.unwrap() };
                    let mut all: FuturesUnordered<_> = (0..1000).map(|_| receive()).collect();
                    let mut sum = 0;
                    while let Some(n) = all.next().await {
                        sum += n;
                    }
                    assert_eq!(sum, 499_500);
                    let (tx, mut rx) = gmp::sync::mpsc::unbounded_channel();
                    (0..1000).for_each(|n| tx.send(n).unwrap());
                    let mut seen = 0;
                    while seen < 1000 {
                        gmp::select! {
                            permit = semaphore.acquire() => drop(permit.unwrap()),
                            n = rx.recv() => seen = n.unwrap() + 1,
                        }
                    }
                    gmp::join!(
                        async { join_all((0..500).map(|_| semaphore.acquire())).await.len() },
                        async { join_all((0..500).map(|_| semaphore.acquire())).await.len() },
                    )
                });
                assert_eq!(task.await.unwrap(), (500, 500));
            });
        });
    }
}

#[test]
fn t_drop_chain_1e6() {
    // Each task has the handle of the one before: a million handles, wakers and futures go, and no stack
    // grows with them.
    const LINKS: usize = 1_000_000;
    let runtime = threaded(1);
    let drops = Drops::default();
    let first = drops.guard();
    let mut last = runtime.spawn(async move {
        let _first = first;
        pending::<()>().await;
    });
    for _ in 1..LINKS {
        let guard = drops.guard();
        last = runtime.spawn(async move {
            let _guard = guard;
            let _cancelled = last.await;
        });
    }
    drop(last);
    drop(runtime);
    assert_eq!(drops.count(), LINKS);
}

#[cfg(target_os = "linux")]
#[test]
fn e_burst_returns() {
    // In a process of its own: the memory of one burst serves the next ones.
    if child_succeeds("e_burst_returns", "", &[]).is_some() {
        return;
    }
    fn resident_kib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
    let runtime = threaded(2);
    let burst = || {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..200_000u32).map(|n| gmp::spawn(async move { n })).collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap() as usize, n);
            }
        });
    };
    burst();
    let first = resident_kib();
    for _ in 0..5 {
        burst();
    }
    let last = resident_kib();
    assert!(last < first + first / 2, "{first} KiB after one burst, {last} KiB after six");
}
