//! Checks that a pattern cannot express: the text before a secret, and the form of a match.

use crate::redact::edit::MASK;
use crate::redact::values::prose;
use crate::redact::values::space::is_space;
use crate::redact::values::worth;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use std::ops::Range;

/// Every match is a secret.
pub(in crate::redact) fn anything(_: &[u8]) -> bool {
    true
}

/// Every match except a word that continues a sentence.
pub(super) fn is_not_follower(secret: &[u8]) -> bool {
    !prose::is_follower(secret)
}

/// The same, except short words in lower case and names of other values.
pub(super) fn is_bearer_token(secret: &[u8]) -> bool {
    const WORD_LENGTH_MAX: usize = 8;
    let is_name = secret.strip_suffix(b"=").is_some_and(|name| {
        name.contains(&b'_')
            && name
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
    });
    let is_short_word = secret.len() <= WORD_LENGTH_MAX
        && (secret.len() == 1 || secret.iter().all(u8::is_ascii_lowercase));
    !is_name && !is_short_word && is_not_follower(secret)
}

/// A match that looks generated.
pub(super) fn is_made_up(secret: &[u8]) -> bool {
    worth::is_random(secret)
}

/// A match that is likely a secret in this context.
pub(super) fn is_likely(secret: &[u8]) -> bool {
    worth::is_likely_secret(secret)
}

/// The run of bytes of a token that was read last in a text: a token may contain a literal many times.
#[derive(Debug, Default)]
pub(in crate::redact) struct TokenRun {
    /// The start of the run before a position up to which the text was read.
    before: (usize, usize),
    /// The part of the run after a literal that was read.
    after: Range<usize>,
}

impl TokenRun {
    /// The number of bytes before `end` that belong to a token.
    fn before(&mut self, text: &[u8], end: usize) -> usize {
        let (mut start, read) = self.before;
        if end < read {
            (start, self.before.1) = (0, 0);
        }
        let unread = text.get(self.before.1..end).unwrap_or_default();
        if let Some(last) = unread.iter().rposition(|&byte| !is_of_token(byte)) {
            start = self.before.1 + last + 1;
        }
        self.before = (start, end);
        end - start
    }

    /// The number of bytes from `start` on that belong to a token, or are `~`.
    fn after(&mut self, text: &[u8], start: usize) -> usize {
        if !self.after.contains(&start) {
            let rest = text.get(start..).unwrap_or_default();
            let ends_it = |&byte: &u8| !is_of_token(byte) && byte != b'~';
            let length = rest.iter().position(ends_it).unwrap_or(rest.len());
            self.after = start..start + length;
        }
        self.after.end - start
    }
}

fn is_of_token(byte: u8) -> bool {
    is_token_byte(byte) || byte == b'.'
}

/// The token that contains a literal.
pub(in crate::redact) fn around(
    text: &[u8],
    literal: Range<usize>,
    (before_min, after_min): (usize, usize),
    run: &mut TokenRun,
) -> Option<Range<usize>> {
    const LENGTH_MAX: usize = 256;
    let before = run.before(text, literal.start).min(LENGTH_MAX);
    if before < before_min {
        return None;
    }
    let after = run.after(text, literal.end).min(LENGTH_MAX);
    (after >= after_min).then_some(literal.start - before..literal.end + after)
}

/// A match with a digit. A random secret of this length has one; words joined by hyphens do not.
pub(in crate::redact) fn has_digit(secret: &[u8]) -> bool {
    secret.iter().any(u8::is_ascii_digit)
}

/// A match with a digit or with letters of both cases, unlike words. One random token of 36 characters in 500 has no digit.
pub(in crate::redact) fn is_random(secret: &[u8]) -> bool {
    let mixed =
        secret.iter().any(u8::is_ascii_uppercase) && secret.iter().any(u8::is_ascii_lowercase);
    mixed || has_digit(secret)
}

/// A match whose first word does not continue a sentence.
pub(super) fn is_not_sentence(secret: &[u8]) -> bool {
    let word = secret.split(|&byte| is_space(byte)).next();
    let is_mask = secret == MASK.trim_matches(['[', ']']).as_bytes();
    !is_mask && is_not_follower(word.unwrap_or_default())
}

