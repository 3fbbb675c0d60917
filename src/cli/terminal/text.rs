//! Styled text for a terminal: escaping, width, and wrapping.

use super::escape::{is_harmless, push_escaped};
use unicode_width::UnicodeWidthChar;

/// A piece of text in one style: the parameters of an SGR sequence such as `1;31`, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cli) struct Span {
    pub(in crate::cli) text: String,
    pub(in crate::cli) style: String,
}

impl Span {
    pub(in crate::cli) fn new(text: impl Into<String>, style: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style: style.into(),
        }
    }
}

/// A number and what it counts: "1 file", "2 files".
pub(in crate::cli) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    // A count beyond u64 cannot be 1.
    let count = count.try_into().unwrap_or(u64::MAX);
    let plural = match (count, noun) {
        (1, _) => return format!("1 {noun}"),
        (_, "entry") => "entries".to_owned(),
        (_, noun) => format!("{noun}s"),
    };
    format!("{count} {plural}")
}

/// Columns that a character takes.
fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Columns that a text takes.
pub(in crate::cli) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// A line of a program's output as spans. Its colours are kept as styles, or dropped without `has_colour`; other
/// control characters are escaped, titles and links are dropped.
pub(in crate::cli) fn spans_of(line: &str, base_style: &str, has_colour: bool) -> Vec<Span> {
    let mut spans = vec![];
    let mut style = String::new();
    let mut rest = line.trim_end_matches('\r');
    while !rest.is_empty() {
        let (plain, sequence) = rest.split_at(rest.find('\x1b').unwrap_or(rest.len()));
        push_plain(&mut spans, plain, &style, base_style);
        rest = match control_sequence(sequence) {
            ControlSequence::None => "",
            ControlSequence::Style(parameters, after) => {
                if has_colour {
                    style = next_style(&style, parameters);
                }
                after
            }
            ControlSequence::Dropped(after) => after,
            ControlSequence::Other => {
                push_plain(&mut spans, "\x1b", &style, base_style);
                sequence.strip_prefix('\x1b').unwrap_or_default()
            }
        };
    }
    spans
}

fn push_plain(spans: &mut Vec<Span>, text: &str, style: &str, base_style: &str) {
    if text.is_empty() {
        return;
    }
    let mut shown = vec![];
    push_escaped(&mut shown, text.replace('\t', "        ").as_bytes());
    let style = if style.is_empty() { base_style } else { style };
    spans.push(Span::new(
        String::from_utf8_lossy(&shown).into_owned(),
        style,
    ));
}

enum ControlSequence<'a> {
    /// The text is empty.
    None,
    /// `ESC [ PARAMETERS m`.
    Style(&'a str, &'a str),
    /// A title or a link.
    Dropped(&'a str),
    Other,
}

fn control_sequence(text: &str) -> ControlSequence<'_> {
    let Some(body) = text.strip_prefix('\x1b') else {
        return ControlSequence::None;
    };
    if let Some(body) = body.strip_prefix('[') {
        let end = body.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        let (parameters, after) = body.split_at(end.unwrap_or(body.len()));
        return match after.strip_prefix('m') {
            Some(after) => ControlSequence::Style(parameters, after),
            None => ControlSequence::Other,
        };
    }
    let Some(body) = body.strip_prefix(']') else {
        return ControlSequence::Other;
    };
    let end = body.find(|c| c < ' ').unwrap_or(body.len());
    let (_, close) = body.split_at(end);
    let after = close
        .strip_prefix('\x07')
        .or_else(|| close.strip_prefix("\x1b\\"));
    after.map_or(ControlSequence::Other, ControlSequence::Dropped)
}

/// The style after an SGR sequence. Only weights and foreground colours are kept: a background or concealed text could hide a
/// message from its reader.
fn next_style(style: &str, parameters: &str) -> String {
    const STYLE_BYTES_MAX: usize = 64;
    let mut style = style.to_owned();
    let mut numbers = parameters
        .split(';')
        .map(|text| text.parse().unwrap_or(0_u16));
    while let Some(number) = numbers.next() {
        let kept = match number {
            0 => {
                style.clear();
                continue;
            }
            1..=4 | 22..=24 | 31..=37 | 39 | 90..=97 => number.to_string(),
            38 | 48 => match (numbers.next(), numbers.next()) {
                // The dark end of the palette is hard to see on a dark terminal.
                (Some(5), Some(colour @ 1..=231)) if number == 38 && colour != 16 => {
                    format!("38;5;{colour}")
                }
                (Some(2), Some(_)) => {
                    numbers.nth(1);
                    continue;
                }
                _ => continue,
            },
            _ => continue,
        };
        if style.len() + kept.len() >= STYLE_BYTES_MAX {
            style.clear();
        }
        if !style.is_empty() {
            style.push(';');
        }
        style.push_str(&kept);
    }
    style
}

