//! The command `seeds`, for a few hundred seeds. By hand it plays more: see `src/bin/seeds/main.rs`.

use std::process::{Command, Output};

fn seeds(args: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_seeds")).args(args).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, out)
}

/// The number behind `name` in the line of `program`.
fn total(out: &str, program: &str, name: &str) -> u64 {
    let line = out.lines().find(|line| line.starts_with(program));
    let line = line.unwrap_or_else(|| panic!("{program} is missing\n{out}"));
    let mut words = line.split_whitespace().skip_while(|word| *word != name);
    words.nth(1).map_or(0, |n| n.parse().unwrap())
}

#[test]
fn every_program_holds_and_goes_where_it_is_meant_to() {
    let (output, out) = seeds(&["--count", "100"]);
    assert!(output.status.success(), "{out}");
    for program in
        ["storm", "joins", "channels", "wakes", "timers", "blocking", "hogs", "resize", "shutdown"]
    {
        assert!(total(&out, program, "polls") > 0, "{program}\n{out}");
    }
    for program in ["joins", "channels", "wakes", "timers"] {
        assert!(total(&out, program, "steals") > 0, "{program}: nobody stole\n{out}");
        assert!(total(&out, program, "sleeps") > 0, "{program}: nobody slept\n{out}");
    }
    for name in ["retakes", "regains", "retirements", "drained", "handoffs"] {
        assert!(total(&out, "blocking", name) > 0, "blocking: no {name}\n{out}");
    }
    assert!(total(&out, "hogs", "aside") > 0, "no hog was set aside\n{out}");
}

#[test]
fn a_fault_is_found_made_smaller_and_played_again() {
    let (output, out) = seeds(&["--only", "gate", "--from", "1000"]);
    assert_eq!(output.status.code(), Some(1), "{out}");
    let smallest = out.lines().find(|line| line.contains("smallest")).unwrap();
    assert!(smallest.contains(" 1 tasks:"), "one gate is enough\n{out}");
    let again = out.lines().find_map(|line| line.strip_prefix("again: seeds ")).unwrap();
    let again: Vec<_> = again.split_whitespace().collect();
    for _ in 0..3 {
        let (output, out) = seeds(&again);
        assert_eq!(output.status.code(), Some(1), "{out}");
        let reason = smallest.split_once("smallest, ").unwrap().1;
        assert!(out.contains(&format!("FAILED, {reason}")), "another failure: {reason}\n{out}");
    }
}

#[test]
fn mistakes_are_told() {
    for args in [&["--only", "nothing"][..], &["--from", "x"], &["--procs", "0"], &["--what", "1"]]
    {
        let (output, _) = seeds(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: seeds"));
    }
}
