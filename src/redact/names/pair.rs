//! Names of secrets (`password`, `api_key`, `--token`) and their values, in the forms in which programs write such pairs: `name=value`,
//! `name: value`, JSON, YAML, shell, debug output, flags.

use super::beside::{form_value, value_before};
use super::continued::{changed_end, curly_end, is_template, listed_end, next_end};
use super::gap::{value_after, value_called};
use super::harmless::{
    is_bare_secret, is_cookie_of_bus, is_count, is_list_of_errors, is_listed, is_missing_object,
    is_negated, is_schema, is_size, is_working_directory,
};
use super::judge::Judge;
use super::link::Link;
use super::memo::NameMemo;
use super::strength::Strength;
use super::strength::strength_of;
use super::suffix::suffix_length;
use crate::redact::edit::MASK;
use crate::redact::edit::MaskForm;
use crate::redact::values::elsewhere;
use crate::redact::values::extent::Quote;
use crate::redact::values::extent::bare_end;
use crate::redact::values::extent::closing_bracket;
use crate::redact::values::extent::is_json_end;
use crate::redact::values::extent::yaml_block_end;
use crate::redact::values::prose;
use crate::redact::values::space::ESCAPE;
use crate::redact::values::space::is_space;
use crate::redact::values::worth;
use std::ops::Range;

/// The link that a rule requires between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum RequiredLink {
    /// White space suffices, unless the value is an ordinary word.
    Space,
    /// `=` or `:`.
    Sign,
    /// `=`, or `:` after a quoted name: the name is also a word of prose.
    Equals,
    /// The same, and the value is not a number: counters have such names, too.
    Uncounted,
    /// The name is a command line flag: white space suffices, and almost any word counts as its value.
    Flag,
}

/// The range to replace, and the form of the mask.
type Pair = (Range<usize>, MaskForm);

impl Link {
    fn satisfies(&self, need: RequiredLink) -> bool {
        let sign = self.equals || self.colon;
        match need {
            RequiredLink::Space | RequiredLink::Flag => {
                sign || self.quoted.is_none() || self.is_guess || self.in_tag
            }
            RequiredLink::Sign => sign || self.is_guess || self.in_tag,
            RequiredLink::Equals | RequiredLink::Uncounted => {
                self.equals || self.colon && self.quoted.is_some() || self.in_tag
            }
        }
    }
}

/// The ends of the values found so far. The scan goes from left to right; without this, a line of `key=key=key=` would be read to its
/// end once for each name.
#[derive(Debug, Default)]
pub(in crate::redact) struct Reach {
    /// The end of the last bare value. A name inside it may have a value that ends later.
    bare: usize,
    /// The end of the last value in quotes or brackets. The value of a name inside it ends inside, too.
    closed: usize,
}

impl Reach {
    /// Whether a quoted value that was found contains this position.
    pub(in crate::redact) fn covers(&self, at: usize) -> bool {
        at < self.closed
    }

    /// Notes the end of a quoted value.
    pub(in crate::redact) fn close(&mut self, end: usize) {
        self.closed = self.closed.max(end);
    }
}

/// The maximum length of a flag, in bytes.
const FLAG_LENGTH_MAX: usize = 64;

/// The replacement for the value of the name at `name`, or `None` if no secret follows.
pub(in crate::redact) fn pair(
    text: &[u8],
    name: Range<usize>,
    need: RequiredLink,
    strict: bool,
    (reach, memo): (&mut Reach, &mut NameMemo),
) -> Option<Pair> {
    if need == RequiredLink::Flag && !is_flag(text, name.start) {
        return None;
    }
    let is_prose = need == RequiredLink::Space && !strict && precedes_word(text, name.end);
    if is_prose && !text.get(..name.start)?.ends_with(b" as the ") {
        return None;
    }
    let end = name.end + suffix_length(text, name.end)?;
    if let Some(value) = value_before(text, end) {
        return listed_before(text, &name, value, strict);
    }
    linked(text, &name, (end, need), strict, (reach, memo)).or_else(|| {
        let may_be_far = !strict && need != RequiredLink::Flag;
        may_be_far
            .then(|| distant(text, &name, end, (reach, memo)))
            .flatten()
    })
}

