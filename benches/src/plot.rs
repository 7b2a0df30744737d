//! Pictures of the tables, as SVG on a white ground, so that they can be read on any page.
//!
//! A group of rows is a picture of dots: a line for each row, a dot for each runtime, further to the right
//! the more it takes against gmp, on a logarithmic scale. Scale is lines over the number of workers.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table::{Table, SUBJECT};
use crate::workloads::Row;

/// File name, title, and the first words of the names of its rows.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("spawn", "Spawning and joining", &["spawn", "join", "chain", "skynet", "fib", "blocking"]),
    (
        "wake",
        "Waking, switching, and work from outside",
        &["yield", "pingpong", "ring", "wake", "call"],
    ),
    (
        "sync",
        "Channels and locks",
        &["fan-in", "mutex", "rwlock", "semaphore", "broadcast", "watch"],
    ),
    ("time-io", "Timers, HTTP and memory", &["sleep", "timeout", "http", "task-bytes", "start"]),
    (
        "io",
        "Sockets, streams and files",
        &["echo", "accept", "udp", "conn", "duplex", "copy", "fs-read"],
    ),
    ("hogs", "Beside tasks that block or compute", &["block-", "compute-"]),
];

const BLACK_INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GREY: RGBColor = RGBColor(0x70, 0x70, 0x70);
const LIGHT: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

fn color(runtime: &str) -> RGBColor {
    match runtime {
        "gmp" => RGBColor(0x1a, 0x7f, 0x5a),
        "tokio" => RGBColor(0xc4, 0x56, 0x2b),
        "smol" => RGBColor(0x4a, 0x6f, 0xb5),
        "nio" => RGBColor(0xa0, 0x3c, 0x9c),
        "go" => RGBColor(0x1f, 0xa5, 0xc4),
        _ => RGBColor(0x99, 0x99, 0x99),
    }
}

fn style(size: i32, color: &RGBColor, pos: HPos) -> TextStyle<'_> {
    ("sans-serif", size).into_font().color(color).pos(Pos::new(pos, VPos::Center))
}

/// A picture for each group that has a row with figures.
pub(crate) fn groups(folder: &Path, table: &Table<'_>) -> Result<(), String> {
    for (file, title, prefixes) in GROUPS {
        let rows: Vec<Line> = table
            .rows
            .iter()
            .filter(|row| prefixes.iter().any(|prefix| row.name.starts_with(prefix)))
            .filter_map(|row| Line::of(table, row))
            .collect();
        if !rows.is_empty() {
            save(folder, file, |text| dots(text, title, table.runtimes, &rows))?;
        }
    }
    Ok(())
}

/// A row: what each runtime takes against gmp, in the order of the table's columns.
struct Line {
    label: String,
    ratios: Vec<(String, f64)>,
}

impl Line {
    fn of(table: &Table<'_>, row: &Row) -> Option<Line> {
        let ratio = |name: &String| Some((name.clone(), table.to_subject(row, name)?));
        let ratios: Vec<_> = table.runtimes.iter().filter_map(ratio).collect();
        // Nothing to see beside oneself.
        let beside = ratios.iter().any(|(name, _)| name != SUBJECT);
        beside.then(|| Line { label: row.label.replace('`', ""), ratios })
    }
}

fn save(
    folder: &Path,
    file: &str,
    draw: impl FnOnce(&mut String) -> Result<(), String>,
) -> Result<(), String> {
    let mut text = String::new();
    draw(&mut text).map_err(|err| format!("cannot draw {file}: {err}"))?;
    let path = folder.join(format!("{file}.svg"));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|err| format!("cannot write {path:?}: {err}"))
}

const WIDTH: u32 = 900;
const LEFT: i32 = 330;
const RIGHT: i32 = 870;
const TOP: i32 = 74;
const STEP: i32 = 26;

/// The powers of two or ten between which all ratios lie, as the ends of the scale.
fn ends(ratios: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (0.5f64, 2.0f64);
    for ratio in ratios {
        low = low.min(ratio);
        high = high.max(ratio);
    }
    (low / 1.15, high * 1.15)
}

