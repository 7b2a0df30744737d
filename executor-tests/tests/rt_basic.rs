//! The current_thread flavour, and what both flavours have in common.

mod support;

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use gmp::runtime::{Builder, Handle};
use gmp::sync::{mpsc, oneshot};
use support::*;

#[test]
fn block_on_answers_and_need_not_be_send() {
    for runtime in flavours() {
        let value = Rc::new(40);
        let answer = runtime.block_on(async {
            gmp::task::yield_now().await;
            *value + 2
        });
        assert_eq!(answer, 42);
    }
}

#[test]
fn block_on_can_be_called_again_and_again() {
    for runtime in flavours() {
        for n in 0..100 {
            let answer = runtime.block_on(async { gmp::spawn(async move { n }).await.unwrap() });
            assert_eq!(answer, n);
        }
    }
}

#[test]
fn a_spawn_never_polls_on_the_callers_stack() {
    for runtime in flavours() {
        runtime.block_on(async {
            let inside = Arc::new(AtomicBool::new(true));
            let seen = inside.clone();
            let polled_in = gmp::spawn(async move { (thread::current().id(), seen.load(SeqCst)) });
            let here = thread::current().id();
            inside.store(false, SeqCst);
            let (there, seen) = polled_in.await.unwrap();
            // On this thread it must have come later; on another it may have been quick.
            assert!(there != here || !seen);
        });
    }
}

#[test]
fn tasks_of_current_thread_run_where_block_on_is_and_only_then() {
    let runtime = current();
    let ran = Arc::new(AtomicBool::new(false));
    let handle = runtime.spawn({
        let ran = ran.clone();
        async move {
            ran.store(true, SeqCst);
            thread::current().id()
        }
    });
    thread::sleep(Duration::from_millis(20));
    assert!(!ran.load(SeqCst), "nobody drives it yet");
    assert_eq!(runtime.block_on(handle).unwrap(), thread::current().id());
}

#[test]
fn tasks_wait_between_two_block_ons() {
    let runtime = current();
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (go, gone) = oneshot::channel::<()>();
    runtime.spawn(async move {
        tx.send(1).unwrap();
        gone.await.unwrap();
        tx.send(2).unwrap();
    });
    assert_eq!(runtime.block_on(rx.recv()), Some(1));
    go.send(()).unwrap();
    assert_eq!(rx.try_recv().ok(), None);
    assert_eq!(runtime.block_on(rx.recv()), Some(2));
}

