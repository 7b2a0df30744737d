//! The program on tokio.

use tokio as rt;

#[allow(clippy::duplicate_mod)] // see on_gmp.rs
#[path = "program.rs"]
mod program;

pub(crate) use program::measure;

/// What this runtime can say about itself.
fn remark(_: &rt::runtime::Runtime) -> String {
    String::new()
}
