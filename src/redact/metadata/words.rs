//! Remembers for the static keys of the program whether a rule could match: all records have the same dozen.

use crate::record::Key;
use crate::redact::scan::SecretScanner;
use std::borrow::Cow;

/// The number of remembered keys: twice that of the keys of a journal entry.
const WORDS: usize = 64;

/// The results for static keys, by their addresses.
#[derive(Debug, Clone)]
pub(in crate::redact) struct Words([Option<Word>; WORDS]);

#[derive(Debug, Clone, Copy)]
struct Word {
    text: &'static str,
    may_match: bool,
}

impl Default for Words {
    fn default() -> Self {
        Self([None; WORDS])
    }
}

impl Words {
    /// Whether any rule could match `key`. The scanner must always be the same.
    pub(in crate::redact) fn may_match(&mut self, scanner: &SecretScanner, key: &Key) -> bool {
        let &Cow::Borrowed(text) = key else {
            return scanner.may_match(key.as_bytes());
        };
        let Some(place) = self.0.get_mut(slot_of(text)) else {
            return scanner.may_match(text.as_bytes());
        };
        match place {
            Some(known) if std::ptr::eq(known.text, text) => known.may_match,
            _ => {
                let may_match = scanner.may_match(text.as_bytes());
                *place = Some(Word { text, may_match });
                may_match
            }
        }
    }
}

/// Static texts are adjacent in memory: addresses and lengths distinguish most of them.
fn slot_of(text: &'static str) -> usize {
    (text.as_ptr().addr() ^ text.len()) % WORDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::rules::table::RULES;

    #[test]
    fn remembers_the_results_of_the_scanner() {
        let rules: Vec<_> = RULES.iter().collect();
        let scanner = SecretScanner::new(&rules, Vec::new(), Vec::new(), false);
        let mut words = Words::default();
        // Many parts of one text have the same slot, and some the same beginning.
        let text = "unit password pid token code_file secretary container_name api_key uid";
        for _ in 0..2 {
            for start in 0..text.len() {
                for end in start..text.len() {
                    let word = &text[start..end];
                    let found = words.may_match(&scanner, &word.into());
                    assert_eq!(found, scanner.may_match(word.as_bytes()), "{word}");
                    let owned = Key::Owned(word.to_owned());
                    assert_eq!(words.may_match(&scanner, &owned), found, "{word}");
                }
            }
        }
    }
}
