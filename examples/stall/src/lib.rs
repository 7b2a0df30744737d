//! What tasks that block or compute do to the others: gmp beside tokio (and smol).
//!
//! ```text
//! cargo run --release -p gmp-stall                                  # all cases, both runtimes
//! cargo run --release -p gmp-stall -- --blocking 2                  # one case
//! cargo run --release -p gmp-stall -- --computing 8 --runtime gmp --secs 20
//! cargo run --release -p gmp-stall -- --svg stall.svg --json stall.json
//! cargo run --release -p gmp-stall -- --blocking 2 --trace stall-trace.json   # for ui.perfetto.dev
//! ```
//!
//! The service is an echo over TCP, and a ticker that wants to run each millisecond. Beside them on the
//! same runtime, `--blocking` tasks sleep with their thread for 100 ms in each poll, and `--computing`
//! tasks keep it busy for 50 ms; between two polls they yield, as a well-meaning program does. A client on
//! plain threads sends requests at a fixed pace, whether the ones before are answered or not, so that each
//! moment of a stall is counted. Printed are the ticker's lateness and the requests' round trip.
//!
//! The program is written once (`program.rs`) and compiled for each runtime. Each measurement has a
//! process of its own, and they take turns.

//!
//! `gmp-bench` takes its rows of tasks that misbehave from here: [`measure`] and [`measure_service`].

mod client;
mod on_gmp;
mod on_smol;
mod on_tokio;
mod options;
mod outcome;
mod plot;
mod service;

use std::io;
use std::process::{Command, ExitCode, Stdio};

pub use options::{Case, RuntimeName};
pub use outcome::{Outcome, Summary};
pub use service::{compute, measure_service, Service, BLOCK, MESSAGE, TICK};

use options::Options;
use outcome::Row;

/// One case on one runtime, in this process.
///
/// # Errors
///
/// If the runtime, a socket or a thread cannot be had, or the ticker never ends.
pub fn measure(runtime: RuntimeName, case: &Case) -> io::Result<Outcome> {
    measure_and_trace(runtime, case, None)
}

fn measure_and_trace(
    runtime: RuntimeName,
    case: &Case,
    trace: Option<&str>,
) -> io::Result<Outcome> {
    match runtime {
        RuntimeName::Gmp => on_gmp::measure(case, trace),
        RuntimeName::Tokio => on_tokio::measure(case, trace),
        RuntimeName::Smol => on_smol::measure(case, trace),
    }
}

/// What the command `stall` does.
#[must_use]
pub fn main() -> ExitCode {
    let options = match Options::of(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = if options.child { child(&options) } else { parent(&options) };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("stall: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One measurement, told to the parent in one line.
fn child(options: &Options) -> io::Result<bool> {
    for case in options.cases() {
        let trace = options.trace.as_deref();
        let outcome = measure_and_trace(options.runtimes()[0], &case, trace)?;
        println!("{}", outcome.to_line());
    }
    // Threads that still block need not be waited for.
    std::process::exit(0);
}

/// All measurements; true if no request was lost.
fn parent(options: &Options) -> io::Result<bool> {
    let mut rows = Vec::new();
    println!("{}", outcome::HEADER);
    for case in options.cases() {
        for &runtime in options.runtimes() {
            let trace = options.trace.as_deref().filter(|_| runtime == RuntimeName::Gmp);
            let outcome = in_a_process(runtime, &case, trace)?;
            let row = Row { runtime, case: case.clone(), outcome };
            println!("{row}");
            rows.push(row);
        }
    }
    if let Some(file) = &options.json {
        std::fs::write(file, outcome::json(&rows))?;
    }
    if let Some(file) = &options.svg {
        std::fs::write(file, plot::svg(&rows))?;
    }
    let lost: usize = rows.iter().map(|row| row.outcome.lost()).sum();
    if lost > 0 {
        println!("{lost} requests were never answered");
    }
    Ok(lost == 0)
}

fn in_a_process(runtime: RuntimeName, case: &Case, trace: Option<&str>) -> io::Result<Outcome> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", "yes", "--runtime", runtime.as_str()])
        .args(case.to_args())
        .args(trace.into_iter().flat_map(|file| ["--trace", file]))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(Outcome::of_line);
    line.ok_or_else(|| {
        io::Error::other(format!("{} with {case}: {}, {text}", runtime.as_str(), output.status))
    })
}
