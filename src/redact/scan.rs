//! Finds the secrets of a text: one pass of one automaton for the literals of all rules, and a
//! rule's own pattern only at the places where one of its literals stands.

use super::custom::Custom;
use super::edit::Edit;
use super::edit::Form;
use super::edit::applied;
use super::edit::merged;
use super::literals::Go;
use super::literals::Literals;
use super::names;
use super::names::Need;
use super::names::Reach;
use super::pem;
use super::prefix::Prefix;
use super::prose;
use super::rule::Rule;
use super::rule::Shape;
use super::rule::Token;
use super::shape;
use std::borrow::Cow;
use std::ops::Range;

/// The rules in force, compiled.
#[derive(Debug)]
pub(super) struct Scanner {
    literals: Literals,
    rules: Vec<Compiled>,
    customs: Vec<Custom>,
    private_key: Option<usize>,
    strict: bool,
}

#[derive(Debug)]
struct Compiled {
    id: &'static str,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Token(CompiledToken),
    Name(Need),
    PrivateKey,
    Userinfo,
    Piped,
}

#[derive(Debug)]
struct CompiledToken {
    token: Token,
    head: Prefix,
    secret: Prefix,
}

/// A set of rules: one bit for each index, first the rules of the table, then the patterns of the
/// settings.
pub(super) type RuleSet = u128;

/// A text without its secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scrubbed {
    /// What is left.
    pub(super) text: Vec<u8>,
    /// The rules that had something to hide.
    pub(super) rules: RuleSet,
}

/// How often a text is gone over. Each pass only hides more, and the second one finds nothing new
/// unless a mask has become the neighbour of a name; so this is never reached by a text that is not
/// made for it.
pub(super) const PASSES_MAX: usize = 8;

impl Scanner {
    /// Compiles these rules and patterns.
    pub(super) fn new(rules: &[&Rule], customs: Vec<Custom>, strict: bool) -> Self {
        let is_private_key = |rule: &&Rule| matches!(rule.shape, Shape::PrivateKey);
        let literals: Vec<_> = rules
            .iter()
            .enumerate()
            .flat_map(|(index, rule)| rule.literals.iter().map(move |&literal| (literal, index)))
            .collect();
        Self {
            literals: Literals::new(&literals),
            rules: rules.iter().map(|rule| Compiled::new(rule)).collect(),
            customs,
            private_key: rules.iter().position(is_private_key),
            strict,
        }
    }

    /// The text without its secrets; nothing where it holds none.
    pub(super) fn scrub(&self, text: &[u8]) -> Option<Scrubbed> {
        self.scrub_known(text, Vec::new(), &mut |_, _| {})
    }

    /// The same for a text that stays a text.
    pub(super) fn scrub_text(&self, text: &str) -> Option<(String, RuleSet)> {
        self.scrub_message(text, Vec::new(), &mut |_, _| {})
    }

