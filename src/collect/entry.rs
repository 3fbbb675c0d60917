//! A journal entry as a record: its source, level, time and message, and all else that it says as metadata.

use super::level;
use super::partial::{Part, PartFields};
use super::patterns::NamePatterns;
use super::text;
use crate::record::{Key, Level, Metadata, Record, Source};
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A field other than the message is cut beyond this: programs put whole core dumps into the journal.
const FIELD_BYTES_MAX: usize = 8 << 10;

/// Fields beyond those that every entry has, kept of one entry.
const OTHERS_MAX: usize = 64;

/// Fields of one entry that are looked at together: journald takes no more.
const FIELDS_MAX: usize = 1024;

/// How entries become records.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) units: NamePatterns,
    pub(crate) docker: bool,
    /// The level of each syslog priority.
    pub(crate) levels: [Level; 8],
}

/// What an entry says that decides where its record belongs.
#[derive(Debug, Default)]
pub(crate) struct Outline<'a> {
    message: Option<&'a [u8]>,
    priority: Option<u8>,
    transport: Option<&'a [u8]>,
    unit: Option<&'a [u8]>,
    user_unit: Option<&'a [u8]>,
    container: Option<&'a [u8]>,
    identifier: Option<&'a [u8]>,
    command: Option<&'a [u8]>,
    parts: PartFields<'a>,
    /// When the sender sent it, microseconds since 1970.
    sent: Option<i64>,
    /// The same since the boot.
    sent_monotonic: Option<u64>,
}

/// A name and a value.
pub(crate) type Field<'a> = (&'a [u8], &'a [u8]);

/// When journald took an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
}

impl<'a> Outline<'a> {
    pub(crate) fn of(fields: impl Iterator<Item = Field<'a>>) -> Self {
        let mut outline = Self::default();
        for (name, value) in fields {
            let place = match name {
                b"MESSAGE" => &mut outline.message,
                b"_TRANSPORT" => &mut outline.transport,
                b"_SYSTEMD_UNIT" => &mut outline.unit,
                b"_SYSTEMD_USER_UNIT" => &mut outline.user_unit,
                b"CONTAINER_NAME" => &mut outline.container,
                b"SYSLOG_IDENTIFIER" => &mut outline.identifier,
                b"_COMM" => &mut outline.command,
                b"PRIORITY" => {
                    outline.priority = number(value);
                    continue;
                }
                b"CONTAINER_ID" => &mut outline.parts.container,
                b"CONTAINER_PARTIAL_ID" => &mut outline.parts.id,
                b"CONTAINER_PARTIAL_MESSAGE" => {
                    outline.parts.is_flagged = value == b"true";
                    continue;
                }
                b"CONTAINER_PARTIAL_LAST" => {
                    outline.parts.is_last = Some(value == b"true");
                    continue;
                }
                b"_SOURCE_REALTIME_TIMESTAMP" => {
                    outline.sent = number(value);
                    continue;
                }
                b"_SOURCE_MONOTONIC_TIMESTAMP" => {
                    outline.sent_monotonic = number(value);
                    continue;
                }
                _ => continue,
            };
            // of a repeated field the first counts, and an empty one says nothing
            if place.is_none() && (!value.is_empty() || name == b"MESSAGE") {
                *place = Some(value);
            }
        }
        outline
    }

    /// Whether the record is wanted.
    pub(crate) fn is_kept(&self, rules: &Rules) -> bool {
        match self.container {
            Some(_) => rules.docker,
            None => rules.units.keep(self.name().1),
        }
    }

    /// Whether a container engine says that the message is a part of a line.
    pub(crate) fn is_part(&self) -> bool {
        self.parts.is_flagged || self.parts.id.is_some()
    }

