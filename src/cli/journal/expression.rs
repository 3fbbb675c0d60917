//! The expression that entries must match, built from journalctl's matches and filter flags.

use crate::cli::failure::Failure;
use crate::journal::{Entry, EntryMatches};
use regex_automata::meta::Regex;
use std::fmt::Write as _;

/// An expression that entries match.
#[derive(Debug, Clone)]
pub(super) enum MatchExpression {
    /// A field of this name has this value.
    Is(Vec<u8>, Vec<u8>),
    /// All of these match; an empty list matches everything.
    All(Vec<MatchExpression>),
    /// One of these matches; an empty list matches nothing.
    Any(Vec<MatchExpression>),
    /// No field of this name has one of these values.
    NoneOf(Vec<u8>, Vec<Vec<u8>>),
    /// The message matches.
    Message(Box<Regex>),
}

impl MatchExpression {
    /// `FIELD=value`.
    pub(super) fn is(field: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::Is(field.as_bytes().to_vec(), value.into())
    }

    /// Whether the entry matches.
    pub(super) fn holds(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Is(name, value) => entry.fields().any(|(n, v)| n == *name && v == *value),
            Self::All(parts) => parts.iter().all(|part| part.holds(entry)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(entry)),
            Self::NoneOf(name, values) => {
                let mut fields = entry.fields();
                !fields.any(|(n, v)| n == *name && values.iter().any(|value| v == *value))
            }
            Self::Message(regex) => entry
                .field(b"MESSAGE")
                .is_some_and(|message| regex.is_match(message)),
        }
    }

    /// A condition that the indexes of the journal can evaluate: it matches all matching entries, and perhaps others.
    pub(super) fn superset(&self) -> EntryMatches {
        let groups = self.groups().unwrap_or_default();
        groups
            .iter()
            .fold(EntryMatches::default(), |matches, group| {
                let conditions = group.iter();
                conditions.fold(matches.or(), |matches, (name, value)| {
                    matches.and(name, value)
                })
            })
    }

    /// Groups of conditions of which one must hold; each group has at most one condition per field. `None` if no
    /// condition can be derived.
    fn groups(&self) -> Option<Vec<Conjunction<'_>>> {
        match self {
            Self::Is(name, value) => Some(vec![vec![(name.as_slice(), value.as_slice())]]),
            Self::NoneOf(..) | Self::Message(_) => None,
            Self::Any(parts) => {
                let groups: Option<Vec<_>> = parts.iter().map(Self::groups).collect();
                Some(joined(groups?.concat()))
            }
            Self::All(parts) => {
                let known = parts.iter().filter_map(Self::groups);
                known.reduce(|all, more| {
                    if all.len() * more.len() > GROUPS_MAX {
                        all
                    } else {
                        crossed(&all, &more)
                    }
                })
            }
        }
    }

    /// journalctl's matches: those on one field are alternatives, those on several fields must all hold, and `+`
    /// starts an alternative to everything before it.
    pub(super) fn of_matches<'a>(terms: impl Iterator<Item = &'a str>) -> Result<Self, Failure> {
        let mut groups = vec![vec![]];
        for term in terms {
            if term == "+" {
                groups.push(vec![]);
            } else if let Some(group) = groups.last_mut() {
                group.push(field_and_value(term)?);
            }
        }
        if groups.len() > 1 && groups.iter().any(Vec::is_empty) {
            return Err(Failure::usage("\"+\" must stand between matches"));
        }
        Ok(Self::Any(groups.into_iter().map(all_fields).collect()))
    }

    /// As `journalctl -u`: entries of the unit, and reports of the manager, the kernel and coredumps about it.
    pub(super) fn of_unit(unit: &str) -> Self {
        let unit = full_unit_name(unit);
        let slice =
            (kind_of(&unit) == Some("slice")).then(|| Self::is("_SYSTEMD_SLICE", unit.as_str()));
        let mut ways = vec![
            Self::is("_SYSTEMD_UNIT", unit.as_str()),
            Self::All(vec![Self::is("_PID", "1"), Self::is("UNIT", unit.as_str())]),
            Self::All(vec![
                Self::is("_UID", "0"),
                Self::is("OBJECT_SYSTEMD_UNIT", unit.as_str()),
            ]),
            Self::All(vec![
                Self::is("MESSAGE_ID", COREDUMP),
                Self::is("_UID", "0"),
                Self::is("COREDUMP_UNIT", unit.as_str()),
            ]),
        ];
        ways.extend(slice);
        Self::Any(ways)
    }
}

impl MatchExpression {
    /// The entries of one invocation of a unit, and the messages of service managers about it.
    pub(super) fn of_invocation(id: &str) -> Self {
        Self::Any(vec![
            Self::is("_SYSTEMD_INVOCATION_ID", id),
            Self::All(vec![Self::is("_PID", "1"), Self::is("INVOCATION_ID", id)]),
            Self::is("USER_INVOCATION_ID", id),
        ])
    }

    /// As `journalctl --user-unit`: the unit of this user, and reports of the user's manager and coredumps about it.
    pub(super) fn of_user_unit(unit: &str, uid: u32) -> Self {
        let unit = full_unit_name(unit);
        let mut fields = vec![
            "_SYSTEMD_USER_UNIT",
            "USER_UNIT",
            "OBJECT_SYSTEMD_USER_UNIT",
            "COREDUMP_USER_UNIT",
        ];
        if kind_of(&unit) == Some("slice") {
            fields.push("_SYSTEMD_USER_SLICE");
        }
        let uid = uid.to_string();
        let way = |field: &&str| {
            Self::All(vec![
                Self::is(field, unit.as_str()),
                Self::is("_UID", uid.as_str()),
            ])
        };
        Self::Any(fields.iter().map(way).collect())
    }
}

