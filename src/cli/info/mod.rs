//! Subcommands about the state of this machine's log: what went wrong, what it holds, and how to reach it.

pub(super) mod boots;
pub(super) mod compare;
pub(super) mod groups;
pub(super) mod open;
pub(super) mod problems;
pub(super) mod runs;
pub(super) mod sources;
pub(super) mod status;
pub(super) mod version;

mod address;
mod time;

pub(super) use address::OwnServer;

use super::failure::Failure;
use super::parameters::flag;
use super::settings::is_utf8;
use super::show::terminal_columns;
use super::terminal::output::{print_json, print_paged};
use super::terminal::table::{Align, table};
use super::terminal::text::{spans_of, taking, width};
use clap::Arg;
use std::io::IsTerminal;

/// `--json`.
fn json_argument() -> Arg {
    flag("json", "Print JSON, with the names of the API")
}

/// The first line of a text, without styles and control characters: one row of a table.
fn one_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    let spans = spans_of(line.unwrap_or_default().trim(), "", false);
    spans.iter().map(|span| span.text.as_str()).collect()
}

/// A count for people: nothing in place of 0.
fn count_or_blank(count: Option<u64>) -> String {
    count
        .filter(|count| *count > 0)
        .map_or_else(String::new, |count| count.to_string())
}

/// A table of counts, with the time of the last record before what is counted.
fn counts_table(counted: &'static str, cells: &[[String; 5]]) -> String {
    let headings = [
        ("RECORDS", Align::Right),
        ("ERRORS", Align::Right),
        ("WARNINGS", Align::Right),
        ("LAST RECORD", Align::Left),
        (counted, Align::Left),
    ];
    table(headings, cells)
}

/// Prints JSON for programs, or text for people.
fn print(
    is_json: bool,
    json: impl FnOnce() -> serde_json::Value,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if is_json {
        print_json(&json())
    } else {
        print_paged(&text())
    }
}

/// The same for a table: on a terminal, each of its lines takes one row. A pipe gets whole lines.
fn print_table(
    is_json: bool,
    json: impl FnOnce() -> serde_json::Value,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    print(is_json, json, || match terminal_width() {
        Some(columns) => cut_lines(&text(), columns, is_utf8()),
        None => text(),
    })
}

/// The width of standard output, if it is a terminal.
fn terminal_width() -> Option<usize> {
    std::io::stdout().is_terminal().then(terminal_columns)
}

fn cut_lines(text: &str, columns: usize, is_utf8: bool) -> String {
    let mark = if is_utf8 { '\u{2026}' } else { '~' };
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if width(line) > columns {
            out.push_str(taking(line.chars(), columns.saturating_sub(1)).trim_end());
            out.push(mark);
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_table_fit_the_terminal() {
        assert_eq!(cut_lines("NAME  TEXT\n", 10, true), "NAME  TEXT\n");
        assert_eq!(
            cut_lines("NAME  TEXT THAT IS LONG\na     b\n", 12, true),
            "NAME  TEXT\u{2026}\na     b\n"
        );
        assert_eq!(cut_lines("abcdef", 4, false), "abc~\n");
        assert_eq!(
            cut_lines("\u{65e5}\u{672c}\u{8a9e}", 5, true),
            "\u{65e5}\u{672c}\u{2026}\n"
        );
    }
}
