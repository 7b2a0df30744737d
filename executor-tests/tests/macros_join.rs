//! `join!`.

mod macros_common;

use macros_common::{block_on, poll_once, Count, Log};
use std::cell::RefCell;
use std::future::{pending, poll_fn, ready, Future, IntoFuture, Ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[test]
fn any_number_of_futures() {
    block_on(async {
        let () = gmp::join!();
        let () = gmp::join!(biased;);
        assert_eq!(gmp::join!(ready(1)), (1,));
        assert_eq!(gmp::join!(ready(1), async { "two" },), (1, "two"));
        assert_eq!(gmp::join!(biased; ready(1), ready(2), ready(3)), (1, 2, 3));
        let twenty = gmp::join!(
            ready(1),
            ready(2),
            ready(3),
            ready(4),
            ready(5),
            ready(6),
            ready(7),
            ready(8),
            ready(9),
            ready(10),
            ready(11),
            ready(12),
            ready(13),
            ready(14),
            ready(15),
            ready(16),
            ready(17),
            ready(18),
            ready(19),
            ready(20),
        );
        assert_eq!((twenty.0, twenty.19), (1, 20));
    });
}

#[test]
fn polls_all_until_all_are_done_and_each_no_longer_than_needed() {
    let log = Log::default();
    let (a, b) = (log.future("a", 1), log.future("b", 2));
    let mut join = pin!(async { gmp::join!(biased; a, b) });
    assert!(poll_once(join.as_mut()).is_pending());
    // A done future is dropped at once.
    assert_eq!(log.take(), ["poll a", "drop a", "poll b"]);
    assert_eq!(poll_once(join.as_mut()), Poll::Ready(("a", "b")));
    assert_eq!(log.take(), ["poll b", "drop b"]);
}

#[test]
fn first_poll_rotates() {
    let log = Log::default();
    let mut join =
        pin!(async { gmp::join!(log.future("a", 0), log.future("b", 0), log.future("c", 0)) });
    for round in [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]] {
        assert!(poll_once(join.as_mut()).is_pending());
        assert_eq!(log.take(), round.map(|name| format!("poll {name}")));
    }
}

#[test]
fn biased_does_not_rotate() {
    let log = Log::default();
    let mut join = pin!(async { gmp::join!(biased; log.future("a", 0), log.future("b", 0)) });
    for _ in 0..3 {
        assert!(poll_once(join.as_mut()).is_pending());
        assert_eq!(log.take(), ["poll a", "poll b"]);
    }
}

#[test]
fn drops_in_order_when_cancelled() {
    let log = Log::default();
    {
        let mut join =
            pin!(async { gmp::join!(log.future("a", 0), log.future("b", 0), log.future("c", 0)) });
        assert!(poll_once(join.as_mut()).is_pending());
        log.take();
    }
    assert_eq!(log.take(), ["drop a", "drop b", "drop c"]);
}

#[test]
fn all_wakers_reach_the_task() {
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let kept: RefCell<Vec<Waker>> = RefCell::default();
    let keep = || {
        poll_fn(|cx| {
            kept.borrow_mut().push(cx.waker().clone());
            Poll::<()>::Pending
        })
    };
    let mut join = pin!(async { gmp::join!(keep(), keep()) });
    assert!(join.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    for waker in kept.take() {
        waker.wake();
    }
    assert_eq!(count.get(), 2);
}

#[test]
fn expressions_run_in_order_and_go_through_into_future() {
    struct Into(&'static str, Log);
    impl IntoFuture for Into {
        type Output = &'static str;
        type IntoFuture = Ready<&'static str>;
        fn into_future(self) -> Ready<&'static str> {
            self.1.push(format!("into {}", self.0));
            ready(self.0)
        }
    }
    let log = Log::default();
    let make = |name| {
        log.push(format!("make {name}"));
        Into(name, log.clone())
    };
    assert_eq!(block_on(async { gmp::join!(make("a"), make("b")) }), ("a", "b"));
    assert_eq!(log.take(), ["make a", "into a", "make b", "into b"]);
}

#[test]
fn a_guard_in_an_expression_is_not_held_while_waiting() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let slot = std::sync::Mutex::new(Some(ready(1)));
    let joined = block_on(send(async {
        gmp::join!(slot.lock().unwrap().take().unwrap(), async { slot.lock().unwrap().is_none() })
    }));
    assert_eq!(joined, (1, true));
}

#[test]
fn futures_may_borrow_and_need_not_be_unpin_or_send() {
    let cell = std::rc::Rc::new(RefCell::new(Vec::new()));
    block_on(async {
        let push = |n| {
            let cell = &cell;
            async move { cell.borrow_mut().push(n) }
        };
        gmp::join!(push(1), push(2));
    });
    assert_eq!(*cell.borrow(), [1, 2]);
}

#[test]
fn awaits_and_question_marks_in_the_expressions() {
    async fn run() -> Result<u32, std::num::ParseIntError> {
        let (a, b) = gmp::join!(ready("1".parse::<u32>()?), ready(ready(2).await));
        Ok(a + b)
    }
    assert_eq!(block_on(run()), Ok(3));
}

#[test]
fn hygiene() {
    // The names that the expansion uses.
    let (future0, future1, start, step, pending_, rotator, cx) = (1, 2, 3, 4, 5, 6, 7);
    let sums = block_on(async {
        gmp::join!(async move { future1 + start + step }, async move {
            future0 + pending_ + rotator + cx
        })
    });
    assert_eq!(sums, (9, 19));
    // A variable may be called `biased`.
    let biased = ready(1);
    assert_eq!(block_on(async { gmp::join!(biased, ready(2)) }), (1, 2));
}

#[test]
fn through_another_macro() {
    macro_rules! both {
        ($a:expr, $b:expr) => {
            gmp::join!($a, $b)
        };
    }
    assert_eq!(block_on(async { both!(ready(1), async { 1 + 1 }) }), (1, 2));
}

#[test]
fn nests() {
    let nested = block_on(async { gmp::join!(async { gmp::join!(ready(1), ready(2)) }, ready(3)) });
    assert_eq!(nested, ((1, 2), 3));
}

#[test]
fn size_is_that_of_the_parts() {
    let big = || async {
        let buffer = [0u8; 512];
        pending::<()>().await;
        std::hint::black_box(&buffer);
    };
    let join = async { gmp::join!(big(), big()) };
    let parts = 2 * std::mem::size_of_val(&big());
    // The expressions and the pinned futures; no third copy.
    let size = std::mem::size_of_val(&join);
    assert!(size < 2 * parts, "{size} bytes for {parts}");
}

#[test]
fn is_send_and_debuggable_where_its_parts_are() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    block_on(send(async { gmp::join!(ready(1), ready(String::new())) }));
}
