//! `gmp-bench`: gmp beside tokio, smol, nio and Go on the same workloads in the same run, over a floor.
//!
//! 1. The parent runs every workload on every runtime in a process of its own (this program with
//!    `run WORKLOAD RUNTIME`): no runtime inherits another's threads, heap or warm caches.
//! 2. The runtimes take turns within a workload, and who is first rotates from round to round, so a
//!    spell of noise hits all of them and not one.
//! 3. A child warms up and finds its own number of operations in doing so (each measured run takes
//!    about as long), measures once, and prints one line for each row it fills.
//! 4. After all rounds the parent takes medians and prints the table.
//!
//! Three commands fill sections of one file (`markdown.rs`): the table, `scale` (more workers than cores)
//! and `count` (instructions and atomic operations, which do not depend on what else the machine does).
//!
//! Why not criterion or divan: both measure one function after the other within one process, each
//! as one long block. On a machine that is shared (every CI machine, most desks) the blocks see
//! different neighbours, and the ratio of two rows is the ratio of two neighbours; and all runtimes
//! would live in one process with one heap. Neither can take turns between processes, which is the
//! one thing that matters here; what they add (outliers, confidence) a median over many turns and
//! the spread beside it give too.

use std::process::ExitCode;

mod alloc;
mod args;
mod child;
mod clock;
mod count;
mod floor;
mod go;
mod hogs;
mod http;
mod idle;
mod limits;
mod machine;
mod markdown;
mod parent;
mod plot;
mod runtimes;
mod scale;
mod service;
mod table;
mod workloads;

/// Runs `$do` with the type `$R` standing for the runtime called `$name`.
macro_rules! with_runtime {
    ($name:expr, $R:ident => $do:expr) => {
        match $name {
            "gmp" => {
                type $R = $crate::runtimes::gmp_rt::Subject;
                $do
            }
            "tokio" => {
                type $R = $crate::runtimes::tokio_rt::Subject;
                $do
            }
            "smol" => {
                type $R = $crate::runtimes::smol_rt::Subject;
                $do
            }
            "nio" => {
                type $R = $crate::runtimes::nio_rt::Subject;
                $do
            }
            other => unreachable!("`{other}` is checked against the list when arguments are read"),
        }
    };
}
pub(crate) use with_runtime;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("gmp-bench: {message}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let done = match command {
        args::Command::Help => {
            println!("{}", args::USAGE);
            Ok(())
        }
        args::Command::List => {
            parent::list();
            Ok(())
        }
        args::Command::Table(options) => parent::run(&options),
        args::Command::Child { workload, runtime, scale } => {
            child::run(&workload, &runtime, &scale)
        }
        args::Command::Scale(options) => scale::run(&options),
        args::Command::Count(options) => count::run(&options),
        args::Command::Once { workload, runtime, workers, ops } => {
            child::once(&workload, &runtime, workers, ops)
        }
        args::Command::ServeHttp { runtime, workers } => http::serve(&runtime, workers),
        args::Command::Idle { runtime, time, workers } => {
            idle::run(&runtime, time, workers);
            Ok(())
        }
    };
    if let Err(message) = done {
        eprintln!("gmp-bench: {message}");
        return ExitCode::FAILURE;
    }
    // Not every runtime's threads can be stopped; the end of the process does not wait for them.
    ExitCode::SUCCESS
}
