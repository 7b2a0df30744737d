//! `JoinSet`: order, cancellation, what stays in the set and what leaves it.

mod support;

use std::future::{pending, poll_fn, Future};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use gmp::sync::oneshot;
use gmp::task::{self, JoinSet, LocalSet};
use gmp::time::{timeout, Duration};
use support::{eventually, flavours, panic_text, threaded, Drops, PATIENCE};

#[test]
fn an_empty_set_needs_no_runtime() {
    let mut set = JoinSet::<u32>::default();
    assert!(set.is_empty());
    assert_eq!(set.len(), 0);
    assert!(set.try_join_next().is_none());
    assert!(set.try_join_next_with_id().is_none());
    set.abort_all();
    set.detach_all();
    assert_eq!(format!("{set:?}"), "JoinSet { len: 0 }");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
    assert!(matches!(set.poll_join_next_with_id(&mut cx), Poll::Ready(None)));
}

#[test]
fn results_come_in_the_order_of_the_ends() {
    for runtime in flavours() {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let mut gates = Vec::new();
            for n in 0..10u32 {
                let (tx, rx) = oneshot::channel::<()>();
                gates.push(tx);
                set.spawn(async move {
                    rx.await.unwrap();
                    n
                });
            }
            // Each ends before the next may.
            for n in [3, 9, 0, 7, 1, 2, 8, 4, 6, 5] {
                gates[n].is_closed();
                let gate = std::mem::replace(&mut gates[n], oneshot::channel().0);
                gate.send(()).unwrap();
                assert_eq!(set.join_next().await.unwrap().unwrap(), n as u32);
            }
            assert!(set.join_next().await.is_none());
        });
    }
}

#[test]
fn ends_before_the_first_join_are_in_order() {
    let runtime = support::current();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        for n in [2u32, 0, 1] {
            set.spawn(async move {
                for _ in 0..n {
                    task::yield_now().await;
                }
                n
            });
        }
        for _ in 0..20 {
            task::yield_now().await;
        }
        assert_eq!(set.len(), 3, "ended tasks are members until they are joined");
        let order: Vec<u32> =
            std::iter::from_fn(|| set.try_join_next()).map(Result::unwrap).collect();
        assert_eq!(order, [0, 1, 2]);
        assert!(set.is_empty());
    });
}

#[test]
fn ids_are_those_of_the_handles() {
    for runtime in flavours() {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let good = set.spawn(async { 7 });
            assert_eq!(set.join_next_with_id().await.unwrap().unwrap(), (good.id(), 7));
            let bad = set.spawn(async { panic!("on purpose") });
            let error = set.join_next_with_id().await.unwrap().unwrap_err();
            assert_eq!(error.id(), bad.id());
            assert!(error.is_panic());
            let gone = set.spawn(pending());
            gone.abort();
            let error = set.join_next_with_id().await.unwrap().unwrap_err();
            assert_eq!(error.id(), gone.id());
            assert!(error.is_cancelled());
        });
    }
}

#[test]
fn a_dropped_join_loses_nothing() {
    threaded(2).block_on(async {
        let mut set = JoinSet::new();
        let (tx, rx) = oneshot::channel();
        set.spawn(async move { rx.await.unwrap() });
        for _ in 0..10 {
            let joined = timeout(Duration::from_millis(1), set.join_next()).await;
            assert!(joined.is_err());
        }
        assert_eq!(set.len(), 1);
        tx.send(5).unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 5);
    });
}

#[test]
fn the_last_poller_is_woken() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let runtime = threaded(1);
    let (first, second) = (Arc::new(Count(0.into())), Arc::new(Count(0.into())));
    let mut set = JoinSet::new();
    let (tx, rx) = oneshot::channel::<()>();
    set.spawn_on(async move { rx.await.unwrap() }, runtime.handle());
    for count in [&first, &second] {
        let waker = Waker::from(count.clone());
        assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&first), 1, "a replaced waker is dropped");
    tx.send(()).unwrap();
    eventually("woken", || second.0.load(SeqCst) == 1);
    assert_eq!(first.0.load(SeqCst), 0);
    let waker = Waker::from(first);
    assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn drop_aborts_and_detach_does_not() {
    for runtime in flavours() {
        let drops = Drops::default();
        let (left_tx, left_rx) = oneshot::channel();
        runtime.block_on(async {
            let (gate_tx, gate_rx) = oneshot::channel::<()>();
            let mut set = JoinSet::new();
            for _ in 0..20 {
                let guard = drops.guard();
                set.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            drop(set);
            while drops.count() < 20 {
                task::yield_now().await;
            }
            let mut set = JoinSet::new();
            set.spawn(async move {
                gate_rx.await.unwrap();
                left_tx.send("went on").unwrap();
            });
            set.detach_all();
            assert!(set.is_empty());
            assert!(set.join_next().await.is_none());
            // The slot is used again: the end of the detached one means nobody.
            set.spawn(pending());
            gate_tx.send(()).unwrap();
            assert_eq!(left_rx.await.unwrap(), "went on");
            for _ in 0..10 {
                task::yield_now().await;
            }
            assert!(set.try_join_next().is_none());
            assert_eq!(set.len(), 1);
        });
    }
}

#[test]
fn abort_all_and_shutdown() {
    for runtime in flavours() {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..5 {
                set.spawn(pending::<()>());
            }
            set.spawn(async { panic!("on purpose") });
            set.abort_all();
            assert_eq!(set.len(), 6, "they leave by being joined");
            let mut cancelled = 0;
            while let Some(joined) = set.join_next().await {
                cancelled += usize::from(joined.unwrap_err().is_cancelled());
            }
            assert!(cancelled >= 5);
            for _ in 0..5 {
                set.spawn(pending());
            }
            set.shutdown().await;
            assert!(set.is_empty());
        });
    }
}

