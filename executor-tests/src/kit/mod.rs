//! The conformance kit: one suite for any executor.
//!
//! The suite asks what the contract of [`gmp::executor`] promises, and what it takes to keep that promise
//! when wakes, aborts, panics, drops and the end of the executor meet in odd orders. It knows nothing of
//! gmp besides the trait: an executor of your own passes through the same cases.
//!
//! # Your own executor
//!
//! 1. Implement [`gmp::executor::Executor`] for it (for its handle: the suite clones it).
//! 2. Implement [`Harness`]: how to start one, how to drive it, how to stop it.
//! 3. In a test file, `gmp_executor_tests::suite!(mine, MyHarness);`. That is a module `mine` with one
//!    `#[test]` for each case, `mine::wake::w_while_running` and so on.
//!
//! What it cannot do at all (it has no timers, say) goes into [`Harness::lacks`], and cases that need it
//! say so instead of running. What it should do but does not goes into [`Harness::exceptions`], by the
//! case's name and with a reason. Neither can rot: a test tries each ability that is said to be lacking,
//! and each exception's case is run in a process of its own and must fail, hang or die. One that passes
//! is an error.
//!
//! `examples/own_executor.rs` does all of this for an executor of a hundred lines. It has no tests: [`Table`]
//! runs the same cases from a program's `main`, and prints what came of them.
//!
//! # How cases wait
//!
//! Some executors run tasks only inside of their `block_on`. So a case never waits on its own thread for
//! something that a task does: it waits in [`Kit::block_on`] or [`Kit::until`], which drive the executor.
//! A case that lets tasks block their threads needs [`Ability::Parallel`]. Each case runs on a thread of
//! its own, and a hang is a failure.

mod run;
mod table;
mod tools;

use std::future::Future;
use std::time::{Duration, Instant};

use gmp::executor::Executor;

pub use run::{check_exceptions, check_lacks, run, verdict, Case, Verdict};
pub use table::Table;
pub use tools::{block_on, Count, DropGuard, Drops, Gate, GateFuture, PanicOnDrop, Wait};

/// Long enough for anything that happens at all, on a machine that does ten other things.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How the suite starts, drives and stops an executor.
pub trait Harness: Send + Sized + 'static {
    /// What is tested: a handle, cheap to clone, that may outlive the harness.
    type Executor: Executor + Clone + 'static;

    /// A new executor that is ready for work.
    fn start() -> Self;

    /// A handle of it.
    fn executor(&self) -> Self::Executor;

    /// Runs a future on the calling thread. If the executor runs its tasks only while somebody drives it,
    /// this drives them.
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.executor().block_on(future)
    }

    /// Stops the executor. When it returns, all tasks have been dropped.
    fn stop(self) {
        drop(self);
    }

    /// At least so many tasks run at the same time, even if all of them block their threads. 1 for an
    /// executor of one thread.
    fn workers() -> usize;

    /// What the executor cannot do, and why. [`Ability::Parallel`] need not be named: [`Harness::workers`]
    /// tells.
    fn lacks() -> &'static [(Ability, &'static str)] {
        &[]
    }

    /// Cases that it does not pass though it should.
    fn exceptions() -> &'static [Exception] {
        &[]
    }
}

/// What a case may need of an executor beyond spawning and waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// `sleep` works.
    Timers,
    /// `spawn_blocking` works.
    Blocking,
    /// Tasks can be aborted.
    Abort,
    /// A panic in a task reaches its handle and hurts nobody else.
    Panics,
    /// `stop` drops what has not come to its end, and handles then answer "cancelled".
    Shutdown,
    /// Two tasks or more run at the same time.
    Parallel,
}

/// A case that an executor does not pass.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// Area and name of the case: `"wake::w_double"`.
    pub case: &'static str,
    /// Why, in a sentence.
    pub reason: &'static str,
}

/// What a case gets: a started executor.
pub struct Kit<H: Harness> {
    /// `None` after [`Kit::stop`].
    harness: Option<H>,
    executor: H::Executor,
}

impl<H: Harness> Kit<H> {
    /// Starts an executor.
    pub fn start() -> Kit<H> {
        let harness = H::start();
        let executor = harness.executor();
        Kit { harness: Some(harness), executor }
    }

    /// The executor.
    pub fn executor(&self) -> &H::Executor {
        &self.executor
    }

    /// Spawns on it.
    pub fn spawn<F>(&self, future: F) -> <H::Executor as Executor>::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.executor.spawn(future)
    }

    /// Drives the executor until a future is ready.
    ///
    /// # Panics
    ///
    /// After [`Kit::stop`].
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.harness.as_ref().expect("not stopped yet").block_on(future)
    }

    /// Drives the executor until something has come to be.
    ///
    /// # Panics
    ///
    /// When it does not, within [`PATIENCE`].
    #[track_caller]
    pub fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let begun = Instant::now();
        let ended = self.block_on(async {
            let mut rounds = 0_u32;
            while !condition() {
                if begun.elapsed() > PATIENCE {
                    return false;
                }
                rounds += 1;
                if rounds % 16 == 0 {
                    std::thread::sleep(Duration::from_micros(50));
                }
                self.executor.yield_now().await;
            }
            true
        });
        assert!(ended, "still not: {what}");
    }

    /// Gives all that could still happen, and should not, some time to happen.
    pub fn settle(&self) {
        for _ in 0..4 {
            self.block_on(async {
                for _ in 0..25 {
                    self.executor.yield_now().await;
                }
            });
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops the executor.
    ///
    /// # Panics
    ///
    /// The second time.
    pub fn stop(&mut self) {
        self.harness.take().expect("stopped once").stop();
    }

    /// The executor still does what an executor does: for the end of a case that was hard on it.
    #[track_caller]
    pub fn still_works(&self) {
        let executor = self.executor.clone();
        let tasks: Vec<_> = (0..8_u32)
            .map(|n| {
                let executor = executor.clone();
                self.spawn(async move {
                    executor.yield_now().await;
                    n
                })
            })
            .collect();
        let sum = self.block_on(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.expect("a task that only counts");
            }
            sum
        });
        assert_eq!(sum, 28);
    }
}
