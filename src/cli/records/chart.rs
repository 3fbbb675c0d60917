//! `vmlog query --histogram`: counts over time as bars.

use crate::cli::endpoint::Backend;
use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, given};
use crate::cli::show;
use crate::cli::terminal::output::StandardOutput;
use crate::query::Histogram;
use crate::record::Level;
use clap::ArgMatches;
use std::fmt::Write as _;

/// Shows the counts: as bars, or as JSON or CSV for programs.
pub(super) fn run(
    endpoint: &mut Backend,
    parameters: &Parameters,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let histogram = endpoint.histogram(parameters)?;
    let mut output = StandardOutput::new();
    let text = match given(matches, "output") {
        Some("json" | "jsonl") => json(&histogram),
        Some("csv") => csv(&histogram),
        Some("pretty") | None => {
            let chart = Chart {
                columns: show::terminal_columns(),
                has_colour: show::has_colour(matches, output.is_terminal()),
                by: given(matches, "by").unwrap_or("level"),
            };
            let zone = show::zone(matches);
            let suffix = if matches.get_flag("utc") { "Z" } else { "" };
            chart.draw(&histogram, |time| {
                zone.print(time, "%Y-%m-%d %H:%M:%S") + suffix
            })
        }
        Some(other) => {
            return Err(Failure::usage(format!(
                "--output: a histogram is pretty, json, jsonl or csv, not {other}"
            )));
        }
    };
    output.buffer().extend_from_slice(text.as_bytes());
    output.flush()?;
    if histogram.is_partial {
        notice!(
            "the scan reached its time limit: only the newest records are counted; narrow it with --start"
        );
    }
    if histogram.outside > 0 {
        notice!(
            "{} records have a time before 1990 or more than a day ahead and are not counted; show them with --start and --end",
            histogram.outside
        );
    }
    for warning in &histogram.warnings {
        notice!("{warning}");
    }
    if histogram.unreadable > 0 {
        notice!(
            "{} records are in damaged blocks and were not counted; run `vmlog verify`",
            histogram.unreadable
        );
    }
    Ok(())
}

struct Chart<'a> {
    columns: usize,
    has_colour: bool,
    by: &'a str,
}

impl Chart<'_> {
    /// One line for each bucket between the first and the last that are not empty.
    fn draw(&self, histogram: &Histogram, time: impl Fn(crate::time::Micros) -> String) -> String {
        let totals: Vec<u64> = (0..histogram.buckets)
            .map(|index| total(histogram, index))
            .collect();
        let Some((first, last)) = ends(&totals) else {
            return "no records\n".to_owned();
        };
        let most = totals.iter().copied().max().unwrap_or(1).max(1);
        let digits = most.to_string().len();
        let mut text = String::new();
        for (index, total) in totals.iter().enumerate().take(last + 1).skip(first) {
            let offset = histogram
                .bucket_micros
                .saturating_mul(i64::try_from(index).unwrap_or(i64::MAX));
            let begin = time(histogram.start.plus(offset));
            let room = self
                .columns
                .saturating_sub(begin.len() + digits + 3)
                .max(10);
            // Writing to memory cannot fail.
            let _ = writeln!(
                text,
                "{begin} {total:>digits$} {}",
                self.bar(histogram, index, most, room)
            );
        }
        let _ = writeln!(
            text,
            "{} records, a line is {}{}",
            histogram.total,
            span(histogram.bucket_micros),
            self.legend(histogram)
        );
        text
    }

    /// A bar with the most severe level first, so that a short bar shows it too.
    fn bar(&self, histogram: &Histogram, index: usize, most: u64, room: usize) -> String {
        let mut bar = String::new();
        let (mut counted, mut drawn) = (0_u64, 0);
        for (place, (name, counts)) in histogram.series.iter().enumerate().rev() {
            counted += counts.get(index).copied().unwrap_or_default();
            let until = scaled(counted, most, room);
            let cells = until.saturating_sub(drawn);
            if cells > 0 {
                let (letter, colour) = self.look(name, place);
                let piece = letter.to_string().repeat(cells);
                if self.has_colour {
                    let _ = write!(bar, "\x1b[{colour}m{piece}\x1b[0m");
                } else {
                    bar.push_str(&piece);
                }
            }
            drawn = drawn.max(until);
        }
        bar
    }

    /// A letter and a colour for a series, so that series differ with and without colour.
    fn look(&self, name: &str, place: usize) -> (char, &'static str) {
        const PLACES: [(char, &str); 6] = [
            ('#', "36"),
            ('=', "35"),
            ('+', "34"),
            ('o', "32"),
            ('x', "33"),
            ('.', "96"),
        ];
        match name.parse::<Level>().ok().filter(|_| self.by == "level") {
            Some(Level::Error) => ('!', "31"),
            Some(Level::Warn) => ('=', "33"),
            Some(Level::Info) => ('-', "32"),
            Some(Level::Debug) => ('.', "2"),
            None => PLACES
                .get(place % PLACES.len())
                .copied()
                .unwrap_or(('#', "36")),
        }
    }

    fn legend(&self, histogram: &Histogram) -> String {
        let mut text = String::new();
        for (place, (name, counts)) in histogram.series.iter().enumerate().rev() {
            let sum: u64 = counts.iter().sum();
            if sum > 0 {
                let (letter, _) = self.look(name, place);
                let mut shown = vec![];
                crate::cli::terminal::escape::push_escaped(&mut shown, name.as_bytes());
                let _ = write!(text, "  {letter} {} {sum}", String::from_utf8_lossy(&shown));
            }
        }
        text
    }
}

