//! What `vmlog journal` was asked for: flags with journalctl's names, checked.

use super::expression::Expression;
use super::fields::Wanted;
use super::format::{Format, Style};
use super::json;
use super::zone::Zone;
use crate::cli::Failure;
use crate::journal::{Cursor, Id128, Matches, Namespaces};
use crate::time::Micros;
use clap::{Arg, ArgAction, ArgMatches, Command};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use std::path::PathBuf;

/// Where the journal of a machine is, when nothing else is asked for.
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// journalctl shows so many entries before it follows.
const FOLLOW_LINES: u64 = 10;

/// A compiled pattern of this size takes longer to build than to read a journal by hand.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) directories: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
    pub(super) namespaces: Namespaces,
    pub(super) action: Action,
}

/// What to do with the journal.
#[derive(Debug)]
pub(super) enum Action {
    Show(Box<Show>),
    /// `-F`: every value of a field.
    Values(Vec<u8>),
    /// `-N`: every field.
    Names,
    ListBoots,
    DiskUsage,
    /// `--header`: the figures of each file.
    Header,
    /// `--verify`: whether each file is what the format says.
    Verify,
}

impl Action {
    /// What the indexes can answer of it.
    pub(super) fn superset(&self) -> Matches {
        match self {
            Self::Show(show) => show.expression.superset(),
            _ => Matches::default(),
        }
    }
}

/// Entries to show.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) expression: Expression,
    pub(super) boot: Option<Boot>,
    pub(super) since: Option<Micros>,
    pub(super) until: Option<Micros>,
    pub(super) start: Start,
    pub(super) lines: Option<u64>,
    pub(super) reverse: bool,
    pub(super) follow: bool,
    pub(super) tell_cursor: bool,
    pub(super) format: Format,
}

/// Which boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boot {
    Id(Id128),
    /// 0 is the last, -1 the one before; 1 is the first.
    Offset(i64),
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the end that the order and the number of lines ask for.
    Natural,
    Cursor(Cursor),
    AfterCursor(Cursor),
}

/// `vmlog journal`.
pub(crate) fn command() -> Command {
    Command::new("journal")
        .about("Show the systemd journal, of this machine or from files")
        .long_about(
            "Reads journal files natively, with the flags of journalctl: of this machine, of a directory, \
             or single files, whatever version of systemd wrote them. Needs no systemd.",
        )
        .after_help("Exit codes: 0 done, 1 failed, 2 not understood")
        .args(source_arguments())
        .args(filter_arguments())
        .args(output_arguments())
        .args(action_arguments())
}

fn source_arguments() -> [Arg; 4] {
    [
        option(
            "directory",
            Some('D'),
            "DIR",
            "Read the journal in this directory",
        )
        .action(ArgAction::Append),
        option("file", None, "PATH", "Read this file; * and ? match names")
            .action(ArgAction::Append),
        option(
            "namespace",
            None,
            "NAME",
            "Read this namespace: NAME, +NAME (with the default one), *",
        ),
        flag("merge", Some('m'), "Read all machines (always on)"),
    ]
}

