//! One workload on one runtime in this process. Its output is read by the parent: one line
//! `ROW<tab>FIGURE` for each row the workload fills, the figure being `-` where the runtime cannot.

use std::process::Command;

use crate::parent::Any;
use crate::runtimes::Rt as _;
use crate::workloads::{self, Measured, Row, Scale, Workload};
use crate::{floor, go, with_runtime};

pub(crate) fn run(name: &str, runtime: &str, scale: &Scale) -> Result<(), String> {
    let workload = find::<Any>(name)?;
    if let Some(measure) = workload.outside() {
        print(&workload.rows, measure(runtime, scale)?);
        return Ok(());
    }
    match runtime {
        go::NAME => run_go(name, scale),
        floor::NAME => {
            let none = vec![None; workload.rows.len()];
            print(&workload.rows, floor::measure(name, scale).unwrap_or(none));
            Ok(())
        }
        rust => with_runtime!(rust, R => run_on::<R>(name, scale)),
    }
}

fn find<R: Measured>(name: &str) -> Result<Workload<R>, String> {
    let workload = workloads::all::<R>().into_iter().find(|workload| workload.name() == name);
    workload.ok_or(format!("no workload `{name}`; `gmp-bench list` names them"))
}

fn run_on<R: Measured>(name: &str, scale: &Scale) -> Result<(), String> {
    let workload = find::<R>(name)?;
    let rt = R::start(scale.workers);
    print(&workload.rows, workload.measure(&rt, scale));
    Ok(())
}

fn run_go(name: &str, scale: &Scale) -> Result<(), String> {
    let mut command = Command::new(go::built()?);
    command.args(["run", name, "--workers", &scale.workers.to_string()]);
    if scale.quick {
        command.arg("--quick");
    }
    if let Some(iters) = scale.iters {
        command.args(["--iters", &iters.to_string()]);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("go: {status}")),
        Err(err) => Err(format!("cannot run {command:?}: {err}")),
    }
}

/// As many operations, once, and nothing else: for a tool that counts.
pub(crate) fn once(name: &str, runtime: &str, workers: usize, ops: u64) -> Result<(), String> {
    let done = match runtime {
        go::NAME => return Err("`once` is for the Rust columns".to_string()),
        floor::NAME => floor::once(name, ops),
        rust => with_runtime!(rust, R => {
            let workload = find::<R>(name)?;
            workload.once(&R::start(workers), ops)
        }),
    };
    done.map(|_| ()).ok_or(format!("{runtime} cannot run `{name}` once"))
}

fn print(rows: &[Row], figures: Vec<Option<f64>>) {
    for (row, figure) in rows.iter().zip(figures) {
        match figure {
            Some(figure) => println!("{}\t{figure:.4}", row.name),
            None => println!("{}\t-", row.name),
        }
    }
}
