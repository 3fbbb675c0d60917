//! Secrets in statements of SQL, whose names are not next to their values: the columns of an `INSERT`, and the key in the condition of an
//! `UPDATE`.

use super::shape::is_word_byte;
use crate::redact::values::space::is_space;
use std::ops::Range;

/// Ends of columns and keys, in lower case, that name a secret.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "user_pass",
    "_pass",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "auth_key",
    "private_key",
    "secret_key",
];

/// Columns of tables of settings: the value of the first says what that of the second is.
const KEYS: &[&str] = &["key", "name", "option_name", "setting", "setting_key"];
const VALUES: &[&str] = &["value", "option_value", "setting_value"];

/// How far the columns may be before the values, and how many there may be.
const COLUMNS_LENGTH_MAX: usize = 2_048;
const COLUMNS_MAX: usize = 64;

/// How much of the rows is read.
const ROWS_LENGTH_MAX: usize = 64 * 1024;

/// The secrets in the rows after `values` at this range of a text, and the end of what was read.
pub(in crate::redact) fn in_rows(
    text: &[u8],
    literal: &Range<usize>,
) -> (Vec<Range<usize>>, usize) {
    let mut found = vec![];
    let Some(columns) = columns_before(text, literal.start) else {
        return (found, literal.end);
    };
    let is_secret: Vec<bool> = columns.iter().map(|name| names_secret(name)).collect();
    let place = |names: &[&str]| {
        let is_one = |column: &&[u8]| {
            names
                .iter()
                .any(|name| column.eq_ignore_ascii_case(name.as_bytes()))
        };
        columns.iter().position(is_one)
    };
    let setting = place(KEYS).zip(place(VALUES));
    if setting.is_none() && !is_secret.contains(&true) {
        return (found, literal.end);
    }
    let end = text.len().min(literal.end + ROWS_LENGTH_MAX);
    // the literal ends after the bracket of the first row
    let mut cursor = Cursor {
        text,
        at: literal.start + b"values".len(),
        end,
    };
    loop {
        cursor.spaces();
        if !cursor.take(b'(') {
            break;
        }
        let Some(row) = cursor.row() else { break };
        let content = |place: usize| row.get(place).cloned().flatten();
        let names_value = setting.filter(|&(key, _)| {
            let key = content(key).and_then(|range| text.get(range));
            key.is_some_and(names_secret)
        });
        let of_columns = (0..columns.len()).filter(|&place| is_secret.get(place) == Some(&true));
        let places = of_columns.chain(names_value.map(|(_, value)| value));
        found.extend(places.filter_map(content).filter(|range| !range.is_empty()));
        cursor.spaces();
        if !cursor.take(b',') {
            break;
        }
    }
    (found, cursor.at)
}

/// The secret before `where`, if the condition names it: `SET value = 'x' WHERE key = 'smtp_password'`.
pub(in crate::redact) fn before_condition(
    text: &[u8],
    literal: &Range<usize>,
) -> Option<Range<usize>> {
    /// How far the value may be from its key.
    const LENGTH_MAX: usize = 1_024;
    let end = text.len().min(literal.end + LENGTH_MAX);
    let mut cursor = Cursor {
        text,
        at: literal.end,
        end,
    };
    cursor.spaces();
    let column = cursor.name()?;
    let is_key = KEYS
        .iter()
        .any(|name| column.eq_ignore_ascii_case(name.as_bytes()));
    cursor.spaces();
    if !is_key || !cursor.take(b'=') {
        return None;
    }
    cursor.spaces();
    let key = cursor.quoted()?;
    if !names_secret(text.get(key)?) {
        return None;
    }
    let start = literal.start.saturating_sub(LENGTH_MAX);
    let before = text.get(start..literal.start)?.trim_ascii_end();
    let closed = before
        .len()
        .checked_sub(1)
        .filter(|&at| is_quote(before.get(at)))?;
    let quote = *before.get(closed)?;
    let opened = memchr::memrchr(quote, before.get(..closed)?)?;
    let assigned = before.get(..opened)?.trim_ascii_end();
    let assigned = assigned
        .strip_suffix(b"\\")
        .unwrap_or(assigned)
        .trim_ascii_end();
    let value = start + opened + 1..start + closed;
    (assigned.ends_with(b"=") && !value.is_empty()).then_some(value)
}

fn is_quote(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'\'' | b'"'))
}

fn names_secret(name: &[u8]) -> bool {
    NAMES.iter().any(|known| {
        let from = name.len().checked_sub(known.len());
        from.and_then(|from| name.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(known.as_bytes()))
    })
}

