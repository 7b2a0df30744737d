//! The conformance table: the suite on gmp in its shapes, on tokio and on smol.
//!
//! ```text
//! cargo run --release -p gmp-executor-tests --example conformance 2>/dev/null
//! ```
//!
//! Panics are part of the cases, and go to the standard error.

use std::process::ExitCode;

use gmp_executor_tests::harness::{Gmp, GmpCurrentThread, GmpDyn};
use gmp_executor_tests::kit::Table;

fn main() -> ExitCode {
    let table = Table::from_args()
        .with::<Gmp<1>>("gmp, 1 P")
        .with::<Gmp<2>>("gmp, 2 Ps")
        .with::<Gmp<8>>("gmp, 8 Ps")
        .with::<GmpCurrentThread>("gmp, current_thread")
        .with::<GmpDyn>("gmp, behind dyn");
    #[cfg(feature = "tokio")]
    let table = table
        .with::<gmp_executor_tests::harness::Tokio<2>>("tokio, 2 workers")
        .with::<gmp_executor_tests::harness::Tokio<0>>("tokio, current_thread");
    #[cfg(feature = "smol")]
    let table = table
        .with::<gmp_executor_tests::harness::Smol<1>>("smol, 1 thread")
        .with::<gmp_executor_tests::harness::Smol<2>>("smol, 2 threads");
    table.finish()
}
