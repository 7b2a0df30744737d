//! The Go column: a program of its own, from the sources in `benches/go`, built beside this one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the column.
pub(crate) const NAME: &str = "go";

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go");

/// Go's program, ready to run.
pub(crate) struct Go {
    program: PathBuf,
    /// The workloads that it has.
    workloads: HashSet<String>,
    pub(crate) version: String,
}

impl Go {
    /// Builds it; Go's own cache makes that quick from the second time on.
    pub(crate) fn build() -> Result<Go, String> {
        let program = program()?;
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(SOURCES)
            // The Go that is there, and nothing from outside.
            .envs([("GOTOOLCHAIN", "local"), ("GOWORK", "off"), ("GOFLAGS", "-mod=readonly")])
            .output()
            .map_err(|err| format!("no `go` on the path ({err})"))?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            return Err(format!("`go build` in {SOURCES} failed: {}", said.trim()));
        }
        let workloads = ask(&program, "list")?.lines().map(str::to_string).collect();
        let version = ask(&program, "version")?.trim().to_string();
        Ok(Go { program, workloads, version })
    }

    pub(crate) fn has(&self, workload: &str) -> bool {
        self.workloads.contains(workload)
    }
}

/// The program that the parent has built already, for its children.
pub(crate) fn built() -> Result<PathBuf, String> {
    let program = program()?;
    if program.exists() {
        return Ok(program);
    }
    Go::build().map(|go| go.program)
}

fn program() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|err| format!("no path to this program: {err}"))?;
    Ok(this.with_file_name(format!("gmp-bench-go{}", std::env::consts::EXE_SUFFIX)))
}

fn ask(program: &Path, what: &str) -> Result<String, String> {
    let out = Command::new(program)
        .arg(what)
        .output()
        .map_err(|err| format!("cannot run {}: {err}", program.display()))?;
    if !out.status.success() {
        return Err(format!("{} {what}: {}", program.display(), out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