fn filter_arguments() -> [Arg; 14] {
    [
        option(
            "unit",
            Some('u'),
            "UNIT",
            "Entries of this unit, and about it",
        )
        .action(ArgAction::Append),
        option(
            "identifier",
            Some('t'),
            "NAME",
            "Entries with this syslog identifier",
        )
        .action(ArgAction::Append),
        option(
            "priority",
            Some('p'),
            "RANGE",
            "Priorities up to this one, or FROM..TO; names or 0-7",
        ),
        option(
            "boot",
            Some('b'),
            "ID",
            "Entries of this boot: an id, 0 (the last), -1 (the one before), 1 (the first)",
        )
        .num_args(0..=1)
        .default_missing_value("0")
        .allow_hyphen_values(true)
        .require_equals(false),
        flag("dmesg", Some('k'), "Kernel messages of the last boot"),
        option(
            "since",
            Some('S'),
            "TIME",
            "Entries not older than this: RFC 3339, YYYY-MM-DD [HH:MM[:SS]], -15m",
        )
        .allow_hyphen_values(true),
        option("until", Some('U'), "TIME", "Entries not newer than this").allow_hyphen_values(true),
        option("cursor", Some('c'), "CURSOR", "Begin at this entry"),
        option("after-cursor", None, "CURSOR", "Begin after this entry"),
        option(
            "grep",
            Some('g'),
            "PATTERN",
            "Entries whose message matches; lower-case patterns ignore case",
        ),
        option("case-sensitive", None, "BOOL", "Whether --grep heeds case")
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(["true", "false"]),
        option("lines", Some('n'), "N", "Show the last N entries, or all")
            .num_args(0..=1)
            .default_missing_value("10"),
        flag("reverse", Some('r'), "Newest first"),
        Arg::new("matches")
            .value_name("MATCH")
            .num_args(0..)
            .help("FIELD=value, /path/of/program, or + between alternatives"),
    ]
}

fn output_arguments() -> [Arg; 8] {
    [
        option("output", Some('o'), "FORMAT", "How entries are printed")
            .default_value("short")
            .value_parser(clap::builder::PossibleValuesParser::new(Style::NAMES)),
        option(
            "output-fields",
            None,
            "FIELDS",
            "Only these fields, comma-separated",
        ),
        flag("all", Some('a'), "Show long and unprintable fields whole"),
        flag("follow", Some('f'), "Go on with entries as they come"),
        flag(
            "show-cursor",
            None,
            "Print the cursor of the last entry at the end",
        ),
        flag("utc", None, "Times in UTC"),
        flag(
            "no-pager",
            None,
            "Accepted for journalctl's sake: there is no pager",
        ),
        flag("quiet", Some('q'), "Do not tell what could not be read"),
    ]
}

fn action_arguments() -> [Arg; 6] {
    [
        option("field", Some('F'), "FIELD", "List the values of a field"),
        flag("fields", Some('N'), "List the names of all fields"),
        flag("list-boots", None, "List the boots"),
        flag("disk-usage", None, "Say how much room the files take"),
        flag("header", None, "Show the figures of each file's header"),
        flag(
            "verify",
            None,
            "Check each file whole; seals are not checked, for that needs their key",
        ),
    ]
}

fn option(name: &'static str, short: Option<char>, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .short(short)
        .value_name(value)
        .help(help)
}

fn flag(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .short(short)
        .action(ArgAction::SetTrue)
        .help(help)
}

impl Request {
    /// Checks what was asked for. Relative times are relative to `now`.
    pub(super) fn check(matches: &ArgMatches, zone: &Zone, now: Micros) -> Result<Self, Failure> {
        let files = files(matches)?;
        let mut directories: Vec<PathBuf> = all(matches, "directory").map(PathBuf::from).collect();
        if directories.is_empty() && files.is_empty() {
            directories.extend(DIRECTORIES.map(PathBuf::from));
        }
        Ok(Self {
            directories,
            files,
            namespaces: namespaces(matches),
            action: action(matches, zone, now)?,
        })
    }
}

fn action(matches: &ArgMatches, zone: &Zone, now: Micros) -> Result<Action, Failure> {
    if let Some(field) = one(matches, "field") {
        return Ok(Action::Values(field.as_bytes().to_vec()));
    }
    for (name, action) in [
        ("fields", Action::Names),
        ("list-boots", Action::ListBoots),
        ("disk-usage", Action::DiskUsage),
        ("header", Action::Header),
        ("verify", Action::Verify),
    ] {
        if matches.get_flag(name) {
            return Ok(action);
        }
    }
    let zone = if matches.get_flag("utc") {
        Zone::utc()
    } else {
        zone.clone()
    };
    let follow = matches.get_flag("follow");
    let start = start(matches)?;
    let show = Show {
        expression: expression(matches)?,
        boot: boot(matches)?,
        since: time(matches, "since", &zone, now)?,
        until: time(matches, "until", &zone, now)?,
        start,
        lines: lines(matches, follow && start == Start::Natural)?,
        reverse: matches.get_flag("reverse"),
        follow,
        tell_cursor: matches.get_flag("show-cursor"),
        format: format(matches, &zone),
    };
    if show.follow && show.reverse {
        return Err(Failure::usage("--follow and --reverse exclude each other"));
    }
    Ok(Action::Show(Box::new(show)))
}