/// The columns in the brackets before `end`, without quotes.
fn columns_before(text: &[u8], end: usize) -> Option<Vec<&[u8]>> {
    let start = end.saturating_sub(COLUMNS_LENGTH_MAX);
    let before = text.get(start..end)?.trim_ascii_end().strip_suffix(b")")?;
    let list = before.get(memchr::memrchr(b'(', before)? + 1..)?;
    let columns: Vec<&[u8]> = list
        .split(|&byte| byte == b',')
        .take(COLUMNS_MAX)
        .map(without_signs)
        .collect();
    let is_name = |name: &&[u8]| {
        !name.is_empty()
            && name
                .iter()
                .all(|&byte| is_word_byte(byte) || matches!(byte, b'_' | b'.'))
    };
    columns.iter().all(is_name).then_some(columns)
}

/// A name without the quotes and blanks around it.
fn without_signs(mut name: &[u8]) -> &[u8] {
    let is_sign = |byte: u8| is_space(byte) || matches!(byte, b'`' | b'"' | b'[' | b']' | b'\\');
    while let [first, rest @ ..] = name
        && is_sign(*first)
    {
        name = rest;
    }
    while let [rest @ .., last] = name
        && is_sign(*last)
    {
        name = rest;
    }
    name
}

/// A place in a statement.
#[derive(Debug)]
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text
            .get(self.at)
            .copied()
            .filter(|_| self.at < self.end)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// The name of a column, perhaps in quotes.
    fn name(&mut self) -> Option<&'a [u8]> {
        let is_sign = |byte: u8| matches!(byte, b'`' | b'"' | b'[' | b']' | b'\\');
        while self.peek().is_some_and(is_sign) {
            self.at += 1;
        }
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| is_word_byte(byte) || byte == b'_')
        {
            self.at += 1;
        }
        let name = self.text.get(start..self.at)?;
        while self.peek().is_some_and(is_sign) {
            self.at += 1;
        }
        Some(name)
    }

    /// The content of a text in quotes, which may themselves be escaped.
    fn quoted(&mut self) -> Option<Range<usize>> {
        self.take(b'\\');
        let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'))?;
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                byte if byte == quote => {
                    let is_doubled = self.text.get(self.at + 1) == Some(&quote);
                    if !is_doubled {
                        let end = self.at;
                        self.at += 1;
                        return Some(start..end);
                    }
                    self.at += 2;
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// The values of a row after its bracket, `None` for those that are not texts.
    fn row(&mut self) -> Option<Vec<Option<Range<usize>>>> {
        let mut values = vec![];
        let mut value = None;
        let mut depth = 0;
        loop {
            match self.peek()? {
                b'\'' | b'"' => {
                    let text = self.quoted()?;
                    value = Some(text).filter(|_| depth == 0);
                }
                b',' if depth == 0 => {
                    values.push(value.take());
                    self.at += 1;
                }
                b'(' => {
                    depth += 1;
                    self.at += 1;
                }
                b')' if depth == 0 => {
                    values.push(value.take());
                    self.at += 1;
                    return Some(values);
                }
                b')' => {
                    depth -= 1;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if values.len() > COLUMNS_MAX {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let at = text.to_ascii_lowercase().find("values").unwrap();
        let (ranges, _) = in_rows(text.as_bytes(), &(at..at + 6));
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn columns_name_the_values_of_every_row() {
        for (text, expected) in [
            (
                "INSERT INTO u (name, password) VALUES ('bob', 'hunter2')",
                &["hunter2"][..],
            ),
            (
                "insert into u (`id`,`api_key`) values (7,'x'), (8, 'it''s')",
                &["x", "it''s"],
            ),
            (
                "INSERT INTO s (key, value) VALUES ('db_password', 'a'), ('theme', 'dark')",
                &["a"],
            ),
            (
                r#"INSERT INTO u (\"name\", \"token\") VALUES ('b(', 'x\'y')"#,
                &[r"x\'y"],
            ),
            (
                "INSERT INTO u (name, password) VALUES ('bob', MD5('x'))",
                &[],
            ),
            ("INSERT INTO u (name, password) VALUES (?, NULL)", &[]),
            ("INSERT INTO u (name, email) VALUES ('bob', 'x')", &[]),
            ("INSERT INTO u (name, password) VALUES ('bob', 'cut", &[]),
            ("INSERT INTO u VALUES ('bob', 'x')", &[]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn the_key_of_a_condition_names_the_value_before_it() {
        for (text, expected) in [
            (
                "UPDATE s SET value = 'x y' WHERE key = 'smtp_password'",
                Some("x y"),
            ),
            (
                "UPDATE s SET value='x' WHERE `name`='db.password';",
                Some("x"),
            ),
            ("UPDATE s SET value = 'dark' WHERE key = 'theme'", None),
            ("UPDATE s SET value = 7 WHERE key = 'smtp_password'", None),
            ("UPDATE s SET value = 'x' WHERE id = 'password'", None),
            ("SELECT 1 WHERE key = 'password'", None),
        ] {
            let at = text.find("WHERE").unwrap();
            let range = before_condition(text.as_bytes(), &(at..at + 6));
            assert_eq!(range.map(|range| &text[range]), expected, "{text}");
        }
    }
}
