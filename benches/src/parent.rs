//! Takes turns between child processes and gathers what they print.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::go::Go;
use crate::table::{Figures, Table};
use crate::workloads::sockets::most_idle;
use crate::workloads::{self, Workload};
use crate::{floor, go, http, limits, machine, markdown, plot};

/// A child that takes longer hangs: the slowest takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The list of workloads is the same for every runtime; this one is in every build.
pub(crate) type Any = crate::runtimes::tokio_rt::Subject;

pub(crate) fn list() {
    for workload in workloads::all::<Any>() {
        for row in &workload.rows {
            println!("{:18} {} ({})", row.name, row.label, row.unit);
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut workloads = wanted(&options.only)?;
    let began = Instant::now();
    let mut runtimes = options.runtimes.clone();
    let mut remarks = Vec::new();
    let go = go_column(&mut runtimes, &mut remarks);
    if workloads.iter().any(|workload| workload.name() == "http") && !http::wrk_is_there() {
        remarks.push("no `wrk` on the path: no HTTP rows".to_string());
        workloads.retain(|workload| workload.name() != "http");
    }
    if workloads.iter().any(|workload| workload.name() == "conn-rss") {
        remarks.extend(limits::shortage(most_idle(options.quick)));
    }
    for remark in &remarks {
        println!("{remark}");
    }

    let mut runs = Runs::default();
    for round in 0..options.rounds {
        for workload in &workloads {
            let name = workload.name();
            for turn in 0..runtimes.len() {
                let runtime = &runtimes[(turn + round) % runtimes.len()];
                let there = match runtime.as_str() {
                    floor::NAME => floor::has(name),
                    go::NAME => {
                        workload.outside().is_some() || go.as_ref().is_some_and(|go| go.has(name))
                    }
                    _ => true,
                };
                if there {
                    runs.run(round, name, runtime, options.workers, options.quick, str::to_string);
                }
            }
        }
    }

    let rows = workloads.iter().flat_map(|workload| &workload.rows).collect();
    let table = Table { rows, runtimes: &runtimes, figures: &runs.figures };
    print!("{}", table.plain());
    println!(
        "{} rounds, {} workers, {:.0} s",
        options.rounds,
        options.workers,
        began.elapsed().as_secs_f64()
    );
    if let Some(path) = &options.markdown {
        let mut text = machine::describe(go.as_ref());
        text.push_str(&machine::how(options, &format!("{} worker threads each", options.workers)));
        text.push('\n');
        text.push_str(&table.markdown());
        for remark in remarks.iter().chain(&runs.failures()) {
            text.push_str(&format!("\n{remark}.\n"));
        }
        markdown::write(path, "table", &text)?;
    }
    if let Some(folder) = &options.svg {
        plot::groups(folder, &table)?;
    }
    runs.finish()
}

/// The workloads with a row that is asked for.
pub(crate) fn wanted(only: &[String]) -> Result<Vec<Workload<Any>>, String> {
    let asked = |workload: &Workload<Any>| {
        only.is_empty()
            || only.iter().any(|part| workload.rows.iter().any(|row| row.name.contains(part)))
    };
    let workloads: Vec<_> = workloads::all::<Any>().into_iter().filter(asked).collect();
    if workloads.is_empty() {
        return Err(format!("no row's name contains `{}`", only.join("` or `")));
    }
    Ok(workloads)
}

/// Builds Go's program if its column is asked for; takes the column out if that fails.
fn go_column(runtimes: &mut Vec<String>, remarks: &mut Vec<String>) -> Option<Go> {
    if !runtimes.iter().any(|name| name == go::NAME) {
        return None;
    }
    match Go::build() {
        Ok(go) => Some(go),
        Err(why) => {
            runtimes.retain(|name| name != go::NAME);
            remarks.push(format!("no column for Go: {why}"));
            None
        }
    }
}

/// What the children said so far.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) figures: Figures,
    /// By workload and runtime: the last failure.
    failed: BTreeMap<(String, String), String>,
}

impl Runs {
    /// One child's turn; `rename` says under which name a row's figure is kept.
    pub(crate) fn run(
        &mut self,
        round: usize,
        workload: &str,
        runtime: &str,
        workers: usize,
        quick: bool,
        rename: impl Fn(&str) -> String,
    ) {
        progress(&format!("round {}: {workload} {runtime}, {workers} workers", round + 1));
        match child(workload, runtime, workers, quick) {
            Ok(rows) => {
                for (row, figure) in rows {
                    self.figures.add(rename(&row), runtime.to_string(), figure);
                }
            }
            Err(why) => {
                self.failed.insert((workload.to_string(), runtime.to_string()), why);
            }
        }
        progress("");
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        let told = |((workload, runtime), why): (&(String, String), &String)| {
            format!("failed: {workload} on {runtime}: {why}")
        };
        self.failed.iter().map(told).collect()
    }

    /// Prints the failures, and is one if there are any.
    pub(crate) fn finish(self) -> Result<(), String> {
        let failures = self.failures();
        for failure in &failures {
            println!("{failure}");
        }
        if failures.is_empty() {
            Ok(())
        } else {
            Err(format!("{} of the runs failed", failures.len()))
        }
    }
}

/// Says on a terminal what is being done, in place of what was said before.
pub(crate) fn progress(doing: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{doing}");
    }
}

