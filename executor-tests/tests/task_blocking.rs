//! `spawn_blocking` and `block_in_place`.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use gmp::runtime::{Builder, Handle};
use gmp::task::{block_in_place, spawn_blocking};
use support::*;

#[test]
fn closures_run_beside_the_tasks() {
    for runtime in flavours() {
        let here = thread::current().id();
        let (n, there) = runtime.block_on(async {
            let handle = Handle::current().id();
            spawn_blocking(move || {
                assert_eq!(Handle::current().id(), handle);
                // Spawning, and waiting for it, is allowed.
                let task = gmp::spawn(async { 3 });
                drop(task);
                (4, thread::current().id())
            })
            .await
            .unwrap()
        });
        assert_eq!(n, 4);
        assert_ne!(there, here);
    }
}

#[test]
fn as_many_at_a_time_as_asked_for() {
    for runtime in [
        Builder::new_current_thread().max_blocking_threads(4).build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).max_blocking_threads(4).build().unwrap(),
    ] {
        // Four can meet ...
        let barrier = Arc::new(Barrier::new(4));
        let closures: Vec<_> = (0..4)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn_blocking(move || {
                    barrier.wait();
                })
            })
            .collect();
        runtime.block_on(async {
            for closure in closures {
                closure.await.unwrap();
            }
        });
        // ... and never more than four.
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let closures: Vec<_> = (0..40)
            .map(|_| {
                let (now, most) = (now.clone(), most.clone());
                runtime.spawn_blocking(move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::sleep(Duration::from_millis(2));
                    now.fetch_sub(1, SeqCst);
                })
            })
            .collect();
        runtime.block_on(async {
            for closure in closures {
                closure.await.unwrap();
            }
        });
        assert!((1..=4).contains(&most.load(SeqCst)), "{most:?}");
    }
}

#[test]
fn first_come_first_served() {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let closures: Vec<_> = (0..100)
        .map(|n| {
            let order = order.clone();
            runtime.spawn_blocking(move || order.lock().unwrap().push(n))
        })
        .collect();
    runtime.block_on(async {
        for closure in closures {
            closure.await.unwrap();
        }
    });
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_panic_in_a_closure_is_its_result() {
    for runtime in flavours() {
        for _ in 0..3 {
            let closure = runtime.spawn_blocking(|| panic!("in a closure"));
            let error = runtime.block_on(closure).unwrap_err();
            assert_eq!(text_of(&*error.into_panic()), "in a closure");
        }
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
    }
}

#[test]
fn closures_that_block_all_of_their_threads_do_not_stop_tasks() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (finish, finished) = channel::<()>();
    let finished = Arc::new(Mutex::new(finished));
    let closures: Vec<_> = (0..5)
        .map(|_| {
            let finished = finished.clone();
            runtime.spawn_blocking(move || {
                let _ended = finished.lock().unwrap().recv();
            })
        })
        .collect();
    runtime.block_on(async {
        for n in 0..50 {
            assert_eq!(gmp::spawn(async move { n }).await.unwrap(), n);
        }
        gmp::time::sleep(Duration::from_millis(5)).await;
    });
    drop(finish);
    runtime.block_on(async {
        for closure in closures {
            closure.await.unwrap();
        }
    });
}

/// The only worker is stuck, so sysmon sees to the timer of `block_on`, whose waker is no task's; and what
/// calls such wakers must not stand in the queue behind closures.
#[test]
fn closures_that_block_all_of_their_threads_do_not_hold_up_foreign_wakers() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .retake(false)
        .enable_time()
        .build()
        .unwrap();
    let (finish_task, task_finished) = channel::<()>();
    let (finish_closure, closure_finished) = channel::<()>();
    let (started, has_started) = channel();
    let task_started = started.clone();
    let task = runtime.spawn(async move {
        task_started.send(()).unwrap();
        let _ended = task_finished.recv();
    });
    let closure = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ended = closure_finished.recv();
    });
    has_started.recv().unwrap();
    has_started.recv().unwrap();
    runtime.block_on(async { gmp::time::sleep(Duration::from_millis(20)).await });
    drop((finish_task, finish_closure));
    runtime.block_on(async {
        task.await.unwrap();
        closure.await.unwrap();
    });
}

