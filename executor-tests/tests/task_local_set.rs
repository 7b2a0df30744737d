//! `LocalSet`, `spawn_local`, `LocalRuntime`: tasks that stay on one thread.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, Future};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use gmp::runtime::{Builder, LocalOptions, LocalRuntime, RuntimeFlavor};
use gmp::sync::oneshot;
use gmp::task::{self, spawn_local, LocalSet};
use gmp::time::{sleep, timeout, Duration};
use support::{current, flavours, panic_text, threaded, within_patience, Drops, PATIENCE};

const OUTSIDE: &str =
    "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`";

const OTHER_THREAD: &str =
    "Local tasks can only be spawned on a LocalRuntime from the thread the runtime was created on";

#[test]
fn run_until_runs_others_meanwhile() {
    for runtime in flavours() {
        let local = LocalSet::new();
        let here = thread::current().id();
        runtime.block_on(local.run_until(async {
            let tasks: Vec<_> = (0..100)
                .map(|n| {
                    spawn_local(async move {
                        let rc = Rc::new(n);
                        task::yield_now().await;
                        assert_eq!(thread::current().id(), here);
                        *rc
                    })
                })
                .collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), n);
            }
        }));
    }
}

#[test]
fn awaiting_the_set_ends_with_the_last_task() {
    for runtime in flavours() {
        let local = LocalSet::new();
        let count = Rc::new(Cell::new(0));
        for n in 0..10u64 {
            let count = count.clone();
            local.spawn_local(async move {
                sleep(Duration::from_millis(n % 3)).await;
                let inner = count.clone();
                spawn_local(async move { inner.set(inner.get() + 1) }).await.unwrap();
                count.set(count.get() + 1);
            });
        }
        runtime.block_on(local);
        assert_eq!(count.get(), 20);
    }
    current().block_on(LocalSet::default());
}

#[test]
fn tasks_that_are_left_go_on_at_the_next_drive() {
    let runtime = threaded(1);
    let local = LocalSet::new();
    let steps = Rc::new(Cell::new(0));
    let task = {
        let steps = steps.clone();
        local.spawn_local(async move {
            loop {
                steps.set(steps.get() + 1);
                task::yield_now().await;
            }
        })
    };
    runtime.block_on(local.run_until(task::yield_now()));
    let before = steps.get();
    assert!(before >= 1);
    local.block_on(&runtime, task::yield_now());
    assert!(steps.get() > before);
    task.abort();
    let error = local.block_on(&runtime, task).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(Rc::strong_count(&steps), 1);
}

#[test]
fn w_thread_bound_target() {
    for runtime in flavours() {
        let local = LocalSet::new();
        let (tx, rx) = mpsc::channel::<oneshot::Sender<u32>>();
        let helper = thread::spawn(move || {
            for (n, gate) in rx.into_iter().enumerate() {
                if n % 2 == 0 {
                    thread::yield_now();
                }
                gate.send(n as u32).unwrap();
            }
        });
        local.block_on(&runtime, async {
            for n in 0..500 {
                let tx = tx.clone();
                let task = spawn_local(async move {
                    let (gate, waits) = oneshot::channel();
                    tx.send(gate).unwrap();
                    waits.await.unwrap()
                });
                assert_eq!(timeout(PATIENCE, task).await.unwrap().unwrap(), n);
            }
        });
        drop(tx);
        helper.join().unwrap();
    }
}

