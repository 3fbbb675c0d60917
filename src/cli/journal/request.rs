//! What `vmlog journal` was asked for: flags with journalctl's names, checked.

use super::expression::Expression;
use super::fields::Wanted;
use super::format::{Format, Style};
use super::json;
use super::units;
use crate::cli::Failure;
use crate::collect::{is_wild, paths_of_pattern};
use crate::journal::{Cursor, Id128, JournalOptions, Matches, Namespaces};
use crate::time::{Micros, Zone};
use clap::ArgMatches;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use std::path::{Path, PathBuf};

/// Where the journal of a machine is, when nothing else is asked for.
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// journalctl shows so many entries before it follows.
const FOLLOW_LINES: u64 = 10;

/// A compiled pattern of this size takes longer to build than to read a journal by hand.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) sources: Sources,
    pub(super) action: Action,
}

/// Whose journal.
#[derive(Debug)]
pub(super) struct Sources {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
    namespaces: Namespaces,
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
    pub(super) lines: Option<Lines>,
    /// Nothing found is a failure, as grep has it.
    pub(super) must_find: bool,
    pub(super) remarks: Remarks,
    pub(super) reverse: bool,
    pub(super) follow: bool,
    pub(super) format: Format,
}

/// Which boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boot {
    Id(Id128),
    /// 0 is the last, -1 the one before; 1 is the first.
    Offset(i64),
    /// So many behind this one.
    Beside(Id128, i64),
}

/// `--lines`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    First(u64),
    Last(u64),
}

/// What is said beside the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Remarks {
    /// Where a boot begins.
    pub(super) boots: bool,
    /// That there is no entry.
    pub(super) nothing: bool,
    /// Where the last entry is: `--show-cursor`.
    pub(super) cursor: bool,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the end that the order and the number of lines ask for.
    Natural,
    Cursor(Cursor),
    AfterCursor(Cursor),
}

impl Request {
    /// Checks what was asked for. Relative times are relative to `now`.
    pub(super) fn check(matches: &ArgMatches, zone: &Zone, now: Micros) -> Result<Self, Failure> {
        let files = files(matches)?;
        let directories = all(matches, "directory").map(|path| named("--directory", path));
        let mut directories = directories.collect::<Result<Vec<_>, _>>()?;
        if directories.is_empty() && files.is_empty() {
            directories.extend(DIRECTORIES.map(PathBuf::from));
        }
        let sources = Sources {
            directories,
            files,
            namespaces: namespaces(matches),
        };
        let action = match listed(matches) {
            Some(action) => action,
            None => Action::Show(Box::new(show(matches, &sources, zone, now)?)),
        };
        Ok(Self { sources, action })
    }
}

impl Sources {
    /// What is to be read, for a journal.
    pub(super) fn options(&self, matches: Matches) -> JournalOptions {
        JournalOptions {
            directories: self.directories.clone(),
            files: self.files.clone(),
            namespaces: self.namespaces.clone(),
            matches,
            ..JournalOptions::default()
        }
    }
}

/// What is asked for other than entries.
fn listed(matches: &ArgMatches) -> Option<Action> {
    if let Some(field) = one(matches, "field") {
        return Some(Action::Values(field.as_bytes().to_vec()));
    }
    let flags = [
        ("fields", Action::Names),
        ("list-boots", Action::ListBoots),
        ("disk-usage", Action::DiskUsage),
        ("header", Action::Header),
        ("verify", Action::Verify),
    ];
    let mut asked = flags.into_iter().filter(|(name, _)| matches.get_flag(name));
    asked.next().map(|(_, action)| action)
}

fn show(
    matches: &ArgMatches,
    sources: &Sources,
    zone: &Zone,
    now: Micros,
) -> Result<Show, Failure> {
    let zone = if matches.get_flag("utc") {
        Zone::utc()
    } else {
        zone.clone()
    };
    let follow = matches.get_flag("follow");
    let start = start(matches)?;
    let lines = lines(matches, follow && start == Start::Natural)?;
    let greps = one(matches, "grep").is_some();
    // As journalctl has it: the last that match are found from the end.
    let from_the_end = greps && !follow && matches!(lines, Some(Lines::Last(_)));
    let show = Show {
        expression: expression(matches, sources)?,
        boot: boot(matches)?,
        since: time(matches, "since", &zone, now)?,
        until: time(matches, "until", &zone, now)?,
        start,
        lines,
        must_find: greps && !follow,
        remarks: remarks(matches, follow),
        reverse: matches.get_flag("reverse") || from_the_end,
        follow,
        format: format(matches, &zone),
    };
    if show.follow && show.reverse {
        return Err(Failure::usage("--follow and --reverse exclude each other"));
    }
    if show.reverse && matches!(show.lines, Some(Lines::First(_))) {
        return Err(Failure::usage(
            "--lines=+N and --reverse exclude each other",
        ));
    }
    Ok(show)
}

