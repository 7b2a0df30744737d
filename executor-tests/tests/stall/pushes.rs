//! What a poll has spawned, woken, set and registered goes on while the poll blocks.
//!
//! Each of these polls waits, as a thread, for what it has just started: on one P that is a deadlock,
//! unless somebody else does it.

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::sync::mpsc::{channel, Receiver};
use std::task::Context;
use std::thread;
use std::time::{Duration, Instant};

use gmp::io::AsyncReadExt;
use gmp::net::TcpStream;
use gmp::sync::oneshot;

use crate::support::*;
use crate::tools::*;

/// Spawns children and blocks until they all have run.
fn spawn_and_wait(children: usize) {
    let (tell, told) = channel();
    for n in 0..children {
        let tell = tell.clone();
        gmp::spawn(async move { tell.send(n).unwrap() });
    }
    receive(&told, children);
}

fn receive<T>(told: &Receiver<T>, times: usize) -> Vec<T> {
    (0..times).map(|_| told.recv_timeout(PATIENCE).expect("it goes on")).collect()
}

#[test]
fn b_push_from_blocked_runnext() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let tasks = (0..procs).map(|_| runtime.spawn(async { spawn_and_wait(1) })).collect();
        all_end(&runtime, tasks);
        b_permits_conserved(runtime.handle(), procs);
    }
}

#[test]
fn b_push_from_blocked_queue() {
    // More than a queue holds.
    let runtime = builder(1).build().unwrap();
    let task = runtime.spawn(async {
        for _ in 0..3 {
            spawn_and_wait(300);
        }
    });
    all_end(&runtime, vec![task]);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn b_push_from_blocked_after_the_retake() {
    let runtime = builder(1).build().unwrap();
    let gate = Gate::default();
    let door = gate.door();
    let task = runtime.spawn(async move {
        door.block();
        spawn_and_wait(1);
        spawn_and_wait(300);
    });
    gate.wait_for(1);
    others_go_on(runtime.handle());
    // It has no permit now, and is still inside of the same poll.
    gate.open();
    all_end(&runtime, vec![task]);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn b_push_from_blocked_wakes() {
    let runtime = builder(1).build().unwrap();
    let (tell, told) = channel();
    let senders: Vec<_> = (0..300)
        .map(|_| {
            let (wake, woken) = oneshot::channel();
            let tell = tell.clone();
            runtime.spawn(async move { tell.send(woken.await.unwrap()).unwrap() });
            wake
        })
        .collect();
    let task = runtime.spawn(async move {
        for (n, sender) in senders.into_iter().enumerate() {
            sender.send(n).unwrap();
        }
        receive(&told, 300).into_iter().sum::<usize>()
    });
    assert_eq!(all_end(&runtime, vec![task]), [299 * 150]);
}

#[test]
fn a_timer_on_a_blocked_p_fires() {
    let runtime = builder(1).build().unwrap();
    let (tell, told) = channel();
    let task = runtime.spawn(async move {
        // On this P, which nobody else will ever look after.
        for n in 0..20 {
            let tell = tell.clone();
            gmp::spawn(async move {
                let (start, wait) = (Instant::now(), Duration::from_millis(20 + n));
                gmp::time::sleep(wait).await;
                tell.send(start.elapsed() >= wait).unwrap();
            });
        }
        // All of them are polled once, and wait.
        for _ in 0..3 {
            gmp::task::yield_now().await;
        }
        receive(&told, 20)
    });
    assert!(all_end(&runtime, vec![task])[0].iter().all(|in_time| *in_time));
}

#[test]
fn b_push_from_blocked_timer() {
    for before in [false, true] {
        let runtime = builder(1).build().unwrap();
        let gate = Gate::default();
        let door = gate.door();
        let task = runtime.spawn(async move {
            if before {
                door.block();
            }
            let (waker, told) = waker_that_tells();
            let mut timer = pin!(gmp::time::sleep(Duration::from_millis(5)));
            assert!(timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            receive(&told, 1);
            timer.await;
        });
        if before {
            gate.wait_for(1);
            others_go_on(runtime.handle());
            gate.open();
        }
        all_end(&runtime, vec![task]);
        b_permits_conserved(runtime.handle(), 1);
    }
}

#[test]
fn b_push_from_blocked_io() {
    let runtime = builder(1).build().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let task = runtime.spawn(async move {
        let stream = std::net::TcpStream::connect(address).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream).unwrap();
        let (waker, told) = waker_that_tells();
        assert!(stream.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
        let writer = thread::spawn(move || peer.write_all(b"x"));
        receive(&told, 1);
        writer.join().unwrap().unwrap();
        stream.read_u8().await.unwrap()
    });
    assert_eq!(all_end(&runtime, vec![task]), [b'x']);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn q_unowned_starved() {
    // The queue of a root future that blocks, while the only P never runs dry.
    let runtime = builder(1).build().unwrap();
    let stop = Stop::new();
    for _ in 0..8 {
        let going = stop.going();
        runtime.spawn(async move {
            while going.on() {
                compute(Duration::from_micros(50));
                gmp::task::yield_now().await;
            }
        });
    }
    runtime.block_on(async {
        spawn_and_wait(1);
        spawn_and_wait(300);
    });
}