/// Applies a style to parts of the text, given as byte ranges over all spans.
pub(in crate::cli) fn restyle(
    spans: &[Span],
    ranges: &[std::ops::Range<usize>],
    style: &str,
) -> Vec<Span> {
    let mut out = vec![];
    let mut offset = 0;
    for span in spans {
        let mut at = 0;
        for range in ranges {
            let start = range
                .start
                .saturating_sub(offset)
                .clamp(at, span.text.len());
            let end = range.end.saturating_sub(offset).clamp(at, span.text.len());
            if range.end <= offset || start >= end {
                continue;
            }
            push_part(&mut out, span, at..start, &span.style);
            push_part(&mut out, span, start..end, style);
            at = end;
        }
        push_part(&mut out, span, at..span.text.len(), &span.style);
        offset += span.text.len();
    }
    out
}

fn push_part(out: &mut Vec<Span>, span: &Span, range: std::ops::Range<usize>, style: &str) {
    if let Some(text) = span.text.get(range).filter(|text| !text.is_empty()) {
        out.push(Span::new(text, style));
    }
}

/// Breaks spans into rows of at most `columns`, after a space if there is one in the last part of a row.
pub(in crate::cli) fn wrap(spans: &[Span], columns: usize) -> Vec<Vec<Span>> {
    let columns = columns.max(1);
    let cells: Vec<(char, usize)> = spans
        .iter()
        .enumerate()
        .flat_map(|(index, span)| span.text.chars().map(move |c| (c, index)))
        .collect();
    let mut rows = vec![];
    let mut rest = cells.as_slice();
    while !rest.is_empty() {
        let (row, after) = rest.split_at(row_length(rest, columns));
        rows.push(row_spans(row, spans));
        rest = after;
    }
    if rows.is_empty() {
        rows.push(vec![]);
    }
    rows
}

/// How many of the cells fit on one row.
fn row_length(cells: &[(char, usize)], columns: usize) -> usize {
    let mut used = 0;
    let mut fitting = 0;
    for (c, _) in cells {
        used += char_width(*c);
        if used > columns {
            break;
        }
        fitting += 1;
    }
    if fitting == cells.len() {
        return fitting;
    }
    // A wide character on a very narrow terminal.
    let fitting = fitting.max(1);
    let head = cells.get(..fitting).unwrap_or_default();
    let space = head.iter().rposition(|(c, _)| *c == ' ');
    match space {
        Some(at) if at + 1 > fitting / 2 => at + 1,
        _ => fitting,
    }
}

fn row_spans(row: &[(char, usize)], spans: &[Span]) -> Vec<Span> {
    let mut out: Vec<(usize, String)> = vec![];
    for (c, index) in row {
        match out.last_mut().filter(|(last, _)| last == index) {
            Some((_, text)) => text.push(*c),
            None => out.push((*index, c.to_string())),
        }
    }
    out.into_iter()
        .map(|(index, text)| {
            Span::new(
                text,
                spans.get(index).map_or("", |span| span.style.as_str()),
            )
        })
        .collect()
}

/// Appends spans; styles only with `has_colour`.
pub(in crate::cli) fn push_spans(out: &mut Vec<u8>, spans: &[Span], has_colour: bool) {
    for span in spans {
        if has_colour && !span.style.is_empty() {
            out.extend_from_slice(format!("\x1b[{}m{}\x1b[0m", span.style, span.text).as_bytes());
        } else {
            out.extend_from_slice(span.text.as_bytes());
        }
    }
}

