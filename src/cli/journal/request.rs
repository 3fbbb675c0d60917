//! The checked command line of `vmlog journal`.

use super::catalog::Catalog;
use super::expression::MatchExpression;
use super::filter::expression;
use super::print::{EntryFormat, EntryStyle, FieldSelection};
use super::sources::Sources;
use crate::cli::failure::Failure;
use crate::cli::settings::locale;
use crate::journal::{Cursor, EntryMatches, Id128};
use crate::time::{Micros, Zone};
use clap::ArgMatches;

/// Number of entries that journalctl shows before it follows.
const FOLLOW_LINES: u64 = 10;

/// Number of entries that journalctl shows with `--pager-end`, so that the pager does not hold a whole journal.
const PAGER_END_LINES: u64 = 1000;

/// The parsed request.
#[derive(Debug)]
pub(super) struct JournalRequest {
    pub(super) sources: Sources,
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
    /// `--verify`: whether each file conforms to the format.
    Verify,
}

impl Action {
    /// The part of the expression that the indexes can evaluate.
    pub(super) fn superset(&self) -> EntryMatches {
        match self {
            Self::Show(show) => show.expression.superset(),
            _ => EntryMatches::default(),
        }
    }
}

/// Entries to show.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) expression: MatchExpression,
    pub(super) boot: Option<BootChoice>,
    pub(super) since: Option<Micros>,
    pub(super) until: Option<Micros>,
    pub(super) start: StartPoint,
    pub(super) lines: Option<LineCount>,
    /// Whether finding nothing is a failure, as with grep.
    pub(super) must_find: bool,
    pub(super) remarks: Remarks,
    pub(super) reverse: bool,
    pub(super) follow: bool,
    pub(super) format: EntryFormat,
}

/// The selected boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BootChoice {
    Id(Id128),
    /// 0 is the last, -1 the one before; 1 is the first.
    Offset(i64),
    /// This number of boots after the one with this ID.
    Beside(Id128, i64),
}

/// `--lines`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineCount {
    First(u64),
    Last(u64),
}

/// Additional lines in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Remarks {
    /// Mark where a boot starts.
    pub(super) boots: bool,
    /// Report that there are no entries.
    pub(super) nothing: bool,
    /// Print the cursor of the last entry: `--show-cursor`.
    pub(super) cursor: bool,
}

/// The place to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartPoint {
    /// The end that follows from the order and the number of lines.
    Natural,
    Cursor(Cursor),
    AfterCursor(Cursor),
}

impl JournalRequest {
    /// Checks the arguments. Relative times are relative to `now`.
    pub(super) fn check(matches: &ArgMatches, zone: &Zone, now: Micros) -> Result<Self, Failure> {
        let sources = Sources::check(matches)?;
        let action = match listed(matches) {
            Some(action) => action,
            None => Action::Show(Box::new(show(matches, &sources, zone, now)?)),
        };
        Ok(Self { sources, action })
    }
}

/// Actions other than showing entries.
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
    let default_lines = match start {
        StartPoint::Natural if follow && !matches.get_flag("no-tail") => Some(FOLLOW_LINES),
        _ if matches.get_flag("pager-end") => Some(PAGER_END_LINES),
        _ => None,
    };
    let lines = lines(matches, default_lines)?;
    let greps = one(matches, "grep").is_some();
    // As in journalctl, the last matching entries are searched from the end.
    let from_the_end = greps && !follow && matches!(lines, Some(LineCount::Last(_)));
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
    if show.reverse && matches!(show.lines, Some(LineCount::First(_))) {
        return Err(Failure::usage(
            "--lines=+N and --reverse exclude each other",
        ));
    }
    Ok(show)
}

fn remarks(matches: &ArgMatches, follow: bool) -> Remarks {
    let style = EntryStyle::named(one(matches, "output").unwrap_or("short"));
    let for_people = matches!(style, EntryStyle::Short(_) | EntryStyle::Verbose);
    let wanted = for_people && !matches.get_flag("quiet");
    Remarks {
        boots: wanted && !matches.get_flag("merge"),
        nothing: wanted && !follow,
        cursor: matches.get_flag("show-cursor"),
    }
}

fn format(matches: &ArgMatches, zone: &Zone) -> EntryFormat {
    let named = one(matches, "output-fields")
        .map(|names| FieldSelection::only(names.split(',').map(str::to_owned)));
    let style = EntryStyle::named(one(matches, "output").unwrap_or("short"));
    EntryFormat {
        style,
        show_all: matches.get_flag("all"),
        wanted: named.unwrap_or_default(),
        zone: zone.clone(),
        has_hostname: !matches.get_flag("no-hostname"),
        catalog: matches
            .get_flag("catalog")
            .then(|| Catalog::open(&locale()))
            .flatten(),
    }
}

fn one<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

fn boot(matches: &ArgMatches) -> Result<Option<BootChoice>, Failure> {
    let text = match one(matches, "boot") {
        Some("all") => return Ok(None),
        Some(text) if text.contains('=') => "0",
        Some(text) => text,
        // As in journalctl.
        None if matches.get_flag("dmesg") || matches.get_flag("pager-end") => "0",
        None => return Ok(None),
    };
    boot_of(text).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "--boot: expected an id, a number, or an id and a number as in ID-1, found {text:?}"
        ))
    })
}

fn boot_of(text: &str) -> Option<BootChoice> {
    if let Ok(offset) = text.parse() {
        return Some(BootChoice::Offset(offset));
    }
    let (id, offset) = text.split_at_checked(32)?;
    let id = id.parse().ok()?;
    match offset {
        "" => Some(BootChoice::Id(id)),
        _ if offset.starts_with(['+', '-']) => Some(BootChoice::Beside(id, offset.parse().ok()?)),
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

fn start(matches: &ArgMatches) -> Result<StartPoint, Failure> {
    let cursor = |name: &str| match one(matches, name) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error| Failure::usage(format!("--{name}: {error}"))),
    };
    match (cursor("cursor")?, cursor("after-cursor")?) {
        (None, None) => Ok(StartPoint::Natural),
        (Some(cursor), None) => Ok(StartPoint::Cursor(cursor)),
        (None, Some(cursor)) => Ok(StartPoint::AfterCursor(cursor)),
        (Some(_), Some(_)) => Err(Failure::usage(
            "--cursor and --after-cursor exclude each other",
        )),
    }
}

fn lines(matches: &ArgMatches, default: Option<u64>) -> Result<Option<LineCount>, Failure> {
    let text = match one(matches, "lines") {
        None => return Ok(default.map(LineCount::Last)),
        Some("all") => return Ok(None),
        Some(text) if text.contains('=') => "10",
        Some(text) => text,
    };
    let (number, lines): (_, fn(u64) -> LineCount) = match text.strip_prefix('+') {
        Some(number) => (number, LineCount::First),
        None => (text, LineCount::Last),
    };
    let number = number.parse().ok().filter(|_| !number.starts_with('+'));
    number.map(lines).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "--lines: expected a number, +NUMBER or all, found {text:?}"
        ))
    })
}