/// Where a ratio is on a logarithmic scale between two ends.
fn place(ratio: f64, (low, high): (f64, f64)) -> i32 {
    let share = (ratio / low).ln() / (high / low).ln();
    LEFT + (share.clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)).round() as i32
}

/// 1, 2 and 5 of each power of ten within the ends, thinned where they would touch.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let steps: &[f64] = if high / low > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (-6..7).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    powers.filter(|tick| (low..=high).contains(tick)).collect()
}

fn dots(text: &mut String, title: &str, runtimes: &[String], rows: &[Line]) -> Result<(), String> {
    let bottom = TOP + STEP * rows.len() as i32;
    let area = SVGBackend::with_string(text, (WIDTH, bottom as u32 + 56)).into_drawing_area();
    let told = |err: DrawingAreaErrorKind<_>| format!("{err}");
    area.fill(&WHITE).map_err(told)?;
    let write = |words: &str, size, color, pos, at| {
        area.draw_text(words, &style(size, color, pos), at).map_err(told)
    };
    write(title, 18, &BLACK_INK, HPos::Left, (16, 24))?;

    // The legend.
    let mut x = LEFT;
    for runtime in runtimes {
        area.draw(&Circle::new((x, 50), 5, color(runtime).filled())).map_err(told)?;
        write(runtime, 13, &BLACK_INK, HPos::Left, (x + 10, 50))?;
        x += 80;
    }

    let scale = ends(rows.iter().flat_map(|row| row.ratios.iter().map(|(_, ratio)| *ratio)));
    for tick in ticks(scale) {
        let x = place(tick, scale);
        // 1 is gmp's own line.
        let color = if (tick - 1.0).abs() < 1e-9 { GREY } else { LIGHT };
        area.draw(&PathElement::new([(x, TOP), (x, bottom)], color)).map_err(told)?;
        write(&format!("{tick}"), 12, &GREY, HPos::Center, (x, bottom + 14))?;
    }
    let below = "cost against gmp's, logarithmic: to the right of 1, gmp is ahead";
    write(below, 12, &GREY, HPos::Center, ((LEFT + RIGHT) / 2, bottom + 36))?;

    for (i, row) in rows.iter().enumerate() {
        let y = TOP + STEP * i as i32 + STEP / 2;
        area.draw(&PathElement::new([(LEFT, y), (RIGHT, y)], LIGHT)).map_err(told)?;
        write(&row.label, 13, &BLACK_INK, HPos::Right, (LEFT - 12, y))?;
        // gmp last: on top of a peer that takes as much.
        let (ours, others): (Vec<_>, _) = row.ratios.iter().partition(|(name, _)| name == SUBJECT);
        for (name, ratio) in others.into_iter().chain(ours) {
            let dot = Circle::new((place(*ratio, scale), y), 5, color(name).filled());
            area.draw(&dot).map_err(told)?;
        }
    }
    area.present().map_err(told)
}

/// A row of `gmp-bench scale`: a line of figures by workers for each runtime.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) lines: Vec<(String, Vec<(usize, f64)>)>,
}

pub(crate) fn scale(folder: &Path, panels: &[Panel]) -> Result<(), String> {
    save(folder, "scale", |text| lines(text, panels))
}

