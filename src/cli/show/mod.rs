//! How records are printed: for people, and for programs.

mod export;
mod fields;
mod highlight;
mod json;
mod message;
mod pretty;
mod screen;

use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, flag, given, long, option};
use crate::cli::settings::{is_utf8, variable};
use crate::cli::terminal::output::StandardOutput;
use crate::cli::terminal::refuses_colour;
use crate::record::StoredRecord;
use crate::server::write_csv;
use crate::time::Zone;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches};
use highlight::Highlighter;
use screen::Screen;

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputFormat {
    /// One line per record, for people.
    Pretty,
    /// One array.
    Json,
    /// One object per line.
    JsonLines,
    /// RFC 4180.
    Csv,
    /// Only the message.
    Cat,
    /// The journal export format.
    Export,
}

impl OutputFormat {
    pub(super) const NAMES: [&'static str; 6] = ["pretty", "json", "jsonl", "csv", "cat", "export"];

    fn named(name: &str) -> Self {
        match name {
            "json" => Self::Json,
            "jsonl" => Self::JsonLines,
            "csv" => Self::Csv,
            "cat" => Self::Cat,
            "export" => Self::Export,
            _ => Self::Pretty,
        }
    }
}

/// Prints records.
#[derive(Debug)]
pub(super) struct Printer {
    style: OutputFormat,
    zone: Zone,
    /// How times are printed.
    pattern: &'static str,
    has_ids: bool,
    has_colour: bool,
    /// Whether output goes to a terminal, where control characters are escaped.
    is_terminal: bool,
    /// The layout for a terminal.
    screen: Screen,
    records: u64,
}

/// The arguments for the output format.
pub(super) fn arguments(default: &'static str) -> [Arg; 4] {
    [
        option("output", 'o', "FORMAT", "How records are printed")
            .default_value(default)
            .value_parser(PossibleValuesParser::new(OutputFormat::NAMES)),
        flag(
            "ids",
            "Start each line with the record's ID, for --around and --after",
        ),
        flag("utc", "Show and read times in UTC"),
        colour_argument(),
    ]
}

/// The argument for the use of colour.
pub(super) fn colour_argument() -> Arg {
    long(
        "color",
        "WHEN",
        "When to use color; auto: on a terminal, unless NO_COLOR is set",
    )
    .default_value("auto")
    .value_parser(PossibleValuesParser::new(["auto", "always", "never"]))
}

/// Whether `--color` and the terminal allow colour.
pub(super) fn has_colour(matches: &ArgMatches, is_terminal: bool) -> bool {
    match given(matches, "color") {
        Some("always") => true,
        Some("never") => false,
        _ => is_terminal && !refuses_colour(),
    }
}

/// The time zone that the arguments select.
pub(super) fn zone(matches: &ArgMatches) -> Zone {
    if matches.get_flag("utc") {
        Zone::utc()
    } else {
        Zone::local()
    }
}

impl Printer {
    /// A printer with the options of the command line. The text that `parameters` search for is marked.
    pub(super) fn new(matches: &ArgMatches, parameters: &Parameters, is_terminal: bool) -> Self {
        let mut screen = Screen::new(
            terminal_columns(),
            zone(matches),
            Highlighter::new(parameters),
        );
        screen.has_colour = has_colour(matches, is_terminal);
        screen.is_utf8 = is_utf8();
        screen.has_ids = matches.get_flag("ids");
        screen.zone_name = if matches.get_flag("utc") { " UTC" } else { "" };
        Self {
            screen,
            style: OutputFormat::named(given(matches, "output").unwrap_or_default()),
            zone: zone(matches),
            pattern: if matches.get_flag("utc") {
                "%Y-%m-%d %H:%M:%S%.3fZ"
            } else {
                "%Y-%m-%d %H:%M:%S%.3f"
            },
            has_ids: matches.get_flag("ids"),
            has_colour: has_colour(matches, is_terminal),
            is_terminal,
            records: 0,
        }
    }

    /// Prints the part before the first record.
    pub(super) fn begin(&self, output: &mut StandardOutput) {
        match self.style {
            OutputFormat::Json => output.buffer().push(b'['),
            OutputFormat::Csv => {
                output.buffer().extend_from_slice(CSV_HEAD);
                let end: &[u8] = if self.is_terminal { b"\n" } else { b"\r\n" };
                output.buffer().extend_from_slice(end);
            }
            _ => {}
        }
    }

    /// Prints a record. Returns `false` if the reader has closed the output.
    pub(super) fn print(
        &mut self,
        output: &mut StandardOutput,
        stored: &StoredRecord,
    ) -> Result<bool, Failure> {
        let out = output.buffer();
        match self.style {
            OutputFormat::Pretty if self.is_terminal => self.screen.push(out, stored),
            OutputFormat::Pretty => self.pretty(out, stored),
            OutputFormat::Json => {
                out.extend_from_slice(if self.records == 0 { b"\n" } else { b",\n" });
                json::push(out, stored, self.is_terminal);
            }
            OutputFormat::JsonLines => {
                json::push(out, stored, self.is_terminal);
                out.push(b'\n');
            }
            OutputFormat::Csv if self.is_terminal => {
                let mut line = vec![];
                write_csv(&mut line, stored);
                crate::cli::terminal::escape::push_escaped(out, line.trim_ascii_end());
                out.push(b'\n');
            }
            OutputFormat::Csv => write_csv(out, stored),
            OutputFormat::Cat => pretty::push_cat(out, &stored.record, self.is_terminal),
            OutputFormat::Export => export::push(out, stored),
        }
        self.records += 1;
        output.advance()
    }

    fn pretty(&self, out: &mut Vec<u8>, stored: &StoredRecord) {
        if self.has_ids {
            out.extend_from_slice(format!("{:>8} ", stored.id.0).as_bytes());
        }
        let time = self.zone.print(stored.record.timestamp, self.pattern);
        pretty::push(
            out,
            &time,
            &stored.record,
            self.has_colour,
            self.is_terminal,
        );
    }

    /// Prints the part after the last record.
    pub(super) fn end(&self, output: &mut StandardOutput) {
        if self.style == OutputFormat::Json {
            output
                .buffer()
                .extend_from_slice(if self.records == 0 { b"]\n" } else { b"\n]\n" });
        }
    }

    /// Records printed so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn style(&self) -> OutputFormat {
        self.style
    }
}

const CSV_HEAD: &[u8] = b"id,timestamp,source,level,message,metadata";

/// The width of a terminal that does not report it.
const COLUMNS_DEFAULT: usize = 80;

/// The width of the terminal.
pub(super) fn terminal_columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let asked = size.map(|size| usize::from(size.ws_col));
    let named = || variable("COLUMNS")?.parse().ok();
    asked
        .filter(|columns| *columns > 0)
        .or_else(named)
        .unwrap_or(COLUMNS_DEFAULT)
}
