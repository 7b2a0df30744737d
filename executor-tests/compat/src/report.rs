//! Two surfaces beside each other: what is the same, what is not, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::surface::Surface;

/// What there is to explain: its name, tokio's signature and ours, where there is one.
pub(crate) struct Difference {
    pub(crate) name: String,
    pub(crate) theirs: Option<String>,
    pub(crate) ours: Option<String>,
}

/// So many names are listed one by one; of more, the pattern that fits them.
const MOST_NAMES: usize = 12;

/// Counts of a module.
#[derive(Default, Clone, Copy)]
struct Row {
    items: usize,
    present: usize,
    same: usize,
    impls: usize,
    impls_present: usize,
    impls_same: usize,
}

pub(crate) struct Report {
    rows: BTreeMap<String, Row>,
    pub(crate) differences: Vec<Difference>,
}

/// The first part of a path; what is at the root has none.
fn module(path: &str) -> String {
    path.split_once("::").map_or("", |(module, _)| module).to_owned()
}

/// A function may name its caller in panics where tokio's does not.
fn fits(theirs: &str, ours: &str) -> bool {
    theirs == ours || Some(theirs) == ours.strip_prefix("#[track_caller] ")
}

impl Report {
    pub(crate) fn new(reference: &Surface, candidate: &Surface) -> Report {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let mut differences = Vec::new();
        for (path, theirs) in &reference.items {
            let of = if theirs == "module" {
                path.split("::").next().unwrap_or("").to_owned()
            } else {
                module(path)
            };
            let row = rows.entry(of).or_default();
            row.items += 1;
            let ours = candidate.items.get(path);
            row.present += usize::from(ours.is_some());
            if ours.is_some_and(|ours| fits(theirs, ours)) {
                row.same += 1;
            } else {
                let (name, theirs) = (path.clone(), Some(theirs.clone()));
                differences.push(Difference { name, theirs, ours: ours.cloned() });
            }
        }
        for (key, theirs) in &reference.impls {
            let of = theirs.module.split("::").next().unwrap_or("").to_owned();
            let row = rows.entry(of).or_default();
            row.impls += 1;
            let ours = candidate.impls.get(key).map(|ours| ours.signature.clone());
            row.impls_present += usize::from(ours.is_some());
            if ours.as_ref() == Some(&theirs.signature) {
                row.impls_same += 1;
            } else {
                let (name, theirs) = (format!("impl {key}"), Some(theirs.signature.clone()));
                differences.push(Difference { name, theirs, ours });
            }
        }
        // An auto trait too many is a promise that tokio does not make.
        for (key, ours) in candidate.impls.iter().filter(|(_, ours)| ours.is_auto) {
            let of_type = key.split_once(" for ").map_or("", |(_, of_type)| of_type);
            if reference.items.contains_key(of_type) && !reference.impls.contains_key(key) {
                let (name, ours) = (format!("impl {key}"), Some(ours.signature.clone()));
                differences.push(Difference { name, theirs: None, ours });
            }
        }
        Report { rows, differences }
    }

    /// The section of COMPAT.md.
    ///
    /// # Errors
    ///
    /// Names differences without a reason, and reasons without a difference.
    pub(crate) fn markdown(&self, reasons: &Reasons) -> Result<String, String> {
        let mut out = String::new();
        out.push_str("| module | items | with tokio's signature | trait impls | with tokio's signature |\n|---|---|---|---|---|\n");
        let mut all = Row::default();
        let mut line = |name: &str, row: &Row| {
            let impls = if row.impls == 0 {
                "– | –".to_owned()
            } else {
                format!("{} of {} | {}", row.impls_present, row.impls, row.impls_same)
            };
            let Row { items, present, same, .. } = row;
            writeln!(out, "| {name} | {present} of {items} | {same} | {impls} |")
                .expect("a string takes it");
        };
        for (name, row) in &self.rows {
            let name = if name.is_empty() { "root" } else { &format!("`{name}`") };
            line(name, row);
            all.items += row.items;
            all.present += row.present;
            all.same += row.same;
            all.impls += row.impls;
            all.impls_present += row.impls_present;
            all.impls_same += row.impls_same;
        }
        line("all", &all);
        let told = reasons.apply(&self.differences)?;
        out.push_str("\n| differs | how, and why |\n|---|---|\n");
        for (reason, names) in told {
            let names: Vec<String> =
                names.iter().map(|name| format!("`{}`", short(name))).collect();
            writeln!(out, "| {} | {reason} |", names.join(", ")).expect("a string takes it");
        }
        Ok(out)
    }
}

/// Names of std's without their way.
fn short(name: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    let finish = |word: &mut String, out: &mut String| {
        let std = ["std::", "bytes::", "mio::"].iter().any(|start| word.starts_with(start));
        out.push_str(if std { word.rsplit("::").next().unwrap_or("") } else { word });
        word.clear();
    };
    for c in name.chars() {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
        } else {
            finish(&mut word, &mut out);
            out.push(c);
        }
    }
    finish(&mut word, &mut out);
    out
}

