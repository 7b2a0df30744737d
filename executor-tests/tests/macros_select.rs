//! `select!`: grammar, order of events, fairness.

mod macros_common;

use macros_common::{block_on, poll_once, Count, Log};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready, Future, IntoFuture, Ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[test]
fn one_branch() {
    block_on(async {
        assert_eq!(gmp::select! { n = ready(1) => n }, 1);
        assert_eq!(gmp::select! { n = ready(1) => n, }, 1);
        assert_eq!(gmp::select! { n = ready(1) => { n } }, 1);
        assert_eq!(gmp::select! { n = ready(1) => { n }, }, 1);
        assert_eq!(gmp::select! { biased; n = ready(1) => n }, 1);
    });
}

#[test]
fn as_a_statement_an_expression_and_a_tail() {
    async fn tail() -> u8 {
        gmp::select! { n = ready(1) => n, () = pending() => 0 }
    }
    block_on(async {
        let mut seen = 0;
        gmp::select! {
            n = ready(2) => seen = n,
            () = pending() => {}
        }
        assert_eq!(seen, 2);
        let sum = 1 + gmp::select! { n = ready(2) => n, n = pending::<u8>() => n };
        assert_eq!(sum, 3);
        assert_eq!(tail().await, 1);
    });
}

#[test]
fn else_alone() {
    assert_eq!(
        block_on(async {
            gmp::select! { else => 7 }
        }),
        7
    );
    assert_eq!(
        block_on(async {
            gmp::select! { biased; else => { 7 } }
        }),
        7
    );
}

#[test]
fn handlers_with_and_without_commas() {
    block_on(async {
        let n = gmp::select! {
            () = pending() => { 1 }
            () = pending(), if true => { 2 },
            () = pending() => 3,
            n = ready(4), if true => n,
            else => unreachable!(),
        };
        assert_eq!(n, 4);
    });
}

#[test]
fn commas_and_arrows_that_end_nothing() {
    fn two<A: Default, B: Default>() -> Ready<(A, B)> {
        ready(Default::default())
    }
    block_on(async {
        let text = gmp::select! {
            (a, b) = two::<u8, u16>(), if Vec::<(u8, u8)>::new().is_empty() => format!("{a} {b}"),
            n = async { match 1 { 1 => 2, _ => 3 } }, if matches!(Some(1), Some(n) if n > 2) => {
                format!("{n}")
            }
            x = ready(vec![1u8, 2].into_iter().map(|n| n + 1).collect::<Vec<_>>()),
                if [1, 2].iter().fold(0, |a, b| a + b) == 4 =>
                x.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(","),
        };
        assert_eq!(text, "0 0");
    });
}

#[test]
fn all_kinds_of_patterns() {
    const SEVEN: u8 = 7;
    struct Point {
        x: u8,
        y: String,
    }
    block_on(async {
        assert!(gmp::select! { 1..=6 = ready(SEVEN) => false, SEVEN = ready(7) => true });
        assert!(gmp::select! { None = ready(Some(1)) => false, else => true });
        assert_eq!(gmp::select! { Some(1 | 2) | None = ready(Some(2)) => 1, else => 0 }, 1);
        assert_eq!(gmp::select! { | Ok(n) | Err(n) = ready(Err::<u8, u8>(3)) => n }, 3);
        let moved = gmp::select! {
            Point { x: 1, mut y } = ready(Point { x: 1, y: "a".into() }) => { y.push('b'); y }
            else => unreachable!(),
        };
        assert_eq!(moved, "ab");
        let borrowed = gmp::select! {
            Some(ref text) = ready(Some(String::from("text"))) => text.len(),
            else => 0,
        };
        assert_eq!(borrowed, 4);
        let changed = gmp::select! {
            (ref mut a, b @ 1..) = ready((1, 2)) => { *a += 1; *a + b }
            else => 0,
        };
        assert_eq!(changed, 4);
        assert_eq!(gmp::select! { Some(&n) = ready(Some(&9)) => n, else => 0 }, 9);
        let pair = (1, String::new());
        assert_eq!(gmp::select! { &(a, ref b) = ready(&pair) => a + b.len() }, 1);
        assert_eq!(gmp::select! { [first, .., last] = ready([1, 2, 3]) => first + last }, 4);
        assert_eq!(gmp::select! { "yes" = ready("no") => 1, else => 0 }, 0);
        assert_eq!(
            gmp::select! { whole @ Some(_) = ready(Some(1)) => whole, else => None },
            Some(1)
        );
        gmp::select! { _ = ready(()) => {} }
    });
}

