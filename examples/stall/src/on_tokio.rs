//! The program on tokio.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio as rt;

#[allow(clippy::duplicate_mod)] // see on_gmp.rs
#[path = "program.rs"]
mod program;

pub(crate) use program::measure;

/// What this runtime can say about itself.
fn remark(_: &rt::runtime::Runtime) -> String {
    String::new()
}

/// It has no trace of its scheduler; the command line says so before anybody comes here.
fn record(_: &rt::runtime::Runtime, _: Duration, _: &str) -> JoinHandle<io::Result<()>> {
    unreachable!("record: --trace is refused for tokio")
}
