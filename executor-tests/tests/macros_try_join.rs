//! `try_join!`.

mod macros_common;

use macros_common::{block_on, poll_once, Log};
use std::future::{pending, ready};
use std::pin::pin;
use std::task::Poll;

type Result<T> = std::result::Result<T, &'static str>;

fn ok<T>(value: T) -> Result<T> {
    Ok(value)
}

#[test]
fn all_ok() {
    block_on(async {
        let none: Result<()> = gmp::try_join!();
        assert_eq!(none, Ok(()));
        let none: Result<()> = gmp::try_join!(biased;);
        assert_eq!(none, Ok(()));
        assert_eq!(gmp::try_join!(async { ok(1) }), Ok((1,)));
        assert_eq!(gmp::try_join!(async { ok(1) }, ready(ok("two")),), Ok((1, "two")));
        assert_eq!(gmp::try_join!(biased; ready(ok(1)), ready(ok(2))), Ok((1, 2)));
    });
}

#[test]
fn first_error_ends_it_and_drops_the_rest() {
    let log = Log::default();
    let mut join = pin!(async {
        gmp::try_join!(
            biased;
            async { ok(log.future("done", 1).await) },
            async { ok(log.future("waits", 0).await) },
            async { Result::<()>::Err(log.future("fails", 2).await) },
            async { Result::<()>::Err(log.future("later", 0).await) },
        )
        .map(|_| ())
    });
    assert!(poll_once(join.as_mut()).is_pending());
    assert_eq!(log.take(), ["poll done", "drop done", "poll waits", "poll fails", "poll later"]);
    assert_eq!(poll_once(join.as_mut()), Poll::Ready(Err("fails")));
    // Nothing below the failing branch is polled any more.
    assert_eq!(log.take(), ["poll waits", "poll fails", "drop fails", "drop waits", "drop later"]);
}

#[test]
fn an_error_is_seen_while_others_wait_for_ever() {
    let result =
        block_on(async { gmp::try_join!(pending::<Result<()>>(), ready(Result::<()>::Err("no"))) });
    assert_eq!(result, Err("no"));
}

#[test]
fn of_two_errors_the_first_polled_wins() {
    let result = block_on(async {
        gmp::try_join!(biased; ready(Result::<()>::Err("one")), ready(Result::<()>::Err("two")))
    });
    assert_eq!(result, Err("one"));
}

#[test]
fn first_poll_rotates_unless_biased() {
    let log = Log::default();
    let wait = |name| {
        let future = log.future(name, 0);
        async move { ok(future.await) }
    };
    {
        let mut join = pin!(async { gmp::try_join!(wait("a"), wait("b"), wait("c")) });
        for round in [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]] {
            assert!(poll_once(join.as_mut()).is_pending());
            assert_eq!(log.take(), round.map(|name| format!("poll {name}")));
        }
    }
    log.take();
    let mut join = pin!(async { gmp::try_join!(biased; wait("a"), wait("b")) });
    for _ in 0..2 {
        assert!(poll_once(join.as_mut()).is_pending());
        assert_eq!(log.take(), ["poll a", "poll b"]);
    }
}

#[test]
fn values_need_no_debug_and_no_clone() {
    struct Plain(u8);
    let plain = || ready(Ok::<_, Plain>(Plain(1)));
    let Ok((a, b)) = block_on(async { gmp::try_join!(plain(), plain()) }) else { panic!() };
    assert_eq!(a.0 + b.0, 2);
}

#[test]
fn question_mark_on_the_whole() {
    async fn run() -> std::result::Result<u32, Box<dyn std::error::Error>> {
        let (a, b) = gmp::try_join!(async { "1".parse::<u32>() }, async { "x".parse::<u32>() })?;
        Ok(a + b)
    }
    assert_eq!(block_on(run()).unwrap_err().to_string(), "invalid digit found in string");
}