#[test]
fn a_value_that_does_not_match_disables_its_branch_only() {
    let log = Log::default();
    block_on(async {
        let mut other = 0;
        let n = gmp::select! {
            biased;
            Some(n) = async { log.push("none"); None::<u8> } => n,
            n = poll_fn(|cx| {
                other += 1;
                cx.waker().wake_by_ref();
                if other < 3 { Poll::Pending } else { Poll::Ready(5) }
            }) => n,
        };
        assert_eq!(n, 5);
    });
    assert_eq!(log.take(), ["none"], "a branch that was ready is not polled again");
}

#[test]
fn a_value_that_does_not_match_is_dropped_whole() {
    let value = Arc::new(());
    let kept = value.clone();
    block_on(async {
        gmp::select! {
            (_moved, 2) = ready((kept, 1)) => unreachable!(),
            else => {}
        }
    });
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn else_runs_when_all_are_disabled() {
    block_on(async {
        let n = gmp::select! {
            Some(n) = ready(None) => n,
            n = ready(2), if false => n,
            else => 3,
        };
        assert_eq!(n, 3);
    });
}

#[test]
#[should_panic(expected = "all branches are disabled and there is no else branch")]
fn no_else_panics_on_a_mismatch() {
    block_on(async {
        gmp::select! { Some(()) = ready(None) => {} }
    });
}

#[test]
fn no_else_panics_where_the_macro_stands() {
    const NAME: &str = "no else, no branch";
    let (sender, places) = std::sync::mpsc::channel();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Other tests panic, too.
        if std::thread::current().name() == Some(NAME) {
            sender.send(info.location().unwrap().file().to_owned()).unwrap();
        } else {
            before(info);
        }
    }));
    let error = std::thread::Builder::new()
        .name(NAME.into())
        .spawn(|| {
            block_on(async {
                gmp::select! { _ = ready(1), if false => {} }
            })
        })
        .unwrap()
        .join()
        .unwrap_err();
    assert!(places.recv().unwrap().ends_with("macros_select.rs"));
    let text = error.downcast_ref::<&str>().unwrap();
    assert_eq!(*text, "all branches are disabled and there is no else branch");
}

#[test]
fn a_disabled_future_is_made_and_never_polled() {
    let log = Log::default();
    let make = |name| {
        log.push(format!("make {name}"));
        log.future(name, 1)
    };
    let check = |name, answer| {
        log.push(format!("if {name}"));
        answer
    };
    block_on(async {
        gmp::select! {
            biased;
            _ = make("a"), if check("a", false) => unreachable!(),
            name = make("b"), if check("b", true) => log.push(format!("handle {name}")),
        }
    });
    // Conditions, expressions, polls, drops, handler: the whole order.
    assert_eq!(
        log.take(),
        ["if a", "if b", "make a", "make b", "poll b", "drop a", "drop b", "handle b"]
    );
}

#[test]
fn through_into_future() {
    struct Into(Log);
    impl IntoFuture for Into {
        type Output = u8;
        type IntoFuture = Ready<u8>;
        fn into_future(self) -> Ready<u8> {
            self.0.push("into");
            ready(1)
        }
    }
    let log = Log::default();
    let n = block_on(async {
        gmp::select! {
            n = { log.push("make"); Into(log.clone()) } => n,
            () = { log.push("make"); pending() } => 0,
        }
    });
    assert_eq!(n, 1);
    assert_eq!(log.take(), ["make", "make", "into"]);
}

#[test]
fn handlers_may_use_what_the_futures_borrowed() {
    async fn add(to: &mut Vec<u8>, n: u8) -> u8 {
        to.push(n);
        n
    }
    block_on(async {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        gmp::select! {
            biased;
            n = add(&mut a, 1) => a.push(n + 1),
            n = add(&mut b, 9) => b.push(n),
        }
        assert_eq!(a, [1, 2]);
        // Two branches that borrow the same thing.
        let cell = RefCell::new(0);
        gmp::select! {
            _ = async { *cell.borrow_mut() += 1; pending::<()>().await } => {}
            _ = async { *cell.borrow_mut() += 1 } => *cell.borrow_mut() += 10,
        }
        assert!(*cell.borrow() >= 11);
    });
}

