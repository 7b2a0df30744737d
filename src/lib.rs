//! gmp: Go's scheduler under Rust's async.
// A partial set of features leaves some of the lower layers without a user; `full` must not.
#![cfg_attr(not(feature = "full"), allow(dead_code, unreachable_pub, unused_imports))]

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
pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "rt")]
pub mod runtime;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(feature = "rt")]
pub mod task;
#[cfg(feature = "time")]
pub mod time;

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
