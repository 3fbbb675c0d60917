//! Visits the literals of a text, and matches the rule of each.

use crate::redact::edit::Edit;
use crate::redact::edit::MaskForm;
use crate::redact::names;
use crate::redact::names::NameMemo;
use crate::redact::names::Reach;
use crate::redact::names::RequiredLink;
use crate::redact::rules::pem;
use crate::redact::rules::prefix::Prefix;
use crate::redact::rules::prefix::SearchMemo;
use crate::redact::rules::rule::Rule;
use crate::redact::rules::rule::Shape;
use crate::redact::rules::rule::Token;
use crate::redact::rules::shape;
use crate::redact::rules::shape::TokenRun;
use crate::redact::rules::shape::WordStart;
use crate::redact::rules::sql;
use crate::redact::rules::url;
use crate::redact::rules::url::Ahead;
use crate::redact::rules::url::Writing;
use crate::redact::rules::vendor;
use std::ops::Range;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(in crate::redact) id: &'static str,
    pub(super) matcher: RuleMatcher,
}

#[derive(Debug)]
pub(super) enum RuleMatcher {
    Token(CompiledToken),
    Name(RequiredLink),
    PrivateKey,
    Userinfo,
    Piped,
    Rows,
    Condition,
    Url(Writing),
    Vendor,
    Inside(usize, usize),
}

#[derive(Debug)]
pub(super) struct CompiledToken {
    token: Token,
    head: Prefix,
    secret: Prefix,
}

impl Compiled {
    /// Compiles a rule.
    pub(in crate::redact) fn new(rule: &Rule) -> Self {
        let matcher = match rule.shape {
            Shape::Token(token) => RuleMatcher::Token(CompiledToken {
                token,
                head: Prefix::new(token.head),
                secret: Prefix::new(token.secret),
            }),
            Shape::Name(need) => RuleMatcher::Name(need),
            Shape::PrivateKey => RuleMatcher::PrivateKey,
            Shape::Userinfo => RuleMatcher::Userinfo,
            Shape::Piped => RuleMatcher::Piped,
            Shape::Rows => RuleMatcher::Rows,
            Shape::Condition => RuleMatcher::Condition,
            Shape::Url(writing) => RuleMatcher::Url(writing),
            Shape::Vendor => RuleMatcher::Vendor,
            Shape::Inside(before, after) => RuleMatcher::Inside(before, after),
        };
        Self {
            id: rule.id,
            matcher,
        }
    }
}

/// The progress of one rule in a text.
#[derive(Debug, Default)]
struct RuleReach {
    reach: Reach,
    /// The last long searches of the patterns of a token.
    head: SearchMemo,
    secret: SearchMemo,
}

/// The walk over one text, from literal to literal.
#[derive(Debug)]
pub(super) struct TextWalk<'a> {
    rules: &'a [Compiled],
    strict: bool,
    text: &'a [u8],
    /// The progress of each rule. Empty until the first literal.
    reaches: Vec<RuleReach>,
    names: NameMemo,
    words: WordStart,
    token: TokenRun,
    /// A position after which no private key ends, if known.
    without_end: Option<usize>,
    /// The end of the last private key. Literals inside it are skipped.
    key_end: usize,
    addresses: Ahead,
    edits: Vec<Edit>,
}

/// A rejected candidate longer than this is skipped: candidates inside it would be rejected, too. A shorter one may be a word before a
/// secret.
const REJECTED_LENGTH_MAX: usize = 64;

impl<'a> TextWalk<'a> {
    /// Begins a walk over a text.
    pub(in crate::redact) fn over(text: &'a [u8], rules: &'a [Compiled], strict: bool) -> Self {
        Self {
            rules,
            strict,
            text,
            reaches: Vec::new(),
            names: NameMemo::default(),
            words: WordStart::default(),
            token: TokenRun::default(),
            without_end: None,
            key_end: 0,
            addresses: Ahead::default(),
            edits: Vec::new(),
        }
    }

    /// The edits that were found.
    pub(in crate::redact) fn edits(self) -> Vec<Edit> {
        self.edits
    }

