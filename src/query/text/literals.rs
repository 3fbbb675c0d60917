//! Texts that every match of a regex contains: blocks without them are skipped without being read.

use crate::store::fold;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A class with more members is not one letter in different cases: the largest such set has 4.
const CLASS_CHARS_MAX: usize = 8;

/// A necessary condition on the folded message. All texts are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) enum Need {
    /// Nothing is required: every message may match.
    Nothing,
    /// The message holds this text.
    Text(String),
    /// All of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
}

impl Need {
    /// The texts that matches of `hir` need. The parser's nest limit bounds the recursion.
    pub(in crate::query) fn of(hir: &Hir) -> Self {
        let mut run = LiteralRun::default();
        run.walk(hir);
        run.finish()
    }

    /// False only when no message of a place can match, where `may_contain` answers for one text.
    pub(in crate::query) fn may_hold(&self, may_contain: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Nothing => true,
            Self::Text(text) => may_contain(text),
            Self::All(needs) => needs.iter().all(|need| need.may_hold(may_contain)),
            Self::Any(needs) => needs.iter().any(|need| need.may_hold(may_contain)),
        }
    }

    /// The longest text that every match contains.
    pub(in crate::query) fn longest(&self) -> Option<&str> {
        match self {
            Self::Nothing | Self::Any(_) => None,
            Self::Text(text) => Some(text),
            Self::All(needs) => needs
                .iter()
                .filter_map(Self::longest)
                .max_by_key(|text| text.len()),
        }
    }
}

/// The parts of a concatenation: consecutive letters, and the needs before them.
#[derive(Default)]
struct LiteralRun {
    text: String,
    needs: Vec<Need>,
}

impl LiteralRun {
    fn walk(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => self.text.push_str(&fold(text)),
                Err(_) => self.cut(),
            },
            HirKind::Class(class) => match one_letter(class) {
                Some(letter) => self.text.push_str(&letter),
                None => self.cut(),
            },
            HirKind::Capture(capture) => self.walk(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.walk(part)),
            HirKind::Repetition(repetition) => {
                self.cut();
                if repetition.min > 0 {
                    self.push(Need::of(&repetition.sub));
                }
            }
            HirKind::Alternation(parts) => {
                self.cut();
                let needs: Vec<_> = parts.iter().map(Need::of).collect();
                if !needs.contains(&Need::Nothing) {
                    self.push(Need::Any(needs));
                }
            }
        }
    }

    /// Ends the consecutive letters: there may be a gap before the next ones.
    fn cut(&mut self) {
        if !self.text.is_empty() {
            self.needs.push(Need::Text(std::mem::take(&mut self.text)));
        }
    }

    fn push(&mut self, need: Need) {
        if need != Need::Nothing {
            self.needs.push(need);
        }
    }

    fn finish(mut self) -> Need {
        self.cut();
        match self.needs.len() {
            0 => Need::Nothing,
            1 => self.needs.remove(0),
            _ => Need::All(self.needs),
        }
    }
}

/// The folded text of a class whose members are one letter in its cases.
fn one_letter(class: &Class) -> Option<String> {
    let mut letters = Vec::new();
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                if range.len() > CLASS_CHARS_MAX {
                    return None;
                }
                letters.extend(range.start()..=range.end());
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                if !range.end().is_ascii() || range.len() > CLASS_CHARS_MAX {
                    return None;
                }
                letters.extend((range.start()..=range.end()).map(char::from));
            }
        }
    }
    let (first, others) = letters.split_first()?;
    if others.len() >= CLASS_CHARS_MAX {
        return None;
    }
    let folded = |letter: &char| fold(letter.encode_utf8(&mut [0; 4])).into_owned();
    let letter = folded(first);
    others
        .iter()
        .all(|other| folded(other) == letter)
        .then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(pattern: &str) -> Need {
        Need::of(&regex_syntax::parse(pattern).unwrap())
    }

    fn text(text: &str) -> Need {
        Need::Text(text.to_owned())
    }

    #[test]
    fn letters_run_on_through_cases_groups_and_anchors() {
        assert_eq!(need("abc"), text("abc"));
        assert_eq!(need("^A(b)C$"), text("abc"));
        assert_eq!(need("(?i)disk"), text("disk"));
        assert_eq!(need("(?i)stra\u{df}e"), need("stra\u{df}e"));
    }

    #[test]
    fn gaps_part_the_letters() {
        assert_eq!(
            need(r"timed out after 9\d{3}ms"),
            Need::All(vec![text("timed out after 9"), text("ms")])
        );
        assert_eq!(need("ab*c"), Need::All(vec![text("a"), text("c")]));
        assert_eq!(need("(ab)+"), text("ab"));
        assert_eq!(
            need(r"timed out after 9\d{3}ms").longest(),
            Some("timed out after 9")
        );
    }

    #[test]
    fn every_way_of_an_alternation_must_need_something() {
        assert_eq!(need("cat|dog"), Need::Any(vec![text("cat"), text("dog")]));
        assert_eq!(need("cat|.*"), Need::Nothing);
        assert_eq!(need("x(cat|)y"), Need::All(vec![text("x"), text("y")]));
        assert_eq!(need("[a-z]+"), Need::Nothing);
        assert_eq!(need(""), Need::Nothing);
        assert_eq!(need("(cat|dog)s").longest(), Some("s"));
    }

    #[test]
    fn the_condition_is_asked_as_and_and_or() {
        let contains = |held: &'static [&'static str]| move |text: &str| held.contains(&text);
        let both = need("ab.*cd");
        assert!(both.may_hold(&contains(&["ab", "cd"])));
        assert!(!both.may_hold(&contains(&["ab"])));
        let either = need("ab|cd");
        assert!(either.may_hold(&contains(&["cd"])));
        assert!(!either.may_hold(&contains(&["ef"])));
        assert!(Need::Nothing.may_hold(&contains(&[])));
    }
}
