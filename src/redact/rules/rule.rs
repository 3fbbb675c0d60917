//! What a rule is: how it is found, how it matches, what of a secret stays visible.

use super::shape;
use super::url::Writing;
use super::vendor;
use crate::redact::names::RequiredLink;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name on every surface: in `metadata.redacted`, in settings, in the table.
    pub id: &'static str,
    /// Texts of which one stands in whatever the rule matches, in lower case: what the first pass
    /// looks for, in any case.
    pub(in crate::redact) literals: &'static [&'static str],
    /// How it matches.
    pub(in crate::redact) shape: Shape,
    /// A text that it changes, and what it makes of it.
    pub changes: (&'static str, &'static str),
    /// A text that looks alike and stays as it is.
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
    /// The literal is what stands between the scheme of an address and its host.
    Url(Writing),
    /// The literal is the start of a token of a vendor, of the list.
    Vendor,
    /// The literal stands inside the secret: so many bytes of a token before it and after it.
    Inside(usize, usize),
}

/// A secret that its neighbourhood gives away.
#[derive(Debug, Clone, Copy)]
pub(in crate::redact) struct Token {
    /// What must stand before the head.
    pub(in crate::redact) before: Before,
    /// A pattern: what stays visible.
    pub(in crate::redact) head: &'static str,
    /// A pattern: what is replaced.
    pub(in crate::redact) secret: &'static str,
    /// How many bytes at the end of what `secret` matches stay as well: what must follow a secret.
    pub(in crate::redact) tail: usize,
    /// A last look at the secret, of what a pattern cannot tell.
    pub(in crate::redact) accepts: fn(&[u8]) -> bool,
}

/// What may stand before a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum Before {
    /// Anything: no word contains the literal.
    Any,
    /// No letter and no digit: the literal is short enough to stand inside words.
    NoWord,
    /// No letter, digit, `_` or `-` either: the secret itself may contain the literal.
    NoToken,
    /// 8 digits or more.
    Digits,
    /// The start of an XML tag.
    Tag,
}

/// A token with these patterns, all of whose matches are secrets.
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
    /// What the table says of it.
    fn words(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::NoWord => ", after no letter or digit",
            Self::NoToken => ", after no letter, digit, `_` or `-`",
            Self::Digits => ", after 8 or more digits",
            Self::Tag => ", inside an opening tag",
        }
    }

    /// Whether what stands before `start` allows a match there.
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
    /// Only matches that `accepts` takes are secrets.
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
    /// What stays visible of a match and what is replaced, as Markdown: patterns, or words where no
    /// pattern says it.
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
                ("the flag", "the word after it, or what `=` gives it")
            }
            Shape::PrivateKey => ("the lines BEGIN and END", "what stands between them"),
            Shape::Userinfo => (
                "the user before the literal",
                "what is between `:` and the literal",
            ),
            Shape::Piped => (
                "the user before the pipe",
                "what is between `:` and the pipe before the literal",
            ),
            Shape::Url(Writing::Plain) => (
                "scheme and user",
                "what is between `:` and `@`, unless it is a port and a path",
            ),
            Shape::Vendor => (
                "the start of the token",
                "what the list says, unless it is made of words",
            ),
            Shape::Inside(before, after) => {
                let secret = format!(
                    "{before} or more letters, digits, `_`, `-` or `.` before it and {after} or more after it, and the literal"
                );
                return ("nothing".to_owned(), secret);
            }
            Shape::Url(Writing::Encoded) => (
                "scheme and user",
                "what is between `:` or `%3A` and `@` or `%40`",
            ),
        };
        (visible.to_owned(), secret.to_owned())
    }

    /// The texts of which one stands in whatever the rule matches, in any case.
    #[must_use]
    pub fn literals(&self) -> Vec<&'static str> {
        match self.shape {
            Shape::Vendor => vendor::literals(),
            _ => self.literals.to_vec(),
        }
    }
}