#[test]
fn handlers_are_in_the_surrounding_function() {
    async fn run(case: u8) -> Result<u8, String> {
        let mut rounds = 0;
        'outer: loop {
            for _ in 0..1 {
                rounds += 1;
                gmp::select! {
                    n = ready(case) => match n {
                        0 => return Ok(100),
                        1 => Err("question mark")?,
                        2 if rounds < 3 => continue 'outer,
                        2 => break 'outer,
                        3 => break,
                        _ => { rounds += ready(10).await; break 'outer }
                    },
                    () = pending() => unreachable!(),
                }
            }
            if rounds == 5 {
                break;
            }
        }
        Ok(rounds)
    }
    assert_eq!(block_on(run(0)), Ok(100));
    assert_eq!(block_on(run(1)), Err("question mark".into()));
    assert_eq!(block_on(run(2)), Ok(3));
    assert_eq!(block_on(run(3)), Ok(5));
    assert_eq!(block_on(run(4)), Ok(11));
}

#[test]
fn else_is_in_the_surrounding_function_too() {
    async fn run() -> Option<u8> {
        for n in 0.. {
            gmp::select! {
                Some(()) = ready(None) => {}
                else => if n == 3 { return Some(ready(n).await) } else { continue },
            }
        }
        None
    }
    assert_eq!(block_on(run()), Some(3));
}

#[test]
fn temporaries_live_until_a_branch_has_won() {
    async fn len(text: &str) -> usize {
        text.len()
    }
    let n = block_on(async {
        gmp::select! {
            n = &mut Box::pin(len("four")) => n,
            n = &mut Box::pin(async { pending::<usize>().await }) => n,
        }
    });
    assert_eq!(n, 4);
}

#[test]
fn a_guard_in_an_expression_is_not_held_while_waiting() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let slot = std::sync::Mutex::new(Some(ready(1)));
    let n = block_on(send(async {
        gmp::select! {
            n = slot.lock().unwrap().take().unwrap() => n,
            () = pending() => 0,
        }
    }));
    assert_eq!(n, 1);
}

#[test]
fn borrowed_futures_go_on_in_the_next_round() {
    let log = Log::default();
    block_on(async {
        let slow = log.future("slow", 3);
        gmp::pin!(slow);
        let mut rounds = 0;
        loop {
            gmp::select! {
                biased;
                name = &mut slow => { assert_eq!(name, "slow"); break }
                () = ready(()) => rounds += 1,
            }
        }
        assert_eq!(rounds, 2);
    });
}

#[test]
fn every_branch_is_first_now_and_then() {
    let log = Log::default();
    let mut firsts = [0; 3];
    block_on(async {
        for _ in 0..300 {
            let n = gmp::select! {
                n = ready(0) => n,
                n = ready(1) => n,
                n = ready(2) => n,
            };
            firsts[n] += 1;
        }
    });
    assert!(firsts.iter().all(|&n| n > 0), "{firsts:?}");

    // A new choice at each poll of one select, in a circle from there.
    let mut select = pin!(async {
        gmp::select! {
            _ = log.future("0", 0) => {}
            _ = log.future("1", 0) => {}
            _ = log.future("2", 0) => {}
        }
    });
    let mut starts = std::collections::HashSet::new();
    for _ in 0..300 {
        assert!(poll_once(select.as_mut()).is_pending());
        let polls = log.take().concat().replace("poll ", "");
        assert!(["012", "120", "201"].contains(&polls.as_str()), "{polls}");
        starts.insert(polls);
    }
    assert_eq!(starts.len(), 3);
}

#[test]
fn biased_keeps_the_order() {
    let log = Log::default();
    let mut select = pin!(async {
        gmp::select! {
            biased;
            _ = log.future("a", 0) => {}
            _ = log.future("b", 0) => {}
            _ = log.future("c", 0) => {}
        }
    });
    for _ in 0..20 {
        assert!(poll_once(select.as_mut()).is_pending());
        assert_eq!(log.take(), ["poll a", "poll b", "poll c"]);
    }
}