#[test]
fn several_threads_in_block_on_of_one_current_thread_runtime() {
    let runtime = Arc::new(current());
    within_patience(move || {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let runtime = runtime.clone();
                thread::spawn(move || {
                    for round in 0..50 {
                        let answer = runtime.block_on(async move {
                            let (tx, rx) = oneshot::channel();
                            gmp::spawn(async move {
                                gmp::time::sleep(Duration::from_micros(50)).await;
                                tx.send(n * 1000 + round).unwrap();
                            });
                            rx.await.unwrap()
                        });
                        assert_eq!(answer, n * 1000 + round);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn the_next_thread_takes_over_when_the_driver_leaves() {
    let runtime = Arc::new(current());
    within_patience(move || {
        let (leave, left) = oneshot::channel::<()>();
        let driver = thread::spawn({
            let runtime = runtime.clone();
            move || runtime.block_on(left).unwrap()
        });
        thread::sleep(Duration::from_millis(20));
        // Needs somebody who drives timers after the first thread has gone.
        let other = thread::spawn({
            let runtime = runtime.clone();
            move || runtime.block_on(async { gmp::time::sleep(Duration::from_millis(80)).await })
        });
        thread::sleep(Duration::from_millis(20));
        leave.send(()).unwrap();
        driver.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn the_next_thread_takes_over_when_the_driver_panics() {
    let runtime = Arc::new(current());
    within_patience(move || {
        let (leave, left) = oneshot::channel::<()>();
        let driver = thread::spawn({
            let runtime = runtime.clone();
            move || {
                runtime.block_on(async {
                    left.await.unwrap();
                    std::panic::resume_unwind(Box::new("the driver's end"))
                })
            }
        });
        thread::sleep(Duration::from_millis(20));
        let other = thread::spawn({
            let runtime = runtime.clone();
            move || {
                runtime.block_on(async {
                    gmp::time::sleep(Duration::from_millis(80)).await;
                    gmp::spawn(async { 7 }).await.unwrap()
                })
            }
        });
        thread::sleep(Duration::from_millis(20));
        leave.send(()).unwrap();
        assert!(driver.join().is_err());
        assert_eq!(other.join().unwrap(), 7);
    });
}

#[test]
fn handle_block_on_of_current_thread_runs_no_tasks() {
    let runtime = current();
    let ran = Arc::new(AtomicBool::new(false));
    runtime.spawn({
        let ran = ran.clone();
        async move { ran.store(true, SeqCst) }
    });
    runtime.handle().block_on(async {
        for _ in 0..10 {
            gmp::task::yield_now().await;
        }
    });
    assert!(!ran.load(SeqCst));
    runtime.block_on(async { gmp::task::yield_now().await });
}

#[test]
fn a_thread_without_runtime_wakes_the_driver() {
    let runtime = current();
    let (tx, rx) = oneshot::channel();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        tx.send(9).unwrap();
    });
    let task = runtime.spawn(async move { rx.await.unwrap() });
    assert_eq!(runtime.block_on(task).unwrap(), 9);
    thread.join().unwrap();
}

#[test]
fn spawn_from_a_thread_while_the_driver_sleeps() {
    let runtime = current();
    let handle = runtime.handle().clone();
    let (tx, rx) = oneshot::channel();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        handle.spawn(async move { tx.send(5).unwrap() });
    });
    assert_eq!(runtime.block_on(rx).unwrap(), 5);
    thread.join().unwrap();
}

#[test]
fn without_a_runtime_spawn_says_what_to_do() {
    let text = panic_text(|| gmp::spawn(async {}));
    assert_eq!(
        text,
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
    );
    assert_eq!(panic_text(|| gmp::task::spawn_blocking(|| {})), text);
    assert_eq!(panic_text(Handle::current), text);
    assert_eq!(panic_text(|| gmp::time::sleep(Duration::ZERO)), text);
    let bind = || futures_util::FutureExt::now_or_never(gmp::net::TcpListener::bind("127.0.0.1:0"));
    assert_eq!(panic_text(bind), text);
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_spawn_that_panics_drops_its_future() {
    let drops = Drops::default();
    let guard = drops.guard();
    panic_text(|| gmp::spawn(async move { drop(guard) }));
    assert_eq!(drops.count(), 1);
}

#[test]
fn services_that_are_off_say_so() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _guard = runtime.enter();
    assert_eq!(
        panic_text(|| gmp::time::sleep(Duration::ZERO)),
        "A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on the runtime \
         builder to enable timers."
    );
    let bind = || runtime.block_on(gmp::net::TcpListener::bind("127.0.0.1:0"));
    assert_eq!(
        panic_text(bind),
        "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the runtime builder \
         to enable IO."
    );
}

#[test]
fn m_nested_block_on() {
    const TEXT: &str = "Cannot start a runtime from within a runtime. This happens because a \
        function (like `block_on`) attempted to block the current thread while the thread is being \
        used to drive asynchronous tasks. If you are in an async function, use `.await` on the \
        future instead of blocking on it.";
    for runtime in flavours() {
        // In the root future, on its own and on another runtime; both through Handle.
        let other = threaded(1);
        runtime.block_on(async {
            assert_eq!(panic_text(|| Handle::current().block_on(async {})), TEXT);
            assert_eq!(panic_text(|| other.block_on(async {})), TEXT);
        });
        // In a task.
        let handle = runtime.handle().clone();
        let task = runtime.spawn(async move { panic_text(|| handle.block_on(async {})) });
        assert_eq!(runtime.block_on(task).unwrap(), TEXT);
        // Under a guard, and in a blocking closure, it works.
        let _guard = other.enter();
        assert_eq!(runtime.block_on(async { 3 }), 3);
        let handle = runtime.handle().clone();
        let closure = runtime.spawn_blocking(move || handle.block_on(async { 4 }));
        assert_eq!(runtime.block_on(closure).unwrap(), 4);
    }
}

#[test]
fn blocking_receives_panic_where_they_would_block_a_runtime() {
    const TEXT: &str =
        "Cannot block the current thread from within a runtime. This happens because \
        a function attempted to block the current thread while the thread is being used to drive \
        asynchronous tasks.";
    for runtime in flavours() {
        runtime.block_on(async {
            let (_tx, mut rx) = mpsc::channel::<()>(1);
            assert_eq!(panic_text(|| rx.blocking_recv()), TEXT);
            let (_tx, rx) = oneshot::channel::<()>();
            assert_eq!(panic_text(|| rx.blocking_recv()), TEXT);
            gmp::spawn(async {
                let mutex = gmp::sync::Mutex::new(());
                assert_eq!(panic_text(|| drop(mutex.blocking_lock())), TEXT);
            })
            .await
            .unwrap();
        });
        let _guard = runtime.enter();
        let (tx, mut rx) = mpsc::channel::<u8>(1);
        tx.blocking_send(1).unwrap();
        assert_eq!(rx.blocking_recv(), Some(1));
    }
}

#[test]
fn m_foreign_block_on() {
    // Another executor inside of a task: it has no budget of ours to run out of.
    let runtime = threaded(2);
    let sum = runtime.block_on(async {
        gmp::spawn(async {
            let (tx, mut rx) = mpsc::unbounded_channel();
            for n in 0..1000u32 {
                tx.send(n).unwrap();
            }
            drop(tx);
            gmp::task::block_in_place(|| {
                smol::block_on(async {
                    let mut sum = 0;
                    while let Some(n) = rx.recv().await {
                        sum += n;
                    }
                    sum
                })
            })
        })
        .await
        .unwrap()
    });
    assert_eq!(sum, 499_500);
}

#[test]
fn f_budget_yields() {
    // An always-ready channel does not keep the only thread from the others.
    for runtime in [current(), threaded(1)] {
        let stop = Arc::new(AtomicBool::new(false));
        let greedy = runtime.spawn({
            let stop = stop.clone();
            async move {
                let (tx, mut rx) = mpsc::unbounded_channel();
                let mut rounds = 0u64;
                while !stop.load(SeqCst) {
                    tx.send(()).unwrap();
                    rx.recv().await.unwrap();
                    rounds += 1;
                }
                rounds
            }
        });
        let other = runtime.spawn({
            let stop = stop.clone();
            async move { stop.store(true, SeqCst) }
        });
        runtime.block_on(async {
            other.await.unwrap();
            greedy.await.unwrap();
        });
    }
}

#[test]
fn f_budget_scope() {
    // Spent in one poll, whole again in the next; none at all in closures.
    let runtime = current();
    runtime.block_on(async {
        let (tx, mut rx) = mpsc::unbounded_channel();
        for n in 0..500 {
            tx.send(n).unwrap();
        }
        for n in 0..500 {
            assert_eq!(rx.recv().await, Some(n));
        }
        let left = gmp::task::spawn_blocking(gmp::task::coop::has_budget_remaining).await.unwrap();
        assert!(left);
    });
}

#[test]
fn f_yield_fair() {
    // Whoever yields lets everybody else run first.
    let runtime = current();
    let turns = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let turns = turns.clone();
            runtime.spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..20 {
                    seen.push(turns.fetch_add(1, SeqCst));
                    gmp::task::yield_now().await;
                }
                seen
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            let seen = task.await.unwrap();
            for two in seen.windows(2) {
                // Ten tasks, so ten turns; a look at another queue may shift one by a few.
                assert!(two[1] - two[0] <= 30, "{seen:?}");
            }
        }
    });
}

#[test]
fn q_local_starved_q_global_starved() {
    for runtime in [current(), threaded(1)] {
        let stop = Arc::new(AtomicBool::new(false));
        // Floods the local queue.
        let flood = runtime.spawn({
            let stop = stop.clone();
            async move {
                while !stop.load(SeqCst) {
                    gmp::spawn(async {}).await.unwrap();
                }
            }
        });
        // Comes from outside, again and again.
        let handle = runtime.handle().clone();
        let outside = thread::spawn({
            let stop = stop.clone();
            move || {
                for _ in 0..20 {
                    let (tx, rx) = oneshot::channel();
                    handle.spawn(async move { tx.send(()).unwrap() });
                    rx.blocking_recv().unwrap();
                }
                stop.store(true, SeqCst);
            }
        });
        runtime.block_on(flood).unwrap();
        outside.join().unwrap();
    }
}

#[test]
fn on_one_thread_first_come_first_served() {
    let runtime = current();
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |n: u32| {
        let order = order.clone();
        async move { order.lock().unwrap().push(n) }
    };
    runtime.block_on(async {
        let (wake, woken) = oneshot::channel();
        let woken = gmp::spawn({
            let then = note(4);
            async move {
                woken.await.unwrap();
                then.await;
            }
        });
        gmp::task::yield_now().await;
        // As they are spawned; then who is woken; then who yields.
        let (one, two, three) = (note(1), note(2), note(3));
        let (spawned, after) = (note(5), note(6));
        gmp::spawn(one);
        gmp::spawn(two);
        gmp::spawn(async move {
            three.await;
            wake.send(()).unwrap();
            gmp::spawn(spawned);
            gmp::task::yield_now().await;
            after.await;
        })
        .await
        .unwrap();
        woken.await.unwrap();
    });
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5, 6]);
}

