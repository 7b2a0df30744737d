//! `gmp-bench scale`: the same rows on 1 to 64 workers, more than there are cores. A runtime whose workers
//! get into each other's way shows it here.

use std::time::Instant;

use crate::args::Options;
use crate::parent::{wanted, Runs};
use crate::table::{Figures, Table};
use crate::workloads::Row;
use crate::{machine, markdown, plot};

const WORKERS: &[usize] = &[1, 2, 4, 8, 64];

/// The rows, if none are asked for.
const ROWS: &[&str] = &["spawn-task", "yield", "pingpong-slot"];

/// The name under which a row's figure for a number of workers is kept.
fn key(row: &str, workers: usize) -> String {
    format!("{row}@{workers}")
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut workloads = wanted(&options.only)?;
    workloads.retain(|workload| {
        workload.outside().is_none()
            && (!options.only.is_empty() || ROWS.contains(&workload.name()))
    });
    let began = Instant::now();
    let mut runs = Runs::default();
    for round in 0..options.rounds {
        for workload in &workloads {
            for &workers in WORKERS {
                for turn in 0..options.runtimes.len() {
                    let runtime = &options.runtimes[(turn + round) % options.runtimes.len()];
                    let rename = |row: &str| key(row, workers);
                    runs.run(round, workload.name(), runtime, workers, options.quick, rename);
                }
            }
        }
    }

    let measured: Vec<&Row> = workloads.iter().flat_map(|workload| &workload.rows).collect();
    let with_workers = |row: &&Row| {
        let of = |&workers: &usize| Row {
            name: key(&row.name, workers).into(),
            label: format!("{}; {workers}", row.label).into(),
            ..Row::clone(row)
        };
        WORKERS.iter().map(of).collect::<Vec<_>>()
    };
    let all: Vec<Row> = measured.iter().flat_map(with_workers).collect();
    let table =
        Table { rows: all.iter().collect(), runtimes: &options.runtimes, figures: &runs.figures };
    print!("{}", table.plain());
    println!("{} rounds, {:.0} s", options.rounds, began.elapsed().as_secs_f64());
    if let Some(path) = &options.markdown {
        let mut text = machine::describe(None);
        text.push_str(&machine::how(options, "the number of workers is in the row's name"));
        text.push('\n');
        text.push_str(&table.markdown());
        for failure in runs.failures() {
            text.push_str(&format!("\n{failure}.\n"));
        }
        markdown::write(path, "scale", &text)?;
    }
    if let Some(folder) = &options.svg {
        let panels: Vec<_> =
            measured.iter().map(|row| panel(row, &options.runtimes, &runs.figures)).collect();
        plot::scale(folder, &panels)?;
    }
    runs.finish()
}

/// A line for each runtime: figures by the number of workers.
fn panel(row: &Row, runtimes: &[String], figures: &Figures) -> plot::Panel {
    let line = |runtime: &String| {
        let points = WORKERS.iter().filter_map(|&workers| {
            Some((workers, figures.median(&key(&row.name, workers), runtime)?))
        });
        (runtime.clone(), points.collect())
    };
    plot::Panel {
        title: format!("{}, {}", row.label, row.unit),
        lines: runtimes.iter().map(line).collect(),
    }
}
