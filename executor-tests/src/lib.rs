//! Behaviour tests for gmp, and a conformance kit for any executor.
//!
//! - [`kit`]: how to run the suite on an executor of your own. [`suite!`] makes a `#[test]` of each case,
//!   [`cases`] are the cases.
//! - [`harness`]: the executors that the suite is run on here, gmp and two peers.
//! - [`tokio`] and [`smol`] put gmp's [`Executor`](gmp::executor::Executor) around the peers: each is also
//!   an example of how to do that.
#![warn(missing_docs)]

pub mod cases;
pub mod harness;
pub mod kit;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "tokio")]
pub mod tokio;
