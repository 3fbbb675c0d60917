//! Decides whether the value after a name is a secret.

use super::link::Link;
use super::strength::Strength;
use crate::redact::values::elsewhere;
use crate::redact::values::prose;
use crate::redact::values::segments::SegmentMemo;
use crate::redact::values::worth;
use std::ops::Range;

/// The properties of a name that decide on its value.
#[derive(Debug)]
pub(super) struct Judge {
    /// The strength of the name.
    pub(in crate::redact) strength: Strength,
    /// Every value is secret.
    pub(in crate::redact) strict: bool,
    /// The name is a command line flag.
    pub(in crate::redact) flag: bool,
    /// The name may also be that of an object that holds secrets.
    pub(super) may_name_object: bool,
}

impl Judge {
    /// Whether a value is not a secret.
    pub(in crate::redact) fn spares(&self, value: &[u8], link: &Link, in_quotes: bool) -> bool {
        if self.strict {
            return false;
        }
        if self.is_absent(value) {
            return true;
        }
        if link.is_guess {
            return worth::is_reference(value) || self.spares_guess(value);
        }
        match self.strength {
            Strength::Key if !self.flag => {
                !worth::is_random(value)
                    || is_short_number(value)
                    || link.is_space() && worth::is_key_id(value)
            }
            Strength::Token if link.is_space() && !self.flag => {
                !worth::is_random(value) && !worth::is_uuid(value)
            }
            Strength::Token if !self.flag => spares_token(value, worth::is_plain),
            _ if in_quotes => link.is_space() && !worth::is_likely_secret(value) && !self.flag,
            _ => self.spares_strong(value, link, || worth::is_likely_secret(value)),
        }
    }

    /// The same for a value without quotes at this range of a text. Such values overlap, and `segments` spares reading them again.
    pub(super) fn spares_at(
        &self,
        text: &[u8],
        range: Range<usize>,
        link: &Link,
        segments: &mut SegmentMemo,
    ) -> bool {
        let value = text.get(range.clone()).unwrap_or_default();
        let is_weak = matches!(self.strength, Strength::Key | Strength::Token) && !self.flag;
        if self.strict {
            return false;
        }
        if self.is_absent(value) {
            return true;
        }
        if !link.is_guess && !is_weak {
            return self.spares_strong(value, link, || segments.is_likely_secret(text, range));
        }
        if link.is_guess {
            return worth::is_reference(value)
                || match self.strength {
                    Strength::Secret => !segments.is_likely_secret(text, range),
                    _ => !segments.is_random(text, range),
                };
        }
        match self.strength {
            Strength::Token if link.is_space() => {
                !segments.is_random(text, range) && !worth::is_uuid(value)
            }
            Strength::Token => spares_token(value, |_| segments.is_plain(text, range)),
            _ => {
                !segments.is_random(text, range)
                    || is_short_number(value)
                    || link.is_space() && worth::is_key_id(value)
            }
        }
    }

    /// Whether a value is absent, or only names an object.
    pub(super) fn is_absent(&self, value: &[u8]) -> bool {
        let is_weak = matches!(self.strength, Strength::Key | Strength::Token) && !self.flag;
        prose::is_no_value(value)
            || is_selector(value)
            || self.may_name_object && worth::is_name_of_object(value)
            || elsewhere::is_digest(value)
            || is_weak && worth::is_address(worth::trimmed(value))
    }

    /// Whether the name alone does not prove that its value is a secret.
    pub(super) fn is_weak(&self) -> bool {
        !self.strict && matches!(self.strength, Strength::Key | Strength::Token)
    }

    /// Whether neither the name nor the link proves it.
    pub(super) fn is_weak_or(&self, link: &Link) -> bool {
        self.is_weak() || link.is_guess
    }

    fn spares_guess(&self, value: &[u8]) -> bool {
        match self.strength {
            Strength::Secret => !worth::is_likely_secret(value),
            _ => !worth::is_random(value),
        }
    }

    /// Whether a bare value after a strong name is not a secret but a word of prose, punctuation, or a number of one or two digits.
    fn spares_strong(
        &self,
        value: &[u8],
        link: &Link,
        is_likely_secret: impl FnOnce() -> bool,
    ) -> bool {
        /// Fewer characters than this, without a letter or digit, are punctuation.
        const SIGNS_MIN: usize = 4;
        /// As many blanks separate columns.
        const COLUMN_SPACES_MIN: usize = 3;
        if self.strength == Strength::Credential && link.colon && prose::is_ordinary_word(value) {
            return true;
        }
        let signs_only = !value
            .iter()
            .any(|&byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
        if worth::is_reference(value) || worth::is_path(value) {
            return true;
        }
        if !link.is_space() {
            // `Password: passwd: password updated successfully`
            let is_label = || value.ends_with(b":") && prose::is_ordinary_word(value);
            let is_error = link.colon && !link.equals && (prose::is_follower(value) || is_label());
            return is_error || signs_only && value.len() < SIGNS_MIN;
        }
        if self.flag {
            // a table of flags, as programs print their help
            let is_column = link.value - link.start >= COLUMN_SPACES_MIN;
            return signs_only
                || value.starts_with(b"-")
                || prose::is_follower(value)
                || is_column && prose::is_ordinary_word(value);
        }
        let is_count = {
            let number = worth::trimmed(value);
            number.len() <= 2 && number.iter().all(u8::is_ascii_digit)
        };
        signs_only
            || is_count
            || prose::is_ordinary_word(value)
            || prose::is_follower(value)
            || !is_likely_secret() && !is_short_mix(value)
    }
}

/// Whether a value is a number in hexadecimal that is too short for a key, and identifies something.
fn is_short_number(value: &[u8]) -> bool {
    const DIGITS_MIN: usize = 24;
    let value = worth::trimmed(value);
    value.len() < DIGITS_MIN && value.iter().all(u8::is_ascii_hexdigit)
}

/// Whether a short value has letters and digits: `abc1`.
fn is_short_mix(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether the value after `token=` is a word, a name, a short value or code.
fn spares_token(value: &[u8], is_plain: impl FnOnce(&[u8]) -> bool) -> bool {
    let bare = worth::trimmed(value);
    bare.len() < worth::LENGTH_MIN
        || worth::is_reference(value)
        || worth::is_path(value)
        || worth::is_address(bare)
        || is_plain(value) && !worth::is_uuid(bare) && !is_number(bare)
}

/// Whether a value is a number long enough to be a secret.
fn is_number(value: &[u8]) -> bool {
    value.len() >= worth::LENGTH_MIN && value.iter().all(u8::is_ascii_digit)
}

/// Whether the value of a field is not a secret although its name is that of one.
pub(in crate::redact) fn spares_field(strength: Strength, value: &[u8]) -> bool {
    match strength {
        Strength::Key => !worth::is_random(value) || worth::is_address(worth::trimmed(value)),
        Strength::Token => spares_token(value, worth::is_plain),
        Strength::Credential | Strength::Secret => false,
    }
}

/// Whether a value is the rest of an Objective-C method name: `for:key:in:]`.
fn is_selector(value: &[u8]) -> bool {
    /// Room for the parts of a long name.
    const LENGTH_MAX: usize = 128;
    let near = Some(value).filter(|value| value.len() <= LENGTH_MAX);
    near.unwrap_or_default()
        .strip_suffix(b":]")
        .is_some_and(|parts| {
            parts
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || *byte == b':')
        })
}