/// The replacement for a generated value after something that is no link, or before `as` and the name.
fn distant(
    text: &[u8],
    name: &Range<usize>,
    end: usize,
    (reach, memo): (&mut Reach, &mut NameMemo),
) -> Option<Pair> {
    let before = text.get(..name.end)?;
    let strength = strength_of(before, name.start);
    let value =
        value_after(text, end, strength).or_else(|| value_called(text, name.start, strength))?;
    // the rule for this header applies instead
    let is_header = before.get(name.start..)?.eq_ignore_ascii_case(b"cookie");
    let is_harmless = is_header
        || reach.covers(value.start)
        || is_missing_object(text, value.start - 1)
        || prose::is_no_name(before)
        || is_negated(text, name.start)
        || memo.resources.holds(text, name.start);
    if is_harmless {
        return None;
    }
    replacement(text, value, MaskForm::Bare)
}

/// The replacement for the value that a link joins to the name, whose suffix ends at `end`.
fn linked(
    text: &[u8],
    name: &Range<usize>,
    (end, need): (usize, RequiredLink),
    strict: bool,
    (reach, memo): (&mut Reach, &mut NameMemo),
) -> Option<Pair> {
    let flag = need == RequiredLink::Flag;
    let mut link = memo.link(text, end)?;
    if strict {
        link.keep_preposition(text);
    }
    if link.is_broken
        && let Some(value) = form_value(text, &link)
    {
        return replacement(text, value, MaskForm::Bare);
    }
    if reach.covers(link.value) {
        return None;
    }
    if flag {
        link.skip_comma(text);
    }
    if flag || strict {
        link.skip_value_key(text);
    } else {
        link = memo.after_value_key(text, &link);
    }
    let satisfied = link.satisfies(need);
    if !satisfied && !strict {
        // The rule for this header applies instead.
        let is_header = text
            .get(name.clone())
            .is_some_and(|name| name.eq_ignore_ascii_case(b"cookie"))
            && Quote::at(text, link.value).is_none();
        let is_joined = link.is_guess || link.is_space();
        link.is_guess = link.colon && need != RequiredLink::Sign && !is_header
            || is_joined && !is_listed(text, name) && memo.values.is_random_near(text, link.value);
    }
    if !satisfied && !link.is_guess || link.value >= text.len() || link.is_broken && !strict {
        return None;
    }
    if is_harmless(text, name, &link, need, strict, memo) {
        return None;
    }
    let strength = strength_of(text.get(..name.end)?, name.start);
    let judge = Judge {
        strength,
        strict,
        flag,
        may_name_object: is_bare_secret(text, name),
    };
    if link.in_tag {
        in_tag(text, &link, &judge)
    } else if link.quoted.is_some() {
        structured(text, &link, &judge, (reach, memo))
    } else {
        plain(text, &link, &judge, (reach, memo))
    }
}

/// The replacement for a value that is listed before its name.
fn listed_before(
    text: &[u8],
    name: &Range<usize>,
    value: Range<usize>,
    strict: bool,
) -> Option<Pair> {
    let strength = strength_of(text.get(..name.end)?, name.start);
    let is_weak = !strict && matches!(strength, Strength::Key | Strength::Token);
    let is_secret = !is_weak || worth::is_random(text.get(value.clone())?);
    is_secret
        .then(|| replacement(text, value, MaskForm::Bare))
        .flatten()
}

/// Whether the pair only looks like a secret: a resource, a word of prose, a folder, a count.
fn is_harmless(
    text: &[u8],
    name: &Range<usize>,
    link: &Link,
    need: RequiredLink,
    strict: bool,
    memo: &mut NameMemo,
) -> bool {
    if need == RequiredLink::Equals && is_working_directory(text, name.clone(), link.value) {
        return true;
    }
    if strict {
        return false;
    }
    let before = text.get(..name.end).unwrap_or_default();
    link.colon && memo.resources.holds(text, name.start)
        || prose::is_no_name(before)
        || link.is_space() && prose::is_no_name_before_space(before)
        || need == RequiredLink::Uncounted && is_count(text, link.value)
        || need == RequiredLink::Equals && is_cookie_of_bus(text, name.clone(), link.value)
        || link.is_space() && is_missing_object(text, link.value)
        || link.is_space() && is_negated(text, name.start)
        || is_size(text, link.value)
        || !link.is_space() && elsewhere::is_lookup(text, link.value)
}