fn format(matches: &ArgMatches, zone: &Zone) -> Format {
    let named = one(matches, "output-fields")
        .map(|names| Wanted::only(names.split(',').map(str::to_owned)));
    let style = Style::named(one(matches, "output").unwrap_or("short"));
    Format {
        style,
        show_all: matches.get_flag("all"),
        wanted: named.unwrap_or_default(),
        zone: zone.clone(),
    }
}

fn one<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

fn all<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(name).into_iter().flatten()
}

fn files(matches: &ArgMatches) -> Result<Vec<PathBuf>, Failure> {
    let mut found = vec![];
    for pattern in all(matches, "file") {
        let is_pattern = pattern.contains(['*', '?', '[']);
        if !is_pattern {
            found.push(PathBuf::from(pattern));
            continue;
        }
        let names = glob::glob(pattern)
            .map_err(|error| Failure::usage(format!("--file {pattern:?}: {error}")))?;
        let before = found.len();
        found.extend(names.flatten());
        if found.len() == before {
            return Err(Failure::failed(format!(
                "--file {pattern:?} matches no file"
            )));
        }
    }
    Ok(found)
}

fn namespaces(matches: &ArgMatches) -> Namespaces {
    match one(matches, "namespace") {
        None => Namespaces::Default,
        Some("*") => Namespaces::All,
        Some(name) => match name.strip_prefix('+') {
            Some(name) => Namespaces::Named(vec![name.to_owned(), String::new()]),
            None => Namespaces::Named(vec![name.to_owned()]),
        },
    }
}

fn expression(matches: &ArgMatches) -> Result<Expression, Failure> {
    let mut parts = vec![];
    let terms: Vec<_> = all(matches, "matches").map(String::as_str).collect();
    if !terms.is_empty() {
        parts.push(Expression::of_matches(terms.into_iter())?);
    }
    let units: Vec<_> = all(matches, "unit")
        .map(|unit| Expression::of_unit(unit))
        .collect();
    let names =
        all(matches, "identifier").map(|name| Expression::is("SYSLOG_IDENTIFIER", name.as_str()));
    let names: Vec<_> = names.collect();
    parts.extend(
        [units, names]
            .into_iter()
            .filter(|ways| !ways.is_empty())
            .map(Expression::Any),
    );
    if let Some(range) = one(matches, "priority") {
        parts.push(priorities(range)?);
    }
    if matches.get_flag("dmesg") {
        parts.push(Expression::is("_TRANSPORT", "kernel"));
    }
    if let Some(pattern) = one(matches, "grep") {
        parts.push(Expression::Message(Box::new(pattern_of(
            pattern,
            one(matches, "case-sensitive"),
        )?)));
    }
    Ok(Expression::All(parts))
}

/// As journalctl has it: a pattern all in lower case ignores case, unless it is said otherwise.
fn pattern_of(pattern: &str, case_sensitive: Option<&str>) -> Result<Regex, Failure> {
    let heeds_case = case_sensitive.map_or(pattern.chars().any(char::is_uppercase), |given| {
        given == "true"
    });
    Regex::builder()
        .configure(Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX)))
        .syntax(
            syntax::Config::new()
                .case_insensitive(!heeds_case)
                .utf8(false),
        )
        .build(pattern)
        .map_err(|error| {
            Failure::usage(format!(
                "--grep {pattern:?}: {}",
                crate::pipeline::told(&error)
            ))
        })
}

const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

