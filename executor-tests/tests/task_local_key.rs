//! `task_local!`: a value is where its future is polled and dropped, and nowhere else.

mod support;

use std::cell::Cell;
use std::future::{pending, poll_fn, ready, Future};
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};

use gmp::task::{self, yield_now};
use support::{flavours, panic_text, threaded};

gmp::task_local! {
    /// A doc comment is kept.
    pub static NUMBER: u32;
    static NAME: String;
    pub(crate) static CELL: Cell<u32>
}

gmp::task_local! {
    static ALONE: ();
}

gmp::task_local! {}

const UNSET: &str = "cannot access a task-local storage value without setting it first";

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn scopes_nest_and_end() {
    for runtime in flavours() {
        runtime.block_on(async {
            NUMBER
                .scope(1, async {
                    yield_now().await;
                    assert_eq!(NUMBER.get(), 1);
                    NUMBER
                        .scope(2, async {
                            assert_eq!(NUMBER.get(), 2);
                            yield_now().await;
                            assert_eq!(NUMBER.with(|n| *n), 2);
                        })
                        .await;
                    assert_eq!(NUMBER.try_get().unwrap(), 1);
                    assert!(task::spawn(async { NUMBER.try_get() }).await.unwrap().is_err());
                    assert!(NAME.try_with(|_| ()).is_err());
                })
                .await;
            assert!(NUMBER.try_get().is_err());
            assert!(ALONE.try_get().is_err());
        });
    }
}

#[test]
fn values_move_with_their_tasks() {
    let runtime = threaded(4);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200u32)
            .map(|n| {
                gmp::spawn(NUMBER.scope(n, async move {
                    for _ in 0..20 {
                        assert_eq!(NUMBER.get(), n);
                        yield_now().await;
                    }
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn without_a_scope() {
    assert_eq!(panic_text(|| NUMBER.get()), UNSET);
    assert_eq!(panic_text(|| NAME.with(|name| name.len())), UNSET);
    let error = NUMBER.try_get().unwrap_err();
    assert_eq!(error.to_string(), "task-local value not set");
    assert_eq!(format!("{error:?}"), "AccessError");
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
}

#[test]
fn sync_scopes_end_with_a_panic_too() {
    assert_eq!(NAME.sync_scope("a".into(), || NAME.get()), "a");
    let text = panic_text(|| {
        NUMBER.sync_scope(5, || {
            assert_eq!(NUMBER.get(), 5);
            panic!("inside")
        })
    });
    assert_eq!(text, "inside");
    assert!(NUMBER.try_get().is_err());
    let borrowed = "cannot enter a task-local scope while the task-local storage is borrowed";
    let text = panic_text(|| {
        NUMBER.sync_scope(1, || NUMBER.with(|_| NUMBER.sync_scope(2, || ())));
    });
    assert_eq!(text, borrowed);
    let text = panic_text(|| {
        NUMBER.sync_scope(1, || NUMBER.with(|_| poll_once(pin!(NUMBER.scope(2, ready(()))))))
    });
    assert_eq!(text, borrowed);
    assert!(NUMBER.try_get().is_err());
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the value's drop");
        }
    }
}

gmp::task_local! {
    static BOMB: Bomb;
}

/// A panic in a value's drop, or under a value, is its task's, and leaves no value behind.
#[test]
fn p_task_local() {
    for runtime in flavours() {
        let at_its_end = runtime.spawn(BOMB.scope(Bomb, yield_now()));
        let aborted = runtime.spawn(BOMB.scope(Bomb, pending::<()>()));
        runtime.block_on(yield_now());
        aborted.abort();
        let inside = runtime.spawn(BOMB.scope(Bomb, async { panic!("under the value") }));
        for (task, text) in [
            (at_its_end, "the value's drop"),
            (aborted, "the value's drop"),
            (inside, "under the value"),
        ] {
            let error = runtime.block_on(task).expect_err(text);
            assert!(error.is_panic(), "{error}");
            assert_eq!(*error.into_panic().downcast::<&str>().expect("a literal"), text);
        }
        let others: Vec<_> =
            (0..32).map(|_| runtime.spawn(async { BOMB.try_with(|_| ()).is_err() })).collect();
        for other in others {
            assert!(runtime.block_on(other).expect("it ends"), "a value was left behind");
        }
    }
    let text = panic_text(|| BOMB.sync_scope(Bomb, || ()));
    assert_eq!(text, "the value's drop");
    assert!(BOMB.try_with(|_| ()).is_err());
}

#[test]
fn the_value_is_there_in_drops() {
    struct Looks;
    impl Drop for Looks {
        fn drop(&mut self) {
            CELL.with(|cell| cell.set(cell.get() + 1));
        }
    }
    // Dropped when it is done, while the value is in place.
    let mut done = Box::pin(CELL.scope(Cell::new(0), async {
        let _looks = Looks;
    }));
    assert!(poll_once(done.as_mut()).is_ready());
    assert_eq!(done.as_mut().take_value().unwrap().get(), 1);
    assert!(done.as_mut().take_value().is_none());
    // Dropped before it was done.
    let looks = Looks;
    let mut waits = Box::pin(CELL.scope(Cell::new(0), async move {
        let _looks = looks;
        pending::<()>().await;
    }));
    assert!(poll_once(waits.as_mut()).is_pending());
    CELL.sync_scope(Cell::new(10), || {
        drop(waits);
        assert_eq!(CELL.with(Cell::get), 10, "the outer value is another one");
    });
}

#[test]
fn a_taken_value_is_gone_for_the_future() {
    let mut future = pin!(NUMBER.scope(
        1,
        poll_fn(|_| match NUMBER.try_get() {
            Ok(_) => Poll::Pending,
            Err(_) => Poll::Ready("gone"),
        })
    ));
    assert!(poll_once(future.as_mut()).is_pending());
    assert_eq!(format!("{future:?}"), "TaskLocalFuture { value: Some(1), .. }");
    assert_eq!(future.as_mut().take_value(), Some(1));
    assert_eq!(poll_once(future.as_mut()), Poll::Ready("gone"));
    let text = panic_text(|| poll_once(future.as_mut()));
    assert_eq!(text, "`TaskLocalFuture` polled after completion");
}