#[test]
fn t_abort_local_drops_at_home() {
    struct Here(thread::ThreadId, Rc<Cell<bool>>);
    impl Drop for Here {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0);
            self.1.set(true);
        }
    }
    let runtime = threaded(2);
    let local = LocalSet::new();
    let dropped = Rc::new(Cell::new(false));
    let here = Here(thread::current().id(), dropped.clone());
    local.block_on(&runtime, async {
        let task = spawn_local(async move {
            let _here = here;
            pending::<()>().await;
        });
        task::yield_now().await;
        let abort = task.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert!(dropped.get());
}

#[test]
fn drop_cancels_inside_of_the_set() {
    struct SpawnsOnDrop(Rc<RefCell<Vec<bool>>>);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let late = spawn_local(async {});
            self.0.borrow_mut().push(late.is_finished());
        }
    }
    let drops = Drops::default();
    let late = Rc::new(RefCell::new(Vec::new()));
    let local = LocalSet::new();
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let (guard, spawns) = (drops.guard(), SpawnsOnDrop(late.clone()));
        tasks.push(local.spawn_local(async move {
            let _both = (guard, spawns);
            pending::<()>().await;
        }));
    }
    current().block_on(local.run_until(task::yield_now()));
    let never_polled = local.spawn_local({
        let guard = drops.guard();
        async move { drop(guard) }
    });
    let foreign = tasks[0].abort_handle();
    drop(local);
    assert_eq!(drops.count(), 11);
    assert_eq!(*late.borrow(), [true; 10], "spawned into a closed set: dropped at once");
    thread::spawn(move || foreign.abort()).join().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    for task in tasks.into_iter().chain([never_polled]) {
        match pin!(task).poll(&mut cx) {
            Poll::Ready(joined) => assert!(joined.unwrap_err().is_cancelled()),
            Poll::Pending => panic!("a task of a dropped set is over"),
        }
    }
}

#[test]
fn wakers_outlive_the_set() {
    let (tx, rx) = oneshot::channel::<()>();
    let local = LocalSet::new();
    let task = local.spawn_local(async move { rx.await.is_ok() });
    current().block_on(local.run_until(task::yield_now()));
    let waker = Rc::new(RefCell::new(None));
    let kept = waker.clone();
    local.spawn_local(poll_fn(move |cx| {
        *kept.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    current().block_on(local.run_until(task::yield_now()));
    drop(local);
    assert!(tx.send(()).is_err(), "the receiver went with its task");
    let waker = waker.borrow_mut().take().unwrap();
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
    assert!(task.is_finished());
}

#[test]
fn panics_stay_in_the_task() {
    let runtime = current();
    let local = LocalSet::new();
    let error = local.block_on(&runtime, async {
        spawn_local(async { panic!("on purpose") }).await.unwrap_err()
    });
    assert!(error.is_panic());
    // A panic of the future that is run until its end leaves the set usable.
    let text = panic_text(|| local.block_on(&runtime, async { panic!("the root") }));
    assert_eq!(text, "the root");
    assert_eq!(panic_text(|| spawn_local(async {})), OUTSIDE);
    assert_eq!(local.block_on(&runtime, async { spawn_local(async { 4 }).await.unwrap() }), 4);
}

#[test]
fn the_guard_spawns_and_restores() {
    let (outer, inner) = (LocalSet::new(), LocalSet::new());
    let has_one = |local: &LocalSet| format!("{local:?}").contains("tasks: 1");
    let outer_guard = outer.enter();
    let inner_guard = inner.enter();
    spawn_local(async {});
    assert!(has_one(&inner) && !has_one(&outer));
    drop(inner_guard);
    spawn_local(async {});
    assert!(has_one(&outer));
    drop(outer_guard);
    assert_eq!(panic_text(|| spawn_local(async {})), OUTSIDE);
    let local = LocalSet::new();
    let guard = local.enter();
    drop(local);
    let late = spawn_local(async {});
    assert!(late.is_finished(), "the set is closed");
    drop(guard);
    assert_eq!(panic_text(|| spawn_local(async {})), OUTSIDE);
}

#[test]
fn guards_out_of_order_leave_nothing_dangling() {
    thread::spawn(|| {
        let (outer, inner) = (LocalSet::new(), LocalSet::new());
        let outer_guard = outer.enter();
        let inner_guard = inner.enter();
        drop(outer_guard);
        drop((inner, outer));
        drop(inner_guard);
        // Whatever is current now, it is alive and closed, or nothing.
        assert!(spawn_local(async {}).is_finished());
    })
    .join()
    .unwrap();
}

#[test]
fn outside_of_everything() {
    assert_eq!(panic_text(|| spawn_local(async {})), OUTSIDE);
    for runtime in flavours() {
        let text = panic_text(|| runtime.block_on(async { drop(spawn_local(async {})) }));
        assert_eq!(text, OUTSIDE);
        let _guard = runtime.enter();
        assert_eq!(panic_text(|| spawn_local(async {})), OUTSIDE);
    }
    let runtime = threaded(1);
    let local = LocalSet::new();
    let text = local.block_on(&runtime, async {
        task::spawn_blocking(|| panic_text(|| spawn_local(async {}))).await.unwrap()
    });
    assert_eq!(text, OUTSIDE);
}

#[test]
fn blocking_in_place_is_refused_inside() {
    let runtime = threaded(2);
    let local = LocalSet::new();
    let expected = "can call blocking only when running on the multi-threaded runtime";
    local.block_on(&runtime, async {
        let error = spawn_local(async { task::block_in_place(|| ()) }).await.unwrap_err();
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), expected);
    });
    struct InDrop;
    impl Drop for InDrop {
        fn drop(&mut self) {
            task::block_in_place(|| ());
        }
    }
    let waits = local.spawn_local(async {
        let _in_drop = InDrop;
        pending::<()>().await;
    });
    runtime.block_on(async {
        local.run_until(task::yield_now()).await;
        drop(local);
        let error = waits.await.unwrap_err();
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), expected);
        task::block_in_place(|| ());
    });
}

