//! Medians, ratios, and the two ways to print them.

use std::collections::HashMap;

use crate::workloads::{Better, Row};
use crate::{floor, markdown};

/// The runtime whose ratios the table shows.
pub(crate) const SUBJECT: &str = "gmp";

/// All figures of all rounds.
#[derive(Default)]
pub(crate) struct Figures(HashMap<(String, String), Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, row: String, runtime: String, figure: Option<f64>) {
        if let Some(figure) = figure {
            self.0.entry((row, runtime)).or_default().push(figure);
        }
    }

    fn sorted(&self, row: &str, runtime: &str) -> Option<Vec<f64>> {
        let mut figures = self.0.get(&(row.to_string(), runtime.to_string()))?.clone();
        figures.sort_unstable_by(f64::total_cmp);
        Some(figures)
    }

    pub(crate) fn median(&self, row: &str, runtime: &str) -> Option<f64> {
        let figures = self.sorted(row, runtime)?;
        let middle = figures.len() / 2;
        Some(if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            (figures[middle - 1] + figures[middle]) / 2.0
        })
    }

    /// (max - min) / median, of at least two figures.
    fn spread(&self, row: &str, runtime: &str) -> Option<f64> {
        let figures = self.sorted(row, runtime)?;
        let median = self.median(row, runtime)?;
        let range = figures.last()? - figures.first()?;
        (figures.len() > 1 && median.abs() > f64::EPSILON).then(|| range / median.abs())
    }
}

pub(crate) struct Table<'a> {
    pub(crate) rows: Vec<&'a Row>,
    pub(crate) runtimes: &'a [String],
    pub(crate) figures: &'a Figures,
}

impl Table<'_> {
    /// For a terminal.
    pub(crate) fn plain(&self) -> String {
        markdown::plain(&self.cells(), 2)
    }

    pub(crate) fn markdown(&self) -> String {
        markdown::table(&self.cells(), 2)
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let mut head = vec!["row".to_string(), "unit".to_string()];
        head.extend(self.runtimes.iter().cloned());
        head.extend(["gmp / best peer", "tokio / gmp", "spread"].map(str::to_string));
        let mut cells = vec![head];
        for row in &self.rows {
            let mut line = vec![row.label.to_string(), row.unit.to_string()];
            line.extend(
                self.runtimes.iter().map(|runtime| figure(self.figures.median(&row.name, runtime))),
            );
            line.push(ratio(self.to_best_peer(row)));
            line.push(ratio(self.to_subject(row, "tokio")));
            line.push(self.worst_spread(row).map_or("-".into(), |s| format!("{:.0} %", s * 100.0)));
            cells.push(line);
        }
        cells
    }

    /// What the subject takes against what the best of the others takes: below 1 it is ahead.
    fn to_best_peer(&self, row: &Row) -> Option<f64> {
        let ours = self.figures.median(&row.name, SUBJECT)?;
        self.runtimes
            .iter()
            // The floor is no runtime.
            .filter(|runtime| *runtime != SUBJECT && *runtime != floor::NAME)
            .filter_map(|runtime| self.figures.median(&row.name, runtime))
            .filter_map(|theirs| cost_ratio(row, ours, theirs))
            .max_by(f64::total_cmp)
    }

    /// What a runtime takes against what the subject takes: above 1 the subject is ahead.
    pub(crate) fn to_subject(&self, row: &Row, runtime: &str) -> Option<f64> {
        let theirs = self.figures.median(&row.name, runtime)?;
        cost_ratio(row, theirs, self.figures.median(&row.name, SUBJECT)?)
    }

    /// The largest spread of any runtime in the row.
    fn worst_spread(&self, row: &Row) -> Option<f64> {
        let spreads = self.runtimes.iter().filter_map(|r| self.figures.spread(&row.name, r));
        spreads.max_by(f64::total_cmp)
    }
}

/// `ours / theirs` as costs: inverted where more is better. `None` where a ratio says nothing: a
/// figure is zero, or negative (a sleep that was early).
fn cost_ratio(row: &Row, ours: f64, theirs: f64) -> Option<f64> {
    if ours <= 0.0 || theirs <= 0.0 {
        return None;
    }
    Some(match row.better {
        Better::Lower => ours / theirs,
        Better::Higher => theirs / ours,
    })
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_string(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or("-".to_string(), |value| format!("{value:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better) -> Row {
        Row { name: "r".into(), label: "a row".into(), unit: "ns", better }
    }

    fn figures(all: &[(&str, &[f64])]) -> Figures {
        let mut figures = Figures::default();
        for (runtime, values) in all {
            for value in *values {
                figures.add("r".into(), runtime.to_string(), Some(*value));
            }
        }
        figures
    }

    #[test]
    fn medians_and_spread() {
        let figures = figures(&[("gmp", &[30.0, 10.0, 20.0]), ("nio", &[1.0, 3.0])]);
        assert_eq!(figures.median("r", "gmp"), Some(20.0));
        assert_eq!(figures.median("r", "nio"), Some(2.0));
        assert_eq!(figures.median("r", "smol"), None);
        assert_eq!(figures.spread("r", "gmp"), Some(1.0));
    }

    #[test]
    fn ratios_name_the_best_peer() {
        let runtimes = ["gmp", "tokio", "nio", "floor"].map(str::to_string);
        let figures = figures(&[
            ("gmp", &[200.0]),
            ("tokio", &[600.0]),
            ("nio", &[100.0]),
            // Not a peer, whatever it takes.
            ("floor", &[1.0]),
        ]);
        let lower = row(Better::Lower);
        let table = Table { rows: vec![&lower], runtimes: &runtimes, figures: &figures };
        assert_eq!(table.to_best_peer(&lower), Some(2.0));
        assert_eq!(table.to_subject(&lower, "nio"), Some(0.5));
        assert_eq!(table.to_subject(&lower, "tokio"), Some(3.0));

        // The same figures as throughput: tokio is the best peer, three times ahead of gmp.
        let higher = row(Better::Higher);
        assert_eq!(table.to_best_peer(&higher), Some(3.0));
        assert_eq!(table.to_subject(&higher, "tokio"), Some(200.0 / 600.0));
    }

    #[test]
    fn a_missing_runtime_leaves_dashes() {
        let runtimes = ["gmp", "tokio"].map(str::to_string);
        let figures = figures(&[("tokio", &[5.0])]);
        let lower = row(Better::Lower);
        let table = Table { rows: vec![&lower], runtimes: &runtimes, figures: &figures };
        assert!(table.markdown().contains("| a row | ns | - | 5.00 | - | - | - |"));
    }
}