/// The same, except words for ways to authorize.
pub(super) fn is_authorization(secret: &[u8]) -> bool {
    const WAYS: [&[u8]; 12] = [
        b"rbac",
        b"abac",
        b"webhook",
        b"node",
        b"oidc",
        b"oauth2",
        b"ldap",
        b"saml",
        b"x509",
        b"kerberos",
        b"optional",
        b"simple",
    ];
    is_not_sentence(secret) && !WAYS.iter().any(|way| way.eq_ignore_ascii_case(secret))
}

/// A match that is not a revision of Alembic in quotes: `revision identified by 'fe7656c21eaa'`.
pub(super) fn is_not_revision(secret: &[u8]) -> bool {
    const DIGITS: usize = 12;
    let digits = secret
        .iter()
        .filter(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.count() != DIGITS || secret.len() != DIGITS + 2
}

/// A match that is not a word of prose, for sentences such as `password is`.
pub(super) fn is_not_word(secret: &[u8]) -> bool {
    !prose::is_ordinary_word(secret) && is_random(secret)
}

/// A random match that is not a key of another vendor.
pub(super) fn is_openai(secret: &[u8]) -> bool {
    let is_algorithm = secret.starts_with(b"ssh-") || secret.starts_with(b"ecdsa-");
    is_random(secret) && !secret.starts_with(b"ant-") && !is_algorithm
}

/// A match that is not a port mapping: `-p 8080:80` is an option of containers.
pub(super) fn is_not_mapping(secret: &[u8]) -> bool {
    let is_address = |byte: &u8| byte.is_ascii_digit() || b":./-".contains(byte);
    !(secret.contains(&b':') && secret.iter().all(is_address))
}

/// A match that is base64 of `user:password`, perhaps truncated.
pub(super) fn is_user_and_password(secret: &[u8]) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    /// The user and the colon are within this many characters.
    const LOOKED_AT_MAX: usize = 256;
    let whole = secret.len().min(LOOKED_AT_MAX) / 4 * 4;
    let text: Vec<u8> = secret
        .iter()
        .take(if secret.len() < LOOKED_AT_MAX && secret.len() % 4 != 1 {
            secret.len()
        } else {
            whole
        })
        .map(|&byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        })
        .collect();
    LENIENT.decode(text).is_ok_and(|decoded| {
        let mut parts = decoded.split(|&byte| byte == b':');
        let user = parts.next().unwrap_or_default();
        parts.next().is_some() && user.iter().all(|byte| !byte.is_ascii_control())
    })
}

/// Whether the byte before `start` is not of this kind, or is the end of a percent-encoded or escaped sign or of a colour sequence.
pub(in crate::redact) fn is_boundary(text: &[u8], start: usize, belongs: fn(u8) -> bool) -> bool {
    let before = text.get(..start).unwrap_or_default();
    match before.last() {
        Some(&last) if belongs(last) => ends_in_code(before),
        _ => true,
    }
}

/// Whether a text ends in an encoded sign or a colour sequence.
fn ends_in_code(text: &[u8]) -> bool {
    let are_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let code = |length: usize| text.get(text.len().checked_sub(length)?..);
    matches!(code(2), Some([b'\\', b'n' | b'r' | b't' | b'b' | b'f']))
        || matches!(code(3), Some([b'%', digits @ ..]) if are_hex(digits))
        || matches!(code(4), Some([b'\\', b'x', digits @ ..]) if are_hex(digits))
        || matches!(code(6), Some([b'\\', b'u', digits @ ..]) if are_hex(digits))
        || ends_in_colour(text)
}

/// Whether a text ends in a colour sequence of a terminal.
fn ends_in_colour(text: &[u8]) -> bool {
    /// Colours have few parameters.
    const LENGTH_MAX: usize = 24;
    let Some((b'm' | b'K', before)) = text.split_last() else {
        return false;
    };
    let mut rest = before
        .iter()
        .rev()
        .take(LENGTH_MAX)
        .skip_while(|byte| byte.is_ascii_digit() || **byte == b';');
    rest.next() == Some(&b'[')
        && matches!(
            rest.next(),
            Some(b'\x1b' | b'b' | b'B' | b'3' | b'[' | b'e')
        )
}