#[test]
fn ids_and_spawn_inside() {
    let runtime = threaded(2);
    let (a, b) = (LocalSet::new(), LocalSet::new());
    assert_ne!(a.id(), b.id());
    assert_ne!(a.id(), runtime.handle().id());
    a.block_on(&runtime, async {
        assert!(task::try_id().is_none());
        let task = spawn_local(async { task::id() });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);
        // `spawn` goes to the runtime.
        let here = thread::current().id();
        gmp::spawn(async move { assert_ne!(thread::current().id(), here) }).await.unwrap();
    });
}

#[test]
fn greedy_tasks_do_not_starve_the_future() {
    let runtime = current();
    let local = LocalSet::new();
    for _ in 0..3 {
        local.spawn_local(async {
            loop {
                task::yield_now().await;
            }
        });
    }
    local.block_on(&runtime, async {
        let (tx, rx) = oneshot::channel();
        gmp::spawn(async move { tx.send(()).unwrap() });
        sleep(Duration::from_millis(2)).await;
        timeout(PATIENCE, rx).await.unwrap().unwrap();
    });
}

#[test]
fn sets_nest_and_share_a_thread() {
    let runtime = threaded(1);
    let outer = Rc::new(LocalSet::new());
    outer.block_on(&runtime, {
        let outer = outer.clone();
        async move {
            let inner = LocalSet::new();
            let task = inner.spawn_local(async { spawn_local(async { 1 }).await.unwrap() });
            assert_eq!(inner.run_until(task).await.unwrap(), 1);
            // The same set again, out of one of its tasks; then a wake-up from elsewhere.
            let (tx, rx) = oneshot::channel();
            let nested = spawn_local(async move {
                outer.run_until(async { spawn_local(async { 2 }).await.unwrap() }).await
            });
            assert_eq!(nested.await.unwrap(), 2);
            let waits = spawn_local(async move { rx.await.unwrap() });
            task::yield_now().await;
            thread::spawn(move || tx.send(3).unwrap());
            assert_eq!(timeout(PATIENCE, waits).await.unwrap().unwrap(), 3);
        }
    });
}