/// Conditions with at most one per field.
type Conjunction<'a> = Vec<(&'a [u8], &'a [u8])>;

/// Maximum number of groups; more would cost more than they save.
const GROUPS_MAX: usize = 64;

/// Joins groups that have a condition on the same single field.
fn joined(groups: Vec<Conjunction<'_>>) -> Vec<Conjunction<'_>> {
    let first = groups
        .first()
        .and_then(|group| group.first())
        .map(|(name, _)| *name);
    let is_one_field = groups
        .iter()
        .flatten()
        .all(|(name, _)| Some(*name) == first);
    if is_one_field {
        vec![groups.concat()]
    } else {
        groups
    }
}

fn crossed<'a>(all: &[Conjunction<'a>], more: &[Conjunction<'a>]) -> Vec<Conjunction<'a>> {
    all.iter()
        .flat_map(|left| more.iter().map(|right| [left.as_slice(), right].concat()))
        .collect()
}

/// The message id of a coredump (systemd's catalog).
const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";

const UNIT_ENDINGS: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// The part after the last dot of a unit's name; it is case-sensitive.
fn kind_of(unit: &str) -> Option<&str> {
    unit.rsplit_once('.').map(|(_, kind)| kind)
}

/// The full unit name, as systemd derives it: a path becomes that of a mount or a device, a name without a type is a
/// service, and invalid characters are escaped.
fn full_unit_name(name: &str) -> String {
    if let Some(escaped) = name.strip_prefix('/').and_then(escaped_path) {
        let is_device = ["/dev/", "/sys/"]
            .iter()
            .any(|start| name.starts_with(start));
        let kind = if is_device { "device" } else { "mount" };
        return format!("{escaped}.{kind}");
    }
    let mut unit = String::new();
    for byte in name.bytes() {
        match byte {
            b'/' => unit.push('-'),
            b'-' | b'\\' | b'@' => unit.push(char::from(byte)),
            _ => push_escaped(&mut unit, byte),
        }
    }
    if UNIT_ENDINGS.iter().any(|ending| unit.ends_with(ending)) {
        return unit;
    }
    format!("{unit}.service")
}

/// A path without its first slash as the beginning of a unit's name. `None` if it contains `..`.
fn escaped_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return None;
    }
    if parts.is_empty() {
        return Some("-".to_owned());
    }
    let mut escaped = String::new();
    for part in parts {
        if !escaped.is_empty() {
            escaped.push('-');
        }
        for byte in part.bytes() {
            match byte {
                b'.' if escaped.is_empty() => escaped.push_str("\\x2e"),
                _ => push_escaped(&mut escaped, byte),
            }
        }
    }
    Some(escaped)
}

/// Letters, digits and three punctuation characters are not escaped.
fn push_escaped(name: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b":_.".contains(&byte) {
        name.push(char::from(byte));
    } else {
        // Writing to memory cannot fail.
        let _ = write!(name, "\\x{byte:02x}");
    }
}

fn field_and_value(term: &str) -> Result<(String, Vec<u8>), Failure> {
    if let Some(path) = term.strip_prefix('/') {
        return Ok(("_EXE".to_owned(), format!("/{path}").into_bytes()));
    }
    let valid = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    match term.split_once('=') {
        Some((name, value)) if valid(name) => Ok((name.to_owned(), value.as_bytes().to_vec())),
        _ => Err(Failure::usage(format!(
            "expected FIELD=value or a path, found {term:?}"
        ))),
    }
}

/// Alternatives for each field, and all fields together.
fn all_fields(terms: Vec<(String, Vec<u8>)>) -> MatchExpression {
    let mut fields: Vec<(String, Vec<MatchExpression>)> = vec![];
    for (name, value) in terms {
        let same = |known: &&mut (String, Vec<MatchExpression>)| known.0 == name;
        let expression = MatchExpression::is(&name, value);
        match fields.iter_mut().find(same) {
            Some((_, values)) => values.push(expression),
            None => fields.push((name, vec![expression])),
        }
    }
    MatchExpression::All(
        fields
            .into_iter()
            .map(|(_, values)| MatchExpression::Any(values))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_named_as_systemd_escapes_them() {
        for (name, unit) in [
            ("ssh", "ssh.service"),
            ("ssh.socket", "ssh.socket"),
            ("getty@tty1", "getty@tty1.service"),
            ("a\\x2db.mount", "a\\x2db.mount"),
            ("my unit", "my\\x20unit.service"),
            ("/srv/data-set/my dir", "srv-data\\x2dset-my\\x20dir.mount"),
            ("/srv//data/./x/", "srv-data-x.mount"),
            ("/", "-.mount"),
            ("/.hidden/.x", "\\x2ehidden-.x.mount"),
            ("/dev/sda1", "dev-sda1.device"),
            (
                "/dev/disk/by-label/\u{fc}",
                "dev-disk-by\\x2dlabel-\\xc3\\xbc.device",
            ),
            ("/a/../b", "-a-..-b.service"),
        ] {
            assert_eq!(full_unit_name(name), unit, "{name}");
        }
    }
}
