//! What was measured, as a line, a row of a table, and JSON.

use std::fmt;
use std::time::Duration;

use crate::options::{Case, RuntimeName};

/// A distribution in a few numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Summary {
    /// Samples.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// What 99 of 100 samples are not above.
    pub p99: Duration,
    /// The largest.
    pub max: Duration,
}

impl Summary {
    /// All zero if there is no sample.
    #[must_use]
    pub fn of(mut samples: Vec<Duration>) -> Summary {
        samples.sort_unstable();
        // The smallest value that this part of all is not above.
        let at = |per_cent: usize| {
            let rank = (samples.len() * per_cent).div_ceil(100);
            samples.get(rank.max(1) - 1).copied().unwrap_or(Duration::ZERO)
        };
        Summary { count: samples.len() as u64, p50: at(50), p99: at(99), max: at(100) }
    }

    fn numbers(&self) -> [u64; 4] {
        let ns = |time: Duration| time.as_nanos() as u64;
        [self.count, ns(self.p50), ns(self.p99), ns(self.max)]
    }

    fn of_numbers(numbers: &[u64]) -> Option<Summary> {
        let &[count, p50, p99, max] = numbers else { return None };
        let ns = Duration::from_nanos;
        Some(Summary { count, p50: ns(p50), p99: ns(p99), max: ns(max) })
    }

    fn json(&self) -> String {
        let [count, p50, p99, max] = self.numbers();
        format!("{{\"count\": {count}, \"p50_ns\": {p50}, \"p99_ns\": {p99}, \"max_ns\": {max}}}")
    }
}

/// One measurement.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Lateness of the ticker.
    pub ticker: Summary,
    /// Round trips.
    pub echo: Summary,
    /// Requests.
    pub sent: usize,
    /// Answers; fewer if some did not come within a minute.
    pub answered: usize,
    /// What the runtime says about itself, if anything.
    pub remark: String,
}

const LINE: &str = "outcome";

impl Outcome {
    pub(crate) fn lost(&self) -> usize {
        self.sent.saturating_sub(self.answered)
    }

    /// For the process that asked for it.
    pub(crate) fn to_line(&self) -> String {
        let mut line = LINE.to_owned();
        let (sent, answered) = (self.sent as u64, self.answered as u64);
        let all = [sent, answered].into_iter().chain(self.ticker.numbers());
        for number in all.chain(self.echo.numbers()) {
            line += &format!(" {number}");
        }
        line + " " + &self.remark
    }

    pub(crate) fn of_line(line: &str) -> Option<Outcome> {
        let mut parts = line.splitn(12, ' ');
        if parts.next() != Some(LINE) {
            return None;
        }
        let numbers: Vec<u64> =
            parts.by_ref().take(10).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        Some(Outcome {
            sent: *numbers.first()? as usize,
            answered: *numbers.get(1)? as usize,
            ticker: Summary::of_numbers(numbers.get(2..6)?)?,
            echo: Summary::of_numbers(numbers.get(6..10)?)?,
            remark: parts.next().unwrap_or("").to_owned(),
        })
    }
}

/// A measurement and what it is one of.
pub(crate) struct Row {
    pub(crate) runtime: RuntimeName,
    pub(crate) case: Case,
    pub(crate) outcome: Outcome,
}

pub(crate) const HEADER: &str = concat!(
    "                        ticker late, ms              echo, ms                    requests\n",
    "case            runtime      p50      p99      max       p50      p99      max     sent  answered",
);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:<15} {:<7}", self.case, self.runtime.as_str())?;
        let Outcome { ticker, echo, sent, answered, remark } = &self.outcome;
        for summary in [ticker, echo] {
            for time in [summary.p50, summary.p99, summary.max] {
                write!(f, " {:>8.2}", ms(time))?;
            }
            write!(f, " ")?;
        }
        write!(f, "{sent:>7} {answered:>9}  {remark}")
    }
}

/// All rows, one object each.
pub(crate) fn json(rows: &[Row]) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|Row { runtime, case, outcome }| {
            format!(
                "  {{\"runtime\": \"{}\", \"procs\": {}, \"blocking\": {}, \"computing\": {}, \
                 \"secs\": {}, \"sent\": {}, \"answered\": {},\n   \"ticker\": {},\n   \"echo\": {}}}",
                runtime.as_str(),
                case.procs,
                case.blocking,
                case.computing,
                case.time.as_secs_f64(),
                outcome.sent,
                outcome.answered,
                outcome.ticker.json(),
                outcome.echo.json(),
            )
        })
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_samples() {
        let ms = |range: std::ops::RangeInclusive<u64>| range.map(Duration::from_millis).collect();
        let summary = Summary::of(ms(1..=200));
        assert_eq!(summary.count, 200);
        assert_eq!(summary.p50, Duration::from_millis(100));
        assert_eq!(summary.p99, Duration::from_millis(198));
        assert_eq!(summary.max, Duration::from_millis(200));
        assert_eq!(Summary::of(ms(7..=7)).p50, Duration::from_millis(7));
        assert_eq!(Summary::of(Vec::new()).max, Duration::ZERO);
    }

    #[test]
    fn a_line_can_be_read_back() {
        let summary = |n| Summary::of(vec![Duration::from_nanos(n), Duration::from_nanos(3 * n)]);
        for remark in ["", "3 retakes, 1 regains"] {
            let outcome = Outcome {
                ticker: summary(5),
                echo: summary(7),
                sent: 9,
                answered: 8,
                remark: remark.to_owned(),
            };
            assert_eq!(Outcome::of_line(&outcome.to_line()), Some(outcome.clone()));
            assert_eq!(outcome.lost(), 1);
        }
        assert_eq!(Outcome::of_line("outcome 1 2 3"), None);
        assert_eq!(Outcome::of_line("something else"), None);
    }
}
