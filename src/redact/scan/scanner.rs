//! Finds the secrets of a text: one pass searches for the literals of all rules, and the pattern of a rule runs only at its literals.

use super::budget::TimeBudget;
use super::custom::Custom;
use super::literals::Go;
use super::literals::Literals;
use super::walk::Compiled;
use super::walk::RuleMatcher;
use super::walk::TextWalk;
use crate::redact::edit::Edit;
use crate::redact::edit::MaskForm;
use crate::redact::edit::applied;
use crate::redact::edit::merged;
use crate::redact::names;
use crate::redact::names::RequiredLink;
use crate::redact::names::Strength;
use crate::redact::names::spares_field;
use crate::redact::names::strength_of;
use crate::redact::rules::rule::Rule;
use crate::redact::rules::rule::Shape;
use crate::redact::values::code;
use crate::redact::values::prose;
use std::borrow::Cow;
use std::ops::Deref;
use std::ops::Range;

/// The enabled rules, compiled.
#[derive(Debug)]
pub(in crate::redact) struct SecretScanner {
    literals: Literals,
    rules: Vec<Compiled>,
    customs: Vec<Custom>,
    allowed: Vec<Custom>,
    private_key: Option<usize>,
    pub(in crate::redact) strict: bool,
}

/// A set of rules: one bit per index, first the rules of the table, then the patterns of the settings.
pub(in crate::redact) type RuleBits = u128;

/// A key that is the name of a secret.
#[derive(Debug, Clone, Copy)]
pub(in crate::redact) struct SecretName {
    /// The rule that matched, as a set.
    pub(in crate::redact) rules: RuleBits,
    strength: Strength,
}

impl SecretName {
    /// Whether a value on a line of its own after this name is a secret.
    pub(in crate::redact) fn is_certain(self) -> bool {
        matches!(self.strength, Strength::Secret | Strength::Token)
    }

    /// The same name as a command line flag, whose value is always a secret.
    pub(in crate::redact) fn of_flag(self) -> Self {
        let strength = Strength::Secret;
        Self { strength, ..self }
    }

    /// Whether a value under this name is not a secret.
    pub(in crate::redact) fn spares(self, value: &str) -> bool {
        spares_field(self.strength, value.as_bytes())
    }
}

/// A text without its secrets.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::redact) struct Scrubbed {
    /// The redacted text.
    pub(in crate::redact) text: Vec<u8>,
    /// The rules that matched.
    pub(in crate::redact) rules: RuleBits,
}

/// The maximum number of passes through a text. The second pass finds nothing unless a mask became adjacent to a name, so that only texts
/// made for this purpose reach the limit.
pub(in crate::redact) const PASSES_MAX: usize = 8;

impl SecretScanner {
    /// Compiles these rules and patterns.
    pub(in crate::redact) fn new(
        rules: &[&Rule],
        customs: Vec<Custom>,
        allowed: Vec<Custom>,
        strict: bool,
    ) -> Self {
        let is_private_key = |rule: &&Rule| matches!(rule.shape, Shape::PrivateKey);
        let literals: Vec<_> = rules
            .iter()
            .enumerate()
            .flat_map(|(index, rule)| {
                rule.literals()
                    .into_iter()
                    .map(move |literal| (literal, index))
            })
            .collect();
        Self {
            literals: Literals::new(&literals),
            rules: rules.iter().map(|rule| Compiled::new(rule)).collect(),
            customs,
            allowed,
            private_key: rules.iter().position(is_private_key),
            strict,
        }
    }

    /// Whether any rule could match: the first pass alone.
    pub(in crate::redact) fn may_match(&self, text: &[u8]) -> bool {
        !self.customs.is_empty() || self.literals.are_in(text)
    }

    /// The start of the first literal at which a rule could match.
    fn first_candidate(&self, text: &[u8]) -> Option<usize> {
        let mut found = None;
        self.literals.visit(text, |rule, literal| {
            let rule = self.rules.get(rule);
            if rule.is_some_and(|rule| rule.matcher.may_start(text, &literal)) {
                found = Some(literal.start);
                return Go::Stop;
            }
            Go::On
        });
        found
    }

