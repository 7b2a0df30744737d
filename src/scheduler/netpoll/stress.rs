//! Many threads at one poller: registration and deregistration against events in flight, waits that are
//! dropped, wake-ups without end. The seed of a failure is printed.

use std::future::Future;
use std::io::{Read, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::source::{Direction, READABLE};
use super::*;
use crate::primitives::rand::Rand;

const LONG: Duration = Duration::from_secs(60);
const WORKERS: u64 = 4;
const ROUNDS: usize = if cfg!(miri) { 5 } else { 400 };

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread, and fails rather than hang.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let start = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(start.elapsed() < LONG, "a wake-up was lost");
        std::thread::park_timeout(LONG);
    }
}

/// One read by the protocol of an edge-triggered source.
fn read(io: &ScheduledIo, stream: &mut mio::net::UnixStream, buf: &mut [u8]) -> usize {
    loop {
        let event = block_on(io.readiness(Direction::Read.mask()));
        match stream.read(buf) {
            Ok(n) => return n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => io.clear(event, READABLE),
            Err(error) => panic!("{error}"),
        }
    }
}

fn worker(netpoll: &Netpoll, seed: u64) {
    let rand = Rand::new(seed);
    for _ in 0..ROUNDS {
        let (mut a, b) = mio::net::UnixStream::pair().unwrap();
        let io = netpoll.register(&mut a, mio::Interest::READABLE).unwrap();
        let mut b = std::os::unix::net::UnixStream::from(b);
        b.set_nonblocking(false).unwrap();
        match rand.below(4) {
            // A message comes and is read.
            0 | 1 => {
                let sent = 1 + rand.below(3);
                let sender = std::thread::spawn(move || {
                    for i in 0..sent {
                        b.write_all(&[i as u8]).unwrap();
                        std::thread::yield_now();
                    }
                    b
                });
                let (mut got, mut buf) = (0, [0; 4]);
                while got < sent as usize {
                    got += read(&io, &mut a, &mut buf);
                }
                drop(sender.join().unwrap());
                assert_eq!(read(&io, &mut a, &mut buf), 0, "the end of the stream");
            }
            // A wait is dropped, the source closed with an event in flight.
            2 => {
                let mut waiting = Box::pin(io.readiness(READABLE));
                let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                b.write_all(b"x").unwrap();
                drop(waiting);
            }
            _ => netpoll.wake(),
        }
        netpoll.deregister(&io, &mut a).unwrap();
    }
}

#[test]
fn i_dereg_vs_event_stress() {
    let seed = std::env::var("GMP_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| Rand::from_entropy().next_u64());
    println!("GMP_SEED={seed}");
    let netpoll = Netpoll::new(true).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Two threads compete for the right to poll; one of them at a time sleeps for ever.
        for _ in 0..2 {
            scope.spawn(|| {
                let mut ready = Vec::new();
                while !done.load(SeqCst) {
                    match netpoll.try_poller() {
                        Some(mut poller) => poller.poll(None, &mut ready).unwrap(),
                        None => std::thread::yield_now(),
                    }
                    ready.drain(..).for_each(Waker::wake);
                }
                // The other may have gone to sleep since the last wake-up.
                netpoll.wake();
            });
        }
        let workers: Vec<_> = (0..WORKERS)
            .map(|i| {
                let netpoll = &netpoll;
                scope.spawn(move || worker(netpoll, seed.wrapping_add(i)))
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, SeqCst);
        netpoll.wake();
        for result in results {
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        }
    });
    assert_eq!(netpoll.sources(), 0, "a slot leaked");
}
