//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::runtimes;
use crate::workloads::Scale;

pub(crate) const USAGE: &str = "\
Usage: gmp-bench [OPTIONS]                         the table
       gmp-bench list                              the rows and their names
       gmp-bench run WORKLOAD RUNTIME [OPTIONS]    one workload in this process
       gmp-bench idle RUNTIME SECS [--workers N]   what an idle runtime costs

  --rounds R         interleaved rounds (default 7; quick: 3)
  --quick            small runs and few rounds: a look, not a measurement
  --only PATTERN     rows whose name contains PATTERN; several are separated by commas
  --runtimes A,B     some of the runtimes, in this order
  --workers N        worker threads of each runtime (default 2)
  --markdown FILE    writes the table, the machine and the versions to FILE as well, between
                     the lines `<!-- table -->` and `<!-- end of table -->` if FILE has them
  --iters K          (run) operations of the measured run, instead of finding a number,
                     rounded up to what the workload is made of";

pub(crate) enum Command {
    Help,
    List,
    Table(Options),
    Child { workload: String, runtime: String, scale: Scale },
    Idle { runtime: String, time: Duration, workers: usize },
}

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) only: Vec<String>,
    pub(crate) runtimes: Vec<String>,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) workers: usize,
    pub(crate) quick: bool,
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut words = Vec::new();
    let mut rounds = None;
    let mut iters = None;
    let mut quick = false;
    let mut workers = 2;
    let mut only = Vec::new();
    let mut runtimes: Vec<String> = runtimes::NAMES.iter().map(ToString::to_string).collect();
    let mut markdown = None;

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
            "--workers" => workers = number(name, &value()?, 255)?,
            "--only" => only.extend(value()?.split(',').map(str::to_string)),
            "--runtimes" => runtimes = value()?.split(',').map(str::to_string).collect(),
            "--markdown" => markdown = Some(PathBuf::from(value()?)),
            _ if name.starts_with('-') => return Err(format!("unknown option `{name}`")),
            _ => words.push(arg),
        }
    }

    for name in &runtimes {
        known(name)?;
    }
    let workers = workers as usize;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => Ok(Command::Table(Options {
            rounds: rounds.unwrap_or(if quick { 3 } else { 7 }) as usize,
            only,
            runtimes,
            markdown,
            workers,
            quick,
        })),
        ["list"] => Ok(Command::List),
        ["run", workload, runtime] => {
            known(runtime)?;
            let target = Duration::from_millis(if quick { 50 } else { 150 });
            let scale = Scale { workers, target, quick, iters };
            Ok(Command::Child { workload: workload.into(), runtime: runtime.into(), scale })
        }
        ["idle", runtime, secs] => {
            known(runtime)?;
            let time = Duration::from_secs(number("SECS", secs, 3600)?);
            Ok(Command::Idle { runtime: runtime.into(), time, workers })
        }
        _ => Err(format!("`{}` is not a command", words.join(" "))),
    }
}

fn known(runtime: &str) -> Result<(), String> {
    if runtimes::NAMES.contains(&runtime) {
        return Ok(());
    }
    let names = runtimes::NAMES.join(", ");
    Err(format!("no runtime `{runtime}` in this build; there are {names}"))
}

fn number(name: &str, text: &str, most: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(n) if (1..=most).contains(&n) => Ok(n),
        _ => Err(format!("{name} takes a number from 1 to {most}, not `{text}`")),
    }
}
