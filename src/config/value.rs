//! The kinds of settings, parsed strictly: an error names the valid values.

use crate::collect::Disabled;
use crate::collect::JournaldOptions;
use crate::journal::Namespaces;
use crate::record::Level;
use crate::server::{KeySource, Network, WorkspaceSources, is_issuer, is_origin};
use crate::time::Micros;
use jiff::tz::TimeZone;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The kind of a setting's value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueKind {
    /// A path; not empty.
    Path,
    /// Paths, comma-separated.
    Paths,
    /// `NAME=PATH`, optionally with `;zone=ZONE`, comma-separated.
    Files,
    /// A name from the time zone database, `UTC` or `local`.
    Zone,
    /// Rules of recognition, optionally with a source before them, comma-separated.
    Rules,
    /// `ADDRESS:PORT`.
    Address,
    /// A token: 16 to 512 visible ASCII characters.
    Token,
    /// One word.
    Word,
    /// Words, comma-separated.
    List,
    /// Patterns, comma-separated, with `\,` for a comma.
    Patterns,
    /// A file or a URL of keys.
    Keys,
    /// The issuer of tokens.
    Issuer,
    /// The URL of a gateway.
    Gateway,
    /// The name of a machine.
    Node,
    /// Names of sources with a workspace in them, comma-separated.
    WorkspaceSources,
    /// Origins of web pages, comma-separated.
    Origins,
    /// Addresses and networks, comma-separated.
    Networks,
    /// `true` or `false`.
    Switch,
    /// A point in time, also relative.
    Time,
    /// A whole number.
    Number {
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// A number with `s`, `m`, `h` or `d`.
    Duration {
        /// The minimum, in seconds.
        min_s: u64,
        /// The maximum, in seconds.
        max_s: u64,
    },
    /// A number with `KiB`, `MiB`, `GiB` or no unit.
    Bytes {
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// `PRIORITY=LEVEL`, comma-separated.
    Levels,
    /// Some of these words, comma-separated.
    Words(&'static [&'static str]),
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl ValueKind {
    /// A size from nothing to more than a machine has.
    pub(super) const ANY_BYTES: Self = Self::Bytes {
        min: 0,
        max: 1 << 44,
    };
}

/// The valid values, for errors, `--help` and SETTINGS.md.
impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str("a path"),
            Self::Paths => f.write_str("paths, comma-separated"),
            Self::Files => {
                f.write_str("NAME=PATH pairs, comma-separated; ;zone=Europe/Berlin after a path is its time zone, !PATTERN excludes files")
            }
            Self::Zone => f.write_str("local, UTC, or a time zone such as Europe/Berlin"),
            Self::Rules => f.write_str("RULE or SOURCE=RULE, comma-separated, such as file:app=capitals; * in place of a rule for all"),
            Self::Address => f.write_str("an address and port such as 127.0.0.1:8687"),
            Self::Token => f.write_str("16 to 512 visible ASCII characters"),
            Self::Word => f.write_str("letters, digits and . _ : / -"),
            Self::List => f.write_str("words, comma-separated"),
            Self::Patterns => f.write_str("regular expressions, comma-separated"),
            Self::Keys => f.write_str("a path, or a URL with https (http on this machine only)"),
            Self::Issuer => f.write_str("a name, or a URL with https (http on this machine only)"),
            Self::Gateway => f.write_str(
                "a URL with https (http on this machine only), without a path",
            ),
            Self::Node => f.write_str("letters, digits and . _ -"),
            Self::WorkspaceSources => {
                f.write_str("names with {workspace} in them, comma-separated")
            }
            Self::Origins => f.write_str("origins such as https://app.example, comma-separated"),
            Self::Networks => {
                f.write_str("addresses and networks such as 10.0.0.0/8, comma-separated")
            }
            Self::Switch => f.write_str("true or false"),
            Self::Time => f.write_str("a time such as -24h or 2026-02-17T14:30:00Z"),
            Self::Number { min, max } => write!(f, "{min} to {max}"),
            Self::Duration { min_s, max_s } => {
                write!(f, "{} to {}", seconds_text(*min_s), seconds_text(*max_s))
            }
            Self::Bytes { min, max } => write!(f, "{} to {}", bytes_text(*min), bytes_text(*max)),
            Self::Levels => f.write_str("PRIORITY=LEVEL pairs such as 0-3=error,6=debug"),
            Self::Words(words) => write!(f, "{}, comma-separated", words.join(", ")),
            Self::Choice(words) => f.write_str(&words.join(", ")),
        }
    }
}