    /// The part of a line that the message of a container is. `None` for all else.
    pub(crate) fn part(&self, origin: &str) -> Option<Part<'a>> {
        self.container?;
        let is_docker = self.command == Some(b"dockerd");
        let message = self.message.unwrap_or_default();
        Some(self.parts.part(origin, self.priority, message, is_docker))
    }

    /// The kind of source and the name within it.
    fn name(&self) -> (&'static str, &'a [u8]) {
        if let Some(container) = self.container {
            return ("docker", container);
        }
        if self.transport == Some(b"kernel") {
            return ("system", b"kernel");
        }
        // a slice is no unit that logs: journald names it when it came too late to see the process
        let is_unit = |unit: &&[u8]| !unit.ends_with(b".slice");
        if let Some(unit) = self.user_unit.filter(is_unit) {
            return ("user", unit);
        }
        if let Some(unit) = self.unit.filter(is_unit) {
            return ("system", unit);
        }
        (
            "system",
            self.identifier.or(self.command).unwrap_or(b"unknown"),
        )
    }

    fn source(&self) -> Source {
        let (kind, name) = self.name();
        let name = match kind {
            "docker" => name,
            _ => name.strip_suffix(b".service").unwrap_or(name),
        };
        Source::new(kind, &String::from_utf8_lossy(name))
    }

    fn level(&self, rules: &Rules) -> Level {
        let by_priority = |priority: u8| rules.levels.get(usize::from(priority)).copied();
        let stated = || self.message.and_then(level::stated);
        match (self.container, self.transport, self.priority) {
            // the journald driver of docker writes 6 for stdout and 3 for stderr
            (Some(_), _, None | Some(6)) => stated().unwrap_or(Level::Info),
            (Some(_), _, Some(3)) => stated().unwrap_or(Level::Warn),
            // what a service prints has priority 6 unless it says otherwise
            (None, Some(b"stdout"), Some(6)) => stated().or(by_priority(6)).unwrap_or(Level::Info),
            (_, _, priority) => priority.and_then(by_priority).unwrap_or(Level::Info),
        }
    }

    /// When it was sent, where journald knows; the kernel stamps its messages with the time since the boot alone.
    fn timestamp(&self, taken: Taken) -> Micros {
        if let Some(sent) = self.sent {
            return Micros::new(sent);
        }
        let earlier = self
            .sent_monotonic
            .and_then(|sent| taken.monotonic.checked_sub(sent));
        Micros::from_unsigned(taken.realtime.saturating_sub(earlier.unwrap_or(0)))
    }

    pub(crate) fn record(
        &self,
        fields: impl Iterator<Item = Field<'a>>,
        taken: Taken,
        rules: &Rules,
    ) -> Record {
        let mut metadata = metadata(fields);
        let message = text::message(self.message.unwrap_or_default(), &mut metadata);
        Record {
            timestamp: self.timestamp(taken),
            source: self.source(),
            level: self.level(rules),
            message,
            metadata,
        }
    }
}

