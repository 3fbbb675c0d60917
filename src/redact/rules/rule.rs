//! A rule: how it is found, how it matches, and what stays visible.

use super::shape;
use super::url::Writing;
use super::vendor;
use crate::redact::names::RequiredLink;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in `metadata.redacted`, in settings and in the table.
    pub id: &'static str,
    /// Texts in lower case, of which every match contains one. The first pass searches for them, ignoring ASCII case.
    pub(in crate::redact) literals: &'static [&'static str],
    /// How it matches.
    pub(in crate::redact) shape: Shape,
    /// A text that it changes, and the result.
    pub changes: (&'static str, &'static str),
    /// A similar text that it does not change.
    pub spares: &'static str,
}

/// How a rule matches at a literal.
#[derive(Debug, Clone, Copy)]
pub(in crate::redact) enum Shape {
    /// A visible head that starts at the literal, and a secret after it.
    Token(Token),
    /// The literal is the end of a name, and a value follows.
    Name(RequiredLink),
    /// The literal starts the first line of a private key.
    PrivateKey,
    /// The literal comes after `user:password`.
    Userinfo,
    /// The literal is a command that is given `user:password` through a pipe.
    Piped,
    /// The literal separates the scheme and the host of a URL.
    Url(Writing),
    /// The literal is the start of a token in the list of vendors.
    Vendor,
    /// The literal precedes the rows of an `INSERT`, whose columns name the values.
    Rows,
    /// The literal precedes the condition of an `UPDATE`, which names the value.
    Condition,
    /// The literal is inside the secret, with at least these numbers of bytes of a token before and after it.
    Inside(usize, usize),
}

/// A secret that is recognised by its context.
#[derive(Debug, Clone, Copy)]
pub(in crate::redact) struct Token {
    /// The condition on the text before the head.
    pub(in crate::redact) before: Before,
    /// The pattern of the visible part.
    pub(in crate::redact) head: &'static str,
    /// The pattern of the replaced part.
    pub(in crate::redact) secret: &'static str,
    /// The number of bytes at the end of a match of `secret` that stay: text that must follow a secret.
    pub(in crate::redact) tail: usize,
    /// A final check of the secret that a pattern cannot express.
    pub(in crate::redact) accepts: fn(&[u8]) -> bool,
}

/// A condition on the text before a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum Before {
    /// None: no word contains the literal.
    Any,
    /// No letter or digit: words may contain the literal.
    NoWord,
    /// No letter, digit, `_` or `-`: secrets may contain the literal.
    NoToken,
    /// 8 digits or more.
    Digits,
    /// The start of an XML tag.
    Tag,
}

/// A token with these patterns and without a final check.
pub(in crate::redact) const fn token(
    before: Before,
    head: &'static str,
    secret: &'static str,
) -> Token {
    Token {
        before,
        head,
        secret,
        tail: 0,
        accepts: shape::anything,
    }
}

impl Before {
    /// Its description in the table.
    fn words(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::NoWord => ", after no letter or digit",
            Self::NoToken => ", after no letter, digit, `_` or `-`",
            Self::Digits => ", after 8 or more digits",
            Self::Tag => ", inside an opening tag",
        }
    }

    /// Whether the text before `start` allows a match there.
    pub(in crate::redact) fn allows(self, text: &[u8], start: usize) -> bool {
        match self {
            Self::Any => true,
            Self::NoWord => shape::is_boundary(text, start, shape::is_word_byte),
            Self::NoToken => shape::is_boundary(text, start, shape::is_token_byte),
            Self::Digits => shape::follows_digits(text, start),
            Self::Tag => shape::is_in_tag(text, start),
        }
    }
}

impl Token {
    /// Only matches that `accepts` returns true for are secrets.
    pub(in crate::redact) const fn only(self, accepts: fn(&[u8]) -> bool) -> Shape {
        Shape::Token(Self { accepts, ..self })
    }

    /// Every match is a secret.
    pub(in crate::redact) const fn all(self) -> Shape {
        Shape::Token(self)
    }

    /// The last `tail` bytes of a match must follow a secret, and stay.
    pub(super) const fn followed(self, tail: usize) -> Self {
        Self { tail, ..self }
    }
}

impl Rule {
    /// The visible and the replaced part of a match as Markdown: patterns, or a description if there is no pattern.
    #[must_use]
    pub fn patterns(&self) -> (String, String) {
        let (visible, secret) = match &self.shape {
            Shape::Token(token) => {
                let secret = match token.tail {
                    0 => format!("`{}`", token.secret),
                    tail => format!("`{}`, without its last {tail}", token.secret),
                };
                return (format!("`{}`{}", token.head, token.before.words()), secret);
            }
            Shape::Name(RequiredLink::Space) => {
                ("the name", "the value after white space, `=` or `:`")
            }
            Shape::Name(RequiredLink::Sign) => ("the name", "the value after `=` or `:`"),
            Shape::Name(RequiredLink::Equals) => (
                "the name",
                "the value after `=`, or after `:` where the name is quoted",
            ),
            Shape::Name(RequiredLink::Uncounted) => (
                "the name",
                "the value after `=`, or after `:` where the name is quoted, unless it is a number",
            ),
            Shape::Name(RequiredLink::Flag) => {
                ("the flag", "the word after it, or the text after `=`")
            }
            Shape::PrivateKey => ("the lines BEGIN and END", "the text between them"),
            Shape::Userinfo => (
                "the user before the literal",
                "the text between `:` and the literal",
            ),
            Shape::Piped => (
                "the user or `echo` before the pipe",
                "the text between `:` or `echo` and the pipe before the literal",
            ),
            Shape::Rows => (
                "the columns before the literal and the other values",
                "the texts in the columns of secrets, and beside the name of one",
            ),
            Shape::Condition => (
                "the condition, which compares `key` or `name` with the name of a secret",
                "the text before the literal",
            ),
            Shape::Url(Writing::Plain) => (
                "scheme and user",
                "the text between `:` and `@`, unless it is a port and a path",
            ),
            Shape::Vendor => (
                "the start of the token",
                "the text that matches the list's pattern, unless it consists of words",
            ),
            Shape::Inside(before, after) => {
                let secret = format!(
                    "{before} or more letters, digits, `_`, `-` or `.` before it and {after} or more after it, and the literal"
                );
                return ("nothing".to_owned(), secret);
            }
            Shape::Url(Writing::Encoded) => (
                "scheme and user",
                "the text between `:` or `%3A` and `@` or `%40`",
            ),
        };
        (visible.to_owned(), secret.to_owned())
    }

    /// The texts of which every match contains one, ignoring ASCII case.
    #[must_use]
    pub fn literals(&self) -> Vec<&'static str> {
        match self.shape {
            Shape::Vendor => vendor::literals(),
            _ => self.literals.to_vec(),
        }
    }
}
