//! An executor of one thread: a vector of boxed futures, and a queue of the numbers of those that can go on.
//!
//! 1. A task's number is its index; the number of one that has ended is used again.
//! 2. To wake is to push the number. The futures here know who waits for them, so no waker is needed.
//! 3. `run` polls in the order of the queue. With the queue empty it sleeps until the first deadline.
//!
//! A number may be pushed for a task that has ended and been followed by another: that one is polled for
//! nothing, as every future must bear.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Exec {
    tasks: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<usize>>,
    ready: RefCell<VecDeque<usize>>,
    current: Cell<usize>,
    timers: RefCell<BTreeSet<(Instant, usize)>>,
}

thread_local! {
    static EXEC: Exec = const {
        Exec {
            tasks: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
            ready: RefCell::new(VecDeque::new()),
            current: Cell::new(0),
            timers: RefCell::new(BTreeSet::new()),
        }
    };
}

/// The number of the task that is polled.
pub(super) fn current() -> usize {
    EXEC.with(|exec| exec.current.get())
}

/// Polls a task again.
pub(super) fn wake(task: usize) {
    EXEC.with(|exec| exec.ready.borrow_mut().push_back(task));
}

/// Wakes the task at a time.
pub(super) fn add_timer(at: Instant, task: usize) {
    EXEC.with(|exec| exec.timers.borrow_mut().insert((at, task)));
}

/// Takes a timer back.
pub(super) fn remove_timer(at: Instant, task: usize) {
    EXEC.with(|exec| exec.timers.borrow_mut().remove(&(at, task)));
}

pub(super) fn spawn_detached(future: impl Future<Output = ()> + 'static) {
    EXEC.with(|exec| {
        let task: Task = Box::pin(future);
        let number = match exec.free.borrow_mut().pop() {
            Some(number) => {
                exec.tasks.borrow_mut()[number] = Some(task);
                number
            }
            None => {
                let mut tasks = exec.tasks.borrow_mut();
                tasks.push(Some(task));
                tasks.len() - 1
            }
        };
        exec.ready.borrow_mut().push_back(number);
    });
}

/// What a task left, and who waits for it.
pub(super) struct Join<T>(Rc<Left<T>>);

struct Left<T> {
    value: Cell<Option<T>>,
    waiter: Cell<Option<usize>>,
}

pub(super) fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Join<T> {
    let left = Rc::new(Left { value: Cell::new(None), waiter: Cell::new(None) });
    let joined = Rc::clone(&left);
    spawn_detached(async move {
        left.value.set(Some(future.await));
        if let Some(waiter) = left.waiter.take() {
            wake(waiter);
        }
    });
    Join(joined)
}

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        match self.0.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.0.waiter.set(Some(current()));
                Poll::Pending
            }
        }
    }
}

/// Goes to the end of the queue.
pub(super) struct Yield(bool);

pub(super) fn yield_now() -> Yield {
    Yield(false)
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        wake(current());
        Poll::Pending
    }
}

/// Runs a task and those that it spawns until it has ended.
pub(super) fn run<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
    let root = spawn(future);
    EXEC.with(|exec| {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            while let Some(number) = pop(exec) {
                let task = exec.tasks.borrow_mut()[number].take();
                // None: a second wake of a task that has ended.
                let Some(mut task) = task else { continue };
                exec.current.set(number);
                if task.as_mut().poll(&mut cx).is_ready() {
                    exec.free.borrow_mut().push(number);
                } else {
                    exec.tasks.borrow_mut()[number] = Some(task);
                }
            }
            if let Some(value) = root.0.value.take() {
                return value;
            }
            wait(exec);
        }
    })
}

fn pop(exec: &Exec) -> Option<usize> {
    exec.ready.borrow_mut().pop_front()
}

/// Sleeps until the first deadline and wakes all that are due.
fn wait(exec: &Exec) {
    let mut timers = exec.timers.borrow_mut();
    let &(first, _) = timers.first().expect("nobody is left to wake the root");
    let mut now = Instant::now();
    if let Some(time) = first.checked_duration_since(now) {
        std::thread::sleep(time);
        now = Instant::now();
    }
    while timers.first().is_some_and(|(at, _)| *at <= now) {
        let (_, task) = timers.pop_first().expect("it was just seen");
        wake(task);
    }
}