/// Whether a blank and a lower-case word follow a name, so that nothing else is read as its value. This is a
/// shortcut: prose has many such names, and the rules take much longer to reach the same result.
fn precedes_word(text: &[u8], end: usize) -> bool {
    /// The maximum length of an ordinary word.
    const LENGTH_MAX: usize = 24;
    let Some([b' ', rest @ ..]) = text.get(end..) else {
        return false;
    };
    let near = rest.get(..LENGTH_MAX + 1).unwrap_or(rest);
    let length = near
        .iter()
        .take_while(|byte| byte.is_ascii_lowercase())
        .count();
    let word = near.get(..length).unwrap_or_default();
    length > 0
        && length <= LENGTH_MAX
        && rest.get(length).is_none_or(|&byte| is_space(byte))
        && !word.ends_with(b"value")
        && !matches!(
            word,
            b"for"
                | b"is"
                | b"was"
                | b"has"
                | b"set"
                | b"changed"
                | b"reset"
                | b"to"
                | b"created"
                | b"equ"
                | b"from"
                | b"generated"
                | b"string"
        )
}

/// The content of an XML element or attribute after a name.
fn in_tag(text: &[u8], link: &Link, judge: &Judge) -> Option<Pair> {
    /// Longer contents are documents.
    const LENGTH_MAX: usize = 4096;
    let rest = text.get(link.value..)?;
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let length = memchr::memchr(b'<', near)?;
    let value = near.get(..length)?;
    if judge.spares(value.trim_ascii(), link, true) {
        return None;
    }
    replacement(text, link.value..link.value + length, MaskForm::Bare)
}

/// Whether the name that starts at `start` is the end of a flag such as `--db-password`.
fn is_flag(text: &[u8], start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let length = before
        .iter()
        .rev()
        .take(FLAG_LENGTH_MAX)
        .take_while(|&&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    let first = start - length;
    let opens = first
        .checked_sub(1)
        .and_then(|index| text.get(index))
        .is_none_or(|&byte| is_space(byte) || matches!(byte, b'"' | b'\'' | b'[' | b'(' | b'`'));
    opens && text.get(first) == Some(&b'-')
}

/// The value after a quoted name. Quotes stay, so that JSON remains JSON.
fn structured(
    text: &[u8],
    link: &Link,
    judge: &Judge,
    (reach, memo): (&mut Reach, &mut NameMemo),
) -> Option<Pair> {
    let start = link.value;
    if let Some((at, quote)) = opening_quote(text, start, memo).filter(|&(at, _)| at <= start + 3) {
        let content = at + quote.length;
        let (end, _) = quote.close(text, content);
        let value = text.get(content..end)?;
        let is_kept = judge.is_weak_or(link) && judge.spares(value, link, true)
            || !judge.strict && (judge.is_absent(value) || is_template(value));
        if is_kept {
            return None;
        }
        reach.close(end);
        return replacement(text, content..end, MaskForm::Bare);
    }
    let (end, form) = match text.get(start..)? {
        rest if rest.starts_with(MASK.as_bytes()) => return None,
        [b'{' | b'[', ..] => {
            let is_key = judge.strength == Strength::Key && !judge.strict;
            let is_harmless = is_absent(text, start)
                || is_list_of_errors(text, start)
                || is_schema(text, start) && !memo.values.lists.hold_random(text, start);
            if !judge.strict && is_harmless {
                return None;
            }
            if is_key || judge.is_weak() && !memo.values.lists.hold_random(text, start) {
                return None;
            }
            let end = closing_bracket(text, start);
            reach.close(end);
            (end, MaskForm::Quoted)
        }
        _ => (structured_bare_end(text, start, reach), MaskForm::Quoted),
    };
    let value = text.get(start..end)?;
    // kubelet: `volume "db-password" : secret "db-password" not found`
    let continues = matches!(
        text.get(end..),
        Some([b' ', b'"', next, ..] | [b' ', next, ..]) if next.is_ascii_alphabetic()
    );
    if !judge.strict && link.colon && continues && prose::is_ordinary_word(value) {
        return None;
    }
    let is_object = matches!(form, MaskForm::Quoted) && matches!(value.first(), Some(b'{' | b'['));
    if !judge.strict
        && (prose::is_no_value(value)
            || !is_object && judge.is_weak_or(link) && judge.spares(value, link, false))
    {
        return None;
    }
    let escaped = link.quoted.is_some_and(|level| level > 0);
    replacement(
        text,
        start..end,
        if escaped { MaskForm::Bare } else { form },
    )
}

/// Whether a list or object that starts here holds a word for an absent value, or what another program wrote over a secret: `["REDACTED"]`.
fn is_absent(text: &[u8], start: usize) -> bool {
    /// Room for a word with brackets and quotes.
    const LENGTH_MAX: usize = 24;
    let rest = text.get(start..).unwrap_or_default();
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let end = near.iter().position(|byte| matches!(byte, b']' | b'}'));
    let held = end.and_then(|end| near.get(..end));
    held.is_some_and(|held| prose::is_no_value(worth::trimmed(held)))
}

/// The end of a bare value after a quoted name: at the end of a JSON value, or at white space.
fn structured_bare_end(text: &[u8], start: usize, reach: &mut Reach) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.+-/".contains(byte))
        .count();
    match rest.get(length) {
        Some(b',' | b'}' | b']' | b')') if length > 0 => start + length,
        _ => plain_bare_end(text, start, true, reach),
    }
}

