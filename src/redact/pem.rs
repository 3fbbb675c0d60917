//! Private keys in PEM: in one text, and over the records of one source that each hold a line of
//! it.

use super::edit::MASK;
use super::value::is_space;
use crate::record::Source;
use memchr::memmem;
use serde::Deserialize;
use serde::Serialize;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::LazyLock;

/// What the lines at the start and the end of a private key have in common.
const KIND: &[u8] = b"PRIVATE KEY";

/// Looks for it, built once: this is asked of every message.
static KIND_FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(KIND));

/// The longest line that starts or ends a key: names of algorithms are short.
const BOUNDARY_LENGTH_MAX: usize = 80;

/// A run of base64 of this length counts as a line of a key: the lines are 64 or 70 characters, and
/// words are shorter.
pub(super) const RUN_LENGTH_MIN: usize = 24;

/// What is to be hidden of the key whose first line starts at `start`: all up to its last line, or
/// to the end of a text that was cut before. Nothing where only the line is told of, as in prose.
///
/// `without_end` is a place from which on no key ends, as far as that is known. It is kept over all
/// keys of a text: otherwise many first lines without a last one would each be read on to the end.
pub(super) fn body(
    text: &[u8],
    start: usize,
    without_end: &mut Option<usize>,
) -> Option<Range<usize>> {
    let first = text.get(start..)?;
    let content = start + boundary_length(first, b"BEGIN ")?;
    let rest = text.get(content..)?;
    let end = if without_end.is_some_and(|from| from <= content) {
        None
    } else {
        end_of_body(rest)
    };
    if end.is_none() {
        without_end.get_or_insert(content);
    }
    let length = end.or_else(|| looks_like_body(rest).then_some(rest.len()))?;
    let is_blank = rest.get(..length)?.iter().all(|&byte| is_space(byte));
    (!is_blank).then_some(content..content + length)
}

/// The length of the line that begins or ends a key and starts here: `-----BEGIN RSA PRIVATE
/// KEY-----`, or with four dashes and spaces.
fn boundary_length(text: &[u8], word: &[u8]) -> Option<usize> {
    let line = text.get(..BOUNDARY_LENGTH_MAX).unwrap_or(text);
    let dashes = line.iter().take_while(|&&byte| byte == b'-').count();
    let after = line.get(dashes..)?;
    let spaces = usize::from(after.first() == Some(&b' '));
    if dashes < 4 || !after.get(spaces..)?.starts_with(word) {
        return None;
    }
    let kind = memmem::find(line, KIND)?;
    let name = line.get(dashes..kind)?;
    let rest = line.get(kind + KIND.len()..)?;
    let closing = memmem::find(rest, b"----")?;
    let is_name = |bytes: &[u8]| {
        bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
    };
    if !is_name(name) || !is_name(rest.get(..closing)?) {
        return None;
    }
    let after = rest.get(closing..)?;
    let dashes = after.iter().take_while(|&&byte| byte == b'-').count();
    Some(kind + KIND.len() + closing + dashes)
}

/// Where the line that ends a key starts.
fn end_of_body(text: &[u8]) -> Option<usize> {
    memmem::find_iter(text, b"END ").find_map(|word| {
        let start = dashes_before(text, word);
        boundary_length(text.get(start..)?, b"END ").map(|_| start)
    })
}

/// Where the dashes before the word `BEGIN` or `END` start, which some programs put a space after.
fn dashes_before(text: &[u8], word: usize) -> usize {
    /// Private keys are marked by four or five dashes.
    const DASHES_MAX: usize = 5;
    let before = text.get(..word).unwrap_or_default();
    let trimmed = before.strip_suffix(b" ").unwrap_or(before);
    let last = trimmed.iter().rev().take(DASHES_MAX);
    trimmed.len() - last.take_while(|&&byte| byte == b'-').count()
}

/// Whether what follows the first line of a key is the key itself: base64, or the headers of an
/// encrypted one.
fn looks_like_body(text: &[u8]) -> bool {
    let skipped = text
        .iter()
        .take_while(|&&byte| is_space(byte) || b"\\nr\"',+".contains(&byte))
        .count();
    let rest = text.get(skipped..).unwrap_or_default();
    let run = rest.iter().take_while(|&&byte| is_base64(byte)).count();
    // The letters of an escaped line end may have been the start of the key.
    run + 2 >= RUN_LENGTH_MIN
        || run > 0 && run == rest.len()
        || rest.starts_with(MASK.as_bytes())
        || rest.starts_with(b"Proc-Type:")
        || rest.starts_with(b"Version:")
        || rest.starts_with(b"Comment:")
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The keys that have begun in a record of a source and not ended yet.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenKeys {
    keys: HashMap<Source, OpenKey>,
    /// The sources in the order in which their keys began.
    order: VecDeque<Source>,
    /// Those that were given up since they were last asked for.
    pub(super) given_up: Vec<Source>,
}

/// A key that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenKey {
    /// How many words stand before each line of it: what the program puts before all its lines.
    prefix_words: usize,
    /// How many more records may belong to it.
    records_left: u32,
    /// How many more records that do not look like a part of it may come.
    strays_left: u32,
}

