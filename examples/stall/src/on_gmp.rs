//! The program on gmp.

use gmp as rt;

// One text, two runtimes: that is the point of it.
#[allow(clippy::duplicate_mod)] // see on_tokio.rs
#[path = "program.rs"]
mod program;

pub(crate) use program::measure;

/// What this runtime can say about itself.
fn remark(runtime: &rt::runtime::Runtime) -> String {
    let metrics = runtime.metrics();
    format!("{} retakes, {} regains", metrics.retakes(), metrics.regains())
}