/// The end of a bare value with what continues it, or `None` if the value is not a secret.
fn bare_secret_end(
    text: &[u8],
    link: &Link,
    judge: &Judge,
    (reach, memo): (&mut Reach, &mut NameMemo),
) -> Option<usize> {
    let (start, strict) = (link.value, judge.strict);
    let end = plain_bare_end(text, start, strict, reach);
    let value = text.get(start..end)?;
    let is_list = !strict && !link.is_space();
    let listed = is_list
        .then(|| listed_end(text, link.start, start..end))
        .flatten();
    let mut is_spared = || judge.spares_at(text, start..end, link, &mut memo.values.segments);
    if is_masked(value) || listed.is_none() && is_spared() {
        return None;
    }
    let changed = || next_end(text, end).filter(|_| !strict);
    Some(listed.or_else(changed).unwrap_or(end))
}

/// The value after a bare name. Everything from the end of the name to the end of the value becomes `=[REDACTED]`; after a label only the
/// value is replaced.
fn plain(
    text: &[u8],
    link: &Link,
    judge: &Judge,
    (reach, memo): (&mut Reach, &mut NameMemo),
) -> Option<Pair> {
    let (start, strict) = (link.value, judge.strict);
    if let Some(end) = yaml_block_end(text, link.start, start)
        && (judge.strength != Strength::Key
            || strict
            || worth::is_random(text.get(start + 2..end)?.trim_ascii()))
    {
        reach.close(end);
        return replacement(text, link.start..end, MaskForm::Assigned);
    }
    // a list of texts: `recovery_codes: ["x", "y"]`
    if let Some([b'[', b'"' | b'\'', ..]) = text.get(start..)
        && !link.is_space()
        && memo.values.lists.hold_random(text, start)
    {
        let end = closing_bracket(text, start);
        reach.close(end);
        return replacement(text, link.start..end, MaskForm::Assigned);
    }
    if let Some(end) = curly_end(text, start) {
        return replacement(text, link.start..end, MaskForm::Assigned);
    }
    let quote = opening_quote(text, start, memo)
        .filter(|&(at, quote)| strict || !closes_something_else(text, link, at, quote));
    let (mut end, value) = if let Some((at, quote)) = quote {
        let content = at + quote.length;
        let (inner_end, after) = quote.close(text, content);
        let after = after + closed_calls(text, start..at, after);
        let value = text.get(content..inner_end)?;
        let is_kept = judge.spares(value, link, true) || !strict && is_template(value);
        if !is_masked(value) && is_kept {
            return None;
        }
        reach.close(after);
        let after = changed_end(text, after, quote);
        let end = if strict || continues_word(text, after) {
            reach.bare = bare_end(text, after.max(reach.bare));
            reach.bare
        } else {
            after
        };
        (end, text.get(start..end)?)
    } else {
        let end = bare_secret_end(text, link, judge, (reach, memo))?;
        (end, text.get(start..end)?)
    };
    if is_masked(value) {
        return None;
    }
    if quote.is_none() && !strict {
        end -= trailing_quote(value);
    }
    if link.coloured || link.is_guess && !strict {
        return replacement(text, start..end, MaskForm::Bare);
    }
    replacement(text, link.start..end, MaskForm::Assigned)
}

