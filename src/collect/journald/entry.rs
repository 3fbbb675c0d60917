//! A journal entry as a record: its source, level, time and message, and all other fields as metadata.

use crate::collect::journald::facts::{self, Trust};
use crate::collect::journald::field::{EntryField, number};
use crate::collect::journald::owner::{Engine, EntryClaims, EntrySender, Loss, Owner, OwnerKind};
use crate::collect::journald::partial::{LinePart, PartFields, StreamFields};
use crate::collect::names::patterns::NamePatterns;
use crate::collect::recognise::Recognition;
use crate::collect::text;
use crate::journal::Id128;
use crate::record::{Level, Record};
use crate::time::Micros;

/// How entries become records.
#[derive(Debug, Clone)]
pub(crate) struct EntryRules {
    pub(crate) units: NamePatterns,
    pub(crate) docker: bool,
    /// The level of each syslog priority.
    pub(crate) levels: [Level; 8],
    /// How the output of services and containers is recognised.
    pub(crate) recognition: Recognition,
    /// The machine whose journal this is; records of other machines name theirs.
    pub(crate) machine: Option<Id128>,
}

/// The parts of an entry that determine the source of its record.
#[derive(Debug)]
pub(crate) struct Outline<'a> {
    owner: Owner<'a>,
    loss: Option<Loss<'a>>,
    facts: Outer<'a>,
}

/// The fields that an outline is made from.
#[derive(Debug, Default)]
struct Outer<'a> {
    sender: EntrySender<'a>,
    claims: EntryClaims<'a>,
    message: Option<&'a [u8]>,
    priority: Option<u8>,
    dropped: Option<u64>,
    parts: PartFields<'a>,
    stream: StreamFields<'a>,
    /// `CONTAINER_LOG_EPOCH`: Docker creates one for each start of a container.
    epoch: Option<&'a [u8]>,
    /// When the sender sent the entry, in microseconds since 1970.
    sent: Option<i64>,
    /// When the sender sent the entry, in microseconds since the boot.
    sent_monotonic: Option<u64>,
}

/// When and where journald received an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryTimes<'a> {
    pub(crate) realtime: u64,
    pub(crate) monotonic: u64,
    /// The name of the directory of the file.
    pub(crate) directory: &'a str,
}

/// One run of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation<'a> {
    pub(crate) container: &'a [u8],
    /// The user who runs the engine.
    pub(crate) user: Option<&'a [u8]>,
    /// Differs for a container that was recreated under the same name.
    pub(crate) id: &'a [u8],
    /// Differs for each start of a container, as far as its engine reports it.
    pub(crate) run: &'a [u8],
}

impl<'a> Outer<'a> {
    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let (sender, claims) = (&mut self.sender, &mut self.claims);
        let place = match name {
            b"MESSAGE" => &mut self.message,
            b"_TRANSPORT" => &mut sender.transport,
            b"_SYSTEMD_UNIT" => &mut sender.unit,
            b"_SYSTEMD_USER_UNIT" => &mut sender.user_unit,
            b"_SYSTEMD_CGROUP" => &mut sender.control_group,
            b"_COMM" => &mut sender.command,
            b"_EXE" => &mut sender.executable,
            b"_PID" => &mut sender.pid,
            b"_UID" => &mut sender.uid,
            b"_MACHINE_ID" => &mut sender.machine,
            b"SYSLOG_IDENTIFIER" => &mut claims.identifier,
            b"CONTAINER_NAME" => &mut claims.container,
            b"MESSAGE_ID" => &mut claims.message_id,
            b"UNIT" => &mut claims.unit,
            b"USER_UNIT" => &mut claims.user_unit,
            b"COREDUMP_UNIT" => &mut claims.coredump_unit,
            b"COREDUMP_USER_UNIT" => &mut claims.coredump_user_unit,
            b"OBJECT_SYSTEMD_UNIT" => &mut claims.object_unit,
            b"OBJECT_SYSTEMD_USER_UNIT" => &mut claims.object_user_unit,
            b"CONTAINER_ID" => &mut self.parts.container,
            b"CONTAINER_PARTIAL_ID" => &mut self.parts.id,
            b"CONTAINER_LOG_EPOCH" => &mut self.epoch,
            b"_STREAM_ID" => &mut self.stream.id,
            _ => return self.take_value(name, value),
        };
        // Only the first value of a repeated field counts, and an empty one is ignored.
        if place.is_none() && (!value.is_empty() || name == b"MESSAGE") {
            *place = Some(value);
        }
    }

    fn take_value(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"PRIORITY" => self.priority = number(value),
            b"N_DROPPED" => self.dropped = number(value),
            b"CONTAINER_PARTIAL_MESSAGE" => self.parts.is_flagged = value == b"true",
            b"CONTAINER_PARTIAL_LAST" => self.parts.is_last = Some(value == b"true"),
            b"_LINE_BREAK" => self.stream.is_cut = value == b"line-max",
            b"_SOURCE_REALTIME_TIMESTAMP" => self.sent = number(value),
            b"_SOURCE_MONOTONIC_TIMESTAMP" => self.sent_monotonic = number(value),
            _ => {}
        }
    }
}

