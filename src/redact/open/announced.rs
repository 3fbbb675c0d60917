//! Secrets that an earlier line of the same source announces: `- name: DB_PASSWORD` before `value: x`, `Generated password:` before
//! a line of its own, `Set the following 'random' passwords` before `user:password`.

use super::alone::{self, Announced};
use crate::record::Source;
use crate::redact::names::value_key_length;
use crate::redact::values::extent::Quote;
use crate::redact::values::space::is_space;
use crate::redact::values::worth;
use serde::Deserialize;
use serde::Serialize;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::ops::Range;

/// The kind of secret that a line announces. It contains none of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Expected {
    /// A line with the key of a value, or the element of one.
    Value,
    /// A line that consists of a secret.
    Alone,
    /// A line that consists of something that looks generated.
    Generated,
    /// A line whose last word is base64, as a client of SMTP answers.
    Reply,
    /// Lines of a list of codes.
    Codes,
    /// A line of a script that sends a secret.
    Sent,
    /// Lines with a user, a colon and a password.
    Users,
    /// This number of lines of a key in `PuTTY` format.
    Lines(u16),
    /// Lines that are indented deeper than this, as in a block of YAML.
    Block(u16),
}

/// An announcement in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Announcement {
    expected: Expected,
    /// The number of following lines to which it may still apply.
    lines_left: u16,
}

/// The maximum number of sources with an announcement. Beyond this the oldest is given up, which bounds the memory that an attacker
/// who can name sources can take.
pub(super) const ANNOUNCED_MAX: usize = 256;

/// At most an empty line or another sentence separates an announcement from the secret.
pub(super) const LINES_BETWEEN_MAX: u16 = 3;

/// Few users get a generated password at the first start of a machine.
pub(super) const USERS_MAX: u16 = 64;

/// More lines than a `PuTTY` key has.
pub(super) const KEY_LINES_MAX: u16 = 400;

/// A block of YAML with a secret is short, unless it is a key, which has a rule of its own.
pub(super) const BLOCK_LINES_MAX: u16 = 64;

/// Programs print about ten codes, and blank lines between them.
pub(super) const CODE_LINES_MAX: u16 = 32;

/// Longer lines are not announcements.
const LINE_LENGTH_MAX: usize = 256;

/// The announcements of all sources.
#[derive(Debug, Clone, Default)]
pub(super) struct Announcements {
    of_source: HashMap<Source, Announcement>,
    /// The sources in the order of their announcements.
    order: VecDeque<Source>,
    /// The sources given up since the last call of [`crate::redact::Redactor::changes`].
    pub(super) given_up: Vec<Source>,
}

impl Announcements {
    /// The parts of this message that an earlier line announced, in an earlier message or in this one. `is_secret` says whether a
    /// name is that of a secret.
    pub(in crate::redact) fn secrets(
        &mut self,
        source: &Source,
        message: &str,
        is_secret: impl Fn(&str) -> bool,
    ) -> Vec<Range<usize>> {
        let mut start = 0;
        let mut found = Vec::new();
        for line in message.split_inclusive('\n') {
            let text = line.strip_suffix('\n').unwrap_or(line);
            let secret = self.secret(source, text, &is_secret);
            found.extend(secret.map(|range| start + range.start..start + range.end));
            start += line.len();
        }
        if message.is_empty() {
            self.secret(source, message, &is_secret);
        }
        found
    }

    /// The part of this line that an earlier one announced.
    fn secret(
        &mut self,
        source: &Source,
        message: &str,
        is_secret: impl Fn(&str) -> bool,
    ) -> Option<Range<usize>> {
        let found = if self.of_source.is_empty() {
            None
        } else {
            self.take(source, message)
        };
        let found = found.or_else(|| generated_and_sent(message));
        if found.is_none()
            && let Some(expected) = announced(message, is_secret)
        {
            let lines_left = match expected {
                Expected::Users => USERS_MAX,
                Expected::Lines(count) => count.min(KEY_LINES_MAX),
                Expected::Block(_) => BLOCK_LINES_MAX,
                Expected::Codes => CODE_LINES_MAX,
                Expected::Value
                | Expected::Alone
                | Expected::Generated
                | Expected::Reply
                | Expected::Sent => LINES_BETWEEN_MAX,
            };
            let announcement = Announcement {
                expected,
                lines_left,
            };
            self.keep(source, announcement);
        }
        found
    }