/// The hand-kept list: lines `pattern = reason`, where a `*` stands for anything; the first that fits counts.
pub(crate) struct Reasons(Vec<(String, String)>);

impl Reasons {
    pub(crate) fn parse(text: &str) -> Result<Reasons, String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| match line.split_once(" = ") {
                Some((pattern, reason)) => {
                    Ok((pattern.trim().to_owned(), reason.trim().to_owned()))
                }
                None => Err(format!("not `pattern = reason`: {line}")),
            })
            .collect::<Result<_, _>>()
            .map(Reasons)
    }

    /// Names by reason, in the order of the list.
    fn apply(&self, differences: &[Difference]) -> Result<Vec<(String, Vec<String>)>, String> {
        let mut used = BTreeSet::new();
        let mut told: Vec<(String, Vec<String>)> = Vec::new();
        let mut unexplained = Vec::new();
        let mut placed: Vec<(usize, String)> = Vec::new();
        for difference in differences {
            match self.0.iter().position(|(pattern, _)| matches(pattern, &difference.name)) {
                Some(at) => {
                    used.insert(at);
                    placed.push((at, difference.name.clone()));
                }
                None => {
                    let of =
                        |side: &Option<String>| side.clone().unwrap_or_else(|| "absent".into());
                    let (theirs, ours) = (of(&difference.theirs), of(&difference.ours));
                    unexplained.push(format!(
                        "{}\n    tokio: {theirs}\n    gmp:   {ours}",
                        difference.name
                    ));
                }
            }
        }
        placed.sort();
        for (at, (pattern, _)) in self.0.iter().enumerate() {
            let count = placed.iter().filter(|(of, _)| *of == at).count();
            if count > MOST_NAMES {
                placed.retain(|(of, _)| *of != at);
                placed.push((at, format!("{pattern} ({count} types)")));
            }
        }
        placed.sort();
        for (at, name) in placed {
            let reason = &self.0[at].1;
            match told.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) => names.push(name),
                None => told.push((reason.clone(), vec![name])),
            }
        }
        let mut complaints = String::new();
        if !unexplained.is_empty() {
            complaints += &format!(
                "{} differences without a reason in executor-tests/compat/reasons.txt:\n  {}\n",
                unexplained.len(),
                unexplained.join("\n  ")
            );
        }
        for (at, (pattern, _)) in self.0.iter().enumerate() {
            if !used.contains(&at) {
                complaints += &format!("a reason for nothing, take it off: {pattern}\n");
            }
        }
        if complaints.is_empty() {
            Ok(told)
        } else {
            Err(complaints)
        }
    }
}

/// `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(left) = name.strip_prefix(start) else { return false };
    (0..=left.len()).filter(|&at| left.is_char_boundary(at)).any(|at| matches(rest, &left[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(items: &[(&str, &str)]) -> Surface {
        let items = items.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        Surface { items, impls: BTreeMap::new() }
    }

    #[test]
    fn stars_stand_for_anything() {
        assert!(matches("io::Join::*", "io::Join::reader"));
        assert!(matches("impl * for *Guard", "impl Sync for sync::MutexGuard"));
        assert!(matches("*", "") && matches("a", "a"));
        assert!(!matches("io::Join", "io::Join::reader") && !matches("a*b", "ac"));
    }

    #[test]
    fn each_difference_needs_a_reason_and_each_reason_a_difference() {
        let theirs = surface(&[("a", "fn()"), ("m::b", "fn()"), ("m::c", "fn()")]);
        let ours = surface(&[("a", "#[track_caller] fn()"), ("m::b", "fn(u8)")]);
        let report = Report::new(&theirs, &ours);
        let names: Vec<_> = report.differences.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["m::b", "m::c"], "to name the caller is more, not less");

        let reasons = Reasons::parse("# one\nm::b = wider\n\nm::c = never\n").unwrap();
        let table = report.markdown(&reasons).unwrap();
        assert!(table.contains("| `m` | 1 of 2 | 0 | – | – |"), "{table}");
        assert!(table.contains("| `m::c` | never |"), "{table}");
        let few = report.markdown(&Reasons::parse("m::b = wider").unwrap()).unwrap_err();
        assert!(few.contains("1 differences without") && few.contains("m::c"), "{few}");
        let many = Reasons::parse("m::* = why\nm::d = gone").unwrap();
        assert_eq!(
            report.markdown(&many).unwrap_err(),
            "a reason for nothing, take it off: m::d\n"
        );
        assert!(Reasons::parse("no reason").is_err());
    }

    #[test]
    fn names_of_std_are_short() {
        assert_eq!(
            short("impl std::convert::From<sync::mpsc::X> for std::io::error::Error"),
            "impl From<sync::mpsc::X> for Error"
        );
    }
}
