//! `gmp-bench count`: instructions and atomic read-modify-writes per operation.
//!
//! 1. A workload is run twice under valgrind's callgrind, with a smaller and a larger number of operations;
//!    what they differ by is the operations' own: starting, stopping and warming up cancel out.
//! 2. callgrind says how often each instruction of each object ran (`callgrind.rs`); objdump says which of
//!    them are atomic read-modify-writes (`objdump.rs`).
//! 3. valgrind runs one thread at a time and the runtimes have one worker, so this is the work that the
//!    operation takes when nobody is in the way: no contention, no retries, hardly a steal. Time spent in
//!    the kernel is not in it. The figures are nearly the same in each run, on any machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::args::Options;
use crate::workloads::Row;
use crate::{floor, machine, markdown, parent};

mod callgrind;
mod objdump;

use objdump::Atomics;

/// The rows that are counted, and their two numbers of operations.
const ROWS: &[(&str, u64, u64)] = &[
    ("spawn-task", 5_000, 45_000),
    ("join-task", 2_000, 22_000),
    ("chain", 2_000, 22_000),
    ("yield", 20_000, 120_000),
    ("pingpong-slot", 2_000, 22_000),
    ("pingpong-mpsc", 2_000, 22_000),
    ("mutex-handoff", 2_000, 22_000),
    ("mutex-contended", 8_000, 48_000),
    ("mutex-free", 5_000, 45_000),
    ("fan-in", 8_000, 48_000),
    ("sleep-drop", 2_000, 22_000),
];

/// What one run, or one operation, took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    instructions: f64,
    atomics: f64,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let rows: Vec<_> = ROWS
        .iter()
        .filter(|(name, ..)| {
            options.only.is_empty() || options.only.iter().any(|part| name.contains(part))
        })
        .collect();
    if rows.is_empty() {
        return Err(format!("none of the counted rows contains `{}`", options.only.join("` or `")));
    }
    for (tool, flag) in [("valgrind", "--version"), ("objdump", "--version")] {
        let there = Command::new(tool).arg(flag).stdout(Stdio::null()).status();
        there.map_err(|err| format!("`{tool}` is needed to count: {err}"))?;
    }

    let folder = std::env::temp_dir().join(format!("gmp-bench-count-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|err| format!("cannot make {folder:?}: {err}"))?;
    let counted = count_all(&rows, options, &folder);
    // Left behind, it would be a few files in the system's folder for such.
    let _ = std::fs::remove_dir_all(&folder);
    let counts = counted?;

    let workloads = parent::wanted(&[])?;
    let labels: HashMap<&str, &Row> =
        workloads.iter().flat_map(|workload| &workload.rows).map(|row| (&*row.name, row)).collect();
    let mut head = vec!["row".to_string()];
    for runtime in &options.runtimes {
        head.extend([format!("{runtime}, instr."), "RMWs".to_string()]);
    }
    let mut cells = vec![head];
    for (name, ..) in &rows {
        let mut line = vec![labels.get(name).map_or(name.to_string(), |row| row.label.to_string())];
        for runtime in &options.runtimes {
            match counts.get(&(*name, runtime.as_str())) {
                Some(counts) => {
                    line.push(format!("{:.0}", counts.instructions));
                    line.push(format!("{:.1}", counts.atomics.max(0.0)));
                }
                None => line.extend(["-", "-"].map(str::to_string)),
            }
        }
        cells.push(line);
    }
    print!("{}", markdown::plain(&cells, 1));
    if let Some(path) = &options.markdown {
        let text = format!(
            "{}- valgrind's callgrind, {} worker thread(s) each; per operation\n\n{}",
            machine::describe(None),
            options.workers,
            markdown::table(&cells, 1)
        );
        markdown::write(path, "counts", &text)?;
    }
    Ok(())
}

type ByRowAndRuntime<'a> = HashMap<(&'a str, &'a str), Counts>;

fn count_all<'a>(
    rows: &[&'a (&'a str, u64, u64)],
    options: &'a Options,
    folder: &Path,
) -> Result<ByRowAndRuntime<'a>, String> {
    let mut atomics = Atomics::default();
    let mut counts = HashMap::new();
    for (name, few, many) in rows.iter().copied() {
        for runtime in &options.runtimes {
            if runtime == floor::NAME && !floor::has(name) {
                continue;
            }
            parent::progress(&format!("counting {name} on {runtime}"));
            let mut run = |ops: u64| {
                let out = folder.join(format!("{name}-{runtime}-{ops}"));
                let counts = count(name, runtime, options.workers, ops, &out, &mut atomics);
                counts.map_err(|why| format!("{name} on {runtime}: {why}"))
            };
            let (less, more) = (run(*few)?, run(*many)?);
            counts.insert((*name, runtime.as_str()), per_op(less, more, many - few));
        }
    }
    parent::progress("");
    Ok(counts)
}

fn per_op(less: Counts, more: Counts, ops: u64) -> Counts {
    let per_op = |less: f64, more: f64| (more - less) / ops as f64;
    Counts {
        instructions: per_op(less.instructions, more.instructions),
        atomics: per_op(less.atomics, more.atomics),
    }
}

/// One run under callgrind.
fn count(
    name: &str,
    runtime: &str,
    workers: usize,
    ops: u64,
    out: &PathBuf,
    atomics: &mut Atomics,
) -> Result<Counts, String> {
    let this = std::env::current_exe().map_err(|err| format!("no path to this program: {err}"))?;
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-instr=yes", "--dump-line=no"])
        .args(["--compress-strings=no", "--compress-pos=no", "--quiet"])
        // Else a thread that waits by yielding may keep the others from running for long.
        .arg("--fair-sched=try")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(this)
        .args(["once", name, runtime, "--iters", &ops.to_string()])
        .args(["--workers", &workers.to_string()])
        .output()
        .map_err(|err| format!("cannot run valgrind: {err}"))?;
    if !done.status.success() {
        return Err(format!("{}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim()));
    }
    let text =
        std::fs::read_to_string(out).map_err(|err| format!("callgrind left no {out:?}: {err}"))?;
    let mut counts = Counts::default();
    for cost in callgrind::costs(&text) {
        counts.instructions += cost.count as f64;
        if atomics.contains(cost.object, cost.address)? {
            counts.atomics += cost.count as f64;
        }
    }
    if counts.instructions == 0.0 {
        return Err("callgrind counted nothing".to_string());
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads;

    #[test]
    fn what_does_not_grow_cancels_out() {
        let less = Counts { instructions: 1_000_100.0, atomics: 60.0 };
        let more = Counts { instructions: 1_000_900.0, atomics: 140.0 };
        assert_eq!(per_op(less, more, 8), Counts { instructions: 100.0, atomics: 10.0 });
    }

    #[test]
    fn the_counted_rows_exist_and_can_be_run_once() {
        let runtime = <parent::Any as crate::runtimes::Rt>::start(1);
        let all = workloads::all::<parent::Any>();
        for (name, few, many) in ROWS {
            let workload = all.iter().find(|workload| workload.name() == *name).expect(name);
            assert!(workload.once(&runtime, 1000).is_some(), "{name}");
            assert!(few < many);
        }
    }
}
