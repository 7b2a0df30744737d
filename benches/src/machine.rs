//! What a table was measured on and with.

use std::process::Command;

use crate::args::Options;
use crate::go::Go;

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../Cargo.lock");

/// The machine, the compiler, the commit and the versions.
pub(crate) fn describe(go: Option<&Go>) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut versions: Vec<_> = ["gmp", "tokio", "smol", "async-executor", "async-io", "nio"]
        .iter()
        .filter_map(|name| Some(format!("{name} {}", version(LOCK, name)?)))
        .collect();
    versions.extend(go.map(|go| go.version.clone()));
    format!(
        "- Machine: {}, {cores} cores to this process, {}\n\
         - Built by {} ({}), commit {}\n\
         - {}\n",
        cpu_model(),
        kernel(),
        env!("GMP_BENCH_RUSTC"),
        if cfg!(debug_assertions) { "debug: not for comparing" } else { "release" },
        commit(),
        versions.join(", "),
    )
}

/// How a table was measured.
pub(crate) fn how(options: &Options, workers: &str) -> String {
    format!(
        "- {} rounds{}, {workers}; medians, spread = (max - min) / median of the runtime where it \
         is largest\n",
        options.rounds,
        if options.quick { " of quick runs" } else { "" },
    )
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH.to_string(), |(_, model)| model.trim().to_string())
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_string()
}

fn commit() -> String {
    let git = |args: &[&str]| {
        let out =
            Command::new("git").args(args).output().ok().filter(|out| out.status.success())?;
        Some(String::from_utf8_lossy(&out.stdout).trim().to_string())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "(unknown)".to_string();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit} with changes"),
    }
}

/// The version of a package in a lock file, the first if there are several.
fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"ab\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"a\"\n\
                    version = \"0.9\"\n";
        assert_eq!(version(lock, "a"), Some("0.9"));
        assert_eq!(version(lock, "ab"), Some("1.2.3"));
        assert_eq!(version(lock, "b"), None);
        assert!(version(LOCK, "tokio").is_some_and(|version| version.starts_with("1.")));
    }
}
