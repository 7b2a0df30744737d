//! The whole suite in one program: runs it for one executor after the other, and prints a table.

use std::process::ExitCode;

use super::{check_exceptions, check_lacks, verdict, Harness, Verdict};
use crate::cases;

/// What the suite says of several executors.
///
/// For the `main` of a program: `Table::from_args().with::<Mine>("mine").finish()`. With `--exact
/// mine::area::case` as its arguments the program runs that case alone (and so does the table itself,
/// with cases that are expected to fail).
#[derive(Debug, Default)]
pub struct Table {
    only: Option<String>,
    rows: Vec<Row>,
    failures: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    name: String,
    passed: usize,
    excepted: usize,
    unsupported: usize,
    total: usize,
}

impl Table {
    /// An empty table.
    pub fn from_args() -> Table {
        let mut args = std::env::args().skip_while(|arg| arg != "--exact");
        Table { only: args.nth(1), ..Table::default() }
    }

    /// Runs all cases for an executor, one after the other.
    ///
    /// # Panics
    ///
    /// When the harness names an exception that is no case, or lacks what it has.
    #[must_use]
    pub fn with<H: Harness>(mut self, name: &str) -> Table {
        let cases = cases::all::<H>();
        if self.only.is_none() {
            check_exceptions::<H>(&cases);
            check_lacks::<H>();
        }
        let mut row =
            Row { name: name.to_owned(), passed: 0, excepted: 0, unsupported: 0, total: 0 };
        for case in cases {
            let test = format!("{name}::{}::{}", case.area, case.name);
            if self.only.as_ref().is_some_and(|only| *only != test) {
                continue;
            }
            row.total += 1;
            match verdict(&case, &test) {
                Verdict::Passed => row.passed += 1,
                Verdict::Excepted(reason) => {
                    row.excepted += 1;
                    self.notes.push(format!("{test} fails: {reason}"));
                }
                Verdict::Unsupported(ability, reason) => {
                    row.unsupported += 1;
                    let note = format!("{name} lacks {ability:?}: {reason}");
                    if !self.notes.contains(&note) {
                        self.notes.push(note);
                    }
                }
                Verdict::Failed(text) => self.failures.push(format!("{test}: {text}")),
            }
        }
        self.rows.push(row);
        self
    }

    /// Prints the table and what there is to say about it. Fails if any case did, or none ran.
    pub fn finish(self) -> ExitCode {
        println!("{:<22} {:>6} {:>10} {:>12} {:>6}", "", "passed", "exceptions", "not asked", "of");
        for row in self.rows.iter().filter(|row| row.total > 0) {
            let Row { name, passed, excepted, unsupported, total } = row;
            println!("{name:<22} {passed:>6} {excepted:>10} {unsupported:>12} {total:>6}");
        }
        for note in &self.notes {
            println!("  {note}");
        }
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        let ran = self.rows.iter().any(|row| row.total > 0);
        match self.failures.is_empty() && ran {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
