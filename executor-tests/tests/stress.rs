//! The stress and the soak program, for a few seconds. By hand they run longer: see `src/bin/*/main.rs`.

use std::process::Command;

#[test]
fn every_program_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_stress")).args(["--secs", "0"]).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    for name in [
        "spawn",
        "pingpong",
        "wakes",
        "aborts",
        "joins",
        "timers",
        "echo",
        "blocking",
        "lifecycle",
        "retake_storm",
    ] {
        let runs = out.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(runs, 5, "{name} runs on each number of Ps\n{out}");
    }
}

/// One round at least of each lane, twice.
#[test]
fn soak_for_a_moment() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_soak")).args(["--minutes", "0.02"]).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("soak: passed; memory: "), "{out}");
    let report = out.lines().find(|line| line.contains(" rss ")).expect("a report");
    let lanes = report.rsplit('|').next().expect("the lanes");
    assert_eq!(lanes.split(',').count(), 18, "{report}");
    assert!(!lanes.split(',').any(|lane| lane.ends_with(" 0")), "a lane did nothing: {report}");
}

#[test]
fn mistakes_are_told() {
    for args in [&["--only", "nothing"][..], &["--seed", "x"], &["--procs"], &["--what", "1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_stress")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: stress"));
    }
    for args in [&["--only", "nothing"][..], &["--minutes", "-1"], &["--seed"], &["--secs", "1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_soak")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: soak"));
    }
}