/// What the future of `block_on` spawns comes to its turn beside a global queue that is never empty.
#[test]
fn q_unowned_starved_beside_a_full_global_queue() {
    let runtime = threaded(1);
    let stop = Arc::new(AtomicBool::new(false));
    // These are woken by a thread of their own, again and again: they live in the global queue, and are so
    // many that it does not run empty when that thread is kept waiting.
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let woken: Vec<_> = (0..20_000)
        .map(|_| {
            let (wakers, stop) = (wakers.clone(), stop.clone());
            let mut known = false;
            runtime.spawn(std::future::poll_fn(move |cx| {
                // Before the look at `stop`: who does not see it is known to who wakes after it.
                if !std::mem::replace(&mut known, true) {
                    wakers.lock().unwrap().push(cx.waker().clone());
                }
                if stop.load(SeqCst) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }))
        })
        .collect();
    let outside = thread::spawn({
        let (wakers, stop) = (wakers.clone(), stop.clone());
        move || {
            while !stop.load(SeqCst) {
                wakers.lock().unwrap().iter().for_each(Waker::wake_by_ref);
            }
            wakers.lock().unwrap().iter().for_each(Waker::wake_by_ref);
        }
    });
    // And this one keeps the P from running dry.
    let busy = runtime.spawn({
        let stop = stop.clone();
        async move {
            while !stop.load(SeqCst) {
                gmp::task::yield_now().await;
            }
        }
    });
    runtime.block_on(async {
        for _ in 0..20 {
            let turn = gmp::time::timeout(PATIENCE, gmp::spawn(async {}));
            turn.await.expect("never its turn").unwrap();
        }
        stop.store(true, SeqCst);
        busy.await.unwrap();
        for task in woken {
            task.await.unwrap();
        }
    });
    outside.join().unwrap();
}

