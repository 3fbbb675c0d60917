//! Splits a query into tokens with their offsets.

use super::error::LogqlError;
use super::units;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum QueryToken {
    /// A name; keywords are also names, because most of them may name a label.
    Name(String),
    /// A text with its escapes resolved.
    Text(String),
    Number(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Bytes.
    Size(f64),
    /// `--strict` or `--keep-empty`.
    Flag(&'static str),
    Sign(&'static str),
    End,
}

/// A token and its byte offset.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) at: usize,
    pub(super) token: QueryToken,
}

/// Operators and punctuation; longer ones before their prefixes.
const SIGNS: &[&str] = &[
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "|", "=", ">", "<", "+", "-", "*",
    "/", "%", "^", "(", ")", "{", "}", "[", "]", ",",
];

const FLAGS: &[&str] = &["--strict", "--keep-empty"];

/// Names that are never labels.
const KEYWORDS: &[&str] = &[
    "json",
    "logfmt",
    "unpack",
    "pattern",
    "regexp",
    "unwrap",
    "label_format",
    "line_format",
    "label_replace",
    "vector",
    "offset",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "decolorize",
    "drop",
    "keep",
];

/// Whether a name is never a label.
pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|keyword| keyword.eq_ignore_ascii_case(name))
}

impl QueryToken {
    /// The name of the token in Loki's errors.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Name(name) => {
                let lower = name.to_ascii_lowercase();
                let is_word = is_keyword(&lower)
                    || matches!(lower.as_str(), "by" | "without" | "and" | "or" | "unless");
                if is_word {
                    lower
                } else {
                    "IDENTIFIER".to_owned()
                }
            }
            Self::Text(_) => "STRING".to_owned(),
            Self::Number(_) => "NUMBER".to_owned(),
            Self::Duration(_) => "DURATION".to_owned(),
            Self::Size(_) => "BYTES".to_owned(),
            Self::Flag(_) => "FUNCTION_FLAG".to_owned(),
            Self::Sign("[") => "RANGE".to_owned(),
            Self::Sign(sign) => (*sign).to_owned(),
            Self::End => "$end".to_owned(),
        }
    }
}

/// Splits a query into tokens; the last one is [`QueryToken::End`].
///
/// # Errors
/// [`LogqlError`] for a text without its end, and for a character that begins no word.
pub(super) fn words(query: &str) -> Result<Vec<Placed>, LogqlError> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(query, at);
        let rest = query.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            words.push(Placed {
                at: query.len(),
                token: QueryToken::End,
            });
            return Ok(words);
        };
        let (token, length) = match first {
            '"' | '`' => text(rest, first, at)?,
            _ => word(rest, first)
                .ok_or_else(|| LogqlError::syntax(at, format!("unexpected character {first:?}")))?,
        };
        words.push(Placed { at, token });
        at += length;
    }
}

