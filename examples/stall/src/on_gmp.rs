//! The program on gmp.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gmp as rt;
use gmp::runtime::TraceConfig;

// One text, two runtimes: that is the point of it.
#[allow(clippy::duplicate_mod)] // see on_tokio.rs
#[path = "program.rs"]
mod program;

pub(crate) use program::measure;

/// How much a trace shows: a few of the polls that last, and some hundreds of the others.
const WINDOW: Duration = Duration::from_millis(400);

/// What this runtime can say about itself.
fn remark(runtime: &rt::runtime::Runtime) -> String {
    let metrics = runtime.metrics();
    format!("{} retakes, {} regains", metrics.retakes(), metrics.regains())
}

/// Traces the middle of a measurement that begins now and takes so long, into a file.
fn record(
    runtime: &rt::runtime::Runtime,
    time: Duration,
    file: &str,
) -> JoinHandle<io::Result<()>> {
    let (handle, file) = (runtime.handle().clone(), file.to_owned());
    let window = WINDOW.min(time);
    thread::spawn(move || {
        thread::sleep((time - window) / 2);
        handle.start_trace(TraceConfig::new())?;
        thread::sleep(window);
        let trace = handle.stop_trace().expect("started above");
        let mut out = BufWriter::new(File::create(&file)?);
        trace.write_json(&mut out)?;
        out.flush()
    })
}