const UNITS_S: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
const UNITS_BYTES: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

fn seconds_text(seconds: u64) -> String {
    in_units(seconds, &UNITS_S).unwrap_or_else(|| seconds.to_string())
}

fn bytes_text(bytes: u64) -> String {
    in_units(bytes, &UNITS_BYTES).unwrap_or_else(|| bytes.to_string())
}

fn in_units(value: u64, units: &[(&str, u64)]) -> Option<String> {
    let (unit, factor) = units
        .iter()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))?;
    Some(format!("{}{unit}", value / factor))
}

pub(crate) fn number(text: &str, min: u64, max: u64) -> Option<u64> {
    let number = digits(text)?;
    (min..=max).contains(&number).then_some(number)
}

pub(crate) fn duration(text: &str, min_s: u64, max_s: u64) -> Option<Duration> {
    let seconds = with_unit(text, &UNITS_S)?;
    (min_s..=max_s)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

pub(crate) fn bytes(text: &str, min: u64, max: u64) -> Option<u64> {
    let bytes = with_unit(text, &UNITS_BYTES).or_else(|| digits(text))?;
    (min..=max).contains(&bytes).then_some(bytes)
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (count, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    digits(count)?.checked_mul(factor)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(crate) fn address(text: &str) -> Option<SocketAddr> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().ok()
}

/// Checks a token. One that is short enough to guess would be worse than none, because it looks safe.
pub(crate) fn token(text: &str) -> Option<String> {
    let strong =
        (16..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    strong.then(|| text.to_owned())
}

pub(crate) fn word(text: &str) -> Option<String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
    (!text.is_empty() && text.bytes().all(is_part)).then(|| text.to_owned())
}

pub(crate) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub(crate) fn keys(text: &str) -> Option<KeySource> {
    KeySource::parse(text)
}

pub(crate) fn issuer(text: &str) -> Option<String> {
    is_issuer(text).then(|| text.to_owned())
}

pub(crate) fn node(text: &str) -> Option<String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!text.is_empty() && text.bytes().all(is_part)).then(|| text.to_owned())
}

pub(crate) fn workspace_sources(text: &str) -> Option<WorkspaceSources> {
    WorkspaceSources::parse(&list(text))
}

pub(crate) fn origins(text: &str) -> Option<Vec<String>> {
    let origins = list(text);
    origins
        .iter()
        .all(|origin| is_origin(origin))
        .then_some(origins)
}

pub(crate) fn networks(text: &str) -> Option<Vec<Network>> {
    list(text).iter().map(|part| Network::parse(part)).collect()
}

pub(crate) fn paths(text: &str) -> Option<Vec<PathBuf>> {
    list(text).iter().map(|part| path(part)).collect()
}

/// A log to follow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileEntry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The zone of its times that state none, if it is not the default one.
    pub(crate) zone: Option<TimeZone>,
    /// Patterns of excluded files.
    pub(crate) excluded: Vec<PathBuf>,
}

/// Parses `NAME=PATH` pairs. `NAME=!PATTERN`, or `!PATTERN` after a pair, excludes files of that name.
pub(crate) fn files(text: &str) -> Option<Vec<FileEntry>> {
    let mut files: Vec<FileEntry> = Vec::new();
    for part in list(text) {
        if let Some(pattern) = part.strip_prefix('!') {
            let pattern = excluded(pattern)?;
            files.last_mut()?.excluded.push(pattern);
            continue;
        }
        let (name, path) = part.split_once('=').filter(|(name, _)| !name.is_empty())?;
        if let Some(pattern) = path.strip_prefix('!') {
            let pattern = excluded(pattern)?;
            let mut of_name = files
                .iter_mut()
                .filter(|files| files.name == name)
                .peekable();
            of_name.peek()?;
            of_name.for_each(|files| files.excluded.push(pattern.clone()));
            continue;
        }
        files.push(file(&part)?);
    }
    Some(files)
}

