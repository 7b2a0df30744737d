//! The list of hazards, `hazards.txt`, against the tests that there are.

#[path = "tidy_common/mod.rs"]
#[allow(dead_code)]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::{sources, Source};

/// How many hazards are known. It grows; a line that vanished is a test that nobody misses.
const KNOWN: usize = 144;

enum Covered {
    Test { path: String, function: String },
    Model(String),
    Stage(String),
    Pending(String),
}

struct Hazard {
    name: String,
    by: Covered,
}

fn list() -> Vec<Hazard> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("hazards.txt");
    let text = std::fs::read_to_string(path).expect("hazards.txt");
    text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(parse).collect()
}

fn parse(line: &str) -> Hazard {
    let (name, rest) = word(line);
    let (area, rest) = word(rest);
    let (kind, rest) = word(rest);
    let letter = match area {
        "wake" => "w",
        "task" => "t",
        "panic" => "p",
        "queue" => "q",
        "thread" => "m",
        "blocked" => "b",
        "time" => "x",
        "io" => "i",
        "fairness" => "f",
        "end" => "e",
        "sync" => "s",
        other => panic!("no area {other:?}: {line}"),
    };
    assert!(name.starts_with(&format!("{letter}_")), "{area} hazards begin with {letter}_: {line}");
    assert!(!rest.is_empty(), "half a line: {line}");
    let by = match kind {
        "test" => {
            let (path, function) = word(rest);
            Covered::Test { path: path.to_owned(), function: function.to_owned() }
        }
        "model" => Covered::Model(rest.to_owned()),
        "stage" => Covered::Stage(rest.to_owned()),
        "pending" => Covered::Pending(rest.to_owned()),
        other => panic!("neither test, model, stage nor pending but {other:?}: {line}"),
    };
    Hazard { name: name.to_owned(), by }
}

fn word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim())
}

/// Does a function's name carry the hazard's, alone or between other words?
fn carries(function: &str, hazard: &str) -> bool {
    function == hazard
        || function.starts_with(&format!("{hazard}_"))
        || function.ends_with(&format!("_{hazard}"))
        || function.contains(&format!("_{hazard}_"))
}

/// All functions that `#[test]` or the suite runs, with their files.
fn tests(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let code = source::blank(&source.text);
        let in_suite = source.path.starts_with("executor-tests/src/cases/");
        let mut is_test = false;
        for line in code.lines().map(str::trim) {
            let starts = line.starts_with("fn ") || line.starts_with("async fn ");
            let case = in_suite && line.starts_with("pub fn ") && line.contains("kit: Kit<H>");
            if line.starts_with("#[test]") || line.contains("::test(") || line.contains("::test]") {
                is_test = true;
            } else if case || (is_test && starts) {
                let name = line.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
                let name = name.expect("a function has a name").to_owned();
                found.entry(name).or_default().insert(source.path.clone());
                is_test = false;
            }
        }
    }
    assert!(found.len() > 500, "only {} tests found: the reader is broken", found.len());
    found
}

fn models() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/models.txt");
    let text = std::fs::read_to_string(path).expect("the list of models");
    let lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|line| word(line).0.to_owned()).collect()
}

/// What `.ci/run` runs without arguments.
fn stages() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/run");
    let text = std::fs::read_to_string(path).expect("the checks");
    let list = text.lines().find_map(|line| line.strip_prefix("stages=(")?.strip_suffix(')'));
    let defined = |stage: &&str| text.contains(&format!("\nstage_{stage}() {{"));
    list.expect("a list of stages").split(' ').filter(defined).map(str::to_owned).collect()
}

#[test]
fn every_hazard_is_tried() {
    let (sources, models, stages) = (sources(), models(), stages());
    let tests = tests(&sources);
    let (mut wrong, mut pending, mut covered) = (Vec::new(), Vec::new(), 0);
    for Hazard { name, by } in list() {
        match by {
            Covered::Test { path, function } => match tests.get(&function) {
                Some(paths) if paths.contains(&path) && carries(&function, &name) => covered += 1,
                Some(paths) if paths.contains(&path) => {
                    wrong.push(format!("{name}: {function} does not carry its name"));
                }
                Some(paths) => {
                    wrong.push(format!("{name}: {function} is in {paths:?}, not {path}"))
                }
                None => wrong.push(format!("{name}: no test {function} in {path}")),
            },
            Covered::Model(model) if models.contains(&model) => covered += 1,
            Covered::Model(model) => wrong.push(format!("{name}: no model {model}")),
            Covered::Stage(stage) if stages.contains(&stage) => covered += 1,
            Covered::Stage(stage) => wrong.push(format!("{name}: .ci/run has no stage {stage}")),
            Covered::Pending(reason) => {
                if let Some(function) = tests.keys().find(|function| carries(function, &name)) {
                    wrong.push(format!("{name} is pending, but there is {function}"));
                }
                let model = models.iter().find(|m| {
                    m.rsplit("::").next().is_some_and(|function| carries(function, &name))
                });
                if let Some(model) = model {
                    wrong.push(format!("{name} is pending, but there is the model {model}"));
                }
                pending.push(format!("pending: {name}: {reason}"));
            }
        }
    }
    println!("{covered} hazards are tried, {} are pending", pending.len());
    println!("{}", pending.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(covered + pending.len(), KNOWN, "hazards.txt and KNOWN differ");
}

#[test]
fn names_are_said_once_and_sorted_by_area() {
    let mut seen = BTreeSet::new();
    let mut areas = Vec::new();
    for hazard in list() {
        assert!(seen.insert(hazard.name.clone()), "{} is there twice", hazard.name);
        let letter = hazard.name.chars().next().expect("a name");
        if areas.last() != Some(&letter) {
            assert!(!areas.contains(&letter), "{} is not with its like", hazard.name);
            areas.push(letter);
        }
    }
}

#[test]
fn cases_that_bear_a_hazards_name_name_one() {
    // A typing error in the name of a case would look like a hazard that nobody lists.
    let known: BTreeSet<String> = list().into_iter().map(|hazard| hazard.name).collect();
    let folder = "executor-tests/src/cases/";
    let mut tests = tests(&sources());
    tests.retain(|_, paths| paths.iter().any(|path| path.starts_with(folder)));
    for function in tests.keys() {
        let letter = function.split_once('_').map(|(first, _)| first);
        let named = letter.is_some_and(|l| l.len() == 1 && "wtpqmbxifes".contains(l));
        let listed = known.iter().any(|name| carries(function, name));
        assert!(!named || listed, "{function} looks like a hazard, and none is called so");
    }
}
