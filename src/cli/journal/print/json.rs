//! `-o json`, `json-pretty`, `json-seq`, `json-sse`: one object per entry. As in journalctl, a repeated field is an
//! array of its values, and a value that is not text is an array of its bytes.

use super::fields::FieldSelection;
use super::style::JsonStyle;
use crate::cli::terminal::escape::is_text;
use crate::journal::Entry;
use std::io::Write;

/// Without `--all` a field of this size or more, including name and `=`, is null.
const LONG_FIELD_BYTES: usize = 4096;

/// Options of the objects.
#[derive(Debug, Clone)]
pub(super) struct JsonPrinter {
    pub(super) style: JsonStyle,
    pub(super) show_all: bool,
}

impl JsonPrinter {
    /// Appends an entry.
    pub(super) fn push(&self, out: &mut Vec<u8>, entry: &Entry<'_>, wanted: &FieldSelection) {
        let (begin, separator, colon, end): (&str, &str, &str, &str) = match self.style {
            JsonStyle::Lines => ("{", ",", ":", "}\n"),
            JsonStyle::Pretty => ("{\n\t", ",\n\t", " : ", "\n}\n"),
            JsonStyle::Sequence => ("\x1e{", ",", ":", "}\n"),
            JsonStyle::Sse => ("data: {", ",", ":", "}\n\n"),
        };
        out.extend_from_slice(begin.as_bytes());
        // Writing to memory cannot fail.
        let _ = write!(
            out,
            "\"__CURSOR\"{colon}\"{}\"{separator}\"__REALTIME_TIMESTAMP\"{colon}\"{}\"{separator}\
             \"__MONOTONIC_TIMESTAMP\"{colon}\"{}\"{separator}\"__SEQNUM\"{colon}\"{}\"{separator}\
             \"__SEQNUM_ID\"{colon}\"{}\"{separator}\"_BOOT_ID\"{colon}\"{}\"",
            entry.cursor(),
            entry.realtime(),
            entry.monotonic(),
            entry.seqnum(),
            entry.seqnum_id(),
            entry.boot_id(),
        );
        let fields: Vec<_> = entry
            .fields()
            .filter(|(name, _)| *name != b"_BOOT_ID" && wanted.holds(name))
            .collect();
        for (index, (name, value)) in fields.iter().enumerate() {
            let (before, after) = fields.split_at(index);
            if before.iter().any(|(earlier, _)| earlier == name) {
                continue;
            }
            out.extend_from_slice(separator.as_bytes());
            push_text(out, name);
            out.extend_from_slice(colon.as_bytes());
            let mut same = after
                .iter()
                .skip(1)
                .filter(|(later, _)| later == name)
                .peekable();
            if same.peek().is_none() {
                self.push_value(out, name, value);
                continue;
            }
            out.push(b'[');
            self.push_value(out, name, value);
            for (_, value) in same {
                out.push(b',');
                self.push_value(out, name, value);
            }
            out.push(b']');
        }
        out.extend_from_slice(end.as_bytes());
    }

    fn push_value(&self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        if !self.show_all && name.len() + 1 + value.len() >= LONG_FIELD_BYTES {
            out.extend_from_slice(b"null");
        } else if is_text(value, true) {
            push_text(out, value);
        } else {
            push_bytes(out, value);
        }
    }
}

fn push_bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'[');
    for (index, byte) in value.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = write!(out, "{byte}");
    }
    out.push(b']');
}

/// Appends valid UTF-8 as a JSON string.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else {
            break;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => drop(write!(out, "\\u{byte:04x}")),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = vec![];
        push_text(&mut out, "a\"b\\c\nd\te\u{e9}".as_bytes());
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"a\\\"b\\\\c\\nd\\te\u{e9}\"");
        assert_eq!(
            serde_json::from_str::<String>(&text).unwrap(),
            "a\"b\\c\nd\te\u{e9}"
        );
    }

    #[test]
    fn bytes_are_an_array() {
        let mut out = vec![];
        push_bytes(&mut out, &[27, 0, 255]);
        assert_eq!(out, b"[27,0,255]");
    }
}
