//! `pin!`.

mod macros_common;

use macros_common::{block_on, Log};
use std::future::{pending, ready};
use std::marker::PhantomPinned;
use std::pin::Pin;

#[test]
fn shadows_each_name_by_a_pin() {
    let (one, two) = (async { 1 }, async { 2 });
    gmp::pin!(one, two,);
    let _: &Pin<&mut _> = &one;
    assert_eq!(block_on(&mut one) + block_on(two), 3);
}

#[test]
fn declares_and_pins() {
    gmp::pin! {
        let one = async { 1 };
        let two = ready(2);
    }
    assert_eq!(block_on(one) + block_on(two), 3);
}

#[test]
fn empty_is_fine() {
    gmp::pin!();
    gmp::pin! {}
}

#[test]
fn value_lives_to_the_end_of_the_block() {
    let log = Log::default();
    {
        let future = log.future("future", 1);
        gmp::pin!(future);
        assert_eq!(block_on(future), "future");
        log.push("end of block");
    }
    assert_eq!(log.take(), ["poll future", "end of block", "drop future"]);
}

#[test]
fn any_value_not_only_futures() {
    struct Rooted(u8, PhantomPinned);
    let rooted = Rooted(7, PhantomPinned);
    gmp::pin!(rooted);
    assert_eq!(rooted.as_ref().get_ref().0, 7);
}

#[test]
fn does_not_clash_with_names_around_it() {
    let pin = ready(5);
    gmp::pin!(pin);
    let core = pin;
    assert_eq!(block_on(core), 5);
}

#[test]
fn a_pinned_future_outlives_a_select() {
    block_on(async {
        let log = Log::default();
        let slow = log.future("slow", 2);
        gmp::pin!(slow);
        gmp::select! {
            biased;
            _ = &mut slow => unreachable!(),
            () = ready(()) => {}
        }
        let name = gmp::select! {
            name = &mut slow => name,
            () = pending() => unreachable!(),
        };
        assert_eq!(name, "slow");
        assert_eq!(log.take(), ["poll slow", "poll slow"]);
    });
}
