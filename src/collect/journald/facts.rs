//! The fields of a journal entry other than its message, as the metadata of a record.

use crate::collect::journald::field::{EntryField, number};
use crate::record::{Key, Metadata};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A field other than the message is cut to this size: some programs put whole core dumps into the journal.
pub(crate) const FIELD_BYTES_MAX: usize = 8 << 10;

/// Maximum number of fields kept of one entry, not counting those that every entry has.
pub(crate) const OTHERS_MAX: usize = 64;

/// Maximum number of fields of one entry that are sorted together: journald accepts no more.
pub(crate) const FIELDS_MAX: usize = 1024;

/// A fact with a name defined by vmlog, in the order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    AboutUnit,
    AboutUserUnit,
    AuditType,
    BootId,
    CodeLine,
    Command,
    CommandLine,
    Errno,
    Executable,
    Facility,
    Gid,
    Hostname,
    Identifier,
    KernelDevice,
    KernelSubsystem,
    Namespace,
    Pid,
    Priority,
    SyslogPid,
    Transport,
    Uid,
    Unit,
    UserUnit,
}

/// The names of the facts: `NAMES[fact as usize]`. They are reserved for fields that journald itself guarantees, so
/// that a program that sends a field of such a name cannot pass for journald.
const NAMES: [&str; 23] = [
    "about_unit",
    "about_user_unit",
    "audit_type",
    "boot_id",
    "code_line",
    "command",
    "command_line",
    "errno",
    "executable",
    "facility",
    "gid",
    "hostname",
    "identifier",
    "kernel_device",
    "kernel_subsystem",
    "namespace",
    "pid",
    "priority",
    "syslog_pid",
    "transport",
    "uid",
    "unit",
    "user_unit",
];

impl Fact {
    fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// Further names with a meaning in vmlog; programs cannot use them either.
const RESERVED: [&str; 11] = [
    "event_type",
    "fields_left_out",
    "file",
    "instance",
    "line_incomplete",
    "line_part",
    "machine_id",
    "message",
    "message_base64",
    "message_bytes",
    "stated_time",
];

/// How a field is kept.
enum FieldForm {
    /// Kept as this fact.
    Text(Fact),
    /// Kept as a number, if it is one.
    Number(Fact),
    /// Already stated elsewhere in the record, or useful to journald only.
    Dropped,
    /// Kept under its own name in lower case.
    Other,
}

fn form(name: &[u8]) -> FieldForm {
    match name {
        b"_SYSTEMD_UNIT" => FieldForm::Text(Fact::Unit),
        b"_SYSTEMD_USER_UNIT" => FieldForm::Text(Fact::UserUnit),
        b"_PID" => FieldForm::Number(Fact::Pid),
        b"_UID" => FieldForm::Number(Fact::Uid),
        b"_GID" => FieldForm::Number(Fact::Gid),
        b"_HOSTNAME" => FieldForm::Text(Fact::Hostname),
        b"_BOOT_ID" => FieldForm::Text(Fact::BootId),
        b"_TRANSPORT" => FieldForm::Text(Fact::Transport),
        b"_COMM" => FieldForm::Text(Fact::Command),
        b"_EXE" => FieldForm::Text(Fact::Executable),
        b"_CMDLINE" => FieldForm::Text(Fact::CommandLine),
        b"_KERNEL_DEVICE" => FieldForm::Text(Fact::KernelDevice),
        b"_KERNEL_SUBSYSTEM" => FieldForm::Text(Fact::KernelSubsystem),
        b"_NAMESPACE" => FieldForm::Text(Fact::Namespace),
        b"_AUDIT_TYPE_NAME" => FieldForm::Text(Fact::AuditType),
        b"PRIORITY" => FieldForm::Number(Fact::Priority),
        b"SYSLOG_IDENTIFIER" => FieldForm::Text(Fact::Identifier),
        b"SYSLOG_PID" => FieldForm::Number(Fact::SyslogPid),
        b"SYSLOG_FACILITY" => FieldForm::Number(Fact::Facility),
        b"CODE_LINE" => FieldForm::Number(Fact::CodeLine),
        b"ERRNO" => FieldForm::Number(Fact::Errno),
        b"UNIT" => FieldForm::Text(Fact::AboutUnit),
        b"USER_UNIT" => FieldForm::Text(Fact::AboutUserUnit),
        b"MESSAGE" | b"SYSLOG_RAW" | b"SYSLOG_TIMESTAMP" | [b'_', ..] => FieldForm::Dropped,
        _ if is_docker_bookkeeping(name) => FieldForm::Dropped,
        _ => FieldForm::Other,
    }
}

/// Whether a field contributes to a record; the others need not be read.
pub(crate) fn is_read(name: &[u8]) -> bool {
    let by_outline: [&[u8]; 11] = [
        b"MESSAGE",
        b"CONTAINER_LOG_EPOCH",
        b"CONTAINER_PARTIAL_ID",
        b"CONTAINER_PARTIAL_MESSAGE",
        b"CONTAINER_PARTIAL_LAST",
        b"_LINE_BREAK",
        b"_MACHINE_ID",
        b"_SOURCE_REALTIME_TIMESTAMP",
        b"_SOURCE_MONOTONIC_TIMESTAMP",
        b"_STREAM_ID",
        b"_SYSTEMD_CGROUP",
    ];
    by_outline.contains(&name) || !matches!(form(name), FieldForm::Dropped)
}

fn is_docker_bookkeeping(name: &[u8]) -> bool {
    name.starts_with(b"CONTAINER_PARTIAL_") || name.starts_with(b"CONTAINER_LOG_")
}

/// Which claims about others are believed. The claims of all other senders are kept under other names, marked as
/// claims.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Trust {
    /// The claim which container the message is from.
    pub(crate) container: bool,
    /// The claim which unit the message is about.
    pub(crate) about: bool,
}