/// A letter or digit.
pub(in crate::redact) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// A byte of the alphabet of most tokens.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether 8 or more digits precede `start`, as in the token of a bot.
pub(super) fn follows_digits(text: &[u8], start: usize) -> bool {
    const DIGITS_MIN: usize = 8;
    let before = text.get(..start).unwrap_or_default();
    let last = before.iter().rev().take(DIGITS_MIN);
    last.take_while(|byte| byte.is_ascii_digit()).count() == DIGITS_MIN
}

/// Whether the text before `start` begins an XML tag, whose name ends at `start`.
pub(super) fn is_in_tag(text: &[u8], start: usize) -> bool {
    /// The maximum length of the name of an element.
    const NAME_LENGTH_MAX: usize = 64;
    let before = text.get(..start).unwrap_or_default();
    let mut rest = before
        .iter()
        .rev()
        .take(NAME_LENGTH_MAX)
        .skip_while(|byte| byte.is_ascii_alphanumeric() || b"_:.-".contains(byte));
    rest.next() == Some(&b'<')
}

/// The white space and quotes that were found last in a text, before the passwords of `user:password`.
#[derive(Debug, Default)]
pub(in crate::redact) struct WordStart {
    /// How much of the text was read, and the end of the last of them.
    read: usize,
    last: usize,
}

impl WordStart {
    /// The start of the word that contains the byte before `end`.
    fn before(&mut self, text: &[u8], end: usize) -> usize {
        let ends_it = |byte: &u8| is_space(*byte) || matches!(byte, b'"' | b'\'' | b'`');
        if end < self.read {
            *self = Self::default();
        }
        let unread = text.get(self.read..end).unwrap_or_default();
        if let Some(last) = unread.iter().rposition(ends_it) {
            self.last = self.read + last + 1;
        }
        self.read = end;
        self.last
    }
}

/// The password in `user:password` before `end`.
pub(in crate::redact) fn password_before(
    text: &[u8],
    end: usize,
    words: &mut WordStart,
) -> Option<Range<usize>> {
    /// Room for a user and a token.
    const LENGTH_MAX: usize = 512;
    let start = words.before(text, end).max(end.saturating_sub(LENGTH_MAX));
    let colon = memchr::memchr(b':', text.get(start..end)?)?;
    let password = start + colon + 1..end;
    (!password.is_empty()).then_some(password)
}

/// The password in `user:password`, or after `echo`, that is piped into the command at `start`.
pub(in crate::redact) fn password_piped(
    text: &[u8],
    start: usize,
    words: &mut WordStart,
) -> Option<Range<usize>> {
    /// The maximum distance between pipe and command: room for `sudo`, a registry and a few flags.
    const PIPE_DISTANCE_MAX: usize = 128;
    let near = start.saturating_sub(PIPE_DISTANCE_MAX);
    let pipe = near + memchr::memrchr(b'|', text.get(near..start)?)?;
    let before = text.get(..pipe)?.trim_ascii_end();
    let before = before
        .strip_suffix(b"\"")
        .or_else(|| before.strip_suffix(b"'"));
    let before = before.unwrap_or_else(|| text.get(..pipe).unwrap_or_default().trim_ascii_end());
    let before = before.strip_suffix(b"\\n").unwrap_or(before);
    password_before(text, before.len(), words).or_else(|| word_printed(before))
}

