//! The end of a runtime: what is dropped, where, how often, and who waits.

mod support;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, Handle};
use gmp::sync::{oneshot, Notify};
use support::*;

#[test]
fn e_each_dropped_once() {
    for runtime in flavours() {
        let drops = Drops::default();
        let notify = Arc::new(Notify::new());
        let mut tasks = Vec::new();
        for n in 0..200 {
            let (guard, notify) = (drops.guard(), notify.clone());
            tasks.push(runtime.spawn(async move {
                let _guard = guard;
                match n % 4 {
                    0 => loop {
                        gmp::task::yield_now().await;
                    },
                    1 => gmp::time::sleep(Duration::from_secs(3600)).await,
                    2 => notify.notified().await,
                    _ => std::future::pending().await,
                }
            }));
        }
        runtime.block_on(async {
            for _ in 0..50 {
                gmp::task::yield_now().await;
            }
        });
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), 200);
        for task in tasks {
            assert!(task.is_finished());
            assert!(smol::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

#[test]
fn t_drop_before_first_poll() {
    // Nobody ever runs a current_thread runtime without block_on.
    let runtime = current();
    let drops = Drops::default();
    for _ in 0..10 {
        let guard = drops.guard();
        runtime.spawn(async move {
            let _guard = guard;
            unreachable!("never polled");
        });
    }
    drop(runtime);
    assert_eq!(drops.count(), 10);
}

#[test]
fn outputs_that_nobody_took_are_dropped_once() {
    for runtime in flavours() {
        let drops = Drops::default();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let guard = drops.guard();
                runtime.spawn(async move { guard })
            })
            .collect();
        runtime.block_on(async {
            while !tasks.iter().all(|task| task.is_finished()) {
                gmp::task::yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(drops.count(), 0, "the handles still have them");
        drop(tasks);
        assert_eq!(drops.count(), 10);
    }
}

#[test]
fn a_running_poll_is_finished_first() {
    let runtime = threaded(2);
    let (started, start) = channel();
    let done = Arc::new(AtomicBool::new(false));
    runtime.spawn({
        let done = done.clone();
        async move {
            started.send(()).unwrap();
            thread::sleep(Duration::from_millis(50));
            done.store(true, SeqCst);
            std::future::pending::<()>().await;
        }
    });
    start.recv().unwrap();
    drop(runtime);
    assert!(done.load(SeqCst));
}

#[test]
fn futures_are_dropped_inside_of_the_runtime() {
    struct Inside(std::sync::mpsc::Sender<bool>);
    impl Drop for Inside {
        fn drop(&mut self) {
            let _receiver_may_be_gone = self.0.send(Handle::try_current().is_ok());
        }
    }
    for runtime in flavours() {
        let (tx, rx) = channel();
        for _ in 0..4 {
            let inside = Inside(tx.clone());
            runtime.spawn(async move {
                let _inside = inside;
                std::future::pending::<()>().await;
            });
        }
        drop(tx);
        runtime.block_on(gmp::task::yield_now());
        drop(runtime);
        assert_eq!(rx.iter().collect::<Vec<_>>(), [true; 4]);
    }
}

#[test]
fn t_spawn_in_drop_e_spawn_while_closing() {
    // Each future spawns another one while it is dropped. After the close that one is dropped inside of
    // the call: so the chain lies on one stack, and is short here.
    const CHAIN: usize = 50;
    struct Respawn(Drops, usize);
    impl Drop for Respawn {
        fn drop(&mut self) {
            if self.1 < CHAIN {
                let (guard, next) = (self.0.guard(), Respawn(self.0.clone(), self.1 + 1));
                gmp::spawn(async move {
                    let _both = (guard, next);
                    std::future::pending::<()>().await;
                });
            }
        }
    }
    for runtime in flavours() {
        let drops = Drops::default();
        let first = Respawn(drops.clone(), 0);
        runtime.spawn(async move {
            let _first = first;
            std::future::pending::<()>().await;
        });
        runtime.block_on(gmp::task::yield_now());
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), CHAIN);
    }
}

#[test]
fn t_wake_in_drop_e_shutdown_drop_locks() {
    // Drops that wake, abort and lock what other tasks hold.
    struct Meddle {
        all: Arc<Mutex<Vec<gmp::task::AbortHandle>>>,
        notify: Arc<Notify>,
    }
    impl Drop for Meddle {
        fn drop(&mut self) {
            self.notify.notify_waiters();
            self.notify.notify_one();
            for handle in self.all.lock().unwrap().iter() {
                handle.abort();
            }
        }
    }
    for runtime in flavours() {
        let (all, notify) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        for _ in 0..50 {
            let meddle = Meddle { all: all.clone(), notify: notify.clone() };
            let task = runtime.spawn(async move {
                loop {
                    meddle.notify.notified().await;
                }
            });
            all.lock().unwrap().push(task.abort_handle());
        }
        runtime.block_on(gmp::task::yield_now());
        within_patience(move || drop(runtime));
        assert!(all.lock().unwrap().iter().all(|handle| handle.is_finished()));
    }
}

#[test]
fn e_shutdown_drop_waits() {
    // A future whose drop waits until another future is dropped, by another thread.
    struct WaitFor(std::sync::mpsc::Receiver<()>);
    impl Drop for WaitFor {
        fn drop(&mut self) {
            // Disconnected or sent: both end it.
            let _gone = self.0.recv_timeout(PATIENCE);
        }
    }
    let runtime = threaded(2);
    let (tx, rx) = channel::<()>();
    let waits = WaitFor(rx);
    // The one that is waited for lives in a poll of its own, which ends with the runtime's close.
    let (running, run) = channel();
    runtime.spawn(async move {
        running.send(()).unwrap();
        gmp::task::block_in_place(|| thread::sleep(Duration::from_millis(50)));
        drop(tx);
    });
    run.recv().unwrap();
    runtime.spawn(async move {
        let _waits = waits;
        std::future::pending::<()>().await;
    });
    within_patience(move || drop(runtime));
}

#[test]
fn e_shutdown_wakes_all() {
    // Every M asleep, in every way: the drop is quick all the same.
    for procs in [1, 2, 8] {
        let runtime = threaded(procs);
        runtime.block_on(async {
            let tasks: Vec<_> = (0..32).map(|_| gmp::spawn(gmp::task::yield_now())).collect();
            for task in tasks {
                task.await.unwrap();
            }
            let closures: Vec<_> = (0..4).map(|_| gmp::task::spawn_blocking(|| ())).collect();
            for closure in closures {
                closure.await.unwrap();
            }
        });
        thread::sleep(Duration::from_millis(20));
        within_patience(move || drop(runtime));
    }
}

#[test]
fn e_shutdown_schedule() {
    // Wakes from outside while the runtime goes.
    for _ in 0..20 {
        for runtime in flavours() {
            let notify = Arc::new(Notify::new());
            for _ in 0..20 {
                let notify = notify.clone();
                runtime.spawn(async move {
                    loop {
                        notify.notified().await;
                    }
                });
            }
            let stop = Arc::new(AtomicBool::new(false));
            let waker = thread::spawn({
                let (notify, stop) = (notify.clone(), stop.clone());
                move || {
                    while !stop.load(SeqCst) {
                        notify.notify_waiters();
                        notify.notify_one();
                    }
                }
            });
            runtime.block_on(gmp::task::yield_now());
            drop(runtime);
            stop.store(true, SeqCst);
            waker.join().unwrap();
            assert_eq!(Arc::strong_count(&notify), 1, "every future is gone");
        }
    }
}

#[test]
fn e_blocking_queue_drained() {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (started, start) = channel();
    let (finish, finished) = channel::<()>();
    let ended = Arc::new(AtomicBool::new(false));
    let running = runtime.spawn_blocking({
        let ended = ended.clone();
        move || {
            started.send(()).unwrap();
            finished.recv().unwrap();
            thread::sleep(Duration::from_millis(30));
            ended.store(true, SeqCst);
            1
        }
    });
    start.recv().unwrap();
    let drops = Drops::default();
    let queued: Vec<_> = (0..5)
        .map(|_| {
            let guard = drops.guard();
            runtime.spawn_blocking(move || {
                let _guard = guard;
                unreachable!("never started");
            })
        })
        .collect();
    // While they queue, an abort is enough.
    for closure in &queued {
        closure.abort();
    }
    finish.send(()).unwrap();
    drop(runtime);
    assert!(ended.load(SeqCst), "a running closure is waited for");
    assert_eq!(smol::block_on(running).unwrap(), 1);
    for closure in queued {
        assert!(smol::block_on(closure).unwrap_err().is_cancelled());
    }
    assert_eq!(drops.count(), 5);
}

#[test]
fn a_closure_that_a_thread_is_on_its_way_to_runs() {
    for _ in 0..20 {
        for runtime in flavours() {
            let handle = runtime.handle().clone();
            // No thread is there yet, or an idle one: either way nobody has it when the runtime closes.
            let closure = runtime.spawn_blocking(|| 42);
            runtime.shutdown_timeout(PATIENCE);
            assert_eq!(handle.block_on(closure).unwrap(), 42);
        }
    }
}

#[test]
fn queued_closures_are_cancelled_by_the_drop() {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (started, start) = channel();
    let (finish, finished) = channel::<()>();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        finished.recv().unwrap();
    });
    start.recv().unwrap();
    let drops = Drops::default();
    let guard = drops.guard();
    let queued = runtime.spawn_blocking(move || drop(guard));
    let dropper = thread::spawn(move || drop(runtime));
    // The close comes first; then the running one may end.
    thread::sleep(Duration::from_millis(50));
    assert!(!dropper.is_finished());
    finish.send(()).unwrap();
    within_patience(move || dropper.join().unwrap());
    assert!(smol::block_on(queued).unwrap_err().is_cancelled());
    assert_eq!(drops.count(), 1);
}