#[test]
fn a_set_in_a_thread_local_ends_with_the_thread() {
    thread_local! {
        static SET: LocalSet = LocalSet::new();
    }
    let drops = Drops::default();
    let guard = drops.guard();
    thread::spawn(move || {
        SET.with(|local| {
            local.spawn_local(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            current().block_on(local.run_until(task::yield_now()));
        });
    })
    .join()
    .unwrap();
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_set_works_on_any_executor() {
    let local = LocalSet::new();
    let task = local.spawn_local(async { 6 });
    let joined = futures_util::FutureExt::now_or_never(local.run_until(task));
    // The first poll runs the task, which wakes the future; a poll later it is done.
    assert!(joined.is_none_or(|joined| joined.unwrap() == 6));
}

#[test]
fn local_runtime_runs_what_is_not_send() {
    let runtime = LocalRuntime::new().unwrap();
    assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::CurrentThread);
    let early = runtime.spawn_local({
        let rc = Rc::new(3);
        async move { *rc }
    });
    let here = thread::current().id();
    runtime.block_on(async {
        assert_eq!(early.await.unwrap(), 3);
        let rc = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let rc = rc.clone();
                spawn_local(async move {
                    sleep(Duration::from_millis(1)).await;
                    assert_eq!(thread::current().id(), here);
                    rc.set(rc.get() + 1);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(rc.get(), 10);
        let elsewhere = task::spawn_blocking(|| panic_text(|| spawn_local(async {})));
        assert_eq!(elsewhere.await.unwrap(), OTHER_THREAD);
        let handle = gmp::runtime::Handle::current();
        let sent = thread::spawn(move || handle.spawn(async { thread::current().id() }));
        assert_eq!(sent.join().unwrap().await.unwrap(), here);
    });
    assert_eq!(runtime.metrics().num_workers(), 1);
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
    let _guard = runtime.enter();
    spawn_local(async {});
}

#[test]
fn local_runtime_drops_its_tasks_on_its_thread() {
    struct Here(thread::ThreadId, Drops);
    impl Drop for Here {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0);
            drop(self.1.guard());
        }
    }
    for background in [false, true] {
        let drops = Drops::default();
        let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
        let (started_tx, started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        for _ in 0..10 {
            let here = Here(thread::current().id(), drops.clone());
            runtime.spawn_local(async move {
                let _here = here;
                pending::<()>().await;
            });
        }
        runtime.block_on(async {
            // An M that is busy with a closure when the runtime ends: it leaves the tasks alone.
            task::spawn_blocking(move || {
                started_tx.send(()).unwrap();
                let _over = released.recv();
            });
            task::yield_now().await;
        });
        started.recv().unwrap();
        if background {
            runtime.shutdown_background();
            assert_eq!(drops.count(), 10);
            drop(release);
        } else {
            drop(release);
            drop(runtime);
            assert_eq!(drops.count(), 10);
        }
    }
}

#[test]
fn a_closure_that_waits_for_a_task_does_not_hang_the_end() {
    within_patience(|| {
        let runtime = current();
        let (tx, rx) = mpsc::channel::<()>();
        let started = runtime.block_on(async {
            let (started, starts) = oneshot::channel();
            gmp::spawn(async move {
                let _tx = tx;
                pending::<()>().await;
            });
            task::spawn_blocking(move || {
                started.send(()).unwrap();
                // Until the task that has the sender is dropped.
                let _gone = rx.recv();
            });
            starts.await
        });
        started.unwrap();
        drop(runtime);
    });
}

#[test]
fn a_handle_elsewhere_spawns_no_local_tasks() {
    let runtime = LocalRuntime::new().unwrap();
    let handle = runtime.handle().clone();
    let text = thread::spawn(move || {
        let _guard = handle.enter();
        panic_text(|| spawn_local(async {}))
    });
    assert_eq!(text.join().unwrap(), OTHER_THREAD);
}

#[test]
fn no_local_runtime_of_many_threads() {
    let text = panic_text(|| Builder::new_multi_thread().build_local(LocalOptions::default()));
    assert_eq!(text, "multi_thread is not supported for LocalRuntime");
}
