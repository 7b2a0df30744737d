//! Compares gmp's public surface with tokio's, and writes what it finds into COMPAT.md or checks it there.
//!
//! ```text
//! compat TOKIO.json GMP.json [FACADE.json]            writes
//! compat --check TOKIO.json GMP.json [FACADE.json]    fails if COMPAT.md says something else
//! compat --list TOKIO.json GMP.json                   prints each difference, with both signatures
//! ```
//!
//! `.ci/compat` makes the JSON files and calls this. Every difference needs a reason in `reasons.txt`, which is
//! kept by hand.

#![forbid(unsafe_code)]

mod docs;
mod report;
mod signature;
mod surface;

use std::path::Path;
use std::process::ExitCode;

use docs::Docs;
use report::{Reasons, Report};
use surface::Surface;

const BEGIN: &str = "<!-- compat: written by .ci/compat --write -->\n";
const END: &str = "<!-- compat: end -->\n";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Vec<String>) -> Result<(), String> {
    let option = args.first().filter(|first| first.starts_with("--")).cloned();
    if option.is_some() {
        args.remove(0);
    }
    let [tokio, gmp, facade @ ..] = args.as_slice() else {
        return Err("usage: compat [--check | --list] TOKIO.json GMP.json [FACADE.json]".into());
    };
    let (reference, candidate) = (Docs::read(tokio)?, Docs::read(gmp)?);
    let report = Report::new(&Surface::of(&reference), &Surface::of(&candidate));
    if option.as_deref() == Some("--list") {
        for difference in &report.differences {
            let of = |side: &Option<String>| side.clone().unwrap_or_else(|| "absent".into());
            println!(
                "{}\n    tokio: {}\n    gmp:   {}",
                difference.name,
                of(&difference.theirs),
                of(&difference.ours)
            );
        }
        return Ok(());
    }
    let reasons = Reasons::parse(include_str!("../reasons.txt"))?;
    let mut section = report.markdown(&reasons)?;
    if let Some(facade) = facade.first() {
        section.push_str(&facade_line(&reference, &candidate, &Docs::read(facade)?)?);
    }

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../COMPAT.md");
    let old = std::fs::read_to_string(&file).map_err(|error| format!("COMPAT.md: {error}"))?;
    let new = with_section(&old, &section)?;
    match option.as_deref() {
        Some("--check") if new == old => Ok(()),
        Some("--check") => Err(format!(
            "COMPAT.md is out of date; `.ci/compat --write` brings it up to:\n\n{section}"
        )),
        Some(other) => Err(format!("no option {other}; there are: --check --list")),
        None => std::fs::write(&file, new).map_err(|error| format!("COMPAT.md: {error}")),
    }
}

/// The text with what is between the marks replaced.
fn with_section(text: &str, section: &str) -> Result<String, String> {
    let parts = text
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)))
        .ok_or("COMPAT.md has lost its marks")?;
    Ok(format!("{}{BEGIN}\n{section}\n{END}{}", parts.0, parts.1))
}

/// What the facade passes on: modules and the items in them, under tokio's paths.
///
/// # Errors
///
/// Names what it lacks.
fn facade_line(reference: &Docs, gmp: &Docs, facade: &Docs) -> Result<String, String> {
    let wanted: Vec<&str> = reference.items.keys().map(|(_, path)| path.as_str()).collect();
    let absent: Vec<&str> =
        wanted.iter().filter(|path| !passes_on(gmp, facade, path)).copied().collect();
    if !absent.is_empty() {
        return Err(format!("absent from the facade: {}", absent.join(", ")));
    }
    Ok(format!(
        "\nThe facade has all {} of tokio's paths of modules, types, functions and macros.\n",
        wanted.len()
    ))
}

/// Named by the facade, or in a module of gmp's that it passes on whole.
fn passes_on(gmp: &Docs, facade: &Docs, path: &str) -> bool {
    if facade.items.keys().any(|(_, known)| known == path) {
        return true;
    }
    let Some((module, _)) = path.rsplit_once("::") else { return false };
    gmp.items.keys().any(|(_, known)| known == path)
        && passes_on(gmp, facade, module)
        && facade.is_foreign(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_section_changes() {
        let text = format!("head\n{BEGIN}old\n{END}tail\n");
        let new = with_section(&text, "new\n").unwrap();
        assert_eq!(new, format!("head\n{BEGIN}\nnew\n\n{END}tail\n"));
        assert_eq!(with_section(&new, "new\n").unwrap(), new);
        assert!(with_section("head\n", "new").is_err());
    }
}