fn remarks(matches: &ArgMatches, follow: bool) -> Remarks {
    let style = Style::named(one(matches, "output").unwrap_or("short"));
    let for_people = matches!(style, Style::Short(_) | Style::Verbose);
    let wanted = for_people && !matches.get_flag("quiet");
    Remarks {
        boots: wanted && !matches.get_flag("merge"),
        nothing: wanted && !follow,
        cursor: matches.get_flag("show-cursor"),
    }
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

/// What stands behind a flag whose value may be left out, when it is a match: `-b _PID=1`.
fn stray_match<'a>(matches: &'a ArgMatches, flag: &str) -> Option<&'a str> {
    one(matches, flag).filter(|value| value.contains('='))
}

fn one<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

fn all<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(name).into_iter().flatten()
}

/// What is named has to be there: an empty answer would say that nothing happened.
fn named(flag: &str, path: &str) -> Result<PathBuf, Failure> {
    match Path::new(path).metadata() {
        Ok(_) => Ok(PathBuf::from(path)),
        Err(error) => Err(Failure::failed(format!("{flag} {path:?}: {error}"))),
    }
}

fn files(matches: &ArgMatches) -> Result<Vec<PathBuf>, Failure> {
    let mut found = vec![];
    for pattern in all(matches, "file") {
        if !is_wild(pattern.as_bytes()) {
            found.push(named("--file", pattern)?);
            continue;
        }
        let before = found.len();
        found.extend(paths_of_pattern(Path::new(pattern)));
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

fn expression(matches: &ArgMatches, sources: &Sources) -> Result<Expression, Failure> {
    let mut parts = vec![];
    let terms: Vec<_> = stray_match(matches, "lines")
        .into_iter()
        .chain(stray_match(matches, "boot"))
        .chain(all(matches, "matches").map(String::as_str))
        .collect();
    if !terms.is_empty() {
        parts.push(Expression::of_matches(terms.into_iter())?);
    }
    let units: Vec<_> = all(matches, "unit").map(String::as_str).collect();
    let units = units::named(&units, sources);
    let units: Vec<_> = units.iter().map(|unit| Expression::of_unit(unit)).collect();
    let names =
        all(matches, "identifier").map(|name| Expression::is("SYSLOG_IDENTIFIER", name.as_str()));
    let names: Vec<_> = names.collect();
    parts.extend(
        [("unit", units), ("identifier", names)]
            .into_iter()
            .filter(|(name, _)| matches.contains_id(name))
            .map(|(_, ways)| Expression::Any(ways)),
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
        Some("all") => return Ok(None),
        Some(text) if text.contains('=') => "0",
        Some(text) => text,
        None if matches.get_flag("dmesg") => "0",
        None => return Ok(None),
    };
    boot_of(text).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "--boot: expected an id, a number, or an id and a number as in ID-1, found {text:?}"
        ))
    })
}

fn boot_of(text: &str) -> Option<Boot> {
    if let Ok(offset) = text.parse() {
        return Some(Boot::Offset(offset));
    }
    let (id, offset) = text.split_at_checked(32)?;
    let id = id.parse().ok()?;
    match offset {
        "" => Some(Boot::Id(id)),
        _ if offset.starts_with(['+', '-']) => Some(Boot::Beside(id, offset.parse().ok()?)),
        _ => None,
    }
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

fn lines(matches: &ArgMatches, follows_from_the_end: bool) -> Result<Option<Lines>, Failure> {
    let text = match one(matches, "lines") {
        None if follows_from_the_end => return Ok(Some(Lines::Last(FOLLOW_LINES))),
        None | Some("all") => return Ok(None),
        Some(text) if text.contains('=') => "10",
        Some(text) => text,
    };
    let (number, lines): (_, fn(u64) -> Lines) = match text.strip_prefix('+') {
        Some(number) => (number, Lines::First),
        None => (text, Lines::Last),
    };
    let number = number.parse().ok().filter(|_| !number.starts_with('+'));
    number.map(lines).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "--lines: expected a number, +NUMBER or all, found {text:?}"
        ))
    })
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