#[test]
fn threads_of_closures_leave_after_the_keep_alive() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::from_millis(20))
        .on_thread_stop({
            let (tx, rx) = channel();
            LEFT.lock().unwrap().replace(rx);
            let tx = Mutex::new(tx);
            move || {
                let _nobody_counts = tx.lock().unwrap().send(());
            }
        })
        .build()
        .unwrap();
    let barrier = Arc::new(Barrier::new(8));
    let closures: Vec<_> = (0..8)
        .map(|_| {
            let barrier = barrier.clone();
            runtime.spawn_blocking(move || {
                barrier.wait();
            })
        })
        .collect();
    runtime.block_on(async {
        for closure in closures {
            closure.await.unwrap();
        }
    });
    let left = LEFT.lock().unwrap().take().unwrap();
    for _ in 0..4 {
        left.recv_timeout(PATIENCE).expect("a thread leaves");
    }
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
}

static LEFT: Mutex<Option<std::sync::mpsc::Receiver<()>>> = Mutex::new(None);

#[test]
fn block_in_place_in_all_contexts() {
    const TEXT: &str = "can call blocking only when running on the multi-threaded runtime";
    // A plain thread; under a guard; in a closure.
    assert_eq!(block_in_place(|| 1), 1);
    for runtime in flavours() {
        let _guard = runtime.enter();
        assert_eq!(block_in_place(|| 2), 2);
        assert_eq!(runtime.block_on(spawn_blocking(|| block_in_place(|| 3))).unwrap(), 3);
    }
    // A handle's `block_on`, which drives nothing on current_thread; also after the end, and nested.
    for runtime in flavours() {
        let handle = runtime.handle().clone();
        let nested = || block_in_place(|| handle.block_on(async { block_in_place(|| 3) }));
        assert_eq!(handle.block_on(async { nested() }), 3);
        drop(runtime);
        assert_eq!(handle.block_on(async { nested() }), 3);
    }
    // The root future and a task.
    let runtime = current();
    assert_eq!(runtime.block_on(async { panic_text(|| block_in_place(|| ())) }), TEXT);
    let task = runtime.spawn(async { panic_text(|| block_in_place(|| ())) });
    assert_eq!(runtime.block_on(task).unwrap(), TEXT);
    let runtime = threaded(2);
    assert_eq!(runtime.block_on(async { block_in_place(|| 4) }), 4);
    assert_eq!(runtime.block_on(runtime.spawn(async { block_in_place(|| 5) })).unwrap(), 5);
}

#[test]
fn block_in_place_hands_the_queue_to_others() {
    // One P: what the task spawned before it blocks runs while it blocks.
    let runtime = threaded(1);
    let n = runtime.block_on(async {
        gmp::spawn(async {
            let (tx, rx) = channel();
            for n in 0..10 {
                let tx = tx.clone();
                gmp::spawn(async move { tx.send(n).unwrap() });
            }
            drop(tx);
            block_in_place(move || rx.iter().sum::<i32>())
        })
        .await
        .unwrap()
    });
    assert_eq!(n, 45);
}

