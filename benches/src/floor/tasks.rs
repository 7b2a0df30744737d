//! Tasks and what they share, on the executor of one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::exec::{current, run, spawn, spawn_detached, wake, yield_now};
use crate::alloc;
use crate::workloads::memory::Waiting;
use crate::workloads::spawn::{fib_value, BATCH, FIB, FIB_TASKS};

pub(super) fn many(ops: u64) -> Duration {
    run(async move {
        let mut joins = Vec::with_capacity(BATCH as usize);
        let start = Instant::now();
        let mut left = ops;
        while left > 0 {
            let batch = left.min(BATCH);
            for _ in 0..batch {
                joins.push(spawn(async {}));
            }
            for join in joins.drain(..) {
                join.await;
            }
            left -= batch;
        }
        start.elapsed()
    })
}

pub(super) fn one(ops: u64) -> Duration {
    run(async move {
        let start = Instant::now();
        for i in 0..ops {
            assert_eq!(spawn(async move { i }).await, i);
        }
        start.elapsed()
    })
}

pub(super) fn chain(ops: u64) -> Duration {
    fn link(left: u64, done: Rc<Slot<()>>) {
        spawn_detached(async move {
            if left == 0 {
                done.put(());
            } else {
                link(left - 1, done);
            }
        });
    }
    run(async move {
        let done = Rc::new(Slot::new());
        let start = Instant::now();
        link(ops - 1, Rc::clone(&done));
        done.take().await;
        start.elapsed()
    })
}