/// Runs one child; the figures by row, `None` where the runtime cannot.
fn child(
    workload: &str,
    runtime: &str,
    workers: usize,
    quick: bool,
) -> Result<Vec<(String, Option<f64>)>, String> {
    let this = std::env::current_exe().map_err(|err| format!("no path to this program: {err}"))?;
    let mut command = Command::new(this);
    command.args(["run", workload, runtime, "--workers"]).arg(workers.to_string());
    if quick {
        command.arg("--quick");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|err| format!("cannot start a process: {err}"))?;
    wait(&mut child)?;
    let mut out = String::new();
    // The output is a few short lines: it fits the pipe, so reading after the end cannot block.
    let stdout = child.stdout.as_mut().expect("the output is piped");
    stdout.read_to_string(&mut out).map_err(|err| format!("unreadable output: {err}"))?;
    out.lines().map(parse).collect()
}

fn wait(child: &mut Child) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(|err| format!("cannot wait: {err}"))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{status}")),
            None if began.elapsed() > PATIENCE => {
                // It may have ended in between; either way it is gone afterwards.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer in {} s", PATIENCE.as_secs()));
            }
            // Long enough not to disturb the child, short against its run.
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn parse(line: &str) -> Result<(String, Option<f64>), String> {
    let bad = || format!("cannot read `{line}`");
    let (row, figure) = line.split_once('\t').ok_or_else(bad)?;
    let figure = match figure {
        "-" => None,
        figure => Some(figure.parse().map_err(|_| bad())?),
    };
    Ok((row.to_string(), figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_child_are_read() {
        assert_eq!(parse("yield\t12.5"), Ok(("yield".to_string(), Some(12.5))));
        assert_eq!(parse("start-stop\t-"), Ok(("start-stop".to_string(), None)));
        assert!(parse("yield 12.5").is_err());
        assert!(parse("yield\tfast").is_err());
    }

    #[test]
    fn rows_are_asked_for_by_parts_of_their_names() {
        let names = |only: &[&str]| -> Vec<String> {
            let only: Vec<_> = only.iter().map(ToString::to_string).collect();
            wanted(&only).unwrap().iter().map(|w| w.name().to_string()).collect()
        };
        assert_eq!(names(&["late-p99", "chain"]), ["chain", "sleep-late-p50"]);
        assert!(names(&[]).len() > 30);
        assert!(wanted(&["nothing like it".to_string()]).is_err());
    }
}
