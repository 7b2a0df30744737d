//! Loom: the breaker, the readiness word and its waiters. Each names the seeded breaks that must fail.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize as Plain, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::breaker::Breaker;
use super::slots::Slots;
use super::source::{Direction, ScheduledIo, READABLE, WRITABLE};
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{Arc, Mutex as OurMutex};

/// The eventfd in the poller's epoll: keeps its ring.
struct Doorbell {
    rung: Mutex<bool>,
    sleeper: Condvar,
}

struct Bed {
    breaker: Breaker,
    doorbell: Doorbell,
    deadline: AtomicUsize,
}

impl Bed {
    fn new() -> Arc<Bed> {
        Arc::new(Bed {
            breaker: Breaker::new(),
            doorbell: Doorbell { rung: Mutex::new(false), sleeper: Condvar::new() },
            deadline: AtomicUsize::new(0),
        })
    }

    fn wake(&self) {
        if self.breaker.wake() {
            *self.doorbell.rung.lock().unwrap() = true;
            self.doorbell.sleeper.notify_one();
        }
    }

    /// One blocking poll without a time-out.
    fn poll(&self) {
        if !self.breaker.block() {
            return;
        }
        let mut rung = self.doorbell.rung.lock().unwrap();
        while !*rung {
            rung = self.doorbell.sleeper.wait(rung).unwrap();
        }
        *rung = false;
        drop(rung);
        self.breaker.unblock();
    }
}

/// A poller that sleeps until it has seen both deadlines; two threads that publish one each. A lost
/// wake-up is a deadlock. Break: `break_lost`.
#[test]
fn poller_break() {
    loom::model(|| {
        let bed = Bed::new();
        let submitters: Vec<_> = (0..2)
            .map(|i| {
                let bed = bed.clone();
                thread::spawn(move || {
                    // Relaxed: the wake-up publishes it.
                    bed.deadline.fetch_or(1 << i, Relaxed);
                    bed.wake();
                })
            })
            .collect();
        while bed.deadline.load(Relaxed) != 3 {
            bed.poll();
        }
        for submitter in submitters {
            submitter.join().unwrap();
        }
    });
}

/// An event against a task that found the source empty: whatever the order, an edge that came after the
/// task's look is still there. Break: `io_clear_ignores_tick`.
#[test]
fn io_source_clear() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(0));
        io.set(READABLE | WRITABLE, &mut Vec::new());
        // What the kernel holds: the event is sent after the data has come.
        let data = Arc::new(AtomicUsize::new(0));
        let poller = {
            let (io, data) = (io.clone(), data.clone());
            thread::spawn(move || {
                data.store(1, Release);
                io.set(READABLE, &mut Vec::new());
            })
        };
        let seen = io.look();
        let read = data.swap(0, AcqRel);
        if read == 0 {
            io.clear(seen, READABLE); // the read would block
        }
        poller.join().unwrap();
        assert!(
            data.load(Acquire) == 0 || io.look().bits() & READABLE != 0,
            "data is there and nobody will say so"
        );
        assert!(io.look().bits() & WRITABLE != 0, "the other direction was cleared");
    });
}

/// An event in flight while its source is closed and the slot is used again. Break:
/// `slots_ignore_generation`.
#[test]
fn io_source_close() {
    loom::model(|| {
        let slots = Arc::new(OurMutex::new(Slots::new()));
        let old = slots.lock().insert().unwrap();
        let token = old.token();
        let poller = {
            let slots = slots.clone();
            thread::spawn(move || {
                let mut ready = Vec::new();
                let slots = slots.lock();
                if let Some(io) = slots.get(token) {
                    io.set(READABLE, &mut ready);
                }
            })
        };
        let removed = slots.lock().remove(token);
        drop(removed);
        drop(old);
        let new = slots.lock().insert().unwrap();
        assert_eq!(new.token() & 1, token & 1, "the slot is used again");
        poller.join().unwrap();
        assert_eq!(new.look().bits(), 0, "the old source's event reached the new one");
    });
}

/// Wakes the thread that waits in `block_on`.
struct Bell(loom::sync::Notify);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let bell = std::sync::Arc::new(Bell(loom::sync::Notify::new()));
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        bell.0.wait();
    }
}

struct Count(Plain);

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Two tasks wait for the same direction, an event comes, one of them may be dropped meanwhile: the other
/// is woken. Breaks: `io_wakes_one`, `io_no_second_look`.
#[test]
fn io_waiters() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(0));
        let poller = {
            let io = io.clone();
            thread::spawn(move || {
                let mut ready = Vec::new();
                io.set(READABLE, &mut ready);
                ready.drain(..).for_each(Waker::wake);
            })
        };
        let dropped = {
            let io = io.clone();
            thread::spawn(move || {
                let mut waiting = pin!(io.readiness(READABLE));
                let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            })
        };
        let event = block_on(io.readiness(READABLE));
        assert!(event.bits() & READABLE != 0);
        dropped.join().unwrap();
        poller.join().unwrap();
    });
}

/// The `poll_*` slots against an event and a shutdown. Break: `io_no_second_look`.
#[test]
fn io_slots_vs_shutdown() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(0));
        let poller = {
            let io = io.clone();
            thread::spawn(move || {
                let mut ready = Vec::new();
                io.shutdown(&mut ready);
                ready.drain(..).for_each(Waker::wake);
            })
        };
        let count = std::sync::Arc::new(Count(Plain::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let read = io.poll_ready(&mut cx, Direction::Read);
        let write = io.poll_ready(&mut cx, Direction::Write);
        poller.join().unwrap();
        let pending = usize::from(read.is_pending()) + usize::from(write.is_pending());
        assert_eq!(count.0.load(SeqCst), pending, "each that waits is woken once");
        assert!(io.look().is_shutdown());
    });
}