pub(super) fn yields(ops: u64) -> Duration {
    const TASKS: u64 = 1000;
    run(async move {
        let start = Instant::now();
        let joins: Vec<_> = (0..TASKS)
            .map(|_| {
                spawn(async move {
                    for _ in 0..ops / TASKS {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for join in joins {
            join.await;
        }
        start.elapsed()
    })
}

/// A place for one value and one waiting task.
struct Slot<T> {
    value: Cell<Option<T>>,
    waiter: Cell<Option<usize>>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Slot { value: Cell::new(None), waiter: Cell::new(None) }
    }

    fn put(&self, value: T) {
        self.value.set(Some(value));
        if let Some(waiter) = self.waiter.take() {
            wake(waiter);
        }
    }

    async fn take(&self) -> T {
        poll_fn(|_| match self.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.waiter.set(Some(current()));
                Poll::Pending
            }
        })
        .await
    }
}

pub(super) fn ping_pong(ops: u64) -> Duration {
    run(async move {
        let there = Rc::new(Slot::new());
        let back = Rc::new(Slot::new());
        let answers = {
            let (there, back) = (Rc::clone(&there), Rc::clone(&back));
            spawn(async move {
                for _ in 0..ops {
                    let n: u64 = there.take().await;
                    back.put(n + 1);
                }
            })
        };
        let start = Instant::now();
        for n in 0..ops {
            there.put(n);
            assert_eq!(back.take().await, n + 1);
        }
        let elapsed = start.elapsed();
        answers.await;
        elapsed
    })
}

type Counted = Pin<Box<dyn Future<Output = u64>>>;

pub(super) fn skynet(leaves: u64) -> Duration {
    fn node(first: u64, leaves: u64) -> Counted {
        Box::pin(async move {
            if leaves == 1 {
                return first;
            }
            let below = leaves / 10;
            let children: [_; 10] =
                std::array::from_fn(|i| spawn(node(first + i as u64 * below, below)));
            let mut sum = 0;
            for child in children {
                sum += child.await;
            }
            sum
        })
    }
    let leaves = 10_u64.pow(leaves.max(1).ilog10());
    run(async move {
        let start = Instant::now();
        let sum = spawn(node(0, leaves)).await;
        let elapsed = start.elapsed();
        assert_eq!(sum, leaves * (leaves - 1) / 2);
        elapsed
    })
}

pub(super) fn fib(ops: u64) -> Duration {
    fn part(n: u32) -> Counted {
        Box::pin(async move {
            if n < 2 {
                return u64::from(n);
            }
            let one = spawn(part(n - 1));
            let two = part(n - 2).await;
            one.await + two
        })
    }
    run(async move {
        let start = Instant::now();
        for _ in 0..ops / FIB_TASKS {
            assert_eq!(part(FIB).await, fib_value(FIB));
        }
        start.elapsed()
    })
}

/// A queue with an end, and the tasks that wait at either side of it.
#[derive(Default)]
struct Channel {
    messages: RefCell<VecDeque<u64>>,
    receiver: Cell<Option<usize>>,
    senders: RefCell<VecDeque<usize>>,
}

impl Channel {
    async fn send(&self, room: usize, message: u64) {
        poll_fn(|_| {
            let mut messages = self.messages.borrow_mut();
            if messages.len() == room {
                self.senders.borrow_mut().push_back(current());
                return Poll::Pending;
            }
            messages.push_back(message);
            if let Some(receiver) = self.receiver.take() {
                wake(receiver);
            }
            Poll::Ready(())
        })
        .await;
    }

    async fn recv(&self) -> u64 {
        poll_fn(|_| match self.messages.borrow_mut().pop_front() {
            Some(message) => {
                if let Some(sender) = self.senders.borrow_mut().pop_front() {
                    wake(sender);
                }
                Poll::Ready(message)
            }
            None => {
                self.receiver.set(Some(current()));
                Poll::Pending
            }
        })
        .await
    }
}

pub(super) fn fan_in(ops: u64) -> Duration {
    const SENDERS: u64 = 8;
    run(async move {
        let channel = Rc::new(Channel::default());
        let start = Instant::now();
        for _ in 0..SENDERS {
            let channel = Rc::clone(&channel);
            spawn_detached(async move {
                for n in 0..ops / SENDERS {
                    channel.send(128, n).await;
                }
            });
        }
        for _ in 0..ops / SENDERS * SENDERS {
            channel.recv().await;
        }
        start.elapsed()
    })
}

/// Held or not, and who waits in order.
#[derive(Default)]
struct Mutex {
    held: Cell<bool>,
    waiters: RefCell<VecDeque<usize>>,
    count: Cell<u64>,
}

impl Mutex {
    async fn lock(&self) {
        let mut queued = false;
        poll_fn(|_| {
            // Who was queued and is polled again has been handed the lock.
            if queued || !self.held.replace(true) {
                return Poll::Ready(());
            }
            queued = true;
            self.waiters.borrow_mut().push_back(current());
            Poll::Pending
        })
        .await;
    }

    fn unlock(&self) {
        match self.waiters.borrow_mut().pop_front() {
            Some(next) => wake(next),
            None => self.held.set(false),
        }
    }
}

pub(super) fn mutex(tasks: u64, ops: u64, hold: bool) -> Duration {
    run(async move {
        let mutex = Rc::new(Mutex::default());
        let start = Instant::now();
        let joins: Vec<_> = (0..tasks)
            .map(|_| {
                let mutex = Rc::clone(&mutex);
                spawn(async move {
                    for _ in 0..ops / tasks {
                        mutex.lock().await;
                        mutex.count.set(mutex.count.get() + 1);
                        if hold {
                            yield_now().await;
                        }
                        mutex.unlock();
                    }
                })
            })
            .collect();
        for join in joins {
            join.await;
        }
        let elapsed = start.elapsed();
        assert_eq!(mutex.count.get(), ops / tasks * tasks);
        elapsed
    })
}

pub(super) fn bytes(tasks: u64) -> f64 {
    run(async move {
        let waiting = Arc::new(AtomicU64::new(0));
        alloc::count();
        for _ in 0..tasks {
            spawn_detached(Waiting::new(&waiting));
        }
        while waiting.load(Ordering::Relaxed) < tasks {
            yield_now().await;
        }
        alloc::counted().live as f64 / tasks as f64
    })
}