impl Trust {
    fn believes(self, name: &[u8]) -> bool {
        match name {
            b"UNIT" | b"USER_UNIT" => self.about,
            b"IMAGE_NAME" => self.container,
            _ => self.container || !name.starts_with(b"CONTAINER_"),
        }
    }
}

/// The metadata made of these fields.
pub(crate) fn metadata<'a>(fields: impl Iterator<Item = EntryField<'a>>, trust: Trust) -> Metadata {
    let mut facts = EntryFacts {
        trust,
        ..EntryFacts::default()
    };
    for (name, value) in fields {
        facts.take(name, value);
    }
    facts.finish()
}

/// The fields read so far. Facts have fixed slots, so that only the other fields have to be sorted.
#[derive(Debug, Default)]
struct EntryFacts {
    /// Indexed by [`Fact`]; null means absent. A plain value is moved in one piece; moved out of an `Option` it would
    /// be copied through the stack in parts, which stalls the processor.
    known: [Value; NAMES.len()],
    others: Vec<(Key, Value)>,
    taken: usize,
    taken_others: usize,
    left_out: u64,
    trust: Trust,
}

impl EntryFacts {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let is_believed = self.trust.believes(name);
        let form = match form(name) {
            FieldForm::Text(_) if !is_believed => FieldForm::Other,
            form => form,
        };
        match form {
            FieldForm::Dropped => return,
            _ if self.taken == FIELDS_MAX => return self.left_out += 1,
            FieldForm::Other if self.taken_others == OTHERS_MAX => return self.left_out += 1,
            _ => self.taken += 1,
        }
        match form {
            FieldForm::Dropped => {}
            FieldForm::Text(fact) => self.add(fact.name().into(), Some(fact), value),
            FieldForm::Number(fact) => match number::<i64>(value) {
                Some(number) => self.add_known(fact, number.into()),
                None => self.add(fact.name().into(), Some(fact), value),
            },
            FieldForm::Other => {
                self.taken_others += 1;
                self.add(other_name(name, is_believed).into(), None, value);
            }
        }
    }

    /// Adds a field, and its full length if it was cut.
    fn add(&mut self, name: Key, fact: Option<Fact>, bytes: &[u8]) {
        let is_cut = bytes.len() > FIELD_BYTES_MAX;
        let kept = bytes.get(..FIELD_BYTES_MAX).unwrap_or(bytes);
        if is_cut {
            let length = (format!("{name}_bytes").into(), bytes.len().into());
            self.others.push(length);
        }
        match (readable(kept, is_cut), fact) {
            (Some(text), Some(fact)) => self.add_known(fact, text.into()),
            (Some(text), None) => self.others.push((name, text.into())),
            (None, _) => {
                let name = format!("{name}_base64").into();
                self.others.push((name, STANDARD.encode(kept).into()));
            }
        }
    }

    fn add_known(&mut self, fact: Fact, value: Value) {
        match self.known.get_mut(fact as usize) {
            Some(kept) if kept.is_null() => *kept = value,
            Some(kept) => join(kept, value),
            None => {}
        }
    }

    fn finish(mut self) -> Metadata {
        if self.left_out > 0 {
            let left_out = self.left_out.into();
            self.others.push(("fields_left_out".into(), left_out));
        }
        self.others.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.others.dedup_by(|(name, value), (kept_name, kept)| {
            let is_same = name == kept_name;
            if is_same {
                join(kept, value.take());
            }
            is_same
        });
        let mut pairs = Vec::with_capacity(self.taken.min(NAMES.len()) + self.others.len());
        let mut others = self.others.into_iter().peekable();
        for (name, value) in NAMES.into_iter().zip(&mut self.known) {
            if !value.is_null() {
                while let Some(other) = others.next_if(|(other, _)| **other < *name) {
                    pairs.push(other);
                }
                pairs.push((name.into(), std::mem::take(value)));
            }
        }
        pairs.extend(others);
        Metadata::of_sorted(pairs)
    }
}

