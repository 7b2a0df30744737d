//! `block_in_place`, nested in all ways, and together with the retake.

use std::thread;
use std::time::Duration;

use gmp::runtime::Handle;
use gmp::task::{block_in_place, spawn_blocking};

use crate::support::*;
use crate::tools::*;

#[test]
fn it_needs_no_retake() {
    for procs in [1, 2] {
        let runtime = builder(procs).retake(false).build().unwrap();
        let gate = Gate::default();
        let tasks = (0..3 * procs).map(|_| {
            let door = gate.door();
            runtime.spawn(async move {
                block_in_place(|| door.block());
                // With a permit or without one, it is a task like others.
                gmp::spawn(async {}).await.unwrap();
            })
        });
        let tasks: Vec<_> = tasks.collect();
        gate.wait_for(3 * procs);
        others_go_on(runtime.handle());
        gate.open();
        all_end(&runtime, tasks);
        b_permits_conserved(runtime.handle(), procs);
    }
}

#[test]
fn m_block_in_place_nested() {
    let runtime = builder(1).build().unwrap();
    let gate = Gate::default();
    let (door, handle) = (gate.door(), runtime.handle().clone());
    let within = move || {
        block_in_place(|| {
            block_in_place(|| {
                handle.block_on(async {
                    gmp::spawn(async {}).await.unwrap();
                    block_in_place(|| door.block());
                    gmp::time::sleep(Duration::from_millis(1)).await;
                });
            });
            gmp::spawn(async { 1 })
        })
    };
    // In a task, in a closure, and in a root future.
    let in_task = runtime.spawn({
        let within = within.clone();
        async move { within().await.unwrap() }
    });
    let in_closure = runtime.spawn({
        let within = within.clone();
        async move { spawn_blocking(within).await.unwrap().await.unwrap() }
    });
    let in_root = thread::spawn({
        let handle = runtime.handle().clone();
        move || handle.block_on(async { within().await.unwrap() })
    });
    gate.wait_for(3);
    others_go_on(runtime.handle());
    gate.open();
    assert_eq!(all_end(&runtime, vec![in_task, in_closure]), [1, 1]);
    assert_eq!(within_patience(move || in_root.join().unwrap()), 1);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn in_a_poll_without_permit() {
    let runtime = builder(1).build().unwrap();
    let (first, second, third) = (Gate::default(), Gate::default(), Gate::default());
    let (before, inside, after) = (first.door(), second.door(), third.door());
    let task = runtime.spawn(async move {
        before.block();
        // The permit is gone: there is nothing to hand over.
        block_in_place(|| inside.block());
        after.block();
        gmp::spawn(async {}).await.unwrap();
        gmp::time::sleep(Duration::from_millis(1)).await;
    });
    for gate in [first, second, third] {
        gate.wait_for(1);
        others_go_on(runtime.handle());
        gate.open();
    }
    all_end(&runtime, vec![task]);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn a_task_that_blocks_below_block_on_below_block_in_place() {
    let runtime = builder(1).build().unwrap();
    let gate = Gate::default();
    let door = gate.door();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            Handle::current().block_on(async {
                // A root future that blocks, and children that it has just made.
                let children: Vec<_> = (0..300).map(|n| gmp::spawn(async move { n })).collect();
                door.block();
                let mut sum = 0;
                for child in children {
                    sum += child.await.unwrap();
                }
                sum
            })
        })
    });
    gate.wait_for(1);
    others_go_on(runtime.handle());
    gate.open();
    assert_eq!(all_end(&runtime, vec![task]), [299 * 150]);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn current_thread_refuses() {
    const TEXT: &str = "can call blocking only when running on the multi-threaded runtime";
    let runtime = current();
    let nested = runtime.block_on(async {
        let task = gmp::spawn(async { panic_text(|| block_in_place(|| ())) }).await.unwrap();
        let closure = spawn_blocking(|| block_in_place(|| block_in_place(|| 2))).await.unwrap();
        (panic_text(|| block_in_place(|| ())), task, closure)
    });
    assert_eq!(nested, (TEXT.to_owned(), TEXT.to_owned(), 2));
}