/// A key is printed at once, so that few sources are in the middle of one; past this the oldest is
/// given up. It bounds what an attacker who can name sources can make us keep to under 100 KiB.
pub(super) const OPEN_KEYS_MAX: usize = 256;

/// A key of 16384 bits has 200 lines.
pub(super) const RECORDS_MAX: u32 = 400;

/// Lines of other threads may stand between those of a key; after this many the key was cut.
pub(super) const STRAYS_MAX: u32 = 32;

impl OpenKeys {
    /// What a message holds of a key that began in an earlier record of its source. Notes a key
    /// that begins in this one.
    pub(super) fn parts(&mut self, source: &Source, message: &str) -> Vec<Range<usize>> {
        let parts = if self.keys.is_empty() {
            Vec::new()
        } else {
            self.go_on(source, message)
        };
        if let Some(prefix_words) = begins(message.as_bytes()) {
            self.open(source, prefix_words);
        }
        parts
    }

    fn open(&mut self, source: &Source, prefix_words: usize) {
        let key = OpenKey {
            prefix_words,
            records_left: RECORDS_MAX,
            strays_left: STRAYS_MAX,
        };
        self.keep(source, key);
    }

    /// The key that a source is in the middle of.
    pub(super) fn get(&self, source: &Source) -> Option<&OpenKey> {
        self.keys.get(source)
    }

    /// Keeps a key that has begun.
    pub(super) fn keep(&mut self, source: &Source, key: OpenKey) {
        self.close(source);
        if self.order.len() >= OPEN_KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
            self.given_up.push(oldest);
        }
        self.order.push_back(source.clone());
        self.keys.insert(source.clone(), key);
    }

    fn close(&mut self, source: &Source) {
        if self.keys.remove(source).is_some() {
            self.order.retain(|other| other != source);
        }
    }

    fn go_on(&mut self, source: &Source, message: &str) -> Vec<Range<usize>> {
        let Some(key) = self.keys.get_mut(source) else {
            return Vec::new();
        };
        let end = end_of_body(message.as_bytes());
        let inside = message.get(..end.unwrap_or(message.len()));
        let parts = lines_of_key(inside.unwrap_or_default(), key.prefix_words);
        key.records_left = key.records_left.saturating_sub(1);
        if parts.is_empty() {
            key.strays_left = key.strays_left.saturating_sub(1);
        }
        if end.is_some() || key.records_left == 0 || key.strays_left == 0 {
            self.close(source);
        }
        parts
    }
}

/// Whether a message begins a key that it does not end: how many words stand before it in its line.
fn begins(message: &[u8]) -> Option<usize> {
    KIND_FINDER.find(message)?;
    let kind = memmem::rfind(message, KIND)?;
    let window = kind.saturating_sub(BOUNDARY_LENGTH_MAX);
    let word = window + memmem::rfind(message.get(window..kind)?, b"BEGIN ")?;
    let start = dashes_before(message, word);
    let content = start + boundary_length(message.get(start..)?, b"BEGIN ")?;
    let rest = message.get(content..)?;
    let is_blank = rest.iter().all(|&byte| is_space(byte));
    if !is_blank && !looks_like_body(rest) || end_of_body(rest).is_some() {
        return None;
    }
    let line = message.get(..start)?.rsplit(|&byte| byte == b'\n').next()?;
    let words = line.split(|&byte| is_space(byte));
    Some(words.filter(|word| !word.is_empty()).count())
}

/// The parts of a text that belong to a key, line by line.
fn lines_of_key(text: &str, prefix_words: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let found = key_runs(line, prefix_words).into_iter();
        parts.extend(found.map(|run| start + run.start..start + run.end));
        start += line.len();
    }
    parts
}

/// The parts of a line that belong to a key: the one word that is left after the program's prefix,
/// or long runs of base64.
fn key_runs(line: &str, prefix_words: usize) -> Vec<Range<usize>> {
    let mut words = runs(line.as_bytes(), |byte| !is_space(byte));
    if words.len() == prefix_words + 1
        && let Some(word) = words.pop()
        && line
            .as_bytes()
            .get(word.clone())
            .is_some_and(|word| word.iter().all(|&byte| is_base64(byte)))
    {
        return vec![word];
    }
    let mut runs = runs(line.as_bytes(), is_base64);
    runs.retain(|run| run.len() >= RUN_LENGTH_MIN);
    runs
}

