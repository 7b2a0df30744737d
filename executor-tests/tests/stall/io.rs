//! The thread that polls for all blocks, in a task or in a waker.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::task::{Context, Poll};
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::TcpListener;
use gmp::runtime::Runtime;

use crate::support::*;
use crate::tools::*;

/// Echoes bytes; on a `B` it blocks first.
fn serve(runtime: &Runtime, door: Door) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let door = door.clone();
            gmp::spawn(async move {
                while let Ok(byte) = stream.read_u8().await {
                    if byte == b'B' {
                        door.block();
                    }
                    stream.write_all(&[byte]).await.unwrap();
                }
            });
        }
    });
    address
}

fn ask(stream: &mut TcpStream, byte: u8) {
    stream.write_all(&[byte]).unwrap();
    answered(stream, byte);
}

fn answered(stream: &mut TcpStream, byte: u8) {
    let mut answer = [0];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, [byte]);
}

#[test]
fn the_m_that_polled_blocks() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let gate = Gate::default();
        let address = serve(&runtime, gate.door());
        let mut streams: Vec<_> = (0..procs + 4)
            .map(|_| {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                stream
            })
            .collect();
        for stream in &mut streams {
            ask(stream, b'a');
        }
        let (bad, good) = streams.split_at_mut(procs);
        for (n, stream) in bad.iter_mut().enumerate() {
            // Everybody sleeps: the M that gets the event out of the poller runs the task, and is stuck.
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b"B").unwrap();
            gate.wait_for(n + 1);
        }
        for n in 0..20 {
            for stream in good.iter_mut() {
                ask(stream, b'a' + n);
            }
        }
        others_go_on(runtime.handle());
        assert_eq!(gate.standing(), procs);
        gate.open();
        for stream in bad {
            answered(stream, b'B');
        }
        drop(streams);
        b_permits_conserved(runtime.handle(), procs);
    }
}

#[test]
fn b_waker_blocks_timers() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let gate = Gate::default();
        let door = gate.door();
        let task = runtime.spawn(async move {
            let mut timer = Box::pin(gmp::time::sleep(Duration::from_millis(5)));
            let waker = waker(move || door.block());
            let poll = timer.as_mut().poll(&mut Context::from_waker(&waker));
            (timer, poll)
        });
        let (timer, poll) = all_end(&runtime, vec![task]).pop().unwrap();
        assert!(poll.is_pending());
        // Whoever fires it gets stuck.
        gate.wait_for(1);
        others_go_on(runtime.handle());
        gate.open();
        runtime.block_on(timer);
        b_permits_conserved(runtime.handle(), procs);
    }
}

#[test]
fn b_waker_blocks_poller() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let gate = Gate::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let mut stream = {
            let _inside = runtime.enter();
            gmp::net::TcpStream::from_std(stream).unwrap()
        };
        let door = gate.door();
        let waker = waker(move || door.block());
        assert!(matches!(stream.poll_read_ready(&mut Context::from_waker(&waker)), Poll::Pending));
        peer.write_all(b"x").unwrap();
        // Whoever polls gets stuck.
        gate.wait_for(1);
        others_go_on(runtime.handle());
        gate.open();
        assert_eq!(runtime.block_on(stream.read_u8()).unwrap(), b'x');
        b_permits_conserved(runtime.handle(), procs);
    }
}