#[test]
fn drops_in_order_when_cancelled() {
    let log = Log::default();
    {
        let mut select = pin!(async {
            gmp::select! {
                _ = log.future("a", 0) => {}
                _ = log.future("b", 0) => {}
                _ = log.future("c", 0) => {}
            }
        });
        assert!(poll_once(select.as_mut()).is_pending());
        log.take();
    }
    assert_eq!(log.take(), ["drop a", "drop b", "drop c"]);
}

#[test]
fn every_branch_gets_the_waker() {
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let kept: RefCell<Vec<Waker>> = RefCell::default();
    let keep = || {
        poll_fn(|cx| {
            kept.borrow_mut().push(cx.waker().clone());
            Poll::<()>::Pending
        })
    };
    let mut select = pin!(async {
        gmp::select! { () = keep() => {}, () = keep() => {} }
    });
    assert!(select.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    for waker in kept.take() {
        waker.wake();
    }
    assert_eq!(count.get(), 2);
}

#[test]
fn a_panic_in_a_branch_drops_the_rest() {
    let log = Log::default();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(async {
            gmp::select! {
                biased;
                _ = log.future("a", 0) => {}
                () = async { panic!("branch") } => {}
            }
        })
    }));
    assert!(panic.is_err());
    assert_eq!(log.take(), ["poll a", "drop a"]);
}

#[test]
fn hygiene() {
    let (disabled, output, future0, start, step, value, matched) = (1, 2, 3, 4, 5, 6, 7);
    let cx = Cell::new(0);
    let sum = block_on(async {
        gmp::select! {
            future1 = ready(disabled + output), if matched == 7 => {
                cx.set(future1 + future0 + start + step + value);
                cx.get()
            }
            pending = ready(future0), if disabled == 0 => pending,
        }
    });
    assert_eq!(sum, 21);
    // A future may be called `biased`, a binding too.
    let biased = ready(1);
    assert_eq!(
        block_on(async {
            gmp::select! { biased = biased => biased }
        }),
        1
    );
}

#[test]
fn nests() {
    let n = block_on(async {
        gmp::select! {
            n = async { gmp::select! { n = ready(1) => n, () = pending() => 0 } } => {
                gmp::select! { m = ready(n + 1) => m, () = pending() => 0 }
            }
            () = pending() => 0,
        }
    });
    assert_eq!(n, 2);
}

#[test]
fn through_another_macro() {
    macro_rules! first {
        ($($pattern:pat = $future:expr, if $condition:expr => $handler:expr),+ ; $other:expr) => {
            gmp::select! { $($pattern = $future, if $condition => $handler,)+ else => $other }
        };
    }
    let n = block_on(async {
        first!(Some(n) = ready(Some(1)), if 1 < 2 => { n + 1 }, None = ready(Some(2)), if true => 0; 9)
    });
    assert_eq!(n, 2);
}

#[test]
fn sixty_four_branches() {
    macro_rules! wide {
        ($($n:literal)*) => {{
            let mut seen = std::collections::HashSet::new();
            for last in 0..64u32 {
                // All but one are disabled.
                seen.insert(gmp::select! { $(n = ready($n), if $n == last => n,)* });
            }
            assert_eq!(seen.len(), 64);
            let beyond = 64u32;
            gmp::select! { $(n = ready($n), if $n == beyond => n,)* else => 64 }
        }};
    }
    let n = block_on(async {
        wide!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59
            60 61 62 63
        )
    });
    assert_eq!(n, 64);
}

#[test]
fn never_typed_futures_and_handlers() {
    async fn never() -> std::convert::Infallible {
        pending().await
    }
    let n: u8 = block_on(async {
        gmp::select! {
            never = never() => match never {},
            n = ready(1) => n,
        }
    });
    assert_eq!(n, 1);
}

#[test]
fn is_send_where_its_futures_are() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    block_on(send(async {
        gmp::select! { _ = ready(String::new()) => {}, () = pending() => {} }
    }));
}

#[test]
fn size_is_that_of_the_parts() {
    let big = || async {
        let buffer = [0u8; 512];
        pending::<()>().await;
        std::hint::black_box(&buffer);
    };
    let select = async {
        gmp::select! { () = big() => {}, () = big() => {} }
    };
    let parts = 2 * std::mem::size_of_val(&big());
    let size = std::mem::size_of_val(&select);
    assert!(size < 2 * parts, "{size} bytes for {parts}");
}
