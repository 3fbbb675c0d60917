//! A journal entry as a record: its source, level, time and message, and all else that it says as metadata.

use super::facts;
use super::partial::{Part, PartFields};
use super::patterns::NamePatterns;
use super::recognise::Recognition;
use super::text;
use crate::record::{Level, Record, Source};
use crate::time::Micros;
use std::str::FromStr;

/// How entries become records.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) units: NamePatterns,
    pub(crate) docker: bool,
    /// The level of each syslog priority.
    pub(crate) levels: [Level; 8],
    /// How the output of services and containers is recognised.
    pub(crate) recognition: Recognition,
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
        let stated = || rules.recognition.level(|| self.source(), self.message?);
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
        let mut metadata = facts::metadata(fields);
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

/// A decimal number; most are digits and nothing else.
pub(super) fn number<T: FromStr + TryFrom<u64>>(value: &[u8]) -> Option<T> {
    /// As many digits never pass the bounds of 64 bits.
    const DIGITS_MAX: usize = 19;
    if !(1..=DIGITS_MAX).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(value).ok()?.parse().ok();
    }
    let digits = value.iter().map(|digit| u64::from(digit - b'0'));
    T::try_from(digits.fold(0, |number, digit| number * 10 + digit)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::facts::{FIELD_BYTES_MAX, FIELDS_MAX, OTHERS_MAX, is_read, metadata};
    use super::*;
    use serde_json::Value;

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
            recognition: Recognition::default(),
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
    fn numbers_are_those_that_the_standard_library_reads() {
        let most = "9".repeat(20);
        for text in [
            "0",
            "7",
            "007",
            "255",
            "256",
            "-1",
            "-0",
            "+5",
            "",
            " 1",
            "1 ",
            "x",
            "1_000",
            "\u{661}",
            "9223372036854775807",
            "9223372036854775808",
            "9999999999999999999",
            "18446744073709551615",
            &most,
        ] {
            let bytes = text.as_bytes();
            assert_eq!(number::<u8>(bytes), text.parse().ok(), "{text:?}");
            assert_eq!(number::<i64>(bytes), text.parse().ok(), "{text:?}");
            assert_eq!(number::<u64>(bytes), text.parse().ok(), "{text:?}");
        }
        assert_eq!(number::<u64>(b"\xff"), None);
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
