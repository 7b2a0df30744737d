//! Go's GMP scheduler under tokio's API: a multi-threaded runtime for asynchronous programs.
//!
//! gmp runs futures as Go runs goroutines. A *G* is a spawned future, an *M* is a thread, a *P* is what an
//! M needs in order to run Gs: a queue of its own and one of a fixed number of permits. Everything that is
//! queued anywhere can be stolen by an M that has nothing to do; no thread owns the poller; whoever is
//! idle waits for I/O and timers on behalf of all. Names, signatures and behaviour of the public items are
//! tokio's, so that a program changes `tokio::` into `gmp::` and runs.
//!
//! # Quick start
//!
//! ```
//! use gmp::time::{sleep, Duration};
//!
//! #[gmp::main]
//! async fn main() {
//!     let (tx, mut rx) = gmp::sync::mpsc::channel(8);
//!     for i in 1..=3 {
//!         let tx = tx.clone();
//!         gmp::spawn(async move {
//!             sleep(Duration::from_millis(10 * i)).await;
//!             tx.send(i).await.unwrap();
//!         });
//!     }
//!     drop(tx);
//!     let mut sum = 0;
//!     while let Some(i) = rx.recv().await {
//!         sum += i;
//!     }
//!     assert_eq!(sum, 6);
//! }
//! ```
//!
//! # What is where
//!
//! | module | for |
//! |---|---|
//! | [`runtime`] | making a runtime by hand: [`Builder`](runtime::Builder), [`Runtime`](runtime::Runtime), [`Handle`](runtime::Handle) |
//! | [`task`] | [`spawn`], [`JoinHandle`](task::JoinHandle), [`spawn_blocking`](task::spawn_blocking), [`yield_now`](task::yield_now) |
//! | [`net`] | TCP, UDP and Unix sockets |
//! | [`time`] | sleeping, timeouts, intervals |
//! | [`sync`] | channels, locks, signals between tasks; they work on any executor |
//! | [`io`] | the traits of reading and writing, buffers, in-memory pipes |
//! | [`fs`] | files and directories |
//! | `process` | child processes; on unix |
//! | [`signal`] | signals of the operating system |
//! | [`executor`] | what a library needs in order to run on any executor |
//!
//! [`main`](macro@main) and [`test`](macro@test) are the attributes, [`select!`], [`join!`], [`try_join!`]
//! and [`pin!`] the macros.
//!
//! # Features
//!
//! None is on by default. The names and what they imply are tokio's.
//!
//! | feature | brings |
//! |---|---|
//! | `rt` | [`runtime`] with the current_thread flavour, [`task`], [`executor`] |
//! | `rt-multi-thread` | the multi_thread flavour |
//! | `macros` | the attributes and macros |
//! | `net`, `time`, `sync`, `signal`, `fs`, `process` | the module of that name |
//! | `io-util` | the `async` methods of readers and writers, and the adapters in [`io`] |
//! | `io-std` | the standard streams in [`io`] |
//! | `full` | all of them |
//! | `test-util` | a clock that tests stop and move; not in `full` |
//! | `deterministic` | gmp's own: one thread plays all others, by a seed; for tests, not in `full` |
//! | `parking_lot` | nothing of its own: it is there so that manifests resolve |
//!
//! # The house
//!
//! Private layers, each of which imports only from those below it (a test holds that):
//!
//! 1. `primitives`: the one switch between std and loom, notes to sleep on, lists, wakers in batches.
//! 2. `g`: the G: its state word, memory, waker and join handle. It knows no scheduler.
//! 3. `scheduler`: Ms, Ps, queues, the poller, the timers. Story one, work arrives, is `ready.rs`; story
//!    two, work is done, is `proc.rs`; `mod.rs` has the protocol by which threads sleep and wake.
//! 4. services: `io`, `net`, `time`, `sync`, `fs`, `process`, `signal`, which reach the scheduler through four doors.
//! 5. API: `runtime`, `task`, `executor`, the macros: tokio's names, little code.
//!
//! ARCHITECTURE.md in the repository is the tour.

// A partial set of features leaves some of the lower layers without a user; `full` must not.
#![cfg_attr(not(feature = "full"), allow(dead_code, unreachable_pub, unused_imports))]
// The fuzz targets are in the modules of unit tests, of which that build wants nothing else.
#![cfg_attr(gmp_fuzz, allow(dead_code, unreachable_pub, unused_imports, clippy::all))]

#[macro_use]
mod primitives;

#[macro_use]
mod macros;
#[doc(hidden)]
pub mod macros_support;

mod g;
#[cfg(feature = "__scheduler")]
mod scheduler;

#[cfg(feature = "rt")]
pub mod executor;
#[cfg(feature = "fs")]
pub mod fs;
pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(all(feature = "process", unix))]
pub mod process;
#[cfg(feature = "rt")]
pub mod runtime;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(all(feature = "process", unix, not(feature = "signal")))]
mod signal;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(feature = "rt")]
pub mod task;
#[cfg(feature = "time")]
pub mod time;

/// The entrances of the fuzz targets, for the package `fuzz/`.
#[cfg(gmp_fuzz)]
#[doc(hidden)]
pub mod fuzz;

#[cfg(feature = "rt")]
pub use executor::Executor;
#[cfg(feature = "rt")]
pub use task::spawn;

#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use gmp_macros::{main, test};
#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use gmp_macros::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use gmp_macros::{main_rt as main, test_rt as test};

/// The README's program compiles.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The differences that COMPAT.md shows are there.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../COMPAT.md")]
struct Compat;