#[test]
fn shutdown_timeout_gives_up_on_closures() {
    for runtime in flavours() {
        let (started, start) = channel();
        let (finish, finished) = channel::<()>();
        runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            let _late = finished.recv();
        });
        start.recv().unwrap();
        let begin = Instant::now();
        runtime.shutdown_timeout(Duration::from_millis(50));
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(45) && took < PATIENCE, "{took:?}");
        drop(finish);
    }
}

#[test]
fn shutdown_timeout_does_not_wait_longer_than_it_must() {
    for runtime in flavours() {
        runtime.block_on(async { gmp::spawn(async {}).await.unwrap() });
        let begin = Instant::now();
        runtime.shutdown_timeout(Duration::MAX);
        assert!(begin.elapsed() < PATIENCE);
    }
}

#[test]
fn shutdown_timeout_with_a_poll_that_never_ends() {
    let runtime = threaded(2);
    let (started, start) = channel();
    let (finish, finished) = channel::<()>();
    let drops = Drops::default();
    let guard = drops.guard();
    let task = runtime.spawn(async move {
        let _guard = guard;
        started.send(()).unwrap();
        let _late = finished.recv();
        std::future::pending::<()>().await;
    });
    start.recv().unwrap();
    let others: Vec<_> = (0..10)
        .map(|_| {
            let guard = drops.guard();
            runtime.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            })
        })
        .collect();
    runtime.shutdown_timeout(Duration::from_millis(50));
    assert_eq!(drops.count(), 10, "all but the one that is inside of its poll");
    assert!(!task.is_finished());
    drop(others);
    // When its poll ends at last, it is dropped too.
    drop(finish);
    eventually("the last one is dropped", || drops.count() == 11);
    assert!(smol::block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn shutdown_background_does_not_wait() {
    for runtime in flavours() {
        let (started, start) = channel();
        let (finish, finished) = channel::<()>();
        runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            let _late = finished.recv();
        });
        start.recv().unwrap();
        let drops = Drops::default();
        let guard = drops.guard();
        runtime.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        let begin = Instant::now();
        runtime.shutdown_background();
        assert!(begin.elapsed() < PATIENCE);
        eventually("tasks are dropped", || drops.count() == 1);
        drop(finish);
    }
}

