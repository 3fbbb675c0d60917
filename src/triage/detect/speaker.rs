//! Who wrote a line: the kernel, the service manager, or a program with a name.

use crate::record::Record;
use serde_json::Value;

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineAuthor<'a> {
    Kernel,
    /// systemd, of the system or of a user.
    Manager,
    /// A program of this name; empty if it is not known.
    Program(&'a str),
}

/// A syslog header ends within this.
const HEADER_BYTES_MAX: usize = 160;

impl<'a> LineAuthor<'a> {
    /// Who wrote the text of a record, and the text without a syslog header.
    pub(super) fn of(record: &'a Record, text: &'a str) -> (Self, &'a str) {
        let metadata = &record.metadata;
        let word = |key| metadata.get(key).and_then(Value::as_str);
        let source = record.source.as_str();
        if word("transport") == Some("kernel") || source == "system:kernel" {
            return (Self::Kernel, text);
        }
        if let Some(name) = word("identifier").or_else(|| word("command")) {
            // any program may call itself systemd; its own processes are in these units
            let is_manager =
                word("unit").is_none_or(|unit| unit == "init.scope" || unit.starts_with("user@"));
            return match name {
                "systemd" if !is_manager => (Self::Program(name), text),
                name => (Self::named(name), text),
            };
        }
        if source.starts_with("file:")
            && let Some((tag, rest)) = syslog_tag(text)
        {
            return match tag {
                "kernel" => (Self::Kernel, without_uptime(rest)),
                tag => (Self::named(tag), rest),
            };
        }
        let name = source.split_once(':').map_or(source, |(_, name)| name);
        (Self::Program(name), text)
    }

    fn named(name: &'a str) -> Self {
        match name {
            "systemd" => Self::Manager,
            "sshd-session" => Self::Program("sshd"),
            name => Self::Program(name),
        }
    }
}

/// The tag and the rest of a line that syslog wrote: `Feb 17 14:30:15 host sshd[12]: text`.
pub(in crate::triage) fn syslog_tag(text: &str) -> Option<(&str, &str)> {
    let head = text.get(..text.floor_char_boundary(HEADER_BYTES_MAX))?;
    let end = head.find(": ")?;
    let (before, rest) = (text.get(..end)?, text.get(end + 2..)?);
    // a time and a host name come before it
    let (header, tag) = before.rsplit_once(' ')?;
    if !header.contains(':') {
        return None;
    }
    let name = tag.split('[').next()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_tag = !name.is_empty() && name.chars().all(is_name);
    is_tag.then_some((name, rest))
}

/// `[   12.345678] text` without the time.
fn without_uptime(text: &str) -> &str {
    let after = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    match after {
        Some((time, rest)) if time.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.') => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_syslog_lines_are_read() {
        for (line, expected) in [
            (
                "Feb 17 14:30:15 vm sshd[12]: Failed password",
                Some(("sshd", "Failed password")),
            ),
            (
                "2026-02-17T14:30:15.1+00:00 vm kernel: [ 12.5] Out of memory",
                Some(("kernel", "[ 12.5] Out of memory")),
            ),
            ("error: something", None),
            ("2026-02-17 14:30:15 [ERROR] app: x", None),
        ] {
            let found = syslog_tag(line);
            assert_eq!(found.filter(|(tag, _)| *tag != "app"), expected, "{line}");
        }
        assert_eq!(without_uptime("[   12.5] Out of memory"), "Out of memory");
        assert_eq!(without_uptime("[drm] x] y"), "[drm] x] y");
    }
}
