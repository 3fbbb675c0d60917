//! Records on a terminal: aligned columns, a hanging indent, colours by level and source, fields of structured lines, and the
//! searched text marked.

use super::fields::{self, ShownField};
use super::highlight::Highlighter;
use super::pretty::{level_colour, source_colour};
use crate::cli::terminal::text::{Span, fitted, push_spans, restyle, spans_of, wrap};
use crate::record::{Level, Metadata, StoredRecord};
use crate::time::Zone;

const DIM: &str = "2";
const MATCH: &str = "30;43";
/// Limits of the width of the source column, which grows with longer names.
const SOURCE_COLUMNS_MIN: usize = 14;
const SOURCE_COLUMNS_MAX: usize = 26;
/// If less room than this is left by the other columns, a message starts on a row of its own.
const MESSAGE_COLUMNS_MIN: usize = 24;
const SHORT_INDENT: usize = 4;
/// Maximum number of rows of one record: a megabyte on one line would push everything else away.
const ROWS_MAX: usize = 40;
/// Maximum number of characters that are laid out.
const CHARS_MAX: usize = 32 << 10;
/// Maximum number of characters of one field's value.
const VALUE_CHARS_MAX: usize = 200;
/// Lays records out for a terminal.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) columns: usize,
    pub(super) has_colour: bool,
    pub(super) is_utf8: bool,
    pub(super) has_ids: bool,
    pub(super) zone: Zone,
    pub(super) zone_name: &'static str,
    pub(super) highlighter: Option<Highlighter>,
    source_columns: usize,
    date: String,
}

impl Screen {
    pub(super) fn new(columns: usize, zone: Zone, highlighter: Option<Highlighter>) -> Self {
        Self {
            columns,
            has_colour: false,
            is_utf8: false,
            has_ids: false,
            zone,
            zone_name: "",
            highlighter,
            source_columns: SOURCE_COLUMNS_MIN,
            date: String::new(),
        }
    }

    /// Appends a record, preceded by its date if that has changed.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, stored: &StoredRecord) {
        self.push_date(out, stored);
        let head = self.head(stored);
        let head_columns: usize = head
            .iter()
            .map(|span| crate::cli::terminal::text::width(&span.text))
            .sum();
        push_spans(out, &head, self.has_colour);
        let has_room = self.columns >= head_columns + MESSAGE_COLUMNS_MIN;
        let indent = if has_room { head_columns } else { SHORT_INDENT };
        if !has_room {
            out.push(b'\n');
            out.resize(out.len() + indent, b' ');
        }
        let rows = self.rows(stored, self.columns.saturating_sub(indent).max(1));
        let left_out = rows.len().saturating_sub(ROWS_MAX);
        for (index, row) in rows.iter().take(ROWS_MAX).enumerate() {
            if index > 0 {
                out.push(b'\n');
                out.resize(out.len() + indent, b' ');
            }
            push_spans(out, row, self.has_colour);
        }
        out.push(b'\n');
        if left_out > 0 {
            out.resize(out.len() + indent, b' ');
            let text = format!("({left_out} more rows; -o cat shows all)");
            push_spans(out, &[Span::new(text, DIM)], self.has_colour);
            out.push(b'\n');
        }
    }

    fn push_date(&mut self, out: &mut Vec<u8>, stored: &StoredRecord) {
        let date = self.zone.print(stored.record.timestamp, "%a %Y-%m-%d");
        if date == self.date {
            return;
        }
        let line = format!("-- {date}{} --", self.zone_name);
        push_spans(out, &[Span::new(line, DIM)], self.has_colour);
        out.push(b'\n');
        self.date = date;
    }

    /// The columns before the message.
    fn head(&mut self, stored: &StoredRecord) -> Vec<Span> {
        let record = &stored.record;
        let source = record.source.as_str();
        let wanted = source.chars().count();
        self.source_columns = self.source_columns.max(wanted.min(SOURCE_COLUMNS_MAX));
        let mut head = vec![];
        if self.has_ids {
            head.push(Span::new(format!("{:>8} ", stored.id.0), DIM));
        }
        let time = self.zone.print(record.timestamp, "%H:%M:%S%.3f");
        head.extend([
            Span::new(time, DIM),
            Span::new(" ", ""),
            Span::new(format!("{:<5}", record.level), level_colour(record.level)),
            Span::new(" ", ""),
            Span::new(
                fitted(source, self.source_columns, self.is_utf8),
                source_colour(source),
            ),
            Span::new("  ", ""),
        ]);
        head
    }

    /// The message and the fields, wrapped to rows of `columns`.
    fn rows(&self, stored: &StoredRecord, columns: usize) -> Vec<Vec<Span>> {
        let record = &stored.record;
        let base = match record.level {
            Level::Debug => DIM,
            Level::Info | Level::Warn => "",
            Level::Error => "31",
        };
        let message = record.message.trim_end_matches('\n');
        let cut = message.floor_char_boundary(CHARS_MAX);
        let shown = message.get(..cut).unwrap_or(message);
        let mut rows = vec![];
        let mut lines = shown.split('\n').peekable();
        while let Some(line) = lines.next() {
            let mut spans = spans_of(line, base, self.has_colour);
            let is_last = lines.peek().is_none();
            if let Some(highlighter) = &self.highlighter {
                let text: String = spans.iter().map(|span| span.text.as_str()).collect();
                spans = restyle(&spans, &highlighter.ranges(&text), MATCH);
            }
            if is_last && cut < message.len() {
                let text = format!(" ({} more bytes; -o cat shows all)", message.len() - cut);
                spans.push(Span::new(text, DIM));
            }
            if is_last {
                self.push_fields(&mut spans, &record.metadata);
            }
            rows.extend(without_spaces_at_breaks(wrap(&spans, columns)));
        }
        rows
    }

    /// The fields of a structured line other than its message, as `key=value`.
    fn push_fields(&self, spans: &mut Vec<Span>, metadata: &Metadata) {
        for ShownField { key, value, style } in fields::payload(metadata) {
            let lead = if spans.is_empty() { "" } else { "  " };
            spans.push(Span::new(format!("{lead}{}=", plain(&key)), DIM));
            let short: String = value.chars().take(VALUE_CHARS_MAX).collect();
            let has_more = short.len() < value.len();
            let value = [Span::new(plain(&short.replace('\n', "\\n")), style)];
            let value = match &self.highlighter {
                Some(highlighter) => restyle(&value, &highlighter.ranges(&value[0].text), MATCH),
                None => value.to_vec(),
            };
            spans.extend(value);
            if has_more {
                spans.push(Span::new("...", DIM));
            }
        }
    }
}