/// The offset after blanks and comments.
fn skip_blanks(query: &str, mut at: usize) -> usize {
    loop {
        let rest = query.get(at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        at += blanks;
        let rest = rest.trim_start();
        if !rest.starts_with('#') {
            return at;
        }
        at += rest.find('\n').unwrap_or(rest.len());
    }
}

/// The token at the start of `rest` that is not a text, and its length.
fn word(rest: &str, first: char) -> Option<(QueryToken, usize)> {
    let begins_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if begins_number(rest) || first == '.' && begins_number(rest.get(1..)?) {
        return number(rest);
    }
    if first == '-' {
        if let Some(flag) = FLAGS.iter().find(|flag| rest.starts_with(**flag)) {
            return Some((QueryToken::Flag(flag), flag.len()));
        }
        if let Some((length, nanos)) = units::scan_duration(rest) {
            return Some((QueryToken::Duration(nanos), length));
        }
    }
    if first.is_ascii_alphabetic() || first == '_' || first == ':' {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b':';
        let length = rest.bytes().take_while(is_part).count();
        return Some((QueryToken::Name(rest.get(..length)?.to_owned()), length));
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
    Some((QueryToken::Sign(sign), sign.len()))
}

/// A number, a duration or a size: the longest match.
fn number(rest: &str) -> Option<(QueryToken, usize)> {
    let (length, value) = plain_number(rest)?;
    let duration = units::scan_duration(rest).filter(|(longer, _)| *longer >= length);
    if let Some((length, nanos)) = duration {
        return Some((QueryToken::Duration(nanos), length));
    }
    let size = units::scan_bytes(rest).filter(|(longer, _)| *longer >= length);
    Some(match size {
        Some((length, bytes)) => (QueryToken::Size(bytes), length),
        None => (QueryToken::Number(value), length),
    })
}

fn plain_number(rest: &str) -> Option<(usize, f64)> {
    if let Some(digits) = rest.strip_prefix("0x") {
        let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
        if length > 0 {
            let value = u64::from_str_radix(digits.get(..length)?, 16).ok()?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "values of samples are floating point"
            )]
            return Some((length + 2, value as f64));
        }
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(rest);
    if rest.get(length..)?.starts_with('.') {
        length += 1 + digits(rest.get(length + 1..)?);
    }
    let exponent = rest.get(length..)?;
    if exponent.starts_with(['e', 'E']) {
        let sign = usize::from(exponent.get(1..)?.starts_with(['+', '-']));
        let count = digits(exponent.get(1 + sign..)?);
        if count > 0 {
            length += 1 + sign + count;
        }
    }
    let number: f64 = rest.get(..length)?.parse().ok()?;
    number.is_finite().then_some((length, number))
}

/// The text at the start of `rest`, and its length with its quotes.
fn text(rest: &str, quote: char, at: usize) -> Result<(QueryToken, usize), LogqlError> {
    let unclosed = || LogqlError::syntax(at, "literal not terminated");
    let body = rest.get(1..).unwrap_or_default();
    if quote == '`' {
        let end = body.find('`').ok_or_else(unclosed)?;
        let text = body.get(..end).unwrap_or_default().replace('\r', "");
        return Ok((QueryToken::Text(text), end + 2));
    }
    let mut text = String::new();
    let mut chars = body.char_indices();
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((QueryToken::Text(text), offset + 2)),
            '\n' => return Err(unclosed()),
            '\\' => {
                let escaped = body.get(offset + 1..).unwrap_or_default();
                let (resolved, length) = escape(escaped)
                    .ok_or_else(|| LogqlError::meaning(at + 1 + offset, "invalid char escape"))?;
                text.push(resolved);
                chars = body.char_indices();
                let next = offset + 1 + length;
                // Skips the remaining characters of the escape.
                while chars.clone().next().is_some_and(|(index, _)| index < next) {
                    chars.next();
                }
            }
            c => text.push(c),
        }
    }
    Err(unclosed())
}

/// The character of a Go escape at the start of `text`, after the backslash, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    let hexadecimal = |length: usize| {
        let digits = text.get(1..=length)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        Some((char::from_u32(number)?, 1 + length))
    };
    let simple = |c: char| Some((c, 1));
    match first {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' | '"' | '\'' => simple(first),
        'x' => hexadecimal(2),
        'u' => hexadecimal(4),
        'U' => hexadecimal(8),
        '0'..='7' => {
            let number = u32::from_str_radix(text.get(..3)?, 8).ok()?;
            Some((char::from_u32(number)?, 3))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Vec<QueryToken> {
        let words = words(query).expect(query);
        words.into_iter().map(|placed| placed.token).collect()
    }

    #[test]
    fn splits_numbers_durations_and_sizes() {
        assert_eq!(
            read("1 .5 2e3 0x1F 5m 1.5h 10KB 1MiB"),
            [
                QueryToken::Number(1.0),
                QueryToken::Number(0.5),
                QueryToken::Number(2000.0),
                QueryToken::Number(31.0),
                QueryToken::Duration(300_000_000_000),
                QueryToken::Duration(5_400_000_000_000),
                QueryToken::Size(10_000.0),
                QueryToken::Size(1_048_576.0),
                QueryToken::End
            ]
        );
    }

    #[test]
    fn resolves_escapes_and_keeps_raw_texts() {
        let escaped = r#""a\"b\n\u00e4\\d" # a comment
            `c\d`"#;
        let expected = [
            QueryToken::Text("a\"b\n\u{e4}\\d".to_owned()),
            QueryToken::Text("c\\d".to_owned()),
            QueryToken::End,
        ];
        assert_eq!(read(escaped), expected);
        assert!(words("\"open").is_err());
        assert!(words("`open").is_err());
        assert!(words("\"\\q\"").is_err());
    }

    #[test]
    fn longer_operators_take_precedence() {
        assert_eq!(
            read("|= |~ | == =~ !> >= --strict"),
            [
                QueryToken::Sign("|="),
                QueryToken::Sign("|~"),
                QueryToken::Sign("|"),
                QueryToken::Sign("=="),
                QueryToken::Sign("=~"),
                QueryToken::Sign("!>"),
                QueryToken::Sign(">="),
                QueryToken::Flag("--strict"),
                QueryToken::End
            ]
        );
    }
}
