//! Private keys whose lines are records of their own.

use crate::record::Source;
use crate::redact::rules::pem::RUN_LENGTH_MIN;
use crate::redact::rules::pem::begins;
use crate::redact::rules::pem::end_of_body;
use crate::redact::rules::pem::is_base64;
use crate::redact::values::space::is_space;
use serde::Deserialize;
use serde::Serialize;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::ops::Range;

/// The keys that have begun in a record of a source and not ended yet.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenKeys {
    keys: HashMap<Source, OpenKey>,
    /// The sources in the order of their keys.
    order: VecDeque<Source>,
    /// The sources given up since the last call of [`crate::redact::Redactor::changes`].
    pub(super) given_up: Vec<Source>,
}

/// A key whose end has not arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenKey {
    /// The number of words before each line of the key: the prefix that the program writes on all its lines.
    prefix_words: usize,
    /// The number of following records that may belong to it.
    records_left: u32,
    /// The number of following records that may look unlike a part of it.
    strays_left: u32,
}

/// The maximum number of open keys. A key is printed at once, so that few are open at a time. Beyond this the oldest is given up,
/// which bounds the memory that an attacker who can name sources can take to 100 KiB.
pub(in crate::redact) const OPEN_KEYS_MAX: usize = 256;

/// Twice as many as a key of 16384 bits has lines.
pub(in crate::redact) const RECORDS_MAX: u32 = 400;

/// Other threads may print between the lines of a key. After this many lines the key is incomplete.
pub(in crate::redact) const STRAYS_MAX: u32 = 32;

impl OpenKeys {
    /// The parts of a message that belong to a key that began in an earlier record of its source. Also notes a key that begins in
    /// this message.
    pub(in crate::redact) fn parts(&mut self, source: &Source, message: &str) -> Vec<Range<usize>> {
        let parts = if self.keys.is_empty() {
            Vec::new()
        } else {
            self.continue_key(source, message)
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

    /// The open key of a source.
    pub(in crate::redact) fn get(&self, source: &Source) -> Option<&OpenKey> {
        self.keys.get(source)
    }

    /// Keeps an open key.
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

    fn continue_key(&mut self, source: &Source, message: &str) -> Vec<Range<usize>> {
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

/// The parts of a line that belong to a key: the only word after the prefix of the program, or long runs of base64.
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

/// The runs of bytes for which `belongs` holds.
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
    use crate::redact::edit::MASK;

    const BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----";
    const END: &str = "-----END RSA PRIVATE KEY-----";
    const LINE: &str = "MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8YjqWZ1cQe7n5s0dY2vT9a6X";

    /// The message with the parts of a key hidden, or `None` if it has none.
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
    fn keeps_the_prefix_of_each_line() {
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
    fn gives_up_an_incomplete_key() {
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