    /// The name that a key is. A number is not a secret under every name.
    pub(in crate::redact) fn name(&self, key: &str, is_number: bool) -> Option<SecretName> {
        let mut found = None;
        if !self.strict && prose::is_no_name(key.as_bytes()) {
            return None;
        }
        self.literals.visit(key.as_bytes(), |rule, literal| {
            let matcher = self.rules.get(rule).map(|rule| &rule.matcher);
            let is_name = match matcher {
                Some(RuleMatcher::Name(RequiredLink::Flag)) => false,
                Some(RuleMatcher::Name(RequiredLink::Uncounted)) => self.strict || !is_number,
                Some(RuleMatcher::Name(_)) => true,
                _ => false,
            };
            if is_name && names::ends(key.as_bytes(), literal.end) {
                let name = key.as_bytes().get(..literal.end).unwrap_or_default();
                let strength = if self.strict {
                    Strength::Secret
                } else {
                    strength_of(name, literal.start)
                };
                let rules = 1 << rule;
                found = Some(SecretName { rules, strength });
                return Go::Stop;
            }
            Go::On
        });
        found
    }

    /// The rule for private keys, unless it is disabled.
    pub(in crate::redact) fn private_key(&self) -> Option<usize> {
        self.private_key
    }

    /// The rule for announced secrets, unless it is disabled.
    pub(in crate::redact) fn announced(&self) -> Option<usize> {
        self.rules
            .iter()
            .position(|rule| matches!(rule.matcher, RuleMatcher::Name(RequiredLink::Space)))
    }

    /// The ranges of a text that are never redacted.
    fn allowed_in(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for pattern in &self.allowed {
            // the unread rest is not allowed
            let _ = pattern.find_seen(text, |range| found.push(range));
        }
        found
    }

    /// Whether the whole text is never redacted.
    pub(in crate::redact) fn allows(&self, text: &str) -> bool {
        let whole = 0..text.len();
        !self.allowed.is_empty() && self.allowed_in(text.as_bytes()).contains(&whole)
    }

    /// The ids of a set of rules.
    pub(in crate::redact) fn ids(&self, rules: RuleBits) -> Vec<String> {
        let table = self.rules.iter().map(|rule| Cow::Borrowed(rule.id));
        let customs = self.customs.iter().map(|custom| Cow::Owned(custom.id()));
        table
            .chain(customs)
            .enumerate()
            .filter(|(index, _)| rules & (1 << index) != 0)
            .map(|(_, id)| id.into_owned())
            .collect()
    }
}

/// The scan of one record.
#[derive(Debug)]
pub(in crate::redact) struct RecordScan<'a> {
    scanner: &'a SecretScanner,
    /// Once it is spent the scan stops, and its results must not be kept.
    budget: TimeBudget,
}

impl Deref for RecordScan<'_> {
    type Target = SecretScanner;

    fn deref(&self) -> &SecretScanner {
        self.scanner
    }
}

/// A pattern of the settings reads this many bytes in about the time of one literal.
const BYTES_PER_STEP: usize = 64;

impl<'a> RecordScan<'a> {
    /// Begins the scan of a record.
    pub(in crate::redact) fn new(scanner: &'a SecretScanner, budget: TimeBudget) -> Self {
        Self { scanner, budget }
    }

    /// Whether the time limit of the record was exceeded.
    pub(in crate::redact) fn is_spent(&self) -> bool {
        self.budget.is_spent()
    }

    /// The redacted text, or `None` if it contains no secret.
    pub(in crate::redact) fn scrub(&self, text: &[u8]) -> Option<Scrubbed> {
        self.scrub_known(text, Vec::new(), &mut |_, _| {})
    }

    /// The same for UTF-8.
    pub(in crate::redact) fn scrub_text(&self, text: &str) -> Option<(String, RuleBits)> {
        self.scrub_message(text, Vec::new(), &mut |_, _| {})
    }