/// The runs of bytes of one kind.
fn runs(line: &[u8], belongs: fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, _) in line.iter().enumerate().filter(|&(_, &byte)| belongs(byte)) {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----";
    const END: &str = "-----END RSA PRIVATE KEY-----";
    const LINE: &str = "MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8YjqWZ1cQe7n5s0dY2vT9a6X";

    fn body_of(text: &str) -> Option<&str> {
        let start = text.find("--")?;
        body(text.as_bytes(), start, &mut None).map(|range| &text[range])
    }

    #[test]
    fn the_body_of_a_key_in_one_text_is_found() {
        assert_eq!(body_of(&format!("x {BEGIN}{LINE}{END} y")), Some(LINE));
        let escaped = format!("\\n{LINE}\\nabc=\\n");
        assert_eq!(body_of(&format!("{BEGIN}{escaped}{END}")), Some(&*escaped));
        assert_eq!(
            body_of(&format!("{BEGIN}\n{LINE}\nxyz")),
            Some(&*format!("\n{LINE}\nxyz"))
        );
        let ssh = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\nabc\n\
                   ---- END SSH2 ENCRYPTED PRIVATE KEY ----";
        assert_eq!(body_of(ssh), Some("\nComment: x\nabc\n"));
        let pgp =
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQVY\n-----END PGP PRIVATE KEY BLOCK-----";
        assert_eq!(body_of(pgp), Some("\n\nlQVY\n"));
    }

    #[test]
    fn what_is_no_key_is_left() {
        assert_eq!(
            body_of(&format!("expected '{BEGIN}' at the start of x")),
            None
        );
        assert_eq!(body_of(BEGIN), None);
        assert_eq!(body_of(&format!("{BEGIN}\n")), None);
        assert_eq!(body_of("-----BEGIN PUBLIC KEY-----\nabc"), None);
        assert_eq!(body_of("-----BEGIN x, PRIVATE KEY-----\nabc"), None);
    }

    /// The message with the parts of a key hidden; nothing where it has none.
    fn hidden(keys: &mut OpenKeys, source: &Source, message: &str) -> Option<String> {
        let parts = keys.parts(source, message);
        let mut text = message.to_owned();
        for part in parts.iter().rev() {
            text.replace_range(part.clone(), MASK);
        }
        (!parts.is_empty()).then_some(text)
    }

    fn source(name: &str) -> Source {
        Source::new("docker", name)
    }

    #[test]
    fn a_key_over_several_records_is_hidden() {
        let mut keys = OpenKeys::default();
        let web = source("web");
        let mut scrub = |message: &str| hidden(&mut keys, &web, message);
        assert_eq!(scrub(BEGIN), None);
        assert_eq!(scrub("Proc-Type: 4,ENCRYPTED"), None);
        assert_eq!(scrub(LINE).as_deref(), Some(MASK));
        assert_eq!(scrub("another thread says hello"), None);
        assert_eq!(scrub("abcd=="), Some(MASK.to_owned()));
        assert_eq!(
            scrub(&format!("ab\ncd\n{END}")),
            Some(format!("{MASK}\n{MASK}\n{END}"))
        );
        assert_eq!(scrub(LINE), None, "the key has ended");
    }

    #[test]
    fn a_prefix_before_each_line_stays() {
        let mut keys = OpenKeys::default();
        let web = source("web");
        let mut scrub = |message: &str| hidden(&mut keys, &web, message);
        assert_eq!(scrub(&format!("10:00 app | {BEGIN}")), None);
        assert_eq!(
            scrub(&format!("10:01 app | {LINE}")),
            Some(format!("10:01 app | {MASK}"))
        );
        assert_eq!(
            scrub("10:01 app | abcd=="),
            Some(format!("10:01 app | {MASK}"))
        );
        assert_eq!(scrub("10:01 app | not a key"), None);
        assert_eq!(scrub(&format!("10:01 app | {END}")), None);
        assert_eq!(scrub("10:01 app | abcd=="), None);
    }

    #[test]
    fn sources_do_not_mix_and_are_bounded() {
        let mut keys = OpenKeys::default();
        assert_eq!(hidden(&mut keys, &source("web"), BEGIN), None);
        assert_eq!(hidden(&mut keys, &source("db"), LINE), None);
        for number in 0..OPEN_KEYS_MAX {
            hidden(&mut keys, &source(&number.to_string()), BEGIN);
        }
        assert_eq!(keys.keys.len(), OPEN_KEYS_MAX);
        assert_eq!(keys.order.len(), OPEN_KEYS_MAX);
        assert_eq!(
            hidden(&mut keys, &source("web"), LINE),
            None,
            "the oldest is given up"
        );
        assert!(hidden(&mut keys, &source("7"), LINE).is_some());
    }

    #[test]
    fn a_key_that_was_cut_is_given_up() {
        let mut keys = OpenKeys::default();
        let web = source("web");
        hidden(&mut keys, &web, BEGIN);
        for _ in 0..STRAYS_MAX {
            assert_eq!(hidden(&mut keys, &web, "two words"), None);
        }
        assert_eq!(hidden(&mut keys, &web, LINE), None);
        hidden(&mut keys, &web, BEGIN);
        for _ in 0..RECORDS_MAX {
            assert!(hidden(&mut keys, &web, LINE).is_some());
        }
        assert_eq!(hidden(&mut keys, &web, LINE), None);
    }
}