/// What becomes of a field.
enum Form {
    /// Kept under this name.
    Text(&'static str),
    /// Kept as a number, if it is one.
    Number(&'static str),
    /// Said elsewhere in the record, or of use to journald alone.
    Dropped,
    /// Kept under its own name in lower case.
    Other,
}

/// The names that stand for what journald itself vouches for, or that mean something to vmlog. A program that sends a field
/// of such a name does not get to speak in journald's place.
const RESERVED: [&str; 25] = [
    "unit",
    "user_unit",
    "pid",
    "uid",
    "gid",
    "hostname",
    "boot_id",
    "transport",
    "command",
    "executable",
    "command_line",
    "kernel_device",
    "kernel_subsystem",
    "identifier",
    "syslog_pid",
    "facility",
    "about_unit",
    "about_user_unit",
    "event_type",
    "message",
    "message_base64",
    "fields_left_out",
    "namespace",
    "audit_type",
    "file",
];

fn form(name: &[u8]) -> Form {
    match name {
        b"_SYSTEMD_UNIT" => Form::Text("unit"),
        b"_SYSTEMD_USER_UNIT" => Form::Text("user_unit"),
        b"_PID" => Form::Number("pid"),
        b"_UID" => Form::Number("uid"),
        b"_GID" => Form::Number("gid"),
        b"_HOSTNAME" => Form::Text("hostname"),
        b"_BOOT_ID" => Form::Text("boot_id"),
        b"_TRANSPORT" => Form::Text("transport"),
        b"_COMM" => Form::Text("command"),
        b"_EXE" => Form::Text("executable"),
        b"_CMDLINE" => Form::Text("command_line"),
        b"_KERNEL_DEVICE" => Form::Text("kernel_device"),
        b"_KERNEL_SUBSYSTEM" => Form::Text("kernel_subsystem"),
        b"_NAMESPACE" => Form::Text("namespace"),
        b"_AUDIT_TYPE_NAME" => Form::Text("audit_type"),
        b"PRIORITY" => Form::Number("priority"),
        b"SYSLOG_IDENTIFIER" => Form::Text("identifier"),
        b"SYSLOG_PID" => Form::Number("syslog_pid"),
        b"SYSLOG_FACILITY" => Form::Number("facility"),
        b"CODE_LINE" => Form::Number("code_line"),
        b"ERRNO" => Form::Number("errno"),
        b"UNIT" => Form::Text("about_unit"),
        b"USER_UNIT" => Form::Text("about_user_unit"),
        b"MESSAGE" | b"SYSLOG_RAW" | b"SYSLOG_TIMESTAMP" | [b'_', ..] => Form::Dropped,
        _ if is_docker_bookkeeping(name) => Form::Dropped,
        _ => Form::Other,
    }
}

/// Whether a field says something about a record; the others need not be read.
pub(crate) fn is_read(name: &[u8]) -> bool {
    let by_outline: [&[u8]; 6] = [
        b"MESSAGE",
        b"CONTAINER_PARTIAL_ID",
        b"CONTAINER_PARTIAL_MESSAGE",
        b"CONTAINER_PARTIAL_LAST",
        b"_SOURCE_REALTIME_TIMESTAMP",
        b"_SOURCE_MONOTONIC_TIMESTAMP",
    ];
    by_outline.contains(&name) || !matches!(form(name), Form::Dropped)
}

fn is_docker_bookkeeping(name: &[u8]) -> bool {
    name.starts_with(b"CONTAINER_PARTIAL_") || name.starts_with(b"CONTAINER_LOG_")
}

/// The fields are put in order once: that takes half the comparisons of one insertion after another.
fn metadata<'a>(fields: impl Iterator<Item = Field<'a>>) -> Metadata {
    let mut pairs = Vec::with_capacity(fields.size_hint().0);
    let mut others = 0;
    let mut left_out = 0_u64;
    for (name, value) in fields {
        match form(name) {
            Form::Dropped => {}
            _ if pairs.len() >= FIELDS_MAX => left_out += 1,
            Form::Text(name) => add(&mut pairs, name.into(), value),
            Form::Number(name) => match number::<i64>(value) {
                Some(number) => pairs.push((name.into(), number.into())),
                None => add(&mut pairs, name.into(), value),
            },
            Form::Other if others == OTHERS_MAX => left_out += 1,
            Form::Other => {
                others += 1;
                add(&mut pairs, other_name(name).into(), value);
            }
        }
    }
    if left_out > 0 {
        pairs.push(("fields_left_out".into(), left_out.into()));
    }
    Metadata::of_sorted(joined(pairs))
}

/// In the order of their names; texts of one name become a list, in their own order, and of its numbers the last one counts.
fn joined(mut pairs: Vec<(Key, Value)>) -> Vec<(Key, Value)> {
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.dedup_by(|(name, value), (kept_name, kept)| {
        if name != kept_name {
            return false;
        }
        match (value.take(), kept) {
            (Value::String(text), Value::Array(values)) => {
                if values.len() < OTHERS_MAX {
                    values.push(text.into());
                }
            }
            (value @ Value::String(_), first) => *first = Value::Array(vec![first.take(), value]),
            (value, kept) => *kept = value,
        }
        true
    });
    pairs
}

/// The name of a field that a program chose.
fn other_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).to_lowercase();
    if RESERVED.contains(&name.as_str()) {
        format!("field_{name}")
    } else {
        name
    }
}