fn priorities(range: &str) -> Result<Expression, Failure> {
    let level = |name: &str| {
        let number = name
            .parse()
            .ok()
            .filter(|number| *number < PRIORITIES.len());
        number
            .or_else(|| PRIORITIES.iter().position(|known| *known == name))
            .ok_or_else(|| {
                Failure::usage(format!(
                    "--priority: expected 0-7, {}, or FROM..TO, found {range:?}",
                    PRIORITIES.join(", ")
                ))
            })
    };
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (level(from)?, level(to)?),
        None => (0, level(range)?),
    };
    let ways =
        (from.min(to)..=from.max(to)).map(|number| Expression::is("PRIORITY", number.to_string()));
    Ok(Expression::Any(ways.collect()))
}

fn boot(matches: &ArgMatches) -> Result<Option<Boot>, Failure> {
    let text = match one(matches, "boot") {
        Some(text) => text,
        None if matches.get_flag("dmesg") => "0",
        None => return Ok(None),
    };
    let id = text.parse().map(Boot::Id).ok();
    let offset = || text.parse().map(Boot::Offset).ok();
    let boot = id.or_else(offset);
    boot.map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "--boot: expected an id or a number, found {text:?}"
        ))
    })
}

fn time(
    matches: &ArgMatches,
    name: &str,
    zone: &Zone,
    now: Micros,
) -> Result<Option<Micros>, Failure> {
    let Some(text) = one(matches, name) else {
        return Ok(None);
    };
    let time = zone.parse(text, now);
    time.map(Some)
        .map_err(|error| Failure::usage(format!("--{name}: {error}")))
}

fn start(matches: &ArgMatches) -> Result<Start, Failure> {
    let cursor = |name: &str| match one(matches, name) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error| Failure::usage(format!("--{name}: {error}"))),
    };
    match (cursor("cursor")?, cursor("after-cursor")?) {
        (None, None) => Ok(Start::Natural),
        (Some(cursor), None) => Ok(Start::Cursor(cursor)),
        (None, Some(cursor)) => Ok(Start::AfterCursor(cursor)),
        (Some(_), Some(_)) => Err(Failure::usage(
            "--cursor and --after-cursor exclude each other",
        )),
    }
}

fn lines(matches: &ArgMatches, follows_from_the_end: bool) -> Result<Option<u64>, Failure> {
    match one(matches, "lines") {
        None if follows_from_the_end => Ok(Some(FOLLOW_LINES)),
        None | Some("all") => Ok(None),
        Some(text) => {
            let lines = text.parse().ok();
            lines.map(Some).ok_or_else(|| {
                Failure::usage(format!("--lines: expected a number or all, found {text:?}"))
            })
        }
    }
}

impl Style {
    /// The names of `--output`.
    pub(super) const NAMES: [&'static str; 14] = [
        "short",
        "short-iso",
        "short-iso-precise",
        "short-precise",
        "short-full",
        "short-monotonic",
        "short-unix",
        "cat",
        "json",
        "json-pretty",
        "json-seq",
        "json-sse",
        "export",
        "verbose",
    ];

    /// The style of a name that clap has let through.
    fn named(name: &str) -> Self {
        use super::short::Clock;
        match name {
            "short-iso" => Self::Short(Clock::Iso),
            "short-iso-precise" => Self::Short(Clock::IsoPrecise),
            "short-precise" => Self::Short(Clock::Precise),
            "short-full" => Self::Short(Clock::Full),
            "short-monotonic" => Self::Short(Clock::Monotonic),
            "short-unix" => Self::Short(Clock::Unix),
            "cat" => Self::Cat,
            "json" => Self::Json(json::Style::Lines),
            "json-pretty" => Self::Json(json::Style::Pretty),
            "json-seq" => Self::Json(json::Style::Sequence),
            "json-sse" => Self::Json(json::Style::Sse),
            "export" => Self::Export,
            "verbose" => Self::Verbose,
            _ => Self::Short(Clock::Syslog),
        }
    }
}
