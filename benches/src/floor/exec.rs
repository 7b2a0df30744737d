//! An executor of one thread: a vector of boxed futures, and a queue of the numbers of those that can go on.
//!
//! 1. A task's number is its index; the number of one that has ended is used again.
//! 2. To wake is to push the number. The futures here know who waits for them, so no waker is needed.
//! 3. `run` polls in the order of the queue; a new task goes to its front, so that a tree of tasks is walked
//!    in depth. Nobody is fair here. With the queue empty it sleeps until the first deadline.
//!
//! A number may be pushed for a task that has ended and been followed by another: that one is polled for
//! nothing, as every future must bear.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// A future and then its output, in the one allocation of a task.
trait Task {
    /// Polls the future; true if it has ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool;
    /// Puts the output into an `Option` of its type.
    fn take(self: Pin<&mut Self>, into: &mut dyn Any);
}

pin_project_lite::pin_project! {
    #[project = StageProjection]
    enum Stage<F: Future> {
        Running { #[pin] future: F },
        Ended { output: Option<F::Output> },
    }
}

impl<F: Future<Output: 'static>> Task for Stage<F> {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let StageProjection::Running { future } = self.as_mut().project() else {
            return true;
        };
        let Poll::Ready(output) = future.poll(cx) else { return false };
        self.set(Stage::Ended { output: Some(output) });
        true
    }

    fn take(self: Pin<&mut Self>, into: &mut dyn Any) {
        if let (StageProjection::Ended { output }, Some(into)) =
            (self.project(), into.downcast_mut::<Option<F::Output>>())
        {
            *into = output.take();
        }
    }
}

/// The place of a task in the vector.
#[derive(Default)]
struct Place {
    /// `None` while it is polled, and while the place is free.
    task: Option<Pin<Box<dyn Task>>>,
    ended: bool,
    /// Somebody holds its `Join`, and frees the place.
    joined: bool,
    waiter: Option<usize>,
}

struct Exec {
    places: RefCell<Vec<Place>>,
    free: RefCell<Vec<usize>>,
    ready: RefCell<VecDeque<usize>>,
    current: Cell<usize>,
    timers: RefCell<BTreeSet<(Instant, usize)>>,
}

thread_local! {
    static EXEC: Exec = const {
        Exec {
            places: RefCell::new(Vec::new()),
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

fn start<F: Future<Output: 'static> + 'static>(future: F, joined: bool) -> usize {
    EXEC.with(|exec| {
        let task: Pin<Box<dyn Task>> = Box::pin(Stage::Running { future });
        let place = Place { task: Some(task), ended: false, joined, waiter: None };
        let mut places = exec.places.borrow_mut();
        let number = match exec.free.borrow_mut().pop() {
            Some(number) => {
                places[number] = place;
                number
            }
            None => {
                places.push(place);
                places.len() - 1
            }
        };
        exec.ready.borrow_mut().push_front(number);
        number
    })
}

pub(super) fn spawn_detached(future: impl Future<Output = ()> + 'static) {
    start(future, false);
}

/// What a task will leave. It must be awaited, or its place is never free again.
pub(super) struct Join<T> {
    number: usize,
    output: PhantomData<fn() -> T>,
}

pub(super) fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Join<T> {
    Join { number: start(future, true), output: PhantomData }
}

impl<T: 'static> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        EXEC.with(|exec| {
            let mut places = exec.places.borrow_mut();
            let place = &mut places[self.number];
            if !place.ended {
                place.waiter = Some(exec.current.get());
                return Poll::Pending;
            }
            let mut task = place.task.take().expect("a task is joined once");
            drop(places);
            exec.free.borrow_mut().push(self.number);
            let mut output: Option<T> = None;
            task.as_mut().take(&mut output);
            Poll::Ready(output.expect("it has ended, and its type is T"))
        })
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
    let mut root = spawn(future);
    EXEC.with(|exec| {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            while let Some(number) = pop(exec) {
                poll(exec, number, &mut cx);
            }
            // Polled only then: it is no task, and its number is nobody's to be woken by.
            if exec.places.borrow()[root.number].ended {
                if let Poll::Ready(value) = Pin::new(&mut root).poll(&mut cx) {
                    return value;
                }
            }
            wait(exec);
        }
    })
}

fn poll(exec: &Exec, number: usize, cx: &mut Context<'_>) {
    let task = {
        let place = &mut exec.places.borrow_mut()[number];
        // A second wake of a task that has ended.
        if place.ended {
            return;
        }
        place.task.take()
    };
    let Some(mut task) = task else { return };
    exec.current.set(number);
    let ended = task.as_mut().poll(cx);
    let place = &mut exec.places.borrow_mut()[number];
    place.ended = ended;
    if ended {
        if let Some(waiter) = place.waiter.take() {
            exec.ready.borrow_mut().push_back(waiter);
        }
        if !place.joined {
            exec.free.borrow_mut().push(number);
            return;
        }
    }
    place.task = Some(task);
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