/// Adds a field, and how long it was when it is cut.
fn add(pairs: &mut Vec<(Key, Value)>, mut name: Key, bytes: &[u8]) {
    let is_cut = bytes.len() > FIELD_BYTES_MAX;
    let kept = bytes.get(..FIELD_BYTES_MAX).unwrap_or(bytes);
    if is_cut {
        pairs.push((format!("{name}_bytes").into(), bytes.len().into()));
    }
    let value = if let Some(text) = readable(kept, is_cut) {
        text.to_owned()
    } else {
        name.to_mut().push_str("_base64");
        STANDARD.encode(kept)
    };
    pairs.push((name, value.into()));
}

/// The text that the bytes are, but for a last character that was cut through.
fn readable(bytes: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const LEVELS: [Level; 8] = [
        Level::Error,
        Level::Error,
        Level::Error,
        Level::Error,
        Level::Warn,
        Level::Info,
        Level::Debug,
        Level::Debug,
    ];

    fn rules(units: &str) -> Rules {
        let Ok(units) = units.parse();
        Rules {
            units,
            docker: true,
            levels: LEVELS,
        }
    }

    fn fields<'a>(lines: &'a [&'a str]) -> Vec<Field<'a>> {
        let split = |line: &&'a str| line.split_once('=').unwrap();
        lines
            .iter()
            .map(split)
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect()
    }

    fn record_of(fields: &[Field<'_>]) -> Record {
        let taken = Taken {
            realtime: 1_000_000,
            monotonic: 500,
        };
        Outline::of(fields.iter().copied()).record(fields.iter().copied(), taken, &rules("*"))
    }

    fn record(lines: &[&str]) -> Record {
        record_of(&fields(lines))
    }

    fn source(lines: &[&str]) -> String {
        record(lines).source.as_str().to_owned()
    }

    #[test]
    fn sources_are_named_after_who_logs() {
        assert_eq!(
            source(&["_SYSTEMD_UNIT=ssh.service", "_TRANSPORT=syslog"]),
            "system:ssh"
        );
        assert_eq!(source(&["_SYSTEMD_UNIT=init.scope"]), "system:init.scope");
        assert_eq!(
            source(&["_TRANSPORT=kernel", "SYSLOG_IDENTIFIER=kernel"]),
            "system:kernel"
        );
        assert_eq!(
            source(&[
                "_SYSTEMD_USER_UNIT=app.service",
                "_SYSTEMD_UNIT=user@1000.service"
            ]),
            "user:app"
        );
        assert_eq!(
            source(&["CONTAINER_NAME=web", "_SYSTEMD_UNIT=docker.service"]),
            "docker:web"
        );
        assert_eq!(
            source(&["_SYSTEMD_UNIT=-.slice", "SYSLOG_IDENTIFIER=cron"]),
            "system:cron"
        );
        assert_eq!(
            source(&["_SYSTEMD_UNIT=", "CONTAINER_NAME=", "_COMM=bash"]),
            "system:bash"
        );
        assert_eq!(source(&["MESSAGE=x"]), "system:unknown");
    }

    fn level(lines: &[&str]) -> Level {
        record(lines).level
    }

    #[test]
    fn levels_come_from_the_priority() {
        let expected = [
            "error", "error", "error", "error", "warn", "info", "debug", "debug",
        ];
        for (priority, expected) in expected.iter().enumerate() {
            assert_eq!(
                level(&[&format!("PRIORITY={priority}")]).as_str(),
                *expected
            );
        }
        for line in [
            "MESSAGE=ERROR: x",
            "PRIORITY=8",
            "PRIORITY=",
            "PRIORITY=high",
        ] {
            assert_eq!(level(&[line]), Level::Info, "{line}");
        }
    }

    #[test]
    fn output_states_its_level_or_has_that_of_its_stream() {
        assert_eq!(
            level(&["CONTAINER_NAME=a", "PRIORITY=6", "MESSAGE=x"]),
            Level::Info
        );
        assert_eq!(
            level(&["CONTAINER_NAME=a", "PRIORITY=3", "MESSAGE=x"]),
            Level::Warn
        );
        assert_eq!(
            level(&["CONTAINER_NAME=a", "PRIORITY=3", "MESSAGE=INFO: x"]),
            Level::Info
        );
        assert_eq!(
            level(&["CONTAINER_NAME=a", "PRIORITY=6", "MESSAGE=[ERROR] x"]),
            Level::Error
        );
        assert_eq!(
            level(&["_TRANSPORT=stdout", "PRIORITY=6", "MESSAGE=ERROR: x"]),
            Level::Error
        );
        assert_eq!(
            level(&["_TRANSPORT=stdout", "PRIORITY=6", "MESSAGE=x"]),
            Level::Debug
        );
        assert_eq!(
            level(&["_TRANSPORT=stdout", "PRIORITY=5", "MESSAGE=ERROR: x"]),
            Level::Info
        );
    }

    #[test]
    fn times_are_those_of_the_sender() {
        let time = |lines: &[&str]| record(lines).timestamp.get();
        assert_eq!(time(&["MESSAGE=x"]), 1_000_000);
        assert_eq!(time(&["_SOURCE_REALTIME_TIMESTAMP=999000"]), 999_000);
        assert_eq!(time(&["_SOURCE_MONOTONIC_TIMESTAMP=400"]), 999_900);
        assert_eq!(
            time(&["_SOURCE_MONOTONIC_TIMESTAMP=600"]),
            1_000_000,
            "a time to come is none"
        );
        assert_eq!(time(&["_SOURCE_REALTIME_TIMESTAMP=soon"]), 1_000_000);
    }

    #[test]
    fn metadata_has_plain_names_and_no_bookkeeping() {
        let record = record(&[
            "MESSAGE=hello",
            "PRIORITY=6",
            "_SYSTEMD_UNIT=ssh.service",
            "_SYSTEMD_CGROUP=/x",
            "_MACHINE_ID=0",
            "_PID=17",
            "_UID=0",
            "SYSLOG_IDENTIFIER=sshd",
            "SYSLOG_RAW=<6>hello",
            "CODE_FILE=a.c",
            "CODE_LINE=12",
            "CONTAINER_ID=abc",
            "UNIT=other.service",
            "MY_FIELD=mine",
            "TWICE=1",
            "TWICE=2",
        ]);
        let expected = serde_json::json!({
            "priority": 6, "unit": "ssh.service", "pid": 17, "uid": 0, "identifier": "sshd", "code_file": "a.c",
            "code_line": 12, "container_id": "abc", "about_unit": "other.service", "my_field": "mine", "twice": ["1", "2"],
        });
        assert_eq!(Value::from(record.metadata), expected);
        assert_eq!(record.message, "hello");
    }

    #[test]
    fn a_program_cannot_speak_in_the_place_of_journald() {
        let metadata =
            record(&["PID=1", "_PID=17", "EVENT_TYPE=gap", "MESSAGE_BASE64=eA=="]).metadata;
        let expected = serde_json::json!({
            "pid": 17, "field_pid": "1", "field_event_type": "gap", "field_message_base64": "eA==",
        });
        assert_eq!(Value::from(metadata), expected);
    }

    #[test]
    fn what_is_not_text_or_too_long_is_bounded_and_told() {
        let long = "\u{20ac}".repeat(FIELD_BYTES_MAX);
        let record = record_of(&[
            (b"MESSAGE", b"a\xff"),
            (b"BINARY", b"\xff\0"),
            (b"LONG", long.as_bytes()),
        ]);
        assert_eq!(record.message, "a\u{fffd}");
        assert_eq!(record.metadata["message_base64"], "Yf8=");
        assert_eq!(record.metadata["binary_base64"], "/wA=");
        assert_eq!(record.metadata["long_bytes"], long.len());
        assert_eq!(
            record.metadata["long"].as_str().unwrap().len(),
            FIELD_BYTES_MAX / 3 * 3
        );
    }

    #[test]
    fn what_is_not_read_says_nothing() {
        let lines = [
            "MESSAGE=a",
            "PRIORITY=3",
            "_TRANSPORT=journal",
            "_SYSTEMD_UNIT=web.service",
            "_SYSTEMD_USER_UNIT=app.service",
            "_SYSTEMD_SLICE=system.slice",
            "_SYSTEMD_INVOCATION_ID=00",
            "_STREAM_ID=00",
            "_SELINUX_CONTEXT=unconfined",
            "_SOURCE_REALTIME_TIMESTAMP=5",
            "_SOURCE_MONOTONIC_TIMESTAMP=5",
            "_SOURCE_BOOTTIME_TIMESTAMP=5",
            "CONTAINER_NAME=web",
            "CONTAINER_ID=0123",
            "CONTAINER_ID_FULL=01234567",
            "CONTAINER_TAG=web",
            "CONTAINER_PARTIAL_ID=p",
            "CONTAINER_PARTIAL_MESSAGE=true",
            "CONTAINER_PARTIAL_ORDINAL=1",
            "CONTAINER_PARTIAL_LAST=false",
            "CONTAINER_LOG_EPOCH=1",
            "SYSLOG_IDENTIFIER=web",
            "SYSLOG_RAW=raw",
            "_COMM=dockerd",
            "_PID=7",
            "ANSWER=42",
        ];
        let all = fields(&lines);
        let is_read = |field: &&Field<'_>| is_read(field.0);
        let read: Vec<_> = all.iter().filter(is_read).copied().collect();
        assert!(read.len() < all.len());
        let outlines = |fields: &[Field<'_>]| format!("{:?}", Outline::of(fields.iter().copied()));
        assert_eq!(outlines(&read), outlines(&all));
        let taken = |fields: &[Field<'_>]| metadata(fields.iter().copied());
        assert_eq!(taken(&read), taken(&all));
    }

    #[test]
    fn there_is_a_bound_to_fields() {
        let names: Vec<String> = (0..100).map(|n| format!("FIELD_{n}=x")).collect();
        let lines: Vec<&str> = names.iter().map(String::as_str).collect();
        let metadata = record(&lines).metadata;
        assert_eq!(metadata.len(), OTHERS_MAX + 1);
        assert_eq!(metadata["fields_left_out"], 100 - OTHERS_MAX);
    }

    #[test]
    fn a_field_that_repeats_is_a_list_with_a_bound() {
        let mut lines = vec!["A=first", "_PID=1", "A=", "_PID=2", "_COMM=x"];
        lines.extend(["_COMM=y"; 100]);
        let metadata = record(&lines).metadata;
        assert_eq!(metadata["a"], serde_json::json!(["first", ""]));
        assert_eq!(metadata["pid"], 2);
        let commands = metadata["command"].as_array().unwrap();
        assert_eq!(commands.len(), OTHERS_MAX);
        assert_eq!(commands[0], "x");
        assert!(commands[1..].iter().all(|command| command == "y"));
        let metadata = record(&vec!["_COMM=x"; FIELDS_MAX + 7]).metadata;
        assert_eq!(metadata["fields_left_out"], 7);
    }

    #[test]
    fn an_entry_without_a_message_is_a_record() {
        assert_eq!(record(&["_PID=1"]).message, "");
        assert_eq!(record(&["MESSAGE=", "MESSAGE=second"]).message, "");
        assert_eq!(
            record(&["MESSAGE=a\n\u{1b}[31mb"]).message,
            "a\n\u{1b}[31mb"
        );
    }

    #[test]
    fn rules_choose_units_and_containers() {
        let kept =
            |lines: &[&str], rules: &Rules| Outline::of(fields(lines).into_iter()).is_kept(rules);
        let mut rules = rules("*,!cron,!kernel");
        assert!(kept(&["_SYSTEMD_UNIT=ssh.service"], &rules));
        assert!(!kept(&["_SYSTEMD_UNIT=cron.service"], &rules));
        assert!(!kept(&["_TRANSPORT=kernel"], &rules));
        let container = ["_SYSTEMD_UNIT=docker.service", "CONTAINER_NAME=cron"];
        assert!(
            kept(&container, &rules),
            "containers have a switch of their own"
        );
        rules.docker = false;
        assert!(!kept(&container, &rules));
    }
}
