//! Playing a program by a seed: one thread, a clock of its own, and every choice drawn.
//!
//! A runtime that was built with [`Builder::deterministic`](super::Builder::deterministic) starts no
//! threads. The thread in [`block_on`](super::Runtime::block_on) takes their turns, one step of one at a
//! time: which one, who steals from whom, when an idle one wakes, in which order what becomes ready at once
//! is queued, and when a blocking closure runs, is drawn from the seed. So a program whose tasks meet in the
//! wrong order for one seed in a thousand does so each time for that seed.
//!
//! - **Time** is the runtime's own, in milliseconds, and moves only when nothing can run: then it jumps to
//!   the next timer. (If tasks go on for thousands of steps, say by yielding until it is time, it moves
//!   all the same, slowly at first.) [`time::Instant`](crate::time::Instant) follows it, `std::time::Instant` does not.
//! - **A deadlock** is a panic of `block_on` that names the seed.
//! - **A poll** is one step, unless it calls [`block_for`] or [`point`]. While others run inside of those, what is
//!   below them on the stack (thread locals, values of [`task_local!`](crate::task_local)) is visible to them.
//! - [`spawn_blocking`](crate::task::spawn_blocking): the closure is one step. It must not wait for something
//!   that a task does, other than by a runtime's `block_on`; neither must a poll: there is only one thread.
//! - [`block_in_place`](crate::task::block_in_place): the closure runs here, without the P.
//! - **I/O** works, and does not repeat: when nothing can run, sockets are looked at, and timers overtake
//!   what takes the system a while. Threads of the program's own, clocks of the system, the order of a
//!   `HashMap` and task ids do not repeat either, and who waits only for another thread seems to be in a
//!   deadlock.
//!
//! gmp's own; there with the feature `deterministic`.
//!
//! # Examples
//!
//! A check that holds for each of many seeds, or names the one for which it does not:
//!
//! ```
//! use gmp::runtime::{deterministic, Builder};
//! use gmp::sync::mpsc;
//!
//! deterministic::check(0..200, |seed| {
//!     let runtime = Builder::new_multi_thread().deterministic(seed).build().unwrap();
//!     runtime.block_on(async {
//!         let (tx, mut rx) = mpsc::channel(1);
//!         for i in 0..4 {
//!             let tx = tx.clone();
//!             gmp::spawn(async move { tx.send(i).await.unwrap() });
//!         }
//!         drop(tx);
//!         let mut sum = 0;
//!         while let Some(i) = rx.recv().await {
//!             sum += i;
//!         }
//!         assert_eq!(sum, 6);
//!     });
//! });
//! ```
//!
//! Layer 5: names in front of `scheduler/deterministic/`.

use std::time::Duration;

use super::Handle;
use crate::primitives::rand::Rand;
use crate::scheduler::deterministic as play;

pub use crate::scheduler::deterministic::Report;

/// This poll, or closure, blocks its thread for so long, as a synchronous read would: others run meanwhile,
/// its P may be taken from it, and the clock moves.
///
/// It may take longer: if another poll blocks meanwhile, this one goes on after that one. Outside of
/// a deterministic runtime the thread sleeps for real.
///
/// # Examples
///
/// ```
/// use gmp::runtime::{deterministic, Builder};
/// use gmp::time::{Duration, Instant};
///
/// let runtime = Builder::new_multi_thread().enable_time().deterministic(7).build().unwrap();
/// runtime.block_on(async {
///     let start = Instant::now();
///     let task = gmp::spawn(async { deterministic::block_for(Duration::from_secs(5)) });
///     task.await.unwrap();
///     assert_eq!(start.elapsed(), Duration::from_secs(5));
/// });
/// ```
pub fn block_for(duration: Duration) {
    play::block_for(duration);
}

/// Here, in the middle of a poll, tasks on other threads may come in: for code that is meant to be right
/// whatever others do between two of its lines.
///
/// Whether they do, and for how long, the seed says. The caller must hold no lock: whoever came in and
/// wanted it would wait for ever. Outside of a deterministic runtime it does nothing.
pub fn point() {
    play::point();
}

/// A number below `n` from the runtime's seed, for choices of the program's own. Outside of a deterministic
/// runtime: any.
///
/// # Panics
///
/// If `n` is 0.
#[track_caller]
pub fn choose(n: u32) -> u32 {
    assert!(n > 0, "choose(0): there is no number below 0");
    play::draw(n).unwrap_or_else(|| Rand::from_entropy().below(n))
}

/// How many steps the runtime has taken, all threads together: a measure of how long something waits that
/// no clock tells. 0 outside of a deterministic runtime.
pub fn steps() -> u64 {
    play::steps().unwrap_or(0)
}

impl Report {
    /// What was counted so far in this runtime; `None` if it is not a deterministic one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::runtime::deterministic::Report;
    ///
    /// let hash = |seed| {
    ///     let runtime =
    ///         gmp::runtime::Builder::new_multi_thread().deterministic(seed).build().unwrap();
    ///     runtime.block_on(async {
    ///         for _ in 0..10 {
    ///             gmp::spawn(gmp::task::yield_now());
    ///         }
    ///         gmp::task::yield_now().await;
    ///     });
    ///     Report::of(runtime.handle()).unwrap().hash
    /// };
    /// assert_eq!(hash(1), hash(1));
    /// ```
    pub fn of(handle: &Handle) -> Option<Report> {
        play::report(&handle.sched)
    }
}

/// Calls `program` with one seed after the other. If it panics, says for which seed, and goes on panicking.
///
/// With `GMP_SEED` in the environment it is that seed alone: to play a failure again.
///
/// # Panics
///
/// With the panic of `program`; and if `GMP_SEED` is not a number.
#[track_caller]
pub fn check(seeds: impl IntoIterator<Item = u64>, mut program: impl FnMut(u64)) {
    let mut one = |seed: u64| {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| program(seed)));
        if let Err(payload) = ran {
            eprintln!("gmp: failed for seed {seed}. GMP_SEED={seed} plays it again.");
            std::panic::resume_unwind(payload);
        }
    };
    match std::env::var("GMP_SEED") {
        Ok(seed) => match seed.parse() {
            Ok(seed) => one(seed),
            Err(_) => panic!("GMP_SEED is {seed:?}, which is no number from 0 to 2^64 - 1"),
        },
        Err(_) => seeds.into_iter().for_each(one),
    }
}