/// The opening quote of a value, perhaps after a call or a prefix: `"x"`, `b'x'`, `Some("x")`.
fn opening_quote(text: &[u8], start: usize, memo: &mut NameMemo) -> Option<(usize, Quote)> {
    /// Room for `SecretString(Some(b`.
    const WRAPPER_LENGTH_MAX: usize = 48;
    if let Some(quote) = Quote::at(text, start) {
        return Some((start, quote));
    }
    let length = memo.wrapper_end(text, start) - start;
    if length > WRAPPER_LENGTH_MAX {
        return None;
    }
    let wrapper = text.get(start..start + length)?;
    let quote = Quote::at(text, start + length)?;
    let opens = wrapper.ends_with(b"(")
        || wrapper.len() <= 2 && wrapper.iter().all(|byte| b"bruBRUf$@".contains(byte))
        || wrapper.len() > 2
            && wrapper
                .iter()
                .rposition(|&b| b == b'(')
                .is_some_and(|open| wrapper.len() - open <= 3);
    opens.then_some((start + length, quote))
}

/// The number of calls of a wrapper that are closed directly after the quotes.
fn closed_calls(text: &[u8], wrapper: Range<usize>, after: usize) -> usize {
    let calls = text.get(wrapper).unwrap_or_default();
    let open = memchr::memchr_iter(b'(', calls).count();
    let rest = text.get(after..).unwrap_or_default();
    rest.iter().take(open).take_while(|&&b| b == b')').count()
}

/// Whether a value is a mask, perhaps with punctuation after it.
fn is_masked(value: &[u8]) -> bool {
    value
        .strip_prefix(MASK.as_bytes())
        .is_some_and(|rest| rest.iter().all(u8::is_ascii_punctuation))
}

/// Whether the quote after a name closes a string that ends with the name, as in `msg="enter password: " user=x`.
fn closes_something_else(text: &[u8], link: &Link, at: usize, quote: Quote) -> bool {
    let last = at + quote.length - 1;
    match text.get(last + 1) {
        None => true,
        Some(&next) if is_space(next) => !link.equals,
        Some(_) => is_json_end(text, last),
    }
}

/// Whether a shell would treat the text after a closing quote as a part of the same word.
fn continues_word(text: &[u8], after: usize) -> bool {
    text.get(after).is_some_and(|&next| {
        !is_space(next) && next != ESCAPE && !b",;)}]>&|\"'`\\".contains(&next)
    })
}

/// The end of a bare value: at white space, or at the end of the JSON string around it.
fn plain_bare_end(text: &[u8], start: usize, strict: bool, reach: &mut Reach) -> usize {
    let known = start.max(reach.bare);
    let mut end = bare_end(text, known);
    if start < reach.bare && text.get(reach.bare).copied().is_some_and(|b| b == b'"') {
        end = known;
    }
    if !strict {
        let value = text.get(known..end).unwrap_or_default();
        let json_end =
            memchr::memchr_iter(b'"', value).find(|&offset| is_json_end(text, known + offset));
        end = json_end.map_or(end, |offset| known + offset);
    }
    reach.bare = reach.bare.max(end);
    end
}

/// 1 if the value ends with a quote that it does not open, and that therefore closes a string around the pair; otherwise 0.
fn trailing_quote(value: &[u8]) -> usize {
    match value.split_last() {
        Some((mark @ (b'"' | b'\'' | b'`'), before)) if !before.is_empty() => {
            usize::from(memchr::memchr(*mark, before).is_none())
        }
        _ => 0,
    }
}

/// The replacement of a secret that is neither empty nor a mask.
fn replacement(text: &[u8], range: Range<usize>, form: MaskForm) -> Option<Pair> {
    let secret = text.get(range.clone())?;
    (!secret.is_empty() && secret != MASK.as_bytes()).then_some((range, form))
}