/// A pattern of names or of absolute paths; relative paths would never match.
fn excluded(pattern: &str) -> Option<PathBuf> {
    let pattern = PathBuf::from(pattern.trim());
    let is_name = pattern.components().count() == 1 && !pattern.has_root();
    (is_name || pattern.is_absolute()).then_some(pattern)
}

fn file(entry: &str) -> Option<FileEntry> {
    let mut parts = entry.split(';');
    let (name, path) = parts.next()?.split_once('=')?;
    let mut file = FileEntry {
        name: Some(name).filter(|name| !name.is_empty())?.to_owned(),
        path: self::path(path)?,
        zone: None,
        excluded: Vec::new(),
    };
    for option in parts {
        match option.split_once('=')? {
            ("zone", name) => file.zone = Some(zone(name)?),
            _ => return None,
        }
    }
    Some(file)
}

/// A zone by its name; `local` is the machine's own.
pub(crate) fn zone(text: &str) -> Option<TimeZone> {
    match text {
        "local" => Some(TimeZone::system()),
        _ => TimeZone::get(text).ok(),
    }
}

pub(crate) fn disabled_rules(text: &str) -> Option<Vec<Disabled>> {
    list(text).iter().map(|entry| entry.parse().ok()).collect()
}

pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Splits at commas; `\,` is a comma inside a pattern.
pub(crate) fn patterns(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let last = found
            .last_mut()
            .expect("there is always a pattern being read");
        match c {
            '\\' if rest.next_if_eq(&',').is_some() => last.push(','),
            ',' => found.push(String::new()),
            _ => last.push(c),
        }
    }
    found.retain(|pattern| !pattern.is_empty());
    found
}

/// `*` is all namespaces of journald, `default` the one without a name.
pub(crate) fn namespaces(text: &str) -> Namespaces {
    let names = list(text);
    if names.iter().any(|name| name == "*") {
        return Namespaces::All;
    }
    let unnamed = |name: String| match name.as_str() {
        "default" => String::new(),
        _ => name,
    };
    Namespaces::Named(names.into_iter().map(unnamed).collect())
}

/// The names of syslog's priorities, as in the journal's own tools.
const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// Parses `0-3=error,warning=warn`: the level of each priority; the others keep their default.
pub(crate) fn levels(text: &str) -> Option<[Level; 8]> {
    let mut levels = JournaldOptions::LEVELS;
    for pair in list(text) {
        let (priorities, level) = pair.split_once('=')?;
        let (first, last) = priorities
            .split_once('-')
            .unwrap_or((priorities, priorities));
        let level = Level::ALL
            .into_iter()
            .find(|known| known.as_str() == level.trim())?;
        levels
            .get_mut(priority(first)?..=priority(last)?)?
            .fill(level);
    }
    Some(levels)
}

fn priority(text: &str) -> Option<usize> {
    let text = text.trim();
    let named = PRIORITIES.iter().position(|name| *name == text);
    named.or_else(|| usize::try_from(number(text, 0, 7)?).ok())
}