    /// Matches `rule` at one of its literals.
    pub(super) fn visit(&mut self, rule: usize, literal: Range<usize>) {
        let (text, strict) = (self.text, self.strict);
        let Some(compiled) = self.rules.get(rule) else {
            return;
        };
        if literal.start < self.key_end || !compiled.matcher.may_start(text, &literal) {
            return;
        }
        if self.reaches.is_empty() {
            let count = self.rules.len();
            self.reaches.resize_with(count, RuleReach::default);
        }
        let Some(RuleReach {
            reach,
            head,
            secret,
        }) = self.reaches.get_mut(rule)
        else {
            return;
        };
        let start = literal.start;
        let found = match &compiled.matcher {
            RuleMatcher::Name(need) => {
                names::pair(text, literal, *need, strict, (reach, &mut self.names))
            }
            _ if reach.covers(start) => None,
            RuleMatcher::Token(token) => token.secret(text, start, strict, (reach, head, secret)),
            RuleMatcher::PrivateKey => bare(pem::body(text, start, &mut self.without_end)),
            RuleMatcher::Userinfo => bare(shape::password_before(text, start, &mut self.words)),
            RuleMatcher::Piped => bare(shape::password_piped(text, start, &mut self.words)),
            RuleMatcher::Rows => {
                reach.close(rows(rule, text, &literal, &mut self.edits));
                None
            }
            RuleMatcher::Condition => bare(sql::before_condition(text, &literal)),
            RuleMatcher::Url(writing) => {
                bare(url::password(text, literal, *writing, &mut self.addresses))
            }
            RuleMatcher::Vendor => vendor::token(text, literal).and_then(|(range, is_secret)| {
                if !is_secret && range.len() > REJECTED_LENGTH_MAX {
                    reach.close(range.end);
                }
                is_secret.then_some((range, MaskForm::Bare))
            }),
            RuleMatcher::Inside(before, after) => bare(shape::around(
                text,
                literal,
                (*before, *after),
                &mut self.token,
            )),
        };
        if let Some((range, form)) = found {
            match compiled.matcher {
                RuleMatcher::Name(_) => {}
                RuleMatcher::PrivateKey => self.key_end = range.end,
                RuleMatcher::Token(_)
                | RuleMatcher::Userinfo
                | RuleMatcher::Piped
                | RuleMatcher::Rows
                | RuleMatcher::Condition
                | RuleMatcher::Url(_)
                | RuleMatcher::Vendor
                | RuleMatcher::Inside(..) => {
                    reach.close(range.end);
                }
            }
            self.edits.push(Edit { rule, range, form });
        }
    }
}

impl RuleMatcher {
    /// A first, cheap check: whether a match may start at this literal.
    pub(super) fn may_start(&self, text: &[u8], literal: &Range<usize>) -> bool {
        match self {
            Self::Name(_) => names::may_end(text, literal.end),
            Self::Token(token) => token.token.before.allows(text, literal.start),
            Self::Vendor => shape::is_boundary(text, literal.start, shape::is_word_byte),
            Self::PrivateKey
            | Self::Userinfo
            | Self::Piped
            | Self::Rows
            | Self::Condition
            | Self::Url(_)
            | Self::Inside(..) => true,
        }
    }
}

/// Adds the secrets in the rows of an `INSERT`, and returns the end of what was read.
fn rows(rule: usize, text: &[u8], literal: &Range<usize>, edits: &mut Vec<Edit>) -> usize {
    let (secrets, end) = sql::in_rows(text, literal);
    edits.extend(secrets.into_iter().map(|range| Edit::bare(rule, range)));
    end
}

fn bare(range: Option<Range<usize>>) -> Option<(Range<usize>, MaskForm)> {
    range.map(|range| (range, MaskForm::Bare))
}

impl CompiledToken {
    /// The secret of a token whose head starts at `start`.
    fn secret(
        &self,
        text: &[u8],
        start: usize,
        strict: bool,
        (reach, head, secret): (&mut Reach, &mut SearchMemo, &mut SearchMemo),
    ) -> Option<(Range<usize>, MaskForm)> {
        let start = self.head.end_after(text, start, head)?;
        let end = self.secret.end_after(text, start, secret)? - self.token.tail;
        let accepted = strict || (self.token.accepts)(text.get(start..end)?);
        if !accepted && end - start > REJECTED_LENGTH_MAX {
            reach.close(end);
        }
        accepted.then_some((start..end, MaskForm::Bare))
    }
}