#[test]
fn all_ps_in_block_in_place_at_once() {
    let runtime = threaded(2);
    let barrier = Arc::new(Barrier::new(16));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let barrier = barrier.clone();
                gmp::spawn(async move {
                    block_in_place(|| {
                        barrier.wait();
                    })
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn m_block_in_place_nested() {
    let runtime = threaded(2);
    let handle = runtime.handle().clone();
    let deep = move || {
        block_in_place(|| {
            block_in_place(|| {
                let n = handle.block_on(async {
                    // A root inside of a task; and once more.
                    let inner = gmp::spawn(async { 1 }).await.unwrap();
                    inner
                        + block_in_place(|| {
                            handle.block_on(async { gmp::spawn(async { 2 }).await.unwrap() })
                        })
                });
                // A runtime of its own, made and dropped in here.
                let own = current();
                n + own.block_on(async { gmp::spawn(async { 4 }).await.unwrap() })
            })
        })
    };
    let task = runtime.spawn({
        let deep = deep.clone();
        async move {
            let n = deep();
            // Between two polls the thread may be another, with a P.
            gmp::task::yield_now().await;
            n + gmp::spawn(async { 8 }).await.unwrap()
        }
    });
    assert_eq!(runtime.block_on(task).unwrap(), 15);
    assert_eq!(runtime.block_on(async move { deep() }), 7);
}

#[test]
fn m_block_in_place_nested_at_shutdown() {
    for _ in 0..20 {
        let runtime = threaded(2);
        let drops = Drops::default();
        let (started, start) = channel();
        for _ in 0..4 {
            let (guard, started) = (drops.guard(), started.clone());
            runtime.spawn(async move {
                let _guard = guard;
                block_in_place(|| {
                    started.send(()).unwrap();
                    thread::sleep(Duration::from_millis(5));
                    block_in_place(|| drop(gmp::spawn(async {})));
                });
                std::future::pending::<()>().await;
            });
        }
        start.recv().unwrap();
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), 4);
    }
}

#[test]
fn block_in_place_has_no_budget_limit() {
    let runtime = threaded(2);
    let task = runtime.spawn(async {
        while gmp::task::coop::has_budget_remaining() {
            gmp::task::coop::consume_budget().await;
            if !gmp::task::coop::has_budget_remaining() {
                break;
            }
        }
        let inside = block_in_place(gmp::task::coop::has_budget_remaining);
        (inside, gmp::task::coop::has_budget_remaining())
    });
    assert_eq!(runtime.block_on(task).unwrap(), (true, false));
}

#[test]
fn many_closures_from_many_tasks() {
    let runtime = threaded(4);
    let sum = runtime.block_on(async {
        let tasks: Vec<_> = (0..500u64)
            .map(|n| gmp::spawn(async move { spawn_blocking(move || n).await.unwrap() }))
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 124_750);
}

#[test]
fn a_thread_that_could_not_be_made_gives_up_no_place_but_its_own() {
    // The thread for a closure is refused, as the runtime ends while it is being made. Meanwhile an M that
    // passed by has run the closure: the place among those who do was that one's, and it has left it.
    const SUBMITTER: &str = "submitter";
    let (naming_tx, naming) = channel();
    let (go_on, going_on) = channel::<()>();
    let going_on = Mutex::new(going_on);
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name_fn(move || {
            if thread::current().name() == Some(SUBMITTER) {
                naming_tx.send(()).unwrap();
                going_on.lock().unwrap().recv().unwrap();
            }
            "m".to_owned()
        })
        .build()
        .unwrap();
    // The only M is busy.
    let (busy_tx, busy) = channel();
    let (free, freed) = channel::<()>();
    let task = runtime.spawn(async move {
        busy_tx.send(()).unwrap();
        freed.recv_timeout(PATIENCE).unwrap();
    });
    busy.recv_timeout(PATIENCE).unwrap();
    let handle = runtime.handle().clone();
    let submitter = thread::Builder::new()
        .name(SUBMITTER.to_owned())
        .spawn(move || handle.spawn_blocking(|| thread::current().name().map(str::to_owned)))
        .unwrap();
    naming.recv_timeout(PATIENCE).unwrap();
    free.send(()).unwrap();
    runtime.block_on(task).unwrap();
    within_patience(move || drop(runtime));
    go_on.send(()).unwrap();
    let closure = submitter.join().expect("nothing is amiss with the submission");
    assert_eq!(smol::block_on(closure).unwrap().as_deref(), Some("m"));
}
