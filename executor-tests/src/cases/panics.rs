//! Panics: in polls, in drops, in outputs, in wakers, in payloads. They stay where they belong.

use std::future::{pending, Future};
use std::panic::{catch_unwind, panic_any, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{Drops, Gate, Harness, Kit, PanicOnDrop};

/// In a poll: the handle gets the payload, once; the executor goes on.
pub fn p_poll<H: Harness>(kit: Kit<H>) {
    let drops = Drops::default();
    for yields in [0, 3] {
        let (guard, executor) = (drops.guard(), kit.executor().clone());
        let task = kit.spawn(async move {
            let _guard = guard;
            for _ in 0..yields {
                executor.yield_now().await;
            }
            panic_any(7_u8);
        });
        let error = kit.block_on(task).map(|never: ()| never).expect_err("it panicked");
        assert!(error.is_panic());
        assert_eq!(error.try_into_panic().expect("a panic").downcast_ref(), Some(&7_u8));
    }
    assert_eq!(drops.count(), 2);
    kit.still_works();
}

/// Nobody waits for it: nobody is told, nobody is hurt.
pub fn p_poll_without_a_handle<H: Harness>(kit: Kit<H>) {
    let drops = Drops::default();
    for _ in 0..20 {
        let guard = drops.guard();
        drop(kit.spawn(async move {
            let _guard = guard;
            panic!("for nobody");
        }));
    }
    kit.until("all over", || drops.count() == 20);
    kit.still_works();
}

/// Half of many tasks panic, and the others do not notice.
pub fn p_poll_often<H: Harness>(kit: Kit<H>) {
    let tasks: Vec<_> = (0..400_u32)
        .map(|n| {
            kit.spawn(async move {
                if n % 2 == 0 {
                    panic_any(n);
                }
                n
            })
        })
        .collect();
    kit.block_on(async {
        for (n, task) in tasks.into_iter().enumerate() {
            match task.await {
                Ok(output) => assert_eq!((output as usize, n % 2), (n, 1)),
                Err(error) => {
                    let payload = error.try_into_panic().expect("a panic");
                    assert_eq!(payload.downcast_ref(), Some(&(n as u32)));
                }
            }
        }
    });
}

struct PanicsInDrop(Gate);

impl Future for PanicsInDrop {
    type Output = u8;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u8> {
        Pin::new(&mut self.0.pass()).poll(cx).map(|()| 1)
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        drop(PanicOnDrop);
    }
}

/// In the drop of a future that was aborted: the handle answers, the executor goes on.
pub fn p_future_drop<H: Harness>(kit: Kit<H>) {
    for _ in 0..5 {
        let gate = Gate::new();
        let task = kit.spawn(PanicsInDrop(gate.clone()));
        kit.until("polled", || gate.polls() > 0);
        task.abort();
        assert!(kit.block_on(task).is_err());
        kit.still_works();
    }
}

/// In the drop of a future that has come to its end: the handle answers, the executor goes on.
pub fn p_future_drop_at_its_end<H: Harness>(kit: Kit<H>) {
    for _ in 0..5 {
        let gate = Gate::new();
        gate.open();
        let task = kit.spawn(PanicsInDrop(gate.clone()));
        drop(kit.block_on(task));
        kit.still_works();
    }
}

/// In the drop of an output that nobody takes: swallowed.
pub fn p_output_drop<H: Harness>(kit: Kit<H>) {
    for _ in 0..5 {
        let gate = Gate::new();
        let pass = gate.pass();
        drop(kit.spawn(async move {
            pass.await;
            PanicOnDrop
        }));
        kit.until("polled", || gate.polls() > 0);
        gate.open();
        kit.until("over", || gate.drops().count() == 1);
        kit.settle();
        kit.still_works();
    }
}

/// In the drop of a payload that nobody takes: swallowed.
pub fn p_payload_drop<H: Harness>(kit: Kit<H>) {
    for _ in 0..5 {
        let drops = Drops::default();
        let guard = drops.guard();
        drop(kit.spawn(async move {
            let _guard = guard;
            panic_any(PanicOnDrop);
        }));
        kit.until("over", || drops.count() == 1);
        kit.settle();
        kit.still_works();
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics");
    }
}

/// In the waker of whoever waits for a task: its end stands, the executor goes on.
pub fn p_wake<H: Harness>(kit: Kit<H>) {
    for _ in 0..5 {
        let gate = Gate::new();
        let mut task = kit.spawn(gate.pass());
        let waker = Waker::from(Arc::new(Panics));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        kit.until("polled", || gate.polls() > 0);
        gate.open();
        kit.until("over", || task.is_finished());
        kit.still_works();
        kit.block_on(task).expect("it came to its end");
    }
}

/// In the drop of such a waker.
pub fn p_waker_drop<H: Harness>(kit: Kit<H>) {
    struct DropPanics(#[allow(dead_code)] PanicOnDrop);
    impl Wake for DropPanics {
        fn wake(self: Arc<Self>) {
            std::mem::forget(self);
        }
        fn wake_by_ref(self: &Arc<Self>) {}
    }
    for _ in 0..5 {
        let gate = Gate::new();
        let mut task = kit.spawn(gate.pass());
        let waker = Waker::from(Arc::new(DropPanics(PanicOnDrop)));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        // The task has the last one.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        kit.until("polled", || gate.polls() > 0);
        gate.open();
        kit.until("over", || task.is_finished());
        let _if_it_was_the_last = dropped;
        kit.still_works();
        let joined = catch_unwind(AssertUnwindSafe(|| kit.block_on(task)));
        drop(joined);
        kit.still_works();
    }
}

/// Through `block_on`: its caller gets it; tasks, and the next `block_on`, go on.
pub fn p_in_block_on<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    for _ in 0..5 {
        let executor = kit.executor();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            kit.block_on(async {
                executor.yield_now().await;
                panic_any(3_u8);
            });
        }));
        assert_eq!(caught.expect_err("it panicked").downcast_ref(), Some(&3_u8));
        kit.still_works();
    }
    kit.until("polled", || gate.polls() > 0);
    gate.open();
    kit.block_on(task).expect("it ends");
}

/// While tasks are dropped at the executor's end: the others are dropped all the same.
pub fn at_stop<H: Harness>(mut kit: Kit<H>) {
    let drops = Drops::default();
    let polls = Gate::new();
    for n in 0..10 {
        let (guard, pass) = (drops.guard(), polls.pass());
        drop(kit.spawn(async move {
            let _guard = guard;
            let _panics = (n % 2 == 0).then(|| PanicOnDrop);
            pass.await;
        }));
    }
    kit.until("all polled", || polls.polls() == 10);
    let stopped = catch_unwind(AssertUnwindSafe(|| kit.stop()));
    assert_eq!(drops.count(), 10);
    assert!(stopped.is_ok(), "the panic of a task's drop came out of the stop");
}

/// A panic in a task that holds the handles of others.
pub fn with_handles_of_others<H: Harness>(kit: Kit<H>) {
    let executor = kit.executor().clone();
    let drops = Drops::default();
    let guards: Vec<_> = (0..10).map(|_| drops.guard()).collect();
    let task = kit.spawn(async move {
        let mut tasks = Vec::new();
        for guard in guards {
            tasks.push(executor.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
        }
        executor.yield_now().await;
        tasks.iter().for_each(|task| task.abort());
        panic!("with all of them");
    });
    assert!(kit.block_on(task).map(|never: ()| never).is_err_and(|error| error.is_panic()));
    kit.until("all dropped", || drops.count() == 10);
    kit.still_works();
}