    /// The announcement of a source.
    pub(in crate::redact) fn get(&self, source: &Source) -> Option<Announcement> {
        self.of_source.get(source).copied()
    }

    /// Keeps an announcement.
    pub(super) fn keep(&mut self, source: &Source, announcement: Announcement) {
        self.forget(source);
        if self.order.len() >= ANNOUNCED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.of_source.remove(&oldest);
            self.given_up.push(oldest);
        }
        self.order.push_back(source.clone());
        self.of_source.insert(source.clone(), announcement);
    }

    fn forget(&mut self, source: &Source) {
        if self.of_source.remove(source).is_some() {
            self.order.retain(|other| other != source);
        }
    }

    fn take(&mut self, source: &Source, message: &str) -> Option<Range<usize>> {
        let announcement = self.of_source.get_mut(source)?;
        announcement.lines_left = announcement.lines_left.saturating_sub(1);
        let is_last = announcement.lines_left == 0;
        let (found, continues) = match announcement.expected {
            Expected::Value => {
                let found = value(message).or_else(|| dumped(message));
                let continues = found.is_none();
                (found, continues)
            }
            Expected::Alone => {
                let found = alone::likely_word(message);
                let continues = found.is_none();
                (found, continues)
            }
            Expected::Generated => {
                let is_generated = |range: &Range<usize>| {
                    let value = message.get(range.clone()).unwrap_or_default();
                    worth::is_random(value.as_bytes())
                };
                let found =
                    alone::generated_word(message).or_else(|| value(message).filter(is_generated));
                let continues = found.is_none();
                (found, continues)
            }
            Expected::Reply => (alone::last_base64(message), false),
            Expected::Codes => {
                let found = alone::codes(message);
                let continues = found.is_some() || message.trim().is_empty();
                (found, continues)
            }
            Expected::Sent => {
                let found = sent(message);
                let continues = found.is_none();
                (found, continues)
            }
            Expected::Users => {
                let found = password_of_user(message);
                // cloud-init's `chpasswd:` has a key before the list
                let is_key = ["list:", "expire:"]
                    .iter()
                    .any(|key| message.trim_start().starts_with(key));
                let continues = is_key || found.is_some();
                (found.filter(|_| !is_key), continues)
            }
            Expected::Block(indent) => {
                let is_inside = message.trim().is_empty() || indent_of(message) > indent;
                (indented(message).filter(|_| is_inside), is_inside)
            }
            Expected::Lines(_) => (key_line(message), true),
        };
        if is_last || !continues {
            self.forget(source);
        }
        found
    }
}

/// The kind of secret that a line announces, if any.
fn announced(message: &str, is_secret: impl Fn(&str) -> bool) -> Option<Expected> {
    let line = message.trim_end();
    let line = line.rsplit('\n').next().unwrap_or(line);
    if line.len() > LINE_LENGTH_MAX {
        return None;
    }
    let last = *line.as_bytes().last()?;
    match last {
        b's' if ends_in(line, "passwords") => Some(Expected::Users),
        b':' if ends_in(line, "passwords:") || ends_in(line, "chpasswd:") => Some(Expected::Users),
        b'>' if line.ends_with("=>") => dumped_name(line)
            .filter(|name| is_secret(name))
            .map(|_| Expected::Value),
        b'|' | b'>' | b'-' | b'+' if block_name(line).is_some() => block_name(line)
            .filter(|name| is_secret(name))
            .map(|_| Expected::Block(indent_of(line))),
        b'{' => object_name(line)
            .filter(|name| is_secret(name))
            .map(|_| Expected::Value),
        b'>' => tag_name(line)
            .filter(|name| is_secret(name))
            .map(|_| Expected::Value),
        b':' => before_colon(line, &is_secret),
        b'[' => array_name(line)
            .filter(|name| is_secret(name))
            .map(|_| Expected::Codes),
        b'=' | b'*' | b'#' => alone::frame_announces(line).then_some(Expected::Generated),
        b'"' | b',' if is_flag_of_secret(line, &is_secret) => Some(Expected::Alone),
        b'6' if line.ends_with("334 UGFzc3dvcmQ6") => Some(Expected::Reply),
        b'0'..=b'9' if starts_with(line, "private-lines:") => {
            let count = line.rsplit(' ').next()?.parse().ok()?;
            Some(Expected::Lines(count))
        }
        b'"' if form_field(line).is_some_and(&is_secret) => Some(Expected::Alone),
        b'"' | b'\'' if expects_password(line) => Some(Expected::Sent),
        // Elasticsearch: `Password for the [elastic] user successfully reset.` before `New value: x`
        b'.' if starts_with(line, "password") && ends_in(line, "reset.") => Some(Expected::Value),
        _ => named(line)
            .filter(|name| is_secret(name))
            .map(|_| Expected::Value)
            .or_else(|| {
                alone::name(line)
                    .filter(|name| is_secret(name))
                    .map(|_| Expected::Generated)
            }),
    }
}