/// The last word, if a command before it prints it: `echo -n 'x`, `printf %s x`.
fn word_printed(text: &[u8]) -> Option<Range<usize>> {
    const LENGTH_MIN: usize = 6;
    const LENGTH_MAX: usize = 512;
    let from = text.len().saturating_sub(LENGTH_MAX);
    let start = from + memchr::memrchr(b' ', text.get(from..)?)? + 1;
    let word = text.get(start..)?;
    let quotes = word.iter().take_while(|byte| b"'\"".contains(byte)).count();
    let printed = text.get(..start)?.trim_ascii_end();
    let commands: [&[u8]; 5] = [b"echo", b"echo -n", b"printf", b"printf %s", b"printf '%s'"];
    let is_printed = commands.iter().any(|command| printed.ends_with(command));
    let start = start + quotes;
    let is_secret = text.len() - start >= LENGTH_MIN && text.get(start) != Some(&b'$');
    (is_printed && is_secret).then_some(start..text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn distinguishes_user_and_password_from_words() {
        assert!(is_user_and_password(b"dXNlcjpwYXNz"));
        assert!(is_user_and_password(b"Ym9iOmh1bnRlcjI="));
        assert!(is_user_and_password(b"Ym9iOmh1bnRlcjI"), "no padding");
        assert!(is_user_and_password(b"Ym9iOmh1bnRlc"), "cut");
        assert!(!is_user_and_password(b"authentication"));
        assert!(!is_user_and_password(b"information"));
    }

    #[test]
    fn checks_the_text_before_a_match() {
        let no_word = |text: &[u8]| is_boundary(text, text.len(), is_word_byte);
        assert!(no_word(b"") && no_word(b"a ") && no_word(b"%3D") && no_word(b"_"));
        assert!(!no_word(b"a") && !no_word(b"x3D") && !no_word(b"[0m") && !no_word(b"n"));
        for code in [
            r"\n",
            r"\x22",
            r"\u0022",
            "\x1b[0m",
            r"\u001b[1;31m",
            "#033[m",
        ] {
            assert!(no_word(code.as_bytes()), "{code}");
        }
        assert!(!is_boundary(b"_", 1, is_token_byte));
        assert!(follows_digits(b"bot12345678", 11));
        assert!(!follows_digits(b"1234567", 7) && follows_digits(b"\\x22123456789", 13));
        assert!(is_in_tag(b"<a:proxy", 8) && is_in_tag(b"<", 1));
        assert!(!is_in_tag(b"</proxy", 7) && !is_in_tag(b"proxy", 5));
        let password_before =
            |text: &[u8], end| password_before(text, end, &mut WordStart::default());
        let password_piped =
            |text: &[u8], start| password_piped(text, start, &mut WordStart::default());
        assert_eq!(password_before(b"x \"u:p:q@tcp(", 8), Some(5..8));
        assert_eq!(password_before(b"u@tcp(", 1), None);
        assert_eq!(password_before(b"u:@tcp(", 2), None);
        assert_eq!(password_piped(b"echo u:p|chpasswd", 9), Some(7..8));
        assert_eq!(
            password_piped(b"printf 'u:p\\n' | chpasswd", 17),
            Some(10..11)
        );
        assert_eq!(password_piped(b"(chpasswd:auth)", 1), None);
        let login = b"echo -n 'hunter22' | docker login -u me --password-stdin";
        assert_eq!(password_piped(login, 42), Some(9..17));
        let variable = b"echo $REGISTRY_TOKEN | docker login --password-stdin";
        assert_eq!(password_piped(variable, 38), None);
    }

    #[test]
    fn port_mappings_are_not_secrets() {
        assert!(
            !is_not_mapping(b"127.0.0.1:80:80")
                && is_not_mapping(b"8080")
                && is_not_mapping(b"a:1")
        );
    }

    proptest! {
        #[test]
        fn tokens_around_literals_are_found_as_without_memory(
            text in "(7q~|[a-z.]{1,9}|[A-Z0-9_-]{1,300}|~| ){0,20}", starts in prop::collection::vec(0usize..900, 1..30), is_sorted: bool,
        ) {
            let text = text.as_bytes();
            let mut starts: Vec<_> = starts.iter().map(|start| start % (text.len() + 1)).collect();
            if is_sorted {
                starts.sort_unstable();
            }
            let mut run = TokenRun::default();
            for start in starts {
                let end = text.len().min(start + 3);
                let before = text[..start].iter().rev().take(256).take_while(|byte| is_of_token(**byte)).count();
                let is_after = |byte: &&u8| is_of_token(**byte) || **byte == b'~';
                let after = text[end..].iter().take(256).take_while(is_after).count();
                let expected = (before >= 3 && after >= 30).then_some(start - before..end + after);
                prop_assert_eq!(around(text, start..end, (3, 30), &mut run), expected);
            }
        }
    }
}