#[test]
fn e_drop_in_async() {
    const TEXT: &str = "Cannot drop a runtime in a context where blocking is not allowed. This \
        happens when a runtime is dropped from within an asynchronous context.";
    for outer in flavours() {
        for inner in flavours() {
            let drops = Drops::default();
            let guard = drops.guard();
            inner.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            let text = outer.block_on(async { panic_text(|| drop(inner)) });
            assert_eq!(text, TEXT);
            eventually("nothing is lost", || drops.count() == 1);
        }
        // In a task: the panic is the task's.
        let inner = threaded(1);
        let error = outer.block_on(outer.spawn(async move { drop(inner) })).unwrap_err();
        assert_eq!(text_of(&*error.into_panic()), TEXT);
        // shutdown_timeout is no better, shutdown_background is fine.
        let inner = threaded(1);
        let timeout = Duration::from_secs(1);
        let text = outer.block_on(async { panic_text(|| inner.shutdown_timeout(timeout)) });
        assert_eq!(text, TEXT);
        let inner = threaded(1);
        outer.block_on(async { inner.shutdown_background() });
        // Where blocking is allowed, so is this.
        let inner = threaded(1);
        outer.block_on(outer.spawn_blocking(move || drop(inner))).unwrap();
    }
}

#[test]
fn a_runtime_dropped_by_its_own_task() {
    let runtime = threaded(2);
    let handle = runtime.handle().clone();
    let drops = Drops::default();
    let guard = drops.guard();
    handle.spawn(async move {
        let _guard = guard;
        runtime.shutdown_background();
        std::future::pending::<()>().await;
    });
    eventually("the task is dropped", || drops.count() == 1);

    let runtime = threaded(2);
    let handle = runtime.handle().clone();
    let guard = drops.guard();
    let task = handle.spawn(async move {
        let _guard = guard;
        drop(runtime);
    });
    // It panics; or it is cancelled while it does.
    within_patience(move || smol::block_on(task).unwrap_err());
    eventually("the task is dropped", || drops.count() == 2);

    // And by its own closure: the drop would wait for itself, so it must not wait for that one.
    let runtime = threaded(1);
    let handle = runtime.handle().clone();
    let guard = drops.guard();
    handle.spawn_blocking(move || {
        let _guard = guard;
        runtime.shutdown_background();
    });
    eventually("the closure ends", || drops.count() == 3);
}