    /// The same where something is known from the records before; tells each rule and what it
    /// replaces.
    pub(super) fn scrub_message(
        &self,
        text: &str,
        known: Vec<Edit>,
        tell: &mut dyn FnMut(usize, &[u8]),
    ) -> Option<(String, RuleSet)> {
        let scrubbed = self.scrub_known(text.as_bytes(), known, tell)?;
        // Every edit starts and ends between characters; what else could stand here must not cost
        // the record.
        let text = String::from_utf8(scrubbed.text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Some((text, scrubbed.rules))
    }

    fn scrub_known(
        &self,
        text: &[u8],
        mut known: Vec<Edit>,
        tell: &mut dyn FnMut(usize, &[u8]),
    ) -> Option<Scrubbed> {
        // Most texts hold nothing, which a loop that keeps nothing finds out sooner.
        if known.is_empty() && !self.may_match(text) {
            return None;
        }
        let mut rules = 0;
        let mut scrubbed: Option<Vec<u8>> = None;
        for _ in 0..PASSES_MAX {
            let current = scrubbed.as_deref().unwrap_or(text);
            let mut found = self.edits(current);
            found.append(&mut known);
            if found.is_empty() {
                break;
            }
            for edit in &found {
                rules |= 1 << edit.rule;
                tell(
                    edit.rule,
                    current.get(edit.range.clone()).unwrap_or_default(),
                );
            }
            scrubbed = Some(applied(current, &merged(found)));
        }
        scrubbed.map(|text| Scrubbed { text, rules })
    }

    /// Whether any rule could match: the first pass alone.
    pub(super) fn may_match(&self, text: &[u8]) -> bool {
        !self.customs.is_empty() || self.literals.are_in(text)
    }

    /// The rule, as a set of one, by which a key says that what stands under it is secret; a number
    /// is no secret under each.
    pub(super) fn rule_of_name(&self, key: &str, is_number: bool) -> Option<RuleSet> {
        let mut found = None;
        if !self.strict && prose::is_no_name(key.as_bytes()) {
            return None;
        }
        self.literals.visit(key.as_bytes(), |rule, literal| {
            let matcher = self.rules.get(rule).map(|rule| &rule.matcher);
            let is_name = match matcher {
                Some(Matcher::Name(Need::Flag)) => false,
                Some(Matcher::Name(Need::Uncounted)) => self.strict || !is_number,
                Some(Matcher::Name(_)) => true,
                _ => false,
            };
            if is_name && literal.end == key.len() {
                found = Some(1 << rule);
                return Go::Stop;
            }
            Go::On
        });
        found
    }

    /// The rule of private keys, unless it is switched off.
    pub(super) fn private_key(&self) -> Option<usize> {
        self.private_key
    }

    /// The ids of a set of rules.
    pub(super) fn ids(&self, rules: RuleSet) -> Vec<String> {
        let table = self.rules.iter().map(|rule| Cow::Borrowed(rule.id));
        let customs = self.customs.iter().map(|custom| Cow::Owned(custom.id()));
        table
            .chain(customs)
            .enumerate()
            .filter(|(index, _)| rules & (1 << index) != 0)
            .map(|(_, id)| id.into_owned())
            .collect()
    }

    /// What is to be replaced in a text that came after another one, and that may go on: the parts
    /// of a line, where a secret may stand in two of them.
    pub(super) fn edits_between(&self, before: &str, text: &str, goes_on: bool) -> Vec<Edit> {
        /// What could come next and would make what was cut a secret: the host after a password.
        const AFTER: &str = "@tcp(<";
        let after = if goes_on { AFTER } else { "" };
        let whole = [before, text, after].concat();
        let inside = |edit: Edit| {
            let start = edit.range.start.saturating_sub(before.len());
            let end = edit.range.end.saturating_sub(before.len()).min(text.len());
            let form = if edit.range.start < before.len() {
                Form::Bare
            } else {
                edit.form
            };
            let (rule, range) = (edit.rule, start..end);
            (start < end).then_some(Edit { rule, range, form })
        };
        let edits = self.edits(whole.as_bytes()).into_iter();
        edits.filter_map(inside).collect()
    }

    /// What is to be replaced, rule by rule; ranges may overlap.
    pub(super) fn edits(&self, text: &[u8]) -> Vec<Edit> {
        let mut walk = Walk {
            scanner: self,
            text,
            reaches: Vec::new(),
            without_end: None,
            key_end: 0,
            edits: Vec::new(),
        };
        self.literals.visit(text, |rule, literal| {
            walk.visit(rule, literal);
            Go::On
        });
        let mut edits = walk.edits;
        for (index, custom) in self.customs.iter().enumerate() {
            custom.find(text, |range| {
                edits.push(Edit::bare(self.rules.len() + index, range));
            });
        }
        edits.retain(|edit| edit.changes(text));
        edits
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Self {
        let matcher = match &rule.shape {
            Shape::Token(token) => Matcher::Token(CompiledToken {
                token: *token,
                head: Prefix::new(token.head),
                secret: Prefix::new(token.secret),
            }),
            Shape::Name(need) => Matcher::Name(*need),
            Shape::PrivateKey => Matcher::PrivateKey,
            Shape::Userinfo => Matcher::Userinfo,
            Shape::Piped => Matcher::Piped,
        };
        Self {
            id: rule.id,
            matcher,
        }
    }
}

/// The way over one text, from literal to literal.
struct Walk<'a> {
    scanner: &'a Scanner,
    text: &'a [u8],
    /// For each rule how far it has read; empty until the first literal.
    reaches: Vec<Reach>,
    /// From where on no private key ends, as far as that is known.
    without_end: Option<usize>,
    /// The end of the last private key: nothing inside it is looked at again.
    key_end: usize,
    edits: Vec<Edit>,
}

/// What is refused and longer than this is not looked at again: a candidate inside it would be
/// refused, too. What is shorter may be a word before a secret.
const REFUSED_LENGTH_MAX: usize = 64;

impl Walk<'_> {
    /// Looks whether `rule` matches at a literal of its own.
    fn visit(&mut self, rule: usize, literal: Range<usize>) {
        let scanner = self.scanner;
        let text = self.text;
        let Some(compiled) = scanner.rules.get(rule) else {
            return;
        };
        if literal.start < self.key_end || !compiled.matcher.may_start(text, &literal) {
            return;
        }
        if self.reaches.is_empty() {
            let count = scanner.rules.len();
            self.reaches.resize_with(count, Reach::default);
        }
        let Some(reach) = self.reaches.get_mut(rule) else {
            return;
        };
        let start = literal.start;
        let found = match &compiled.matcher {
            Matcher::Name(need) => names::pair(text, literal, *need, scanner.strict, reach),
            _ if reach.covers(start) => None,
            Matcher::Token(token) => token.secret(text, start, scanner.strict, reach),
            Matcher::PrivateKey => bare(pem::body(text, start, &mut self.without_end)),
            Matcher::Userinfo => bare(shape::password_before(text, start)),
            Matcher::Piped => bare(shape::password_piped(text, start)),
        };
        if let Some((range, form)) = found {
            match compiled.matcher {
                Matcher::Name(_) => {}
                Matcher::PrivateKey => self.key_end = range.end,
                Matcher::Token(_) | Matcher::Userinfo | Matcher::Piped => reach.close(range.end),
            }
            self.edits.push(Edit { rule, range, form });
        }
    }
}

impl Matcher {
    /// A first, cheap look: whether the literal stands where a match may start.
    fn may_start(&self, text: &[u8], literal: &Range<usize>) -> bool {
        match self {
            Self::Name(_) => names::may_end(text, literal.end),
            Self::Token(token) => token.token.before.allows(text, literal.start),
            Self::PrivateKey | Self::Userinfo | Self::Piped => true,
        }
    }
}

fn bare(range: Option<Range<usize>>) -> Option<(Range<usize>, Form)> {
    range.map(|range| (range, Form::Bare))
}

impl CompiledToken {
    /// The secret of a token whose head starts at `start`.
    fn secret(
        &self,
        text: &[u8],
        start: usize,
        strict: bool,
        reach: &mut Reach,
    ) -> Option<(Range<usize>, Form)> {
        let start = self.head.end(text, start)?;
        let end = self.secret.end(text, start)? - self.token.tail;
        let accepted = strict || (self.token.accepts)(text.get(start..end)?);
        if !accepted && end - start > REFUSED_LENGTH_MAX {
            reach.close(end);
        }
        accepted.then_some((start..end, Form::Bare))
    }
}
