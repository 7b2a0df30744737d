//! The picture: for each case, median, 99th percentile and maximum of both runtimes, on a log scale.

use std::fmt::Write;
use std::time::Duration;

use crate::options::RuntimeName;
use crate::outcome::{Row, Summary};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 412.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 336.0;
/// Left edge and width of the two panels.
const PANELS: [(f64, f64); 2] = [(80.0, 392.0), (552.0, 392.0)];

/// Powers of ten in seconds at the ends of the scale: 10 µs to 100 s.
const LOWEST: f64 = -5.0;
const HIGHEST: f64 = 2.0;

/// What gmp is to keep, while others block, in 99 cases of 100.
const PROMISE: Duration = Duration::from_millis(25);

fn color(runtime: RuntimeName) -> &'static str {
    match runtime {
        RuntimeName::Gmp => "#1a7f5a",
        RuntimeName::Tokio => "#c4562b",
        RuntimeName::Smol => "#4a6fb5",
    }
}

/// Where a duration is.
fn y(time: Duration) -> f64 {
    let log = time.as_secs_f64().max(1e-9).log10().clamp(LOWEST, HIGHEST);
    BOTTOM - (log - LOWEST) / (HIGHEST - LOWEST) * (BOTTOM - TOP)
}

/// The picture as a text.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<text x="{}" y="22" font-size="16" text-anchor="middle" fill="#222">Beside tasks that block 100 ms or compute 50 ms in each poll{}</text>
"##,
        WIDTH / 2.0,
        rows.first().map_or(String::new(), |row| format!(", {} Ps", row.case.procs)),
    );
    panel(&mut out, PANELS[0], "lateness of a 1 ms ticker", rows, |row| row.outcome.ticker);
    panel(&mut out, PANELS[1], "round trip of a TCP echo", rows, |row| row.outcome.echo);
    legend(&mut out);
    out + "</svg>\n"
}

fn panel(
    out: &mut String,
    (left, width): (f64, f64),
    title: &str,
    rows: &[Row],
    summary: impl Fn(&Row) -> Summary,
) {
    let right = left + width;
    let _ = writeln!(
        out,
        r##"<text x="{}" y="48" text-anchor="middle" font-size="14" fill="#222">{title}</text>"##,
        left + width / 2.0
    );
    for (power, label) in
        (-5..=2).zip(["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"])
    {
        let at = y(Duration::from_secs_f64(10f64.powi(power)));
        let _ = writeln!(
            out,
            r##"<line x1="{left}" x2="{right}" y1="{at:.1}" y2="{at:.1}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end" fill="#444">{label}</text>"##,
            left - 6.0,
            at + 4.0
        );
    }
    let (x, middle) = (left - 58.0, (TOP + BOTTOM) / 2.0);
    let _ = writeln!(
        out,
        r##"<text transform="translate({x}, {middle}) rotate(-90)" text-anchor="middle" fill="#222">time (log scale)</text>
<text x="{}" y="{}" text-anchor="middle" fill="#222">tasks beside it</text>"##,
        left + width / 2.0,
        BOTTOM + 38.0
    );
    let at = y(PROMISE);
    let _ = writeln!(
        out,
        r##"<line x1="{left}" x2="{right}" y1="{at:.1}" y2="{at:.1}" stroke="#888" stroke-dasharray="4 4"/><text x="{}" y="{:.1}" fill="#666" font-size="11">25 ms</text>"##,
        left + 4.0,
        at - 4.0
    );
    let _ = writeln!(
        out,
        r##"<rect x="{left}" y="{TOP}" width="{width}" height="{}" fill="none" stroke="#888"/>"##,
        BOTTOM - TOP
    );

    let mut cases: Vec<String> = Vec::new();
    for row in rows {
        let name = row.case.to_string();
        if !cases.contains(&name) {
            cases.push(name);
        }
    }
    let step = width / cases.len().max(1) as f64;
    for (i, name) in cases.iter().enumerate() {
        let middle = left + step * (i as f64 + 0.5);
        let _ = writeln!(
            out,
            r##"<text x="{middle:.1}" y="{}" text-anchor="middle" fill="#222">{name}</text>"##,
            BOTTOM + 20.0
        );
        for row in rows.iter().filter(|row| row.case.to_string() == *name) {
            let x = match row.runtime {
                RuntimeName::Gmp => middle - 14.0,
                RuntimeName::Tokio => middle + 14.0,
                RuntimeName::Smol => middle + 42.0,
            };
            mark(out, x, color(row.runtime), summary(row));
        }
    }
}

/// A dot for the median, a bar up to the 99th percentile, a whisker to the maximum.
fn mark(out: &mut String, x: f64, color: &str, summary: Summary) {
    let (p50, p99, max) = (y(summary.p50), y(summary.p99), y(summary.max));
    let (left, right) = (x - 6.0, x + 6.0);
    let _ = writeln!(
        out,
        r##"<g stroke="{color}" fill="{color}"><line x1="{x:.1}" x2="{x:.1}" y1="{p99:.1}" y2="{max:.1}"/><line x1="{left:.1}" x2="{right:.1}" y1="{max:.1}" y2="{max:.1}"/><rect x="{left:.1}" y="{p99:.1}" width="12" height="{:.1}" fill-opacity="0.35"/><line x1="{left:.1}" x2="{right:.1}" y1="{p99:.1}" y2="{p99:.1}" stroke-width="2.5"/><circle cx="{x:.1}" cy="{p50:.1}" r="3.5"/></g>"##,
        (p50 - p99).max(0.5)
    );
}

fn legend(out: &mut String) {
    let at = HEIGHT - 14.0;
    for (x, runtime) in [(80.0, RuntimeName::Gmp), (148.0, RuntimeName::Tokio)] {
        let _ = writeln!(
            out,
            r##"<rect x="{x}" y="{}" width="12" height="12" fill="{}"/><text x="{}" y="{at}" fill="#222">{}</text>"##,
            at - 10.0,
            color(runtime),
            x + 18.0,
            runtime.as_str()
        );
    }
    let _ = writeln!(
        out,
        r##"<text x="{}" y="{at}" text-anchor="end" fill="#444">dot: median, bar: up to the 99th percentile, whisker: up to the maximum</text>"##,
        WIDTH - 16.0
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Case;
    use crate::outcome::Outcome;

    #[test]
    fn the_scale_is_logarithmic_and_has_ends() {
        let step = y(Duration::from_millis(1)) - y(Duration::from_millis(10));
        assert!((step - (BOTTOM - TOP) / (HIGHEST - LOWEST)).abs() < 1e-6);
        assert_eq!(y(Duration::ZERO), BOTTOM);
        assert_eq!(y(Duration::from_secs(1_000_000)), TOP);
    }

    #[test]
    fn each_row_is_drawn_in_both_panels() {
        let summary = Summary::of(vec![Duration::from_millis(3)]);
        let rows: Vec<Row> = [RuntimeName::Gmp, RuntimeName::Tokio]
            .into_iter()
            .map(|runtime| Row {
                runtime,
                case: Case { procs: 2, blocking: 8, computing: 0, time: Duration::from_secs(1) },
                outcome: Outcome {
                    ticker: summary,
                    echo: summary,
                    sent: 1,
                    answered: 1,
                    remark: String::new(),
                },
            })
            .collect();
        let svg = svg(&rows);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert_eq!(svg.matches("8 block<").count(), 2);
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}