pub(crate) fn time(text: &str, now: Micros) -> Option<Micros> {
    Micros::parse(text, now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_within_the_range() {
        assert_eq!(number("100", 1, 100), Some(100));
        for text in [
            "",
            "0",
            "101",
            "-1",
            "+5",
            "1e2",
            "0x10",
            " 7",
            "99999999999999999999",
        ] {
            assert_eq!(number(text, 1, 100), None, "{text:?}");
        }
    }

    #[test]
    fn durations_and_sizes_need_their_units() {
        assert_eq!(
            duration("168h", 60, 1_000_000),
            Some(Duration::from_hours(168))
        );
        assert_eq!(
            duration("7d", 60, 1_000_000),
            Some(Duration::from_hours(168))
        );
        assert_eq!(duration("90", 60, 1_000_000), None);
        assert_eq!(duration("30s", 60, 1_000_000), None);
        assert_eq!(bytes("512MiB", 0, u64::MAX), Some(512 << 20));
        assert_eq!(bytes("4096", 0, u64::MAX), Some(4096));
        assert_eq!(bytes("5MB", 0, u64::MAX), None);
        assert_eq!(bytes("99999999999TiB", 0, u64::MAX), None);
    }

    #[test]
    fn patterns_may_hold_commas() {
        assert_eq!(patterns(r"a{1\,3},b\.c,,"), ["a{1,3}", r"b\.c"]);
        assert_eq!(patterns(""), Vec::<String>::new());
    }

    #[test]
    fn files_may_be_excluded() {
        let excluded = |text: &str| -> Option<Vec<(String, Vec<PathBuf>)>> {
            let files = files(text)?.into_iter();
            Some(files.map(|file| (file.name, file.excluded)).collect())
        };
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let text = "app=/a/*.log,!debug*,!/a/x=y.log,db=/db,! *.tmp,app=!/a/old";
        let expected = vec![
            ("app".to_owned(), paths(&["debug*", "/a/x=y.log", "/a/old"])),
            ("db".to_owned(), paths(&["*.tmp"])),
        ];
        assert_eq!(excluded(text), Some(expected));
        for text in ["!x", "other=!x", "app=/a,!b/c", "app=/a,!"] {
            assert_eq!(files(text), None, "{text:?}");
        }
    }

    #[test]
    fn files_have_a_name_and_a_path() {
        let entry = |name: &str, path: &str, zone: Option<&str>| FileEntry {
            name: name.to_owned(),
            path: PathBuf::from(path),
            zone: zone.map(|zone| TimeZone::get(zone).unwrap()),
            excluded: Vec::new(),
        };
        let expected = vec![
            entry("app", "/a=b.log", None),
            entry("db", "/db.log", Some("Europe/Berlin")),
        ];
        let found = files("app=/a=b.log, db=/db.log;zone=Europe/Berlin");
        assert_eq!(found, Some(expected));
        assert_eq!(files(""), Some(vec![]));
        for text in [
            "/a.log",
            "=/a.log",
            "app=",
            "a=/a;zone=Nowhere",
            "a=/a;colour=red",
        ] {
            assert_eq!(files(text), None, "{text:?}");
        }
    }

    #[test]
    fn levels_are_given_to_priorities_and_ranges() {
        use Level::{Debug, Error, Info, Warn};
        let usual = [Error, Error, Error, Error, Warn, Info, Info, Debug];
        assert_eq!(levels(""), Some(usual));
        assert_eq!(levels("0-3=error,4=warn,5-6=info,7=debug"), Some(usual));
        let changed = [Error, Error, Error, Warn, Warn, Info, Debug, Debug];
        assert_eq!(levels("6=debug, err=warn"), Some(changed));
        assert_eq!(
            levels("notice-info=debug").map(|levels| levels[5..7].to_vec()),
            Some(vec![Debug; 2])
        );
        for text in [
            "6", "8=info", "6=loud", "6=", "=info", "5-3=info", "-3=info", "6=INFO",
        ] {
            assert_eq!(levels(text), None, "{text:?}");
        }
    }

    #[test]
    fn namespaces_are_all_or_those_that_are_named() {
        let named = |names: &[&str]| {
            Namespaces::Named(names.iter().map(|name| (*name).to_owned()).collect())
        };
        assert_eq!(namespaces("*"), Namespaces::All);
        assert_eq!(namespaces("app,*"), Namespaces::All);
        assert_eq!(namespaces("default, app"), named(&["", "app"]));
    }

    #[test]
    fn addresses_are_numeric_or_localhost() {
        assert_eq!(
            address("localhost:80"),
            Some(SocketAddr::from(([127, 0, 0, 1], 80)))
        );
        assert!(address("[::1]:8687").is_some());
        assert_eq!(address("example.org:80"), None);
        assert_eq!(address("8687"), None);
    }

    #[test]
    fn weak_tokens_are_rejected() {
        assert_eq!(
            token("0123456789abcdef").as_deref(),
            Some("0123456789abcdef")
        );
        for text in [
            "",
            "short",
            "has a space in it ok",
            "caf\u{e9}0123456789abcdef",
        ] {
            assert_eq!(token(text), None, "{text:?}");
        }
    }

    #[test]
    fn valid_values_are_described_with_units() {
        assert_eq!(
            ValueKind::Duration {
                min_s: 60,
                max_s: 86_400
            }
            .to_string(),
            "1m to 1d"
        );
        assert_eq!(
            ValueKind::Bytes {
                min: 1 << 20,
                max: 1 << 44
            }
            .to_string(),
            "1MiB to 16TiB"
        );
        assert_eq!(ValueKind::Choice(&["a", "b"]).to_string(), "a, b");
    }
}