/// A name in exactly `columns`: padded, or cut in the middle, where related names differ least.
pub(in crate::cli) fn fitted(name: &str, columns: usize, is_utf8: bool) -> String {
    let name: String = name
        .chars()
        .map(|c| if is_harmless(c) { c } else { '?' })
        .collect();
    let taken = width(&name);
    if taken <= columns {
        return format!("{name}{}", " ".repeat(columns - taken));
    }
    let mark = if is_utf8 { "\u{2026}" } else { "~" };
    let room = columns.saturating_sub(1);
    let head = taking(name.chars(), room.div_ceil(2));
    let tail: String = taking(name.chars().rev(), room - width(&head).min(room));
    let tail: String = tail.chars().rev().collect();
    let fitted = format!("{head}{mark}{tail}");
    let missing = columns.saturating_sub(width(&fitted));
    format!("{fitted}{}", " ".repeat(missing))
}

/// The first characters that take no more than `columns`.
pub(in crate::cli) fn taking(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += char_width(*c);
            used <= columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spans: &[Span]) -> String {
        let mut out = vec![];
        push_spans(&mut out, spans, true);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1_u64, "entry"), "1 entry");
        assert_eq!(counted(0_usize, "entry"), "0 entries");
        assert_eq!(counted(2_u32, "file"), "2 files");
    }

    #[test]
    fn keeps_colours_and_escapes_everything_else() {
        let line = "\x1b[1;31mred\x1b[0m \x1b[2Jx\x1b]0;title\x07y\x1b]8;;u\x1b\\link\u{9b}";
        let shown = text(&spans_of(line, "", true));
        assert_eq!(shown, "\x1b[1;31mred\x1b[0m \\x1b[2Jxylink\\u{9b}");
        let plain = spans_of(line, "", false);
        assert!(plain.iter().all(|span| span.style.is_empty()));
        let shown = text(&spans_of("a\x1b[31mb\x1b[mc", "2", true));
        assert_eq!(shown, "\x1b[2ma\x1b[0m\x1b[31mb\x1b[0m\x1b[2mc\x1b[0m");
    }

    #[test]
    fn styles_that_hide_text_are_dropped() {
        let style = |before: &str, parameters: &str| next_style(before, parameters);
        assert_eq!(style("", "1;31"), "1;31");
        assert_eq!(style("1", "0"), "");
        assert_eq!(style("1", ""), "");
        assert_eq!(style("", "8;30;40;7;5"), "");
        assert_eq!(style("", "38;5;203;1"), "38;5;203;1");
        assert_eq!(style("", "38;2;0;0;0;1"), "1");
        assert_eq!(style("", "48;5;203;4"), "4");
    }

    #[test]
    fn wraps_after_words_and_cuts_words_that_are_too_long() {
        let rows = |text: &str, columns| -> Vec<String> {
            let rows = wrap(&[Span::new(text, "")], columns);
            rows.iter()
                .map(|row| row.iter().map(|span| span.text.as_str()).collect())
                .collect()
        };
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(
            rows("\u{4f60}\u{597d}\u{5417}", 4),
            ["\u{4f60}\u{597d}", "\u{5417}"]
        );
        assert_eq!(rows("", 4), [""]);
        assert_eq!(rows("\u{4f60}", 1), ["\u{4f60}"]);
    }

    #[test]
    fn restyles_ranges_over_several_spans() {
        let spans = [Span::new("abc", "1"), Span::new("def", "")];
        let styled = restyle(&spans, &[1..2, 2..5], "7");
        let expected = [
            Span::new("a", "1"),
            Span::new("b", "7"),
            Span::new("c", "7"),
            Span::new("de", "7"),
            Span::new("f", ""),
        ];
        assert_eq!(styled, expected);
    }

    #[test]
    fn fits_names_into_columns() {
        assert_eq!(fitted("docker:web", 12, true), "docker:web  ");
        assert_eq!(
            fitted("system:very-long-name", 11, true),
            "syste\u{2026}-name"
        );
        assert_eq!(fitted("system:very-long-name", 11, false), "syste~-name");
        assert_eq!(fitted("a\u{1b}b", 4, true), "a?b ");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_in_wrapping(text in ".{0,60}", columns in 1usize..30) {
            let spans = spans_of(&text, "", true);
            let whole: String = spans.iter().map(|span| span.text.as_str()).collect();
            let rows = wrap(&spans, columns);
            let joined: String = rows.iter().flatten().map(|span| span.text.as_str()).collect();
            proptest::prop_assert_eq!(joined, whole);
        }
    }
}
