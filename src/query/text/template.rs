//! Templates of messages: `Accepted publickey for <*> from <ip> port <num>`.

use crate::query::text::mask::mask;
use crate::query::text::search::{Case, Search};
use crate::store::fold;
use std::fmt;
use std::sync::Arc;

/// The mask of any one word.
pub(in crate::query) const ANY_WORD: &str = "<*>";

/// A message whose variable parts are masked. It matches every message that is equal to it once it is masked; `<*>` matches any
/// word. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    words: Arc<[String]>,
    /// The longest text that every matching message holds.
    needle: Option<Search>,
}

impl Template {
    /// Reads a template as [`fmt::Display`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::new(text.split_whitespace().map(str::to_owned).collect())
    }

    pub(in crate::query) fn new(words: Vec<String>) -> Self {
        let literals = words.iter().flat_map(|word| literals(word));
        let longest = literals.max_by_key(|literal| literal.len());
        Self {
            needle: longest.map(|text| Search::text(text, Case::Sensitive)),
            words: words.into(),
        }
    }

    /// Whether a message matches.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        let mut masked = String::new();
        mask(message, &mut masked);
        let mut words = masked.split_terminator(' ');
        let is_alike = |own: &String| {
            let word = words.next();
            word.is_some_and(|word| own == ANY_WORD || own == word)
        };
        self.words.iter().all(is_alike) && words.next().is_none()
    }

    /// False only when no message of a place can match, where `may_contain` says of a folded text whether it may be there.
    pub(in crate::query) fn may_match(&self, may_contain: impl Fn(&str) -> bool) -> bool {
        let mut literals = self.words.iter().flat_map(|word| literals(word));
        literals.all(|literal| may_contain(&fold(literal)))
    }

    /// A search that finds every message that matches, and others.
    pub(in crate::query) fn needle(&self) -> Option<&Search> {
        self.needle.as_ref()
    }
}

/// Letters and digits of a word that are not in masks. Between them, the message may have colours.
fn literals(word: &str) -> impl Iterator<Item = &str> {
    // a mask is between angle brackets; a bracket of the message itself only cuts its text in two
    word.split('<')
        .enumerate()
        .map(|(at, part)| match part.split_once('>') {
            Some((_, after)) if at > 0 => after,
            _ => part,
        })
        .flat_map(|part| part.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()))
        .filter(|literal| !literal.is_empty())
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Colours are left out of templates, and must not hide a message from the search for one.
        #[test]
        fn a_coloured_message_has_all_that_its_template_looks_for(
            message in "(\x1b\\[([0-9]{0,2};?){0,2}m|\x1b|[a-c7\u{e4}]{1,3}|[ :.</>]){0,16}",
        ) {
            let mut masked = String::new();
            mask(&message, &mut masked);
            let own = Template::parse(&masked);
            prop_assert!(own.matches(&message), "{:?}", own);
            prop_assert!(own.may_match(|text| fold(&message).contains(text)), "{:?}", own);
            if let Some(needle) = own.needle() {
                prop_assert!(needle.matches(&message), "{:?}", own);
            }
        }
    }

    #[test]
    fn a_template_matches_the_messages_that_it_was_made_of() {
        let template = Template::parse("Accepted <*> for root from <ip> port <num>");
        assert!(template.matches("Accepted publickey for root from 10.0.0.1 port 51234"));
        assert!(template.matches("Accepted  password for root from 10.0.0.2 port 7"));
        assert!(!template.matches("Accepted publickey for root from here port 51234"));
        assert!(!template.matches("Accepted publickey for root"));
        assert!(template.may_match(|text| text != "absent"));
        assert!(!template.may_match(|text| text != "accepted"));
        let coloured = "\u{1b}[33mwarn\u{1b}[39m: \u{1b}[1mGE\u{1b}[0mT /x";
        for message in ["a <b> c<d 1>2", "<", "x<num>y7", "", coloured] {
            let mut masked = String::new();
            mask(message, &mut masked);
            let own = Template::parse(&masked);
            assert!(own.matches(message), "{message}");
            assert!(
                own.may_match(|text| fold(message).contains(text)),
                "{message} {own:?}"
            );
            assert!(
                Template::parse(&own.to_string()).matches(message),
                "{message}"
            );
        }
    }
}