fn lines(text: &mut String, panels: &[Panel]) -> Result<(), String> {
    let told = |err: DrawingAreaErrorKind<_>| format!("{err}");
    let count = panels.len().max(1) as u32;
    let area = SVGBackend::with_string(text, (300 * count, 350)).into_drawing_area();
    area.fill(&WHITE).map_err(told)?;
    let (legend, charts) = area.split_vertically(32);
    // The same runtimes in each panel.
    let runtimes = panels.first().into_iter().flat_map(|panel| &panel.lines);
    for (i, (runtime, _)) in runtimes.enumerate() {
        let x = 30 + 80 * i as i32;
        legend.draw(&Circle::new((x, 20), 5, color(runtime).filled())).map_err(told)?;
        legend
            .draw_text(runtime, &style(13, &BLACK_INK, HPos::Left), (x + 10, 20))
            .map_err(told)?;
    }
    for (area, panel) in charts.split_evenly((1, count as usize)).iter().zip(panels) {
        let figures = panel.lines.iter().flat_map(|(_, points)| points);
        let most = figures.map(|(_, figure)| *figure).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(&panel.title, style(14, &BLACK_INK, HPos::Center))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(52)
            .build_cartesian_2d((1f64..64f64).log_scale().base(2.0), 0.0..most * 1.1 + 1.0)
            .map_err(told)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(LIGHT)
            .axis_style(GREY)
            .x_desc("workers, logarithmic")
            .x_label_formatter(&|workers| format!("{workers:.0}"))
            .y_label_formatter(&|figure| format!("{figure:.0}"))
            .label_style(style(12, &BLACK_INK, HPos::Center))
            .draw()
            .map_err(told)?;
        for (runtime, points) in &panel.lines {
            let color = color(runtime);
            let points: Vec<_> = points.iter().map(|&(w, figure)| (w as f64, figure)).collect();
            chart
                .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))
                .map_err(told)?;
            let dots = points.into_iter().map(|point| Circle::new(point, 4, color.filled()));
            chart.draw_series(dots).map_err(told)?;
        }
    }
    area.present().map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Figures;
    use crate::workloads::Better;

    #[test]
    fn the_scale_holds_all_ratios() {
        let scale = ends([0.1, 40.0].into_iter());
        assert!(scale.0 < 0.1 && scale.1 > 40.0);
        assert!(place(0.1, scale) > LEFT && place(40.0, scale) < RIGHT);
        // Logarithmic: equal factors, equal ways.
        let way = |from, to| place(to, scale) - place(from, scale);
        assert!((way(0.5, 1.0) - way(1.0, 2.0)).abs() <= 1);
        assert_eq!(ticks((0.4, 6.0)), [0.5, 1.0, 2.0, 5.0]);
        assert_eq!(ticks((0.01, 20.0)), [0.01, 0.1, 1.0, 10.0]);
    }

    #[test]
    fn a_row_has_a_dot_for_each_runtime_with_a_figure() {
        let runtimes = ["gmp", "tokio", "nio"].map(str::to_string);
        let mut figures = Figures::default();
        for (runtime, figure) in [("gmp", 10.0), ("tokio", 20.0)] {
            figures.add("chain".into(), runtime.into(), Some(figure));
        }
        let row = |name: &'static str| Row {
            name: name.into(),
            label: "a <chain> & more".into(),
            unit: "ns",
            better: Better::Lower,
        };
        let (measured, empty) = (row("chain"), row("fib"));
        let table = Table { rows: vec![&measured, &empty], runtimes: &runtimes, figures: &figures };
        assert!(Line::of(&table, &empty).is_none());
        let line = Line::of(&table, &measured).unwrap();
        assert_eq!(line.ratios, [("gmp".to_string(), 1.0), ("tokio".to_string(), 2.0)]);
        let mut svg = String::new();
        dots(&mut svg, "title", &runtimes, &[line]).unwrap();
        // Three in the legend, two in the row.
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains("a &lt;chain&gt; &amp; more") && svg.contains("fill=\"#FFFFFF\""));
    }

    #[test]
    fn scale_has_a_panel_for_each_row() {
        let line = |runtime: &str| (runtime.to_string(), vec![(1, 5.0), (8, 7.0), (64, 9.0)]);
        let panel =
            |title: &str| Panel { title: title.into(), lines: vec![line("gmp"), line("tokio")] };
        let mut svg = String::new();
        lines(&mut svg, &[panel("one"), panel("two")]).unwrap();
        // Two lines of three dots in each, and one legend.
        assert_eq!(svg.matches("<circle").count(), 2 * 2 * 3 + 2);
        assert!(svg.contains("one") && svg.contains("two"));
    }
}
