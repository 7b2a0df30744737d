//! Behaviour tests for gmp, and what it takes to run them on other executors too.
//!
//! [`tokio`] and [`smol`] put gmp's [`Executor`](gmp::executor::Executor) around the two peers: each is
//! also an example of how to do that for an executor of your own.
#![warn(missing_docs)]

#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "tokio")]
pub mod tokio;