#[test]
fn join_all_answers_or_panics() {
    let runtime = threaded(2);
    let squares = runtime.block_on(async {
        let mut set = JoinSet::new();
        set.extend((0..50u64).map(|n| async move { n * n }));
        assert_eq!(set.len(), 50);
        set.join_all().await
    });
    assert_eq!(squares.iter().sum::<u64>(), (0..50).map(|n| n * n).sum());
    let text = panic_text(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>());
            set.spawn(async { panic!("the third") });
            set.join_all().await
        })
    });
    assert_eq!(text, "the third");
    let text = panic_text(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>()).abort();
            set.join_all().await
        })
    });
    assert!(text.starts_with("task ") && text.ends_with(" was cancelled"), "{text}");
}

#[test]
fn the_budget_is_spent_and_ends() {
    support::current().block_on(async {
        let mut set: JoinSet<()> = (0..500).map(|_| async {}).collect();
        for _ in 0..600 {
            task::yield_now().await;
        }
        let mut joined = 0;
        let mut yields = 0;
        poll_fn(|cx| loop {
            match set.poll_join_next(cx) {
                Poll::Ready(Some(done)) => {
                    done.unwrap();
                    joined += 1;
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    yields += 1;
                    return Poll::Pending;
                }
            }
        })
        .await;
        assert_eq!(joined, 500);
        assert!(yields >= 3, "500 results in {} polls", yields + 1);
    });
}

#[test]
fn try_join_ignores_the_budget() {
    support::current().block_on(async {
        let mut set: JoinSet<()> = (0..300).map(|_| async {}).collect();
        for _ in 0..300 {
            task::yield_now().await;
        }
        poll_fn(|_| {
            assert_eq!(std::iter::from_fn(|| set.try_join_next()).count(), 300);
            Poll::Ready(())
        })
        .await;
    });
}

#[test]
fn closures_and_local_tasks_are_members() {
    let runtime = threaded(2);
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut set = JoinSet::new();
        let rc = std::rc::Rc::new(1);
        set.spawn_local(async move { *rc });
        set.spawn_blocking(|| 2);
        set.spawn_blocking_on(|| 4, &gmp::runtime::Handle::current());
        set.spawn(async { 8 });
        assert_eq!(set.join_all().await.iter().sum::<u32>(), 15);
    });
    let mut set = JoinSet::new();
    let rc = std::rc::Rc::new(3);
    set.spawn_local_on(async move { *rc }, &local);
    let joined = local.block_on(&runtime, async { set.join_next().await });
    assert_eq!(joined.unwrap().unwrap(), 3);
}

#[test]
fn outside_of_a_runtime() {
    let text = panic_text(|| JoinSet::new().spawn(async {}));
    assert!(text.starts_with("there is no reactor running"), "{text}");
    let text = panic_text(|| JoinSet::new().spawn_local(async {}));
    assert!(text.starts_with("`spawn_local` called from outside of a `task::LocalSet`"), "{text}");
    let text = panic_text(|| JoinSet::new().spawn_blocking(|| ()));
    assert!(text.starts_with("there is no reactor running"), "{text}");
}

#[test]
fn members_end_with_their_runtime() {
    for runtime in flavours() {
        let mut set = JoinSet::new();
        for _ in 0..10 {
            set.spawn_on(pending::<()>(), runtime.handle());
        }
        drop(runtime);
        let mut cancelled = 0;
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(joined)) = set.poll_join_next(&mut cx) {
            assert!(joined.unwrap_err().is_cancelled());
            cancelled += 1;
        }
        assert_eq!(cancelled, 10);
    }
}

#[test]
fn many_come_and_go() {
    threaded(4).block_on(async {
        let mut set = JoinSet::new();
        let mut sum = 0u64;
        for n in 0..5_000u64 {
            set.spawn(async move {
                if n % 3 == 0 {
                    task::yield_now().await;
                }
                n
            });
            if n % 2 == 0 {
                sum += set.join_next().await.unwrap().unwrap();
            }
            while let Some(done) = set.try_join_next() {
                sum += done.unwrap();
            }
        }
        while let Some(done) = timeout(PATIENCE, set.join_next()).await.unwrap() {
            sum += done.unwrap();
        }
        assert_eq!(sum, (0..5_000).sum::<u64>());
    });
}

#[test]
fn join_next_is_a_future_like_others() {
    let mut set = JoinSet::<()>::new();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(set.join_next()).poll(&mut cx).is_ready());
}