fn ends_in(line: &str, word: &str) -> bool {
    let start = line.len().saturating_sub(word.len());
    line.as_bytes()
        .get(start..)
        .is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
}

fn starts_with(line: &str, word: &str) -> bool {
    line.as_bytes()
        .get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// The kind of secret that a line that ends in a colon announces: by the name at its end, or by words in it.
fn before_colon(line: &str, is_secret: impl Fn(&str) -> bool) -> Option<Expected> {
    let words = line.trim_end_matches([':', ' ', '"', '\'']);
    let last = words.rsplit(|c: char| c.is_whitespace() || c == '"').next();
    match alone::announced_by_words(words) {
        Some(Announced::Codes) => Some(Expected::Codes),
        Some(Announced::Password) => Some(Expected::Alone),
        _ if last.is_some_and(is_secret) => Some(Expected::Alone),
        Some(Announced::Generated) => Some(Expected::Generated),
        None => None,
    }
}

/// Whether an item of a list is a flag before a secret: `"--password",`.
fn is_flag_of_secret(line: &str, is_secret: impl Fn(&str) -> bool) -> bool {
    let word = line.trim_matches([' ', '\t', '"', '\'', ',']);
    word.strip_prefix("--")
        .is_some_and(|name| !name.contains([' ', '=']) && is_secret(name))
}

/// The name of a list: `"recovery_codes": [`.
fn array_name(line: &str) -> Option<&str> {
    let name = line
        .strip_suffix('[')?
        .trim_end()
        .strip_suffix([':', '='])?;
    Some(name.trim().trim_matches(['"', '\'']))
}

/// The name of a block of YAML: `password: |`, `- token: >-`.
fn block_name(line: &str) -> Option<&str> {
    let line = line.trim_end_matches(['-', '+']);
    let name = line
        .strip_suffix(['|', '>'])?
        .trim_end()
        .strip_suffix(':')?;
    Some(
        name.trim_start_matches([' ', '\t', '-'])
            .trim_matches(['"', '\'']),
    )
}

/// The name of an object: `"db_password": {`, as Terraform prints its outputs.
fn object_name(line: &str) -> Option<&str> {
    let name = line.strip_suffix('{')?.trim_end().strip_suffix(':')?;
    name.trim().strip_prefix('"')?.strip_suffix('"')
}

/// The name in `["password"]=>` and `["password":protected]=>` of PHP.
fn dumped_name(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("[\"")?.split('"').next()
}

/// The name in `- name: DB_PASSWORD` and `"key": "api_token",`.
fn named(line: &str) -> Option<&str> {
    let line = line.trim_start_matches([' ', '\t', '-', '{', '"', '\'']);
    let rest = ["name", "key"].iter().find_map(|key| {
        starts_with(line, key)
            .then(|| line.get(key.len()..))
            .flatten()
    })?;
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    let rest = rest.strip_prefix([':', '='])?;
    Some(rest.trim_matches([' ', '"', '\'', ',']))
}

/// The name in `Content-Disposition: form-data; name="password"`.
fn form_field(line: &str) -> Option<&str> {
    let (_, name) = line.rsplit_once("form-data; name=\"")?;
    Some(name.trim_end_matches('"'))
}

/// The name in `<key>apiToken</key>` and `<name>secret.key</name>`.
fn tag_name(line: &str) -> Option<&str> {
    let (before, _) = line.rsplit_once("</")?;
    let (_, name) = before.rsplit_once('>')?;
    Some(name.trim())
}

/// Whether a line of an expect script waits for the prompt of a password: `expect "*assword:"`.
fn expects_password(line: &str) -> bool {
    starts_with(line.trim_start(), "expect ")
        && (line.contains("assword") || line.contains("assphrase"))
}

/// What a line of an expect script sends, if it looks generated: the prompt may not be in the log.
fn generated_and_sent(message: &str) -> Option<Range<usize>> {
    let is_generated = |range: &Range<usize>| {
        let sent = message.get(range.clone()).unwrap_or_default();
        worth::is_random(sent.as_bytes())
    };
    sent(message).filter(is_generated)
}

/// What a line of an expect script sends: `send "x\r"`, `send -- "x\n"`.
fn sent(message: &str) -> Option<Range<usize>> {
    let rest = message.trim_start().strip_prefix("send ")?.trim_start();
    let rest = rest.strip_prefix("-- ").unwrap_or(rest).trim_start();
    let start = message.len() - rest.len();
    let quote = Quote::at(message.as_bytes(), start)?;
    let content = start + quote.length;
    let text = message.get(content..quote.close(message.as_bytes(), content).0)?;
    let secret = text
        .strip_suffix("\\r")
        .or_else(|| text.strip_suffix("\\n"))
        .unwrap_or(text);
    let is_secret = !secret.is_empty() && !secret.starts_with('$');
    is_secret.then_some(content..content + secret.len())
}

/// The value in `value: x`, `New value: x`, `"value": "x",` and `<value>x</value>`.
fn value(message: &str) -> Option<Range<usize>> {
    let bytes = message.as_bytes();
    let mut at = bytes
        .iter()
        .take_while(|&&byte| is_space(byte) || byte == b'-')
        .count();
    if bytes.get(at) == Some(&b'<') {
        let opened = at + memchr::memchr(b'>', bytes.get(at..)?)? + 1;
        let length = memchr::memchr(b'<', bytes.get(opened..)?)?;
        return (length > 0).then_some(opened..opened + length);
    }
    let quote = Quote::at(bytes, at);
    at += quote.map_or(0, |quote| quote.length);
    if bytes.get(at..)?.starts_with(b"New ") {
        at += b"New ".len();
    }
    at += value_key_length(bytes.get(at..)?)?;
    at += quote
        .and_then(|_| Quote::at(bytes, at))
        .map_or(0, |quote| quote.length);
    at += bytes
        .get(at..)?
        .iter()
        .take_while(|&&byte| is_space(byte))
        .count();
    if !matches!(bytes.get(at), Some(b':' | b'=')) {
        return None;
    }
    at += 1;
    at += bytes
        .get(at..)?
        .iter()
        .take_while(|&&byte| is_space(byte))
        .count();
    let end = match Quote::at(bytes, at) {
        Some(quote) => {
            at += quote.length;
            quote.close(bytes, at).0
        }
        None => message.trim_end().len(),
    };
    let text = bytes.get(at..end)?;
    (!text.is_empty() && !worth::is_reference(text)).then_some(at..end)
}

/// The password in `user:password`.
fn password_of_user(message: &str) -> Option<Range<usize>> {
    const USER_LENGTH_MAX: usize = 32;
    let line = message.trim_end();
    let colon = memchr::memchr(b':', line.as_bytes())?;
    let (user, password) = (line.get(..colon)?.trim_start(), line.get(colon + 1..)?);
    let of_user = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_user = !user.is_empty() && user.len() <= USER_LENGTH_MAX && user.chars().all(of_user);
    let is_word = !password.is_empty() && !password.contains(char::is_whitespace);
    (is_user && is_word).then_some(colon + 1..line.len())
}

/// The number of blanks before a line.
fn indent_of(line: &str) -> u16 {
    let blanks = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
    u16::try_from(blanks.count()).unwrap_or(u16::MAX)
}

/// The text of a line without the blanks around it.
fn indented(line: &str) -> Option<Range<usize>> {
    let start = line.len() - line.trim_start().len();
    let end = line.trim_end().len();
    (start < end).then_some(start..end)
}

/// The text in `string(16) "x"` of PHP.
fn dumped(line: &str) -> Option<Range<usize>> {
    let text = line.trim_start().strip_prefix("string(")?;
    let (_, value) = text.split_once(") \"")?;
    let start = line.len() - value.len();
    let end = line.rfind('"').filter(|&end| end > start)?;
    Some(start..end)
}

/// A line of nothing but base64.
fn key_line(message: &str) -> Option<Range<usize>> {
    let line = message.trim_end();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    (!line.is_empty() && line.bytes().all(is_base64)).then_some(0..line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_secret(name: &str) -> bool {
        ["PASSWORD", "password", "Token", "secret.key"]
            .iter()
            .any(|end| name.ends_with(end))
    }

    /// The lines with announced secrets hidden.
    fn hidden(lines: &[&str]) -> Vec<String> {
        let mut announcements = Announcements::default();
        let source = Source::new("file", "x");
        lines
            .iter()
            .map(
                |line| match announcements.secret(&source, line, is_secret) {
                    Some(range) => format!("{}#{}", &line[..range.start], &line[range.end..]),
                    None => (*line).to_owned(),
                },
            )
            .collect()
    }

    #[test]
    fn values_on_the_next_line_are_found() {
        for (lines, last) in [
            (&["- name: DB_PASSWORD", "  value: a b"][..], "  value: #"),
            (
                &["{\"name\": \"DB_PASSWORD\",", "\"value\": \"a\"},"],
                "\"value\": \"#\"},",
            ),
            (
                &["<key>apiToken</key>", "<string>a b</string>"],
                "<string>#</string>",
            ),
            (&["Generated password:", "", "x9kYh7qweZ"], "#"),
            (
                &["use the following password to proceed:", "4f1c0a7e5d2b4f1c"],
                "#",
            ),
            (
                &[
                    "Content-Disposition: form-data; name=\"password\"",
                    "",
                    "x9kYh7qweZ",
                ],
                "#",
            ),
            (&["  password: |", "    a b"], "    #"),
            (&["password: >-", "  x: y"], "  #"),
            (
                &[
                    "\"db_password\": {",
                    "\"sensitive\": true,",
                    "\"value\": \"a\"",
                ],
                "\"value\": \"#\"",
            ),
            (&["[\"password\"]=>", "string(1) \"a\""], "string(1) \"#\""),
            (&["chpasswd:", "  list: |", "    bob:Xk29"], "    bob:#"),
            (
                &[
                    "Copy the enrollment token into your browser (valid for 30 minutes):",
                    "  x9kYh7qweZ",
                ],
                "  #",
            ),
            (
                &["expect \"*assword:\"", "send -- \"a b\\r\""],
                "send -- \"#\\r\"",
            ),
            (
                &[
                    "Password for the [elastic] user successfully reset.",
                    "New value: x9kYh7qweZ",
                ],
                "New value: #",
            ),
            (&["Private-Lines: 2", "Rd3Qv3O0=="], "#"),
            (
                &[
                    "Set the following 'random' passwords",
                    "bob:Xk2 9",
                    "bob:Xk29",
                ],
                "bob:Xk29",
            ),
            (
                &["Set the following 'random' passwords", "bob:Xk29", "al:a:b"],
                "al:#",
            ),
        ] {
            assert_eq!(hidden(lines).last().unwrap(), last, "{lines:?}");
        }
    }

    #[test]
    fn leaves_other_lines_unchanged() {
        for lines in [
            &["- name: LANG", "  value: C"][..],
            &[
                "- name: DB_PASSWORD",
                "  valueFrom:",
                "    secretKeyRef:",
                "  x",
                "  value: C",
            ],
            &["Enter password:", "Connected to db"],
            &["name: DB_PASSWORD", "value: $DB_PASSWORD"],
            &[
                "3 users changed their passwords",
                "Cloud-init v. 20.4.1 finished: done",
            ],
            &["error:", "x9kYh7qweZ"],
            &["expect \"login:\"", "send \"bob\\r\""],
            &["expect \"password:\"", "send \"$password\\r\""],
            &["The cache was reset.", "New value: 12"],
            &["description: |", "  a b"],
            &["password: |", "", "name: x"],
            &["\"tags\": {", "\"value\": \"a\""],
            &["[\"user\"]=>", "string(1) \"a\""],
            &["chpasswd:", "  expire: false", "packages:"],
        ] {
            assert_eq!(hidden(lines), lines, "{lines:?}");
        }
    }

    #[test]
    fn announcements_are_bounded() {
        let mut announcements = Announcements::default();
        for number in 0..=ANNOUNCED_MAX {
            let source = Source::new("file", &number.to_string());
            announcements.secret(&source, "password:", is_secret);
        }
        assert_eq!(announcements.of_source.len(), ANNOUNCED_MAX);
        assert_eq!(announcements.order.len(), ANNOUNCED_MAX);
        assert_eq!(announcements.given_up, [Source::new("file", "0")]);
    }
}
