//! gmp: Go's scheduler under Rust's async.
#![allow(dead_code)] // until the layers above are in

#[macro_use]
mod primitives;

#[macro_use]
mod macros;

mod g;
mod scheduler;

pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(feature = "time")]
pub mod time;