fn plain(text: &str) -> String {
    let spans = spans_of(text, "", false);
    spans.into_iter().map(|span| span.text).collect()
}

/// Rows without the space at a line break.
fn without_spaces_at_breaks(mut rows: Vec<Vec<Span>>) -> Vec<Vec<Span>> {
    for row in rows.iter_mut().rev().skip(1) {
        if let Some(last) = row.last_mut() {
            last.text.truncate(last.text.trim_end_matches(' ').len());
        }
    }
    for row in rows.iter_mut().skip(1) {
        let blank = row.iter().take_while(|span| span.text.trim().is_empty());
        let blank = blank.count();
        row.drain(..blank);
        if let Some(first) = row.first_mut() {
            first.text = first.text.trim_start_matches(' ').to_owned();
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Record};
    use crate::time::Micros;
    use serde_json::Value;

    fn stored(source: &str, level: Level, message: &str, metadata: &Value) -> StoredRecord {
        StoredRecord {
            id: Id(7),
            record: Record {
                timestamp: Micros::new(1_771_338_615_123_456),
                source: source.parse().expect("a source"),
                level,
                message: message.to_owned(),
                metadata: metadata.as_object().expect("a map").clone().into(),
            },
        }
    }

    fn shown(screen: &mut Screen, stored: &StoredRecord) -> String {
        let mut out = vec![];
        screen.push(&mut out, stored);
        String::from_utf8(out).expect("UTF-8")
    }

    fn screen(columns: usize) -> Screen {
        Screen::new(columns, Zone::utc(), None)
    }

    #[test]
    fn columns_are_aligned_and_messages_hang() {
        let mut screen = screen(60);
        let first = stored(
            "docker:web",
            Level::Warn,
            "one two three four five six\nsecond line",
            &serde_json::json!({}),
        );
        assert_eq!(
            shown(&mut screen, &first),
            "-- Tue 2026-02-17 --\n\
             14:30:15.123 warn  docker:web      one two three four five\n\
             \x20                                  six\n\
             \x20                                  second line\n"
        );
        let longer = stored(
            "system:systemd-networkd-wait-online",
            Level::Info,
            "x",
            &serde_json::json!({}),
        );
        screen.columns = 80;
        let text = shown(&mut screen, &longer);
        assert_eq!(text, "14:30:15.123 info  system:system~-wait-online  x\n");
    }

    #[test]
    fn fields_of_structured_lines_follow_the_message() {
        let metadata = serde_json::json!({"statusCode": 502, "path": "/x", "pid": 7, "container_id": "ab", "user_id": "u\u{1b}1"});
        let text = shown(
            &mut screen(120),
            &stored("docker:api", Level::Info, "request completed", &metadata),
        );
        assert!(
            text.ends_with("request completed  path=/x  statusCode=502  user_id=u\\x1b1\n"),
            "{text}"
        );
    }

    #[test]
    fn marks_matches_and_colours_on_request() {
        let parameters = vec![("search".to_owned(), "fail".to_owned())];
        let mut screen = Screen::new(80, Zone::utc(), Highlighter::new(&parameters));
        screen.has_colour = true;
        let record = stored("x", Level::Info, "it Failed", &serde_json::json!({}));
        let text = shown(&mut screen, &record);
        assert!(text.ends_with("it \x1b[30;43mFail\x1b[0med\n"), "{text}");
        screen.has_colour = false;
        assert!(!shown(&mut screen, &record).contains('\x1b'));
    }

    #[test]
    fn long_messages_are_cut_with_a_note() {
        let record = stored(
            "x",
            Level::Info,
            &"word ".repeat(20_000),
            &serde_json::json!({}),
        );
        let text = shown(&mut screen(80), &record);
        assert_eq!(text.lines().count(), 1 + ROWS_MAX + 1);
        assert!(text.ends_with("more rows; -o cat shows all)\n"), "{text}");
    }

    #[test]
    fn narrow_terminals_put_the_message_below() {
        let text = shown(
            &mut screen(30),
            &stored("docker:web", Level::Info, "hello", &serde_json::json!({})),
        );
        assert!(text.ends_with("docker:web      \n    hello\n"), "{text}");
    }
}