/// Joins the texts of one name to a list, in their order; of its numbers the last one counts.
fn join(kept: &mut Value, value: Value) {
    match (value, kept) {
        (Value::String(text), Value::Array(values)) => {
            if values.len() < OTHERS_MAX {
                values.push(text.into());
            }
        }
        (value @ Value::String(_), first) => *first = Value::Array(vec![first.take(), value]),
        (value, kept) => *kept = value,
    }
}

/// The metadata name of a field that a program named.
fn other_name(name: &[u8], is_believed: bool) -> String {
    let name = String::from_utf8_lossy(name).to_lowercase();
    if !is_believed || NAMES.contains(&name.as_str()) || RESERVED.contains(&name.as_str()) {
        format!("field_{name}")
    } else {
        name
    }
}

/// The metadata name of a field, if it is kept; it depends on whether the sender is trusted.
pub(crate) fn name_of(field: &[u8], is_believed: bool) -> Option<String> {
    let is_believed = is_believed || Trust::default().believes(field);
    match form(field) {
        FieldForm::Text(fact) | FieldForm::Number(fact) if is_believed => {
            Some(fact.name().to_owned())
        }
        FieldForm::Dropped => None,
        _ => Some(other_name(field, is_believed)),
    }
}

/// The bytes as text, without a last character that was cut in the middle.
fn readable(bytes: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Map;

    const ALL: Trust = Trust {
        container: true,
        about: true,
    };

    #[test]
    fn trusts_only_some_senders_about_others() {
        let names = [
            "CONTAINER_NAME",
            "CONTAINER_TAG",
            "IMAGE_NAME",
            "UNIT",
            "USER_UNIT",
            "OTHER",
        ];
        let keys = |trust| {
            let fields = names.iter().map(|name| (name.as_bytes(), &b"x"[..]));
            let metadata = metadata(fields, trust);
            metadata.keys().map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = [
            "about_unit",
            "about_user_unit",
            "container_name",
            "container_tag",
            "image_name",
            "other",
        ];
        assert_eq!(keys(ALL), expected);
        let expected = [
            "field_container_name",
            "field_container_tag",
            "field_image_name",
            "field_unit",
            "field_user_unit",
            "other",
        ];
        assert_eq!(keys(Trust::default()), expected);
    }

    /// The reference model: one insertion after another.
    fn one_by_one(fields: &[(&str, Vec<u8>)]) -> Map<String, Value> {
        let mut map = Map::new();
        let mut add = |name: String, value: Value| match map.get_mut(&name) {
            Some(kept) => join(kept, value),
            None => drop(map.insert(name, value)),
        };
        for (field, value) in fields {
            let (name, may_be_number) = match form(field.as_bytes()) {
                FieldForm::Dropped => continue,
                FieldForm::Text(fact) => (fact.name().to_owned(), false),
                FieldForm::Number(fact) => (fact.name().to_owned(), true),
                FieldForm::Other => (other_name(field.as_bytes(), true), false),
            };
            match (number::<i64>(value), std::str::from_utf8(value)) {
                (Some(number), _) if may_be_number => add(name, number.into()),
                (_, Ok(text)) => add(name, text.into()),
                (_, Err(_)) => add(format!("{name}_base64"), STANDARD.encode(value).into()),
            }
        }
        map
    }

    proptest! {
        #[test]
        fn metadata_equals_that_of_single_insertions(
            fields in prop::collection::vec((
                prop::sample::select(vec![
                    "_PID", "_UID", "PRIORITY", "_COMM", "_EXE", "UNIT", "_SYSTEMD_USER_UNIT", "MESSAGE", "_MACHINE_ID",
                    "A", "PID", "PID_BASE64", "MIDDLE", "ZZZ", "CONTAINER_TAG", "EVENT_TYPE", "\u{e9}",
                ]),
                prop_oneof![
                    "[0-9a-z]{0,3}".prop_map(String::into_bytes),
                    any::<i64>().prop_map(|number| number.to_string().into_bytes()),
                    prop::collection::vec(any::<u8>(), 0..4),
                ],
            ), 0..40)
        ) {
            let found = metadata(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())), ALL);
            prop_assert_eq!(Value::from(found), Value::Object(one_by_one(&fields)));
        }
    }

    #[test]
    fn every_fact_has_its_name() {
        let fields = [
            ("UNIT", "about_unit"),
            ("USER_UNIT", "about_user_unit"),
            ("_AUDIT_TYPE_NAME", "audit_type"),
            ("_BOOT_ID", "boot_id"),
            ("CODE_LINE", "code_line"),
            ("_COMM", "command"),
            ("_CMDLINE", "command_line"),
            ("ERRNO", "errno"),
            ("_EXE", "executable"),
            ("SYSLOG_FACILITY", "facility"),
            ("_GID", "gid"),
            ("_HOSTNAME", "hostname"),
            ("SYSLOG_IDENTIFIER", "identifier"),
            ("_KERNEL_DEVICE", "kernel_device"),
            ("_KERNEL_SUBSYSTEM", "kernel_subsystem"),
            ("_NAMESPACE", "namespace"),
            ("_PID", "pid"),
            ("PRIORITY", "priority"),
            ("SYSLOG_PID", "syslog_pid"),
            ("_TRANSPORT", "transport"),
            ("_UID", "uid"),
            ("_SYSTEMD_UNIT", "unit"),
            ("_SYSTEMD_USER_UNIT", "user_unit"),
        ];
        for ((field, expected), name) in fields.into_iter().zip(NAMES) {
            assert_eq!(expected, name, "{field}");
            let metadata = metadata([(field.as_bytes(), &b"7"[..])].into_iter(), ALL);
            assert!(metadata.keys().eq([name]), "{field}: {metadata:?}");
        }
        assert!(NAMES.is_sorted_by(|a, b| a < b));
    }
}
