//! The conformance suite on an executor of one's own.
//!
//! Try it:
//!
//! ```text
//! cargo run --release -p gmp-executor-tests --example own_executor 2>/dev/null
//! ```
//!
//! `Pool` below is as small as an executor of several threads can be: a queue, a condition, and tasks
//! that are their own wakers. It has no timers, no pool for blocking code, no way to abort, and its stop
//! leaves tasks that wait to their wakers: the harness says so, and the suite asks for the rest. In a
//! test file, `gmp_executor_tests::suite!(pool, Harnessed);` makes a `#[test]` of each case.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use gmp::executor::{Executor, TaskError, TaskHandle};
use gmp_executor_tests::kit::{block_on, Ability, Harness, Table};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Body = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Queue {
    ready: Mutex<(VecDeque<Arc<Task>>, bool)>,
    more: Condvar,
}

/// A task is in one of four states; a wake during its poll is kept by `Again`.
#[derive(PartialEq)]
enum State {
    Waiting,
    Queued,
    Running,
    Again,
}

struct Task {
    state: Mutex<State>,
    /// `None` when it is over. Only who made the task `Running` looks.
    body: Mutex<Option<Body>>,
    queue: Arc<Queue>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut state = lock(&self.state);
        match *state {
            State::Queued | State::Again => return,
            State::Running => {
                *state = State::Again;
                return;
            }
            State::Waiting => *state = State::Queued,
        }
        drop(state);
        self.queue.clone().push(self);
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        *lock(&self.state) = State::Running;
        let waker = Waker::from(self.clone());
        let mut body = lock(&self.body);
        if let Some(future) = body.as_mut() {
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                *body = None;
            }
        }
        drop(body);
        let mut state = lock(&self.state);
        if *state == State::Again {
            *state = State::Queued;
            drop(state);
            self.queue.clone().push(self);
        } else {
            *state = State::Waiting;
        }
    }
}

impl Queue {
    fn push(&self, task: Arc<Task>) {
        lock(&self.ready).0.push_back(task);
        self.more.notify_one();
    }

    fn work(&self) {
        let mut ready = lock(&self.ready);
        while !ready.1 {
            match ready.0.pop_front() {
                Some(task) => {
                    drop(ready);
                    // What still panics here is the drop of a future.
                    let _its_own_affair = catch_unwind(AssertUnwindSafe(|| task.run()));
                    ready = lock(&self.ready);
                }
                None => ready = self.more.wait(ready).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[derive(Clone)]
struct Pool(Arc<Queue>);

/// Where a task leaves its outcome, and the waker of who waits for it.
struct Slot<T>(Mutex<(Option<Outcome<T>>, Option<Waker>, bool)>);

type Outcome<T> = Result<T, TaskError>;

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        let outcome = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).0.take();
        // Nobody wants it, so nobody hears of a panic in its drop.
        let _unheard = catch_unwind(AssertUnwindSafe(|| drop(outcome)));
    }
}

struct Joins<T>(Arc<Slot<T>>);

impl<T> Future for Joins<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0 .0);
        if let Some(outcome) = slot.0.take() {
            return Poll::Ready(outcome);
        }
        let old = slot.1.replace(cx.waker().clone());
        drop(slot);
        drop(old);
        Poll::Pending
    }
}

impl<T: Send> TaskHandle<T> for Joins<T> {
    fn abort(&self) {}

    fn is_finished(&self) -> bool {
        lock(&self.0 .0).2
    }
}

/// Polls, and makes an outcome of a panic. The future goes before its outcome is told.
struct Catches<F: Future>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Catches<F> {
    type Output = Result<F::Output, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut().expect("polled after its end");
        let outcome = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(TaskError::panicked(payload)),
        };
        let future = self.0.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
        Poll::Ready(match dropped {
            Ok(()) => outcome,
            Err(payload) => Err(TaskError::panicked(payload)),
        })
    }
}

impl Executor for Pool {
    type Handle<T: Send + 'static> = Joins<T>;
    type Sleep = std::future::Pending<()>;

    fn spawn<F>(&self, future: F) -> Joins<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let slot = Arc::new(Slot(Mutex::new((None, None, false))));
        let (tell, queue) = (Arc::downgrade(&slot), self.0.clone());
        let catches = Catches(Some(Box::pin(future)));
        let body: Body = Box::pin(async move {
            let outcome = catches.await;
            // Without a handle nobody wants the outcome; its drop may panic.
            let Some(slot) = tell.upgrade() else { return drop(outcome) };
            let mut told = lock(&slot.0);
            told.0 = Some(outcome);
            told.2 = true;
            let waker = told.1.take();
            drop(told);
            // The waiter may be gone by now: what it left is dropped with the slot.
            drop(slot);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let state = Mutex::new(State::Queued);
        let task = Arc::new(Task { state, body: Mutex::new(Some(body)), queue });
        self.0.push(task);
        Joins(slot)
    }

    fn spawn_blocking<F, R>(&self, _work: F) -> Joins<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        panic!("a Pool has no threads for blocking code");
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut yielded = false;
        std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn sleep(&self, _duration: Duration) -> Self::Sleep {
        panic!("a Pool has no timers");
    }
}

/// What the suite starts and stops.
struct Harnessed {
    pool: Pool,
    threads: Vec<JoinHandle<()>>,
}

impl Harness for Harnessed {
    type Executor = Pool;

    fn start() -> Harnessed {
        let pool = Pool(Arc::default());
        let threads = (0..2).map(|_| {
            let queue = pool.0.clone();
            std::thread::spawn(move || queue.work())
        });
        Harnessed { threads: threads.collect(), pool }
    }

    fn executor(&self) -> Pool {
        self.pool.clone()
    }

    fn workers() -> usize {
        2
    }

    fn lacks() -> &'static [(Ability, &'static str)] {
        &[
            (Ability::Timers, "sleep panics"),
            (Ability::Blocking, "spawn_blocking panics"),
            (Ability::Abort, "abort does nothing"),
            (Ability::Shutdown, "tasks that wait live as long as their wakers"),
        ]
    }
}

impl Drop for Harnessed {
    fn drop(&mut self) {
        lock(&self.pool.0.ready).1 = true;
        self.pool.0.more.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn main() -> ExitCode {
    Table::from_args().with::<Harnessed>("pool").finish()
}
