//! One workload on one runtime in this process. Its output is read by the parent: one line
//! `ROW<tab>FIGURE` for each row the workload fills, the figure being `-` where the runtime cannot.

use crate::runtimes::Rt;
use crate::with_runtime;
use crate::workloads::{self, Pinned, Scale, SyncTypes};

pub(crate) fn run(workload: &str, runtime: &str, scale: &Scale) -> Result<(), String> {
    with_runtime!(runtime, R => run_on::<R>(workload, scale))
}

fn run_on<R: Rt + Pinned + SyncTypes>(name: &str, scale: &Scale) -> Result<(), String> {
    let workload = workloads::all::<R>().into_iter().find(|workload| workload.name() == name);
    let workload = workload.ok_or(format!("no workload `{name}`; `gmp-bench list` names them"))?;
    let rt = R::start(scale.workers);
    let figures = workload.measure(&rt, scale);
    for (row, figure) in workload.rows.iter().zip(figures) {
        match figure {
            Some(figure) => println!("{}\t{figure:.4}", row.name),
            None => println!("{}\t-", row.name),
        }
    }
    Ok(())
}