impl<'a> Outline<'a> {
    pub(crate) fn of(fields: impl Iterator<Item = EntryField<'a>>) -> Self {
        let mut facts = Outer::default();
        for (name, value) in fields {
            facts.take(name, value);
        }
        let Outer {
            sender,
            claims,
            message,
            dropped,
            ..
        } = &facts;
        let loss = Loss::of(sender, claims, *message, *dropped);
        Self {
            owner: Owner::of(sender, claims, loss.as_ref()),
            loss,
            facts,
        }
    }

    /// Whether the record is kept.
    pub(crate) fn is_kept(&self, rules: &EntryRules) -> bool {
        match self.owner.kind {
            OwnerKind::Container(_) => rules.docker,
            _ => rules.units.keep(self.owner.name),
        }
    }

    /// Whether the sender marks the message as a part of a line.
    pub(crate) fn is_part(&self) -> bool {
        self.facts.parts.is_flagged || self.facts.parts.id.is_some() || self.facts.stream.is_cut
    }

    /// The part of a line that the message of a container or of a stream holds. `None` for all other messages.
    pub(crate) fn part(&self, origin: &str, rules: &EntryRules) -> Option<LinePart<'a>> {
        let Outer {
            sender,
            priority,
            parts,
            stream,
            ..
        } = &self.facts;
        let message = self.facts.message.unwrap_or_default();
        let (stated, fallback) = self.leveling(rules);
        let fallback = stated.then_some(fallback);
        if let OwnerKind::Container(engine) = self.owner.kind {
            let is_docker = engine == Engine::Docker;
            // Docker numbers its lines, and conmon is one process for each run of a container.
            let writer = (origin, sender.pid.filter(|_| !is_docker));
            return Some(parts.part(writer, *priority, message, is_docker, fallback));
        }
        stream.part((origin, sender.pid), message, fallback)
    }

    /// The run of the container that wrote the message.
    pub(crate) fn generation(&self) -> Option<Generation<'a>> {
        let OwnerKind::Container(engine) = self.owner.kind else {
            return None;
        };
        let run = match engine {
            Engine::Docker => self.facts.epoch,
            // Each run has its own monitor process.
            Engine::Conmon => self.facts.sender.pid,
        };
        Some(Generation {
            container: self.owner.name,
            user: self.owner.user,
            id: self.facts.parts.container?,
            run: run.unwrap_or_default(),
        })
    }

    /// The other machine that the entry comes from: named by the directory, which the host chose, or by the journald
    /// of that machine.
    fn machine<'b>(&'b self, directory: &'b str, rules: &EntryRules) -> Option<&'b [u8]> {
        let this = rules.machine?.digits();
        let by_directory = directory
            .split_once('.')
            .map_or(directory, |(machine, _)| machine)
            .as_bytes();
        let is_id =
            |text: &[u8]| text.len() == this.len() && text.iter().all(u8::is_ascii_hexdigit);
        let known = [Some(by_directory), self.facts.sender.machine];
        known
            .into_iter()
            .flatten()
            .find(|id| *id != this && is_id(id))
    }

    /// Whether the message may state its level, and the level if it does not.
    fn leveling(&self, rules: &EntryRules) -> (bool, Level) {
        let by_priority = |priority: u8| rules.levels.get(usize::from(priority)).copied();
        let Outer {
            priority, sender, ..
        } = &self.facts;
        match (self.owner.is_container(), sender.transport, *priority) {
            // Docker's journald driver writes 6 for stdout and 3 for stderr.
            (true, _, None | Some(6)) => (true, Level::Info),
            (true, _, Some(3)) => (true, Level::Warn),
            // The output of a service has priority 6 unless the line itself states another.
            (false, Some(b"stdout"), Some(6)) => (true, by_priority(6).unwrap_or(Level::Info)),
            (_, _, priority) => (false, priority.and_then(by_priority).unwrap_or(Level::Info)),
        }
    }

    fn level(&self, rules: &EntryRules) -> Level {
        let (may_state, fallback) = self.leveling(rules);
        let source = || self.owner.source(None);
        let stated = || rules.recognition.level(source, self.facts.message?);
        let level = may_state.then(stated).flatten().unwrap_or(fallback);
        match self.loss {
            Some(_) => level.max(Level::Warn),
            None => level,
        }
    }

    /// When the entry was sent, if journald knows it. The kernel stamps its messages only with the time since the
    /// boot.
    fn timestamp(&self, taken: EntryTimes<'_>) -> Micros {
        if let Some(sent) = self.facts.sent {
            return Micros::new(sent);
        }
        let sent = self.facts.sent_monotonic;
        let earlier = sent.and_then(|sent| taken.monotonic.checked_sub(sent));
        Micros::from_unsigned(taken.realtime.saturating_sub(earlier.unwrap_or(0)))
    }

    pub(crate) fn record(
        &self,
        fields: impl Iterator<Item = EntryField<'a>>,
        taken: EntryTimes<'_>,
        rules: &EntryRules,
    ) -> Record {
        let trust = Trust {
            container: self.owner.is_container(),
            about: self.owner.is_about,
        };
        let mut metadata = facts::metadata(fields, trust);
        let message = text::message(self.facts.message.unwrap_or_default(), &mut metadata);
        if let Some(instance) = self.owner.instance() {
            metadata.insert("instance", String::from_utf8_lossy(instance));
        }
        let machine = self.machine(taken.directory, rules);
        if let Some(machine) = machine {
            metadata.insert("machine_id", String::from_utf8_lossy(machine));
        }
        if let Some(loss) = &self.loss {
            metadata.insert("event_type", "gap");
            if let Some(count) = loss.count {
                metadata.insert("count", count);
            }
        }
        Record {
            timestamp: self.timestamp(taken),
            source: self.owner.source(machine),
            level: self.level(rules),
            message,
            metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{FIELD_BYTES_MAX, FIELDS_MAX, OTHERS_MAX, is_read, metadata};
    use super::*;
    use crate::collect::JournaldOptions;
    use serde_json::Value;

    fn rules(units: &str) -> EntryRules {
        let Ok(units) = units.parse();
        EntryRules {
            units,
            docker: true,
            levels: JournaldOptions::LEVELS,
            recognition: Recognition::default(),
            machine: None,
        }
    }

    fn fields<'a>(lines: &'a [&'a str]) -> Vec<EntryField<'a>> {
        let split = |line: &&'a str| line.split_once('=').unwrap();
        lines
            .iter()
            .map(split)
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect()
    }

    fn record_of(fields: &[EntryField<'_>]) -> Record {
        let taken = EntryTimes {
            realtime: 1_000_000,
            monotonic: 500,
            directory: "",
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
    fn names_sources_after_the_sender() {
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
            source(&[
                "CONTAINER_NAME=web",
                "_SYSTEMD_UNIT=docker.service",
                "_COMM=dockerd"
            ]),
            "docker:web"
        );
        assert_eq!(
            source(&["CONTAINER_NAME=web", "_SYSTEMD_UNIT=cron.service"]),
            "system:cron"
        );
        assert_eq!(
            source(&["_SYSTEMD_UNIT=session-3.scope"]),
            "system:session-"
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
            "error", "error", "error", "error", "warn", "info", "info", "debug",
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
            level(&[
                "_COMM=dockerd",
                "CONTAINER_NAME=a",
                "PRIORITY=6",
                "MESSAGE=x"
            ]),
            Level::Info
        );
        assert_eq!(
            level(&[
                "_COMM=dockerd",
                "CONTAINER_NAME=a",
                "PRIORITY=3",
                "MESSAGE=x"
            ]),
            Level::Warn
        );
        assert_eq!(
            level(&[
                "_COMM=dockerd",
                "CONTAINER_NAME=a",
                "PRIORITY=3",
                "MESSAGE=INFO: x"
            ]),
            Level::Info
        );
        assert_eq!(
            level(&[
                "_COMM=dockerd",
                "CONTAINER_NAME=a",
                "PRIORITY=6",
                "MESSAGE=[ERROR] x"
            ]),
            Level::Error
        );
        assert_eq!(
            level(&["_TRANSPORT=stdout", "PRIORITY=6", "MESSAGE=ERROR: x"]),
            Level::Error
        );
        assert_eq!(
            level(&["_TRANSPORT=stdout", "PRIORITY=6", "MESSAGE=x"]),
            Level::Info
        );
        assert_eq!(
            level(&["_TRANSPORT=stdout", "PRIORITY=5", "MESSAGE=ERROR: x"]),
            Level::Info
        );
    }

    #[test]
    fn records_have_the_time_of_the_sender() {
        let time = |lines: &[&str]| record(lines).timestamp.get();
        assert_eq!(time(&["MESSAGE=x"]), 1_000_000);
        assert_eq!(time(&["_SOURCE_REALTIME_TIMESTAMP=999000"]), 999_000);
        assert_eq!(time(&["_SOURCE_MONOTONIC_TIMESTAMP=400"]), 999_900);
        assert_eq!(
            time(&["_SOURCE_MONOTONIC_TIMESTAMP=600"]),
            1_000_000,
            "a time in the future is ignored"
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
            "code_line": 12, "field_container_id": "abc", "field_unit": "other.service", "my_field": "mine", "twice": ["1", "2"],
        });
        assert_eq!(Value::from(record.metadata), expected);
        assert_eq!(record.message, "hello");
    }

    #[test]
    fn a_program_cannot_send_the_names_of_journald() {
        let metadata =
            record(&["PID=1", "_PID=17", "EVENT_TYPE=gap", "MESSAGE_BASE64=eA=="]).metadata;
        let expected = serde_json::json!({
            "pid": 17, "field_pid": "1", "field_event_type": "gap", "field_message_base64": "eA==",
        });
        assert_eq!(Value::from(metadata), expected);
    }

    #[test]
    fn bounds_long_and_binary_fields_and_reports_it() {
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
    fn unread_fields_do_not_change_the_record() {
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
        let is_read = |field: &&EntryField<'_>| is_read(field.0);
        let read: Vec<_> = all.iter().filter(is_read).copied().collect();
        assert!(read.len() < all.len());
        let outlines =
            |fields: &[EntryField<'_>]| format!("{:?}", Outline::of(fields.iter().copied()));
        assert_eq!(outlines(&read), outlines(&all));
        let taken = |fields: &[EntryField<'_>]| metadata(fields.iter().copied(), Trust::default());
        assert_eq!(taken(&read), taken(&all));
    }

    #[test]
    fn the_number_of_fields_is_limited() {
        let names: Vec<String> = (0..100).map(|n| format!("FIELD_{n}=x")).collect();
        let lines: Vec<&str> = names.iter().map(String::as_str).collect();
        let metadata = record(&lines).metadata;
        assert_eq!(metadata.len(), OTHERS_MAX + 1);
        assert_eq!(metadata["fields_left_out"], 100 - OTHERS_MAX);
    }

    #[test]
    fn a_repeated_field_is_a_list_of_limited_length() {
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
    fn numbers_are_parsed_like_the_standard_library_does() {
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
        let kept = |lines: &[&str], rules: &EntryRules| {
            Outline::of(fields(lines).into_iter()).is_kept(rules)
        };
        let mut rules = rules("*,!cron,!kernel");
        assert!(kept(&["_SYSTEMD_UNIT=ssh.service"], &rules));
        assert!(!kept(&["_SYSTEMD_UNIT=cron.service"], &rules));
        assert!(!kept(&["_TRANSPORT=kernel"], &rules));
        assert!(kept(
            &["_PID=1", "UNIT=ssh.service", "_SYSTEMD_UNIT=init.scope"],
            &rules
        ));
        assert!(!kept(
            &["_PID=1", "UNIT=cron.service", "_SYSTEMD_UNIT=init.scope"],
            &rules
        ));
        let container = [
            "_SYSTEMD_UNIT=docker.service",
            "_COMM=dockerd",
            "CONTAINER_NAME=cron",
        ];
        assert!(
            kept(&container, &rules),
            "containers have a switch of their own"
        );
        rules.docker = false;
        assert!(!kept(&container, &rules));
    }

    #[test]
    fn patterns_see_the_whole_name_of_a_unit() {
        let rules = rules("sshd@3-*");
        let kept = |unit: &str| {
            let line = format!("_SYSTEMD_UNIT={unit}");
            Outline::of(fields(&[&line]).into_iter()).is_kept(&rules)
        };
        assert!(kept("sshd@3-192.0.2.1:22.service"));
        assert!(!kept("sshd@4-192.0.2.1:22.service"));
    }

    #[test]
    fn keeps_the_instance_in_metadata() {
        let record = record(&["_SYSTEMD_UNIT=sshd@3-192.0.2.1:22.service", "INSTANCE=x"]);
        assert_eq!(record.source.as_str(), "system:sshd@");
        assert_eq!(record.metadata["instance"], "3-192.0.2.1:22");
        assert_eq!(record.metadata["unit"], "sshd@3-192.0.2.1:22.service");
        assert_eq!(record.metadata["field_instance"], "x");
    }

    #[test]
    fn messages_of_the_manager_about_a_unit_belong_to_the_unit() {
        let record = record(&[
            "MESSAGE=nginx.service: Failed with result 'exit-code'.",
            "UNIT=nginx.service",
            "PRIORITY=4",
            "_PID=1",
            "_UID=0",
            "_COMM=systemd",
            "_SYSTEMD_UNIT=init.scope",
        ]);
        assert_eq!(
            (record.source.as_str(), record.level),
            ("system:nginx", Level::Warn)
        );
        assert_eq!(record.metadata["unit"], "init.scope");
        assert_eq!(record.metadata["command"], "systemd");
        assert_eq!(record.metadata["about_unit"], "nginx.service");
    }

    #[test]
    fn messages_that_journald_lost_are_a_gap_of_their_unit() {
        let lines = [
            "MESSAGE=Suppressed 31337 messages from web.service",
            "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e",
            "N_DROPPED=31337",
            "PRIORITY=6",
            "_TRANSPORT=driver",
            "_SYSTEMD_UNIT=systemd-journald.service",
        ];
        let lost = record(&lines);
        assert_eq!(
            (lost.source.as_str(), lost.level),
            ("system:web", Level::Warn)
        );
        assert_eq!(lost.metadata["event_type"], "gap");
        assert_eq!(lost.metadata["count"], 31_337);
        let forged = record(&[&lines[..4], &["_TRANSPORT=journal"]].concat());
        assert_eq!(forged.level, Level::Info);
        assert!(!forged.metadata.contains_key("event_type"));
    }

    #[test]
    fn records_of_other_machines_name_theirs() {
        const THIS: &str = "11111111111111111111111111111111";
        const OTHER: &str = "22222222222222222222222222222222";
        let rules = EntryRules {
            machine: THIS.parse().ok(),
            ..rules("*")
        };
        let found = |directory: &str, machine: &str| {
            let machine = format!("_MACHINE_ID={machine}");
            let lines = ["_SYSTEMD_UNIT=ssh.service", &machine];
            let fields = fields(&lines);
            let taken = EntryTimes {
                realtime: 1,
                monotonic: 1,
                directory,
            };
            let outline = Outline::of(fields.iter().copied());
            let record = outline.record(fields.iter().copied(), taken, &rules);
            record.source.as_str().to_owned()
        };
        let named = format!("system:{OTHER}/ssh");
        let namespace = format!("{OTHER}.app");
        assert_eq!(found(THIS, THIS), "system:ssh");
        assert_eq!(found("journal", THIS), "system:ssh");
        assert_eq!(found(&format!("{THIS}.app"), THIS), "system:ssh");
        assert_eq!(found("remote", OTHER), named);
        assert_eq!(found(OTHER, OTHER), named);
        assert_eq!(
            found(OTHER, THIS),
            named,
            "the sender's own claim is ignored"
        );
        assert_eq!(found(&namespace, THIS), named);
    }

    #[test]
    fn distinguishes_runs_of_a_container_as_its_engine_allows() {
        let generation = |lines: &[&'static str]| {
            let lines: Vec<&str> = lines.to_vec();
            let lines: &'static [&str] = Vec::leak(lines);
            Outline::of(fields(lines).into_iter()).generation()
        };
        let docker = [
            "CONTAINER_NAME=a",
            "CONTAINER_ID=1",
            "CONTAINER_LOG_EPOCH=e",
            "_COMM=dockerd",
            "_PID=7",
        ];
        let expected = Generation {
            container: b"a",
            user: None,
            id: b"1",
            run: b"e",
        };
        assert_eq!(generation(&docker), Some(expected));
        let conmon = [
            "CONTAINER_NAME=a",
            "CONTAINER_ID=1",
            "_COMM=conmon",
            "_PID=7",
        ];
        assert_eq!(
            generation(&conmon),
            Some(Generation {
                run: b"7",
                ..expected
            })
        );
        assert_eq!(generation(&conmon[..2]), None, "the sender is not trusted");
    }
}