    /// The same with edits known from earlier records. Calls `tell` with each rule and the text that it replaces.
    pub(in crate::redact) fn scrub_message(
        &self,
        text: &str,
        known: Vec<Edit>,
        tell: &mut dyn FnMut(usize, &[u8]),
    ) -> Option<(String, RuleBits)> {
        let scrubbed = self.scrub_known(text.as_bytes(), known, tell)?;
        // edits start and end at character boundaries; if one did not, the record must not be lost
        let text = String::from_utf8(scrubbed.text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Some((text, scrubbed.rules))
    }

    fn scrub_known(
        &self,
        text: &[u8],
        known: Vec<Edit>,
        tell: &mut dyn FnMut(usize, &[u8]),
    ) -> Option<Scrubbed> {
        if known.is_empty()
            && let Some(plain) = code::without_escaped_letters(text)
            && let Some(scrubbed) = self.scrub_plain(&plain, Vec::new(), tell)
        {
            return Some(scrubbed);
        }
        self.scrub_plain(text, known, tell)
    }

    fn scrub_plain(
        &self,
        text: &[u8],
        mut known: Vec<Edit>,
        tell: &mut dyn FnMut(usize, &[u8]),
    ) -> Option<Scrubbed> {
        // most texts contain no candidate, and this loop is faster
        let candidate = self.scanner.first_candidate(text);
        if known.is_empty() && candidate.is_none() && self.scanner.customs.is_empty() {
            return None;
        }
        let mut from = candidate.unwrap_or(text.len());
        let mut rules = 0;
        let mut scrubbed: Option<Vec<u8>> = None;
        for _ in 0..PASSES_MAX {
            if self.budget.is_spent() {
                break;
            }
            let current = scrubbed.as_deref().unwrap_or(text);
            let mut found = self.edits_from(current, from);
            from = 0;
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

    /// The edits of a part of a line: a secret may begin in the previous part, and end in the next one.
    pub(in crate::redact) fn edits_between(
        &self,
        before: &str,
        text: &str,
        continues: bool,
    ) -> Vec<Edit> {
        /// A possible continuation that makes a truncated text a secret: the host after a password.
        const AFTER: &str = "@tcp(<";
        let after = if continues { AFTER } else { "" };
        let whole = [before, text, after].concat();
        let inside = |edit: Edit| {
            let start = edit.range.start.saturating_sub(before.len());
            let end = edit.range.end.saturating_sub(before.len()).min(text.len());
            let form = if edit.range.start < before.len() {
                MaskForm::Bare
            } else {
                edit.form
            };
            let (rule, range) = (edit.rule, start..end);
            (start < end).then_some(Edit { rule, range, form })
        };
        let edits = self.edits(whole.as_bytes()).into_iter();
        edits.filter_map(inside).collect()
    }

    /// The edits of all rules, whose ranges may overlap.
    pub(in crate::redact) fn edits(&self, text: &[u8]) -> Vec<Edit> {
        self.edits_from(text, 0)
    }

    /// The same for a text without a candidate before `from`.
    fn edits_from(&self, text: &[u8], from: usize) -> Vec<Edit> {
        let scanner = self.scanner;
        let mut walk = TextWalk::over(text, &scanner.rules, scanner.strict);
        scanner.literals.visit_from(text, from, |rule, literal| {
            walk.visit(rule, literal);
            if self.budget.step() { Go::Stop } else { Go::On }
        });
        let mut edits = walk.edits();
        for (index, custom) in scanner.customs.iter().enumerate() {
            if self.budget.is_spent() {
                break;
            }
            custom.find(text, |range| {
                edits.push(Edit::bare(scanner.rules.len() + index, range));
            });
            self.budget.steps(text.len() / BYTES_PER_STEP);
        }
        edits.retain(|edit| edit.changes(text));
        if !edits.is_empty() && !scanner.allowed.is_empty() {
            let allowed = scanner.allowed_in(text);
            edits.retain(|edit| !allowed.iter().any(|range| edit.is_within(text, range)));
        }
        edits
    }
}