#[test]
fn q_runnext_pingpong() {
    // Two tasks that hand over to each other for ever do not keep a third from its turn.
    let runtime = threaded(1);
    let stop = Arc::new(AtomicBool::new(false));
    let (a_tx, mut a_rx) = mpsc::unbounded_channel::<()>();
    let (b_tx, mut b_rx) = mpsc::unbounded_channel::<()>();
    a_tx.send(()).unwrap();
    let a = runtime.spawn({
        let stop = stop.clone();
        async move {
            while !stop.load(SeqCst) && a_rx.recv().await.is_some() {
                let _ended = b_tx.send(());
            }
        }
    });
    let b = runtime.spawn(async move {
        while b_rx.recv().await.is_some() {
            let _ended = a_tx.send(());
        }
    });
    let third = runtime.spawn(async move { stop.store(true, SeqCst) });
    runtime.block_on(async {
        third.await.unwrap();
        a.await.unwrap();
        b.await.unwrap();
    });
}

#[test]
fn builder_makes_a_fresh_runtime_each_time() {
    let mut builder = Builder::new_current_thread();
    builder.name("twin");
    let (one, two) = (builder.build().unwrap(), builder.build().unwrap());
    assert_ne!(one.handle().id(), two.handle().id());
    assert_eq!((one.handle().name(), two.handle().name()), (Some("twin"), Some("twin")));
}

#[test]
fn debug_of_everything_works() {
    for runtime in flavours() {
        let text = format!("{runtime:?} {:?} {:?}", runtime.handle(), runtime.metrics());
        assert!(text.contains("Runtime"), "{text}");
    }
    assert!(format!("{:?}", Builder::new_current_thread()).contains("Builder"));
}
