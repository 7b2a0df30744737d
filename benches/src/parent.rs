//! Takes turns between child processes and gathers what they print.

use std::collections::HashMap;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::args::Options;
use crate::machine;
use crate::table::{Figures, Table};
use crate::workloads::{self, Workload};

/// A child that takes longer hangs: the slowest takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The list of workloads is the same for every runtime; this one is in every build.
type Any = crate::runtimes::tokio_rt::Subject;

pub(crate) fn list() {
    for workload in workloads::all::<Any>() {
        for row in &workload.rows {
            println!("{:18} {} ({})", row.name, row.label, row.unit);
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let workloads: Vec<_> =
        workloads::all::<Any>().into_iter().filter(|w| wanted(w, &options.only)).collect();
    if workloads.is_empty() {
        return Err(format!("no row's name contains `{}`", options.only.join("` or `")));
    }
    let began = Instant::now();
    let mut figures = Figures::default();
    let mut failures: HashMap<(&str, &str), String> = HashMap::new();
    for round in 0..options.rounds {
        for workload in &workloads {
            for turn in 0..options.runtimes.len() {
                let runtime = &options.runtimes[(turn + round) % options.runtimes.len()];
                eprint!("\r\x1b[Kround {}: {} {runtime}", round + 1, workload.name());
                match child(workload.name(), runtime, options) {
                    Ok(rows) => {
                        for (row, figure) in rows {
                            figures.add(row, runtime.clone(), figure);
                        }
                    }
                    Err(why) => {
                        failures.insert((workload.name(), runtime), why);
                    }
                }
            }
        }
    }
    eprint!("\r\x1b[K");

    let table = Table {
        rows: workloads.iter().flat_map(|workload| &workload.rows).collect(),
        runtimes: &options.runtimes,
        figures: &figures,
    };
    print!("{}", table.plain());
    let failures: Vec<_> = failures
        .iter()
        .map(|((workload, runtime), why)| format!("{workload} on {runtime}: {why}"))
        .collect();
    for failure in &failures {
        println!("failed: {failure}");
    }
    println!(
        "{} rounds, {} workers, {:.0} s",
        options.rounds,
        options.workers,
        began.elapsed().as_secs_f64()
    );
    if let Some(path) = &options.markdown {
        let mut text = machine::describe(options);
        text.push('\n');
        text.push_str(&table.markdown());
        for failure in &failures {
            text.push_str(&format!("\nFailed: {failure}.\n"));
        }
        // A file that cannot be read is one to make.
        let old = std::fs::read_to_string(path).unwrap_or_default();
        let text = between_marks(&old, &text).unwrap_or(text);
        std::fs::write(path, text).map_err(|err| format!("cannot write {path:?}: {err}"))?;
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(format!("{} of the runs failed", failures.len()))
    }
}

fn wanted<R>(workload: &Workload<R>, only: &[String]) -> bool {
    only.is_empty()
        || only.iter().any(|part| workload.rows.iter().any(|row| row.name.contains(part)))
}

/// Runs one child; the figures by row, `None` where the runtime cannot.
fn child(
    workload: &str,
    runtime: &str,
    options: &Options,
) -> Result<Vec<(String, Option<f64>)>, String> {
    let this = std::env::current_exe().map_err(|err| format!("no path to this program: {err}"))?;
    let mut command = Command::new(this);
    command.args(["run", workload, runtime, "--workers"]).arg(options.workers.to_string());
    if options.quick {
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

/// `old` with what stands between its marks replaced; `None` if it has none.
fn between_marks(old: &str, new: &str) -> Option<String> {
    const FROM: &str = "<!-- table -->\n";
    const TO: &str = "<!-- end of table -->";
    let from = old.find(FROM)? + FROM.len();
    let to = from + old[from..].find(TO)?;
    Some(format!("{}\n{}\n\n{}", &old[..from], new.trim_end(), &old[to..]))
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
    fn a_table_replaces_the_one_before() {
        let old = "text\n<!-- table -->\nold\n<!-- end of table -->\nmore\n";
        let new = between_marks(old, "| new |\n").unwrap();
        assert_eq!(new, "text\n<!-- table -->\n\n| new |\n\n<!-- end of table -->\nmore\n");
        assert_eq!(between_marks(&new, "| new |\n").as_ref(), Some(&new));
        assert_eq!(between_marks("no marks\n", "new"), None);
    }
}
