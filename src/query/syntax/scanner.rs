//! Reads the words, phrases, regexes and keys of an expression.

use super::error::ExpressionError;

/// A place in the text of an expression.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// A word, cut at its stars: `/api/*` is `["/api/", ""]`.
pub(super) type Pieces = Vec<String>;

/// An operator between a key and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Colon,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
    (":", Operator::Colon),
];

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Consumes `text` if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// Consumes the keyword if it is next and a word of its own.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let after = self.rest().strip_prefix(keyword);
        let is_next = after.is_some_and(|after| {
            let next = after.chars().next();
            next.is_none_or(|next| next.is_whitespace() || next == '(' || next == ')')
        });
        if is_next {
            self.at += keyword.len();
        }
        is_next
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> ExpressionError {
        let before = self.text.get(..self.at).unwrap_or_default();
        ExpressionError {
            position: before.chars().count() + 1,
            reason: reason.into(),
        }
    }

    /// An error at a character of a regex, from 1, that comes next. Where the regex is not written as it is read, as `\/` is for a
    /// slash, the error is at its beginning.
    pub(super) fn error_in_regex(
        &self,
        regex: &str,
        position: usize,
        reason: String,
    ) -> ExpressionError {
        let mut error = self.error(reason);
        if let Some((before, _)) = self.rest().split_once(&format!("/{regex}/")) {
            error.position += before.chars().count() + position;
        }
        error
    }

    /// A text in double quotes; `\"` and `\\` are a quote and a backslash. The opening quote is next.
    pub(super) fn phrase(&mut self) -> Result<String, ExpressionError> {
        let opening = *self;
        let mut phrase = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(phrase);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => phrase.push(c),
                    Some((_, c)) => phrase.extend(['\\', c]),
                    None => break,
                },
                c => phrase.push(c),
            }
        }
        Err(opening.error("the quote is not closed"))
    }

    /// A regex between slashes, if one is next: no slash is in it but `\/`, and a blank, a bracket or the end follows.
    pub(super) fn regex(&mut self) -> Option<String> {
        let mut regex = String::new();
        let mut chars = self.rest().strip_prefix('/')?.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '/' => {
                    let next = chars.next().map(|(_, next)| next);
                    let ends = next.is_none_or(|next| next.is_whitespace() || next == ')');
                    if !ends || regex.is_empty() {
                        return None;
                    }
                    self.at += 1 + at + 1;
                    return Some(regex);
                }
                '\\' => match chars.next()? {
                    (_, '/') => regex.push('/'),
                    (_, c) => regex.extend(['\\', c]),
                },
                c => regex.push(c),
            }
        }
        None
    }

    /// A key and an operator, if they are next and a value follows. Otherwise nothing is consumed.
    pub(super) fn key(&mut self) -> Option<(String, Operator)> {
        let mut ahead = *self;
        let key = if ahead.peek() == Some('"') {
            ahead.phrase().ok()?
        } else {
            let rest = ahead.rest();
            let is_of_key = |c: char| c.is_alphanumeric() || "_.@-".contains(c);
            let end = rest.find(|c| !is_of_key(c)).unwrap_or(rest.len());
            let key = rest.get(..end)?;
            let begins = key.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '@');
            if !begins || key.ends_with(['-', '.']) {
                return None;
            }
            ahead.at += end;
            key.to_owned()
        };
        let mut operator = ahead.operator()?;
        if operator == Operator::Colon {
            // `status:>=500` is `status>=500`, and `http://` is a word
            if ahead.rest().starts_with("//") {
                return None;
            }
            operator = ahead.operator().unwrap_or(operator);
        }
        if ahead
            .peek()
            .is_none_or(|next| next.is_whitespace() || next == ')')
        {
            return None;
        }
        *self = ahead;
        Some((key, operator))
    }

    fn operator(&mut self) -> Option<Operator> {
        let rest = self.rest();
        let (text, operator) = OPERATORS.iter().find(|(text, _)| rest.starts_with(text))?;
        self.at += text.len();
        Some(*operator)
    }

    /// Everything up to a blank, or up to the bracket that closes a group when `in_group`. A backslash makes the next char an
    /// ordinary one.
    pub(super) fn word(&mut self, in_group: bool) -> Result<Pieces, ExpressionError> {
        let mut pieces = vec![String::new()];
        let mut opened = 0_usize;
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace()) {
            match c {
                ')' if opened == 0 && in_group => break,
                ')' if opened == 0 => {
                    return Err(
                        self.error("no bracket is open here; quote the text to look for it")
                    );
                }
                _ => {}
            }
            self.at += c.len_utf8();
            let c = match c {
                '*' => {
                    pieces.push(String::new());
                    continue;
                }
                '\\' => match self.peek() {
                    Some(next) => {
                        self.at += next.len_utf8();
                        next
                    }
                    None => return Err(self.error("a character must follow the backslash")),
                },
                '(' => {
                    opened += 1;
                    c
                }
                ')' => {
                    opened -= 1;
                    c
                }
                c => c,
            };
            if let Some(last) = pieces.last_mut() {
                last.push(c);
            }
        }
        Ok(pieces)
    }
}