#[test]
fn w_waker_outlives_runtime_w_after_shutdown() {
    use std::future::poll_fn;
    use std::task::{Poll, Waker};
    for runtime in flavours() {
        let drops = Drops::default();
        let (tx, rx) = channel::<Waker>();
        let guard = drops.guard();
        runtime.spawn(poll_fn(move |cx| {
            let _keep = &guard;
            tx.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }));
        runtime.block_on(async {
            for _ in 0..3 {
                gmp::task::yield_now().await;
            }
        });
        let waker = rx.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert_eq!(drops.count(), 1, "by the runtime, not by the last waker");
        thread::spawn(move || {
            waker.wake_by_ref();
            let other = waker.clone();
            assert!(other.will_wake(&waker));
            other.wake();
            waker.wake_by_ref();
            drop(waker);
        })
        .join()
        .unwrap();
        assert_eq!(drops.count(), 1);
        assert!(rx.try_recv().is_err(), "never polled again");
    }
}

#[test]
fn w_waker_leaked_w_waker_in_own_future() {
    use std::future::poll_fn;
    use std::task::Poll;
    for runtime in flavours() {
        let drops = Drops::default();
        let (one, two) = (drops.guard(), drops.guard());
        runtime.spawn(poll_fn(move |cx| {
            let _keep = &one;
            std::mem::forget(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let own = Mutex::new(None);
        runtime.spawn(poll_fn(move |cx| {
            let _keep = &two;
            *own.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        runtime.block_on(async {
            for _ in 0..3 {
                gmp::task::yield_now().await;
            }
        });
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), 2);
    }
}

#[test]
fn w_join_cycle() {
    for runtime in flavours() {
        let drops = Drops::default();
        let (to_a, for_a) = oneshot::channel::<gmp::task::JoinHandle<()>>();
        let guards = (drops.guard(), drops.guard());
        let (guard_a, guard_b) = guards;
        let a = runtime.spawn(async move {
            let _guard = guard_a;
            let other = for_a.await.unwrap();
            let _never = other.await;
        });
        let b = runtime.spawn(async move {
            let _guard = guard_b;
            let _never = a.await;
        });
        to_a.send(b).unwrap();
        runtime.block_on(async {
            for _ in 0..5 {
                gmp::task::yield_now().await;
            }
        });
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), 2);
    }
}

#[test]
fn block_on_of_a_handle_sees_the_end() {
    // A thread that waits for a task when the runtime goes gets "cancelled".
    let runtime = threaded(2);
    let handle = runtime.handle().clone();
    let waiting = thread::spawn(move || {
        handle.block_on(async { gmp::spawn(std::future::pending::<()>()).await })
    });
    thread::sleep(Duration::from_millis(30));
    drop(runtime);
    assert!(within_patience(|| waiting.join().unwrap()).unwrap_err().is_cancelled());
}

#[cfg(target_os = "linux")]
#[test]
fn e_create_drop_1000() {
    if child_succeeds("e_create_drop_1000", "ulimit -n 64", &[]).is_some() {
        return;
    }
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let mut before = None;
    for n in 0..1000 {
        let runtime = if n % 4 == 0 { current() } else { threaded(1 + n % 3) };
        runtime.block_on(async {
            gmp::spawn(gmp::time::sleep(Duration::from_micros(10))).await.unwrap();
            let _listener = gmp::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        });
        drop(runtime);
        if n == 10 {
            before = Some((count("task"), count("fd")));
        }
    }
    // A joined thread leaves the process's list a moment after the join.
    let (tasks, fds) = before.unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let now = (count("task"), count("fd"));
        if now.0 <= tasks && now.1 <= fds {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "threads and fds: {now:?}, before {:?}",
            (tasks, fds)
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn e_memory_flat() {
    // Handles kept or not, cells are freed: measured by what the futures hold.
    let runtime = threaded(2);
    let payload = Arc::new(());
    let peak = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        for _ in 0..200 {
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    let (payload, peak) = (payload.clone(), peak.clone());
                    gmp::spawn(async move {
                        peak.fetch_max(Arc::strong_count(&payload), SeqCst);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(Arc::strong_count(&payload), 1);
        }
    });
    assert!(peak.load(SeqCst) <= 101);
}

/// A poll that is under way when the runtime ends without waiting may use timers to its end: they stop
/// with the last thread, not before.
#[test]
fn timers_outlive_polls_under_way() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (started, has_started) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let (ended, has_ended) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        started.send(()).unwrap();
        may_go_on.recv().unwrap();
        let sleep = std::pin::pin!(gmp::time::sleep(Duration::from_secs(3600)));
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            sleep.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
        }));
        ended.send(polled.is_ok_and(|pending| pending)).unwrap();
    });
    has_started.recv().unwrap();
    runtime.shutdown_background();
    go_on.send(()).unwrap();
    assert!(has_ended.recv().unwrap(), "the sleep panicked or was over at once");
}

#[test]
fn a_sleep_after_the_end_says_so() {
    // First waited for when the runtime is gone, by a thread that had no shell there before.
    for runtime in flavours() {
        let handle = runtime.handle().clone();
        let entered = handle.enter();
        let sleep = gmp::time::sleep(Duration::from_secs(1000));
        drop(entered);
        runtime.shutdown_timeout(Duration::from_secs(5));
        let waited = thread::spawn(move || {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle.block_on(sleep)))
        });
        let panic = within_patience(|| waited.join().unwrap()).unwrap_err();
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap();
        assert!(text.contains("is being shutdown"), "{text}");
    }
}
