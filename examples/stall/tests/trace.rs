//! `stall --trace`: what it writes can be read, and shows what the README says it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A row of the picture.
#[derive(Default)]
struct Row {
    /// Of the group of Ps, as opposed to the threads without one.
    is_p: bool,
    name: String,
    /// Beginning and end in ns, and the name.
    slices: Vec<(u64, u64, String)>,
    instants: Vec<String>,
}

fn rows(json: &Value) -> Vec<Row> {
    let events = json["traceEvents"].as_array().expect("a list of events");
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let ns =
        |value: &Value| (value.as_f64().unwrap_or_else(|| panic!("{value}")) * 1e3).round() as u64;
    let mut processes = BTreeMap::new();
    let mut rows: BTreeMap<(u64, u64), Row> = BTreeMap::new();
    for event in events {
        let place = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let name = text(&event["name"]);
        match (event["ph"].as_str().unwrap(), &*name) {
            ("M", "process_name") => {
                processes.insert(place.0, text(&event["args"]["name"]));
            }
            ("M", "thread_name") => {
                rows.entry(place).or_default().name = text(&event["args"]["name"]);
            }
            ("M", _) => {}
            ("X", _) => {
                let (at, long) = (ns(&event["ts"]), ns(&event["dur"]));
                rows.entry(place).or_default().slices.push((at, at + long, name));
            }
            ("i", _) => rows.entry(place).or_default().instants.push(name),
            (kind, _) => panic!("an event of kind {kind}: {event}"),
        }
    }
    for ((process, _), row) in &mut rows {
        row.is_p = processes[process].ends_with(": Ps");
    }
    rows.into_values().collect()
}

fn stall(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stall")).args(args).output().unwrap();
    let texts = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(texts).unwrap())
}

#[test]
fn the_trace_of_blocking_tasks_is_a_picture() {
    let file = std::env::temp_dir().join(format!("gmp-stall-trace-{}.json", std::process::id()));
    let path = file.to_str().unwrap();
    let case = ["--runtime", "gmp", "--procs", "2", "--blocking", "2", "--secs", "2"];
    let (ok, said) = stall(&[&case[..], &["--trace", path]].concat());
    assert!(ok, "{said}");
    let json = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let rows = rows(&serde_json::from_str(&json).unwrap());

    // Rows: the Ps. Both permits are there, be it that one is idle all along; a third P, with one of the
    // permits taken from another, is there only if it did something.
    let empty = |row: &Row| row.slices.is_empty() && row.instants.is_empty();
    let (idle, active): (Vec<&Row>, _) =
        rows.iter().filter(|row| row.is_p).partition(|row| empty(row));
    assert!(
        !active.is_empty() && idle.len() + active.len() >= 2,
        "{} and {}",
        idle.len(),
        active.len()
    );
    assert!(idle.is_empty() || idle.len() + active.len() == 2, "{} are empty", idle.len());
    assert!(rows.iter().all(|row| row.is_p == row.name.starts_with("P ")));
    assert!(rows.iter().all(|row| !row.name.is_empty()), "a row without a name");

    // Slices: named by who spawned them, one after the other.
    for row in &rows {
        let mut slices = row.slices.clone();
        slices.sort();
        for (at, end, name) in &slices {
            assert!(name.contains("program.rs:") && end >= at, "{name} in {}", row.name);
        }
        for pair in slices.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "{}: {:?} and {:?}", row.name, pair[0], pair[1]);
        }
    }
    let slices = |is_p: bool| {
        let of_kind = rows.iter().filter(move |row| row.is_p == is_p);
        of_kind.flat_map(|row| &row.slices).map(|(at, end, site)| (end - at, &**site))
    };
    // The ticker and the echoes are served on Ps.
    let served: BTreeSet<&str> = slices(true).map(|(_, site)| site).collect();
    assert!(served.len() >= 2, "on Ps: {served:?}");
    // Those that block are beside them: longer than a poll of the others needs, shorter than one of theirs
    // takes, since the window may cut it off.
    let beside: BTreeSet<&str> =
        slices(false).filter(|(ns, _)| *ns >= 20_000_000).map(|(_, site)| site).collect();
    assert_eq!(beside.len(), 1, "without a P: {beside:?}");
    assert!(served.union(&beside).count() >= 3, "{served:?} and {beside:?}");

    // What the scheduler did about them.
    let instants = || rows.iter().flat_map(|row| &row.instants).map(String::as_str);
    assert!(instants().any(|name| name == "handoff" || name == "retake"));
    assert!(instants().any(|name| name == "netpoll"), "no echo came in");
}

#[test]
fn what_cannot_be_traced_is_refused() {
    let (ok, said) = stall(&["--trace", "unused.json"]);
    assert!(!ok && said.contains("of one case") && said.contains("usage:"), "{said}");
    let (ok, said) = stall(&["--blocking", "1", "--runtime", "tokio", "--trace", "unused.json"]);
    assert!(!ok && said.contains("of gmp only"), "{said}");
}
