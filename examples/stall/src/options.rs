//! The command line.

use std::fmt;
use std::time::Duration;

pub(crate) const USAGE: &str = "usage: stall [--runtime gmp|tokio|smol|both] [--procs N] [--secs S]
             [--blocking K] [--computing K] [--svg FILE] [--json FILE]
             [--trace FILE]

Without --blocking and --computing: nobody, as many as --procs, and four times as many, of either kind.
--trace writes 400 ms from the middle of gmp's measurement of one case, for https://ui.perfetto.dev.";

/// A runtime that the program is compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuntimeName {
    /// This repository's.
    Gmp,
    /// The one that it replaces.
    Tokio,
    /// One executor on several threads.
    Smol,
}

impl RuntimeName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RuntimeName::Gmp => "gmp",
            RuntimeName::Tokio => "tokio",
            RuntimeName::Smol => "smol",
        }
    }
}

/// What one measurement runs.
#[derive(Clone, Debug)]
pub struct Case {
    /// Worker threads of the runtime.
    pub procs: usize,
    /// Tasks that sleep with their thread.
    pub blocking: usize,
    /// Tasks that keep their thread busy.
    pub computing: usize,
    /// How long requests are sent.
    pub time: Duration,
}

impl Case {
    pub(crate) fn to_args(&self) -> Vec<String> {
        let named = [
            ("--procs", self.procs.to_string()),
            ("--blocking", self.blocking.to_string()),
            ("--computing", self.computing.to_string()),
            ("--secs", self.time.as_secs_f64().to_string()),
        ];
        named.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.blocking, self.computing) {
            (0, 0) => "undisturbed".to_owned(),
            (blocking, 0) => format!("{blocking} block"),
            (0, computing) => format!("{computing} compute"),
            (blocking, computing) => format!("{blocking} block, {computing} compute"),
        };
        f.pad(&text)
    }
}

pub(crate) struct Options {
    procs: usize,
    time: Duration,
    blocking: Option<usize>,
    computing: Option<usize>,
    runtimes: Vec<RuntimeName>,
    pub(crate) svg: Option<String>,
    pub(crate) json: Option<String>,
    /// Where the scheduler's trace goes.
    pub(crate) trace: Option<String>,
    /// Started by another `stall`: answers in numbers.
    pub(crate) child: bool,
}

impl Options {
    pub(crate) fn of(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            procs: 2,
            time: Duration::from_secs(5),
            blocking: None,
            computing: None,
            runtimes: vec![RuntimeName::Gmp, RuntimeName::Tokio],
            svg: None,
            json: None,
            trace: None,
            child: false,
        };
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            let count = |least: usize| match value.parse::<usize>() {
                Ok(n) if (least..=1024).contains(&n) => Ok(n),
                _ => Err(format!("{name}: {value:?} is not a number from {least} to 1024")),
            };
            match name.as_str() {
                "--procs" => options.procs = count(1)?,
                "--blocking" => options.blocking = Some(count(0)?),
                "--computing" => options.computing = Some(count(0)?),
                "--secs" => {
                    options.time = match value.parse::<f64>() {
                        Ok(secs) if (0.1..=3600.0).contains(&secs) => Duration::from_secs_f64(secs),
                        _ => return Err(format!("--secs: {value:?} is not from 0.1 to 3600")),
                    }
                }
                "--runtime" => {
                    options.runtimes = match value.as_str() {
                        "gmp" => vec![RuntimeName::Gmp],
                        "tokio" => vec![RuntimeName::Tokio],
                        "smol" => vec![RuntimeName::Smol],
                        "both" => vec![RuntimeName::Gmp, RuntimeName::Tokio],
                        _ => {
                            return Err(format!(
                                "--runtime: {value:?} is not gmp, tokio, smol or both"
                            ))
                        }
                    }
                }
                "--svg" => options.svg = Some(value),
                "--json" => options.json = Some(value),
                "--trace" => options.trace = Some(value),
                "--child" => options.child = true,
                _ => return Err(format!("{name}: unknown option")),
            }
        }
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), String> {
        if self.trace.is_none() {
            return Ok(());
        }
        match self.cases().len() {
            1 if self.runtimes.contains(&RuntimeName::Gmp) => Ok(()),
            1 => {
                Err(format!("--trace: of gmp only, and --runtime is {}", self.runtimes[0].as_str()))
            }
            n => Err(format!(
                "--trace: of one case, and these are {n}; --blocking or --computing names one"
            )),
        }
    }

    pub(crate) fn runtimes(&self) -> &[RuntimeName] {
        &self.runtimes
    }

    pub(crate) fn cases(&self) -> Vec<Case> {
        let (procs, time) = (self.procs, self.time);
        let case = |blocking, computing| Case { procs, blocking, computing, time };
        if self.blocking.is_some() || self.computing.is_some() {
            return vec![case(self.blocking.unwrap_or(0), self.computing.unwrap_or(0))];
        }
        vec![case(0, 0), case(procs, 0), case(4 * procs, 0), case(0, procs), case(0, 4 * procs)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Result<Options, String> {
        Options::of(args.iter().map(|arg| arg.to_string()))
    }

    #[test]
    fn a_trace_is_of_one_case_on_gmp() {
        let error = of(&["--trace", "x"]).err().unwrap();
        assert!(error.contains("these are 5"), "{error}");
        let error = of(&["--trace", "x", "--blocking", "2", "--runtime", "tokio"]).err().unwrap();
        assert!(error.contains("--runtime is tokio"), "{error}");
        for runtime in ["gmp", "both"] {
            let options = of(&["--trace", "x", "--computing", "2", "--runtime", runtime]);
            assert_eq!(options.ok().unwrap().trace.as_deref(), Some("x"));
        }
    }
}