fn total(histogram: &Histogram, index: usize) -> u64 {
    let counts = histogram
        .series
        .iter()
        .filter_map(|(_, counts)| counts.get(index));
    counts.sum()
}

/// The indexes of the first and the last value above zero.
fn ends(totals: &[u64]) -> Option<(usize, usize)> {
    let first = totals.iter().position(|total| *total > 0)?;
    Some((first, totals.iter().rposition(|total| *total > 0)?))
}

/// The cells of a bar; a count above zero has at least one.
fn scaled(count: u64, most: u64, room: usize) -> usize {
    let cells = u128::from(count) * room as u128 / u128::from(most);
    usize::try_from(cells)
        .unwrap_or(room)
        .max(usize::from(count > 0))
}

/// A duration in the form of `--start`: `5m`, `1h`, `500ms`.
fn span(micros: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    let fitting = UNITS
        .iter()
        .find(|(unit, _)| micros % unit == 0 && micros >= *unit);
    fitting.map_or_else(
        || format!("{micros}us"),
        |(unit, name)| format!("{}{name}", micros / unit),
    )
}

fn json(histogram: &Histogram) -> String {
    let buckets = (0..histogram.buckets).map(|index| {
        let counts = histogram.series.iter();
        let counts: serde_json::Map<_, _> = counts
            .map(|(name, counts)| (name.clone(), counts.get(index).copied().unwrap_or_default().into()))
            .collect();
        serde_json::json!({"start": bucket_start(histogram, index), "total": total(histogram, index), "counts": counts})
    });
    let buckets: Vec<_> = buckets.collect();
    let body = serde_json::json!({"bucketMicros": histogram.bucket_micros, "buckets": buckets, "total": histogram.total,
        "partial": histogram.is_partial, "scanned": histogram.scanned, "unreadable": histogram.unreadable});
    format!("{body}\n")
}

fn csv(histogram: &Histogram) -> String {
    let names: Vec<_> = histogram
        .series
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let mut text = format!("start,total,{}\r\n", names.join(","));
    for index in 0..histogram.buckets {
        let counts = histogram
            .series
            .iter()
            .map(|(_, counts)| counts.get(index).copied().unwrap_or_default());
        let counts: Vec<_> = counts.map(|count| count.to_string()).collect();
        let _ = write!(
            text,
            "{},{},{}\r\n",
            bucket_start(histogram, index),
            total(histogram, index),
            counts.join(",")
        );
    }
    text
}

fn bucket_start(histogram: &Histogram, index: usize) -> String {
    let offset = histogram
        .bucket_micros
        .saturating_mul(i64::try_from(index).unwrap_or(i64::MAX));
    histogram.start.plus(offset).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    fn histogram() -> Histogram {
        let series = [
            ("debug", [0, 0, 0, 0]),
            ("info", [0, 8, 0, 3]),
            ("warn", [0, 1, 0, 0]),
            ("error", [0, 1, 0, 2]),
        ];
        let series = series.map(|(name, counts)| (name.to_owned(), counts.to_vec()));
        Histogram {
            start: Micros::new(0),
            bucket_micros: 300_000_000,
            buckets: 4,
            series: series.to_vec(),
            total: 15,
            ..Histogram::default()
        }
    }

    fn chart(has_colour: bool) -> Chart<'static> {
        Chart {
            columns: 26,
            has_colour,
            by: "level",
        }
    }

    #[test]
    fn bars_are_as_long_as_there_are_records() {
        let text = chart(false).draw(&histogram(), |time| (time.get() / 1_000_000).to_string());
        let expected = "\
300 10 !=-----------------
600  0 
900  5 !!!!!!!---
15 records, a line is 5m  ! error 3  = warn 1  - info 11
";
        assert_eq!(text.lines().count(), expected.lines().count(), "{text}");
        assert!(text.contains("300 10 !"), "{text}");
        assert!(text.contains("600  0 \n"), "{text}");
        assert!(
            text.ends_with("15 records, a line is 5m  ! error 3  = warn 1  - info 11\n"),
            "{text}"
        );
        let longest = text.lines().map(str::len).next().unwrap_or_default();
        assert!(longest <= 26, "{text}");
    }

    #[test]
    fn an_empty_result_is_reported() {
        assert_eq!(
            chart(true).draw(&Histogram::default(), |_| String::new()),
            "no records\n"
        );
    }

    #[test]
    fn colour_is_used_only_on_request() {
        assert!(
            chart(true)
                .draw(&histogram(), |_| String::new())
                .contains("\x1b[31m!")
        );
        assert!(
            !chart(false)
                .draw(&histogram(), |_| String::new())
                .contains('\x1b')
        );
    }

    #[test]
    fn spans_are_written_as_they_are_typed() {
        let spans = [
            86_400_000_000,
            7_200_000_000,
            300_000_000,
            1_000_000,
            500_000,
            7,
        ]
        .map(span);
        assert_eq!(spans, ["1d", "2h", "5m", "1s", "500ms", "7us"]);
    }

    #[test]
    fn machine_formats_contain_every_bucket() {
        let value: serde_json::Value = serde_json::from_str(&json(&histogram())).expect("JSON");
        assert_eq!(
            value["buckets"][1]["counts"],
            serde_json::json!({"debug": 0, "info": 8, "warn": 1, "error": 1})
        );
        assert!(csv(&histogram()).starts_with(
            "start,total,debug,info,warn,error\r\n1970-01-01T00:00:00.000000Z,0,0,0,0,0\r\n"
        ));
    }
}
