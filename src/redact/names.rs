//! Names that say that a value is secret (`password`, `api_key`, `--token`), and the value that
//! belongs to one, in the forms in which programs write the pair: `name=value`, `name: value`,
//! JSON, YAML, shell, debug output, flags.

use super::code;
use super::edit::Form;
use super::edit::MASK;
use super::prose;
use super::value::ESCAPE;
use super::value::Quote;
use super::value::bare_end;
use super::value::closing_bracket;
use super::value::escape_length;
use super::value::is_json_end;
use super::value::is_space;
use super::value::yaml_block_end;
use std::ops::Range;

/// What must stand between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// White space is enough, unless the value is an ordinary word.
    Space,
    /// `=` or `:`.
    Sign,
    /// `=`, or a quote that closes the name: the name is a word of prose, too.
    Equals,
    /// The same, and the value is no number: what is counted has such a name, too.
    Uncounted,
    /// The name is a command line flag: white space is enough, and almost any word is a value.
    Flag,
}

/// What to replace, and how to write the mask.
type Pair = (Range<usize>, Form);

/// How far the values found in a text reach so far. Values are looked for from left to right;
/// without this, a line of `key=key=key=` would be read to its end once for each name.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The end of the last bare value: a name inside may have a value that ends later.
    bare: usize,
    /// The end of the last value in quotes or brackets: a name inside has its value inside.
    closed: usize,
}

impl Reach {
    /// Whether a secret that ends further right holds this place.
    pub(super) fn covers(&self, at: usize) -> bool {
        at < self.closed
    }

    /// Notes where a secret ends.
    pub(super) fn close(&mut self, end: usize) {
        self.closed = self.closed.max(end);
    }
}

/// What stands between a name and its value.
struct Link {
    /// Where the name ends.
    start: usize,
    /// Where the value starts.
    value: usize,
    /// The level of the quote that closes the name.
    quoted: Option<u32>,
    /// An equals sign was seen.
    equals: bool,
    /// A colon was seen.
    colon: bool,
    /// A terminal's colour sequence was seen: it stays.
    coloured: bool,
}

/// The key under which a value stands that is listed beside its name.
const VALUE: &[u8] = b"value";

/// The longest flag that is recognized, in bytes: how far left of a name its dashes are looked for.
const FLAG_LENGTH_MAX: usize = 64;

/// Whether a name may end here: what follows can be the start of a separator or closes quotes.
pub(super) fn may_end(text: &[u8], end: usize) -> bool {
    text.get(end).is_some_and(|&byte| {
        is_space(byte)
            || matches!(
                byte,
                b'=' | b':'
                    | b'"'
                    | b'\''
                    | b'`'
                    | b'\\'
                    | b']'
                    | b'%'
                    | b'&'
                    | b'#'
                    | b'^'
                    | ESCAPE
            )
    })
}

/// What to replace for the name that stands at `name`, or nothing where no secret follows.
pub(super) fn pair(
    text: &[u8],
    name: Range<usize>,
    need: Need,
    strict: bool,
    reach: &mut Reach,
) -> Option<Pair> {
    let flag = need == Need::Flag;
    if flag && !is_flag(text, name.start) {
        return None;
    }
    let mut link = Link::read(text, name.end)?;
    if !strict && prose::is_no_name(text.get(..name.end)?) {
        return None;
    }
    if reach.covers(link.value) {
        return None;
    }
    if flag {
        link.skip_comma(text);
    }
    link.skip_value_key(text);
    if !link.satisfies(need) || link.value >= text.len() {
        return None;
    }
    if !strict && link.is_space() && prose::is_no_name_before_space(text.get(..name.end)?) {
        return None;
    }
    if need == Need::Equals && is_working_directory(text, name, link.value) {
        return None;
    }
    if need == Need::Uncounted && !strict && is_count(text, link.value) {
        return None;
    }
    if link.quoted.is_some() {
        structured(text, &link, strict, reach)
    } else {
        plain(text, &link, strict, flag, reach)
    }
}

impl Link {
    /// Reads from the end of a name to the start of its value; nothing where the name goes on.
    fn read(text: &[u8], start: usize) -> Option<Self> {
        let mut link = Self {
            start,
            value: start,
            quoted: None,
            equals: false,
            colon: false,
            coloured: false,
        };
        if let Some(quote) = Quote::at(text, start) {
            link.quoted = Some(quote.level);
            link.value += quote.length;
        }
        if text.get(link.value) == Some(&b']') {
            link.quoted.get_or_insert(0);
            link.value += 1;
        }
        while let Some(length) = link.separator(text) {
            link.value += length;
        }
        (link.value > start).then_some(link)
    }

    /// The length of the next part of the separator, noting what it is.
    fn separator(&mut self, text: &[u8]) -> Option<usize> {
        let rest = text.get(self.value..)?;
        match rest {
            [b'=', b'>', ..] => {
                self.equals = true;
                Some(2)
            }
            [b'=', ..] => {
                self.equals = true;
                Some(1)
            }
            [b':', ..] => {
                self.colon = true;
                Some(1)
            }
            [b'%', b'3', b'D' | b'd', ..] => {
                self.equals = true;
                Some(3)
            }
            [b'%', b'3', b'A' | b'a', ..] => {
                self.colon = true;
                Some(3)
            }
            [byte, ..] if is_space(*byte) => Some(1),
            [ESCAPE | b'\\' | b'#' | b'^', ..] => self.coded(rest),
            _ => None,
        }
    }

    /// The same for what is written as a code, and for the colours of a terminal.
    fn coded(&mut self, rest: &[u8]) -> Option<usize> {
        if let Some((sign, length)) = code::sign_at(rest) {
            self.equals |= sign == b'=';
            self.colon |= sign == b':';
            return Some(length);
        }
        let length = escape_length(rest);
        self.coloured |= length.is_some();
        length
    }

    /// Whether nothing but white space was seen.
    fn is_space(&self) -> bool {
        !self.equals && !self.colon && self.quoted.is_none()
    }

    /// Takes the comma between a flag and its value in a list of arguments for an equals sign.
    fn skip_comma(&mut self, text: &[u8]) {
        if self.quoted.is_some() && text.get(self.value) == Some(&b',') {
            self.equals = true;
            self.value += 1;
            while text.get(self.value).copied().is_some_and(is_space) {
                self.value += 1;
            }
        }
    }

    /// Takes the key of a value that stands beside its name for a part of the separator:
    /// `"name":"TOKEN","value":"x"`.
    fn skip_value_key(&mut self, text: &[u8]) {
        let mut after = Self { ..*self };
        if after.quoted.is_some() && text.get(after.value) == Some(&b',') {
            after.value += 1;
            while text.get(after.value).copied().is_some_and(is_space) {
                after.value += 1;
            }
        }
        let opened = Quote::at(text, after.value);
        after.value += opened.map_or(0, |quote| quote.length);
        let key = text.get(after.value..after.value + VALUE.len());
        if !key.is_some_and(|key| key.eq_ignore_ascii_case(VALUE)) {
            return;
        }
        after.value += VALUE.len();
        if opened.is_some() {
            after.value += Quote::at(text, after.value).map_or(0, |quote| quote.length);
        }
        let key_end = after.value;
        (after.equals, after.colon) = (false, false);
        while let Some(length) = after.separator(text) {
            after.value += length;
        }
        if after.value > key_end && (after.equals || after.colon) {
            *self = after;
        }
    }

    fn satisfies(&self, need: Need) -> bool {
        let sign = self.equals || self.colon;
        match need {
            Need::Space | Need::Flag => sign || self.quoted.is_none(),
            Need::Sign => sign,
            Need::Equals | Need::Uncounted => self.equals || self.colon && self.quoted.is_some(),
        }
    }
}

/// Whether the value is a number, perhaps of a list or with a unit.
fn is_count(text: &[u8], value: usize) -> bool {
    let rest = text.get(value..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = rest.get(digits);
    digits > 0 && after.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte >= b' ')
}

/// Whether a name is the variable of a shell that tells where it works: `PWD=/root`.
fn is_working_directory(text: &[u8], name: Range<usize>, value: usize) -> bool {
    let is_pwd = text
        .get(name)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"pwd"));
    let value = text.get(value..).unwrap_or_default();
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    is_pwd && matches!(value, [b'/' | b'~', ..] | [_, b':', b'\\' | b'/', ..])
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

/// The value after a quoted name: what is quoted or bracketed there, the marks staying so that JSON
/// stays JSON.
fn structured(text: &[u8], link: &Link, strict: bool, reach: &mut Reach) -> Option<Pair> {
    let start = link.value;
    if let Some(quote) = Quote::at(text, start) {
        let content = start + quote.length;
        let (end, _) = quote.close(text, content);
        reach.close(end);
        return replacement(text, content..end, Form::Bare);
    }
    let (end, form) = match text.get(start..)? {
        rest if rest.starts_with(MASK.as_bytes()) => return None,
        [b'{' | b'[', ..] => {
            let end = closing_bracket(text, start);
            reach.close(end);
            (end, Form::Quoted)
        }
        _ => (structured_bare_end(text, start, reach), Form::Quoted),
    };
    let value = text.get(start..end)?;
    if !strict && prose::is_no_value(value) {
        return None;
    }
    let escaped = link.quoted.is_some_and(|level| level > 0);
    replacement(text, start..end, if escaped { Form::Bare } else { form })
}

/// Where a bare value after a quoted name ends: a number or plain word before what ends a JSON
/// value, or white space.
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

/// The value after a bare name: everything from the name's end to the value's end becomes
/// `=[REDACTED]`.
fn plain(text: &[u8], link: &Link, strict: bool, flag: bool, reach: &mut Reach) -> Option<Pair> {
    let start = link.value;
    if let Some(end) = yaml_block_end(text, link.start, start) {
        reach.close(end);
        return replacement(text, link.start..end, Form::Assigned);
    }
    let quote = opening_quote(text, start)
        .filter(|&(at, quote)| strict || !closes_something_else(text, link, at, quote));
    let mut end = if let Some((at, quote)) = quote {
        let (_, after) = quote.close(text, at + quote.length);
        let after = after + closed_calls(text, start..at, after);
        reach.close(after);
        if strict || goes_on(text, after) {
            reach.bare = bare_end(text, after.max(reach.bare));
            reach.bare
        } else {
            after
        }
    } else {
        plain_bare_end(text, start, strict, reach)
    };
    let value = text.get(start..end)?;
    if is_masked(value) || !strict && is_harmless(value, link, flag) {
        return None;
    }
    if quote.is_none() && !strict {
        end -= trailing_quote(value);
    }
    if link.coloured {
        return replacement(text, start..end, Form::Bare);
    }
    replacement(text, link.start..end, Form::Assigned)
}

/// The quote that opens a value, behind a call or a prefix: `"x"`, `b'x'`, `Some("x")`.
fn opening_quote(text: &[u8], start: usize) -> Option<(usize, Quote)> {
    /// Room for `SecretString(Some(b`; longer things are not looked through.
    const WRAPPER_LENGTH_MAX: usize = 48;
    if let Some(quote) = Quote::at(text, start) {
        return Some((start, quote));
    }
    let rest = text.get(start..)?;
    let length = rest
        .iter()
        .take(WRAPPER_LENGTH_MAX)
        .take_while(|&&byte| byte.is_ascii_alphanumeric() || b"_:.($@".contains(&byte))
        .count();
    let wrapper = rest.get(..length)?;
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

/// How many of the calls that a wrapper opens are closed just after the quotes.
fn closed_calls(text: &[u8], wrapper: Range<usize>, after: usize) -> usize {
    let calls = text.get(wrapper).unwrap_or_default();
    let open = memchr::memchr_iter(b'(', calls).count();
    let rest = text.get(after..).unwrap_or_default();
    rest.iter().take(open).take_while(|&&b| b == b')').count()
}

/// Whether a value is a mask, perhaps with the punctuation of the text around it.
fn is_masked(value: &[u8]) -> bool {
    value
        .strip_prefix(MASK.as_bytes())
        .is_some_and(|rest| rest.iter().all(u8::is_ascii_punctuation))
}

/// Whether the quote after a name closes a string that the name ends, as in `msg="enter password: "
/// user=x`.
fn closes_something_else(text: &[u8], link: &Link, at: usize, quote: Quote) -> bool {
    let last = at + quote.length - 1;
    match text.get(last + 1) {
        None => true,
        Some(&next) if is_space(next) => !link.equals,
        Some(_) => is_json_end(text, last),
    }
}

/// Whether a shell would take what follows a closing quote for more of the same word.
fn goes_on(text: &[u8], after: usize) -> bool {
    text.get(after).is_some_and(|&next| {
        !is_space(next) && next != ESCAPE && !b",;)}]>&|\"'`\\".contains(&next)
    })
}

/// Where a bare value ends: at white space, or where the JSON string that it stands in ends.
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

/// One, if the value ends with a quote that nothing in it opened: it closes a string around the
/// pair.
fn trailing_quote(value: &[u8]) -> usize {
    match value.split_last() {
        Some((mark @ (b'"' | b'\'' | b'`'), before)) if !before.is_empty() => {
            usize::from(memchr::memchr(*mark, before).is_none())
        }
        _ => 0,
    }
}

/// Whether a value is no secret: a word of prose, a word for nothing, punctuation, or a number of
/// one or two digits.
fn is_harmless(value: &[u8], link: &Link, flag: bool) -> bool {
    /// Fewer signs without a letter or digit than this are punctuation.
    const SIGNS_MIN: usize = 4;
    let signs_only = !value
        .iter()
        .any(|&byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
    if prose::is_no_value(value) {
        return true;
    }
    if is_selector(value) {
        return true;
    }
    if !link.is_space() {
        let is_error = link.colon && !link.equals && prose::is_follower(value);
        return is_error || signs_only && value.len() < SIGNS_MIN;
    }
    if flag {
        return signs_only || value.starts_with(b"-") || prose::is_follower(value);
    }
    let is_count = value.len() <= 2 && value.iter().all(u8::is_ascii_digit);
    signs_only || is_count || prose::is_ordinary_word(value) || prose::is_follower(value)
}

/// Whether a value is the rest of the name of a method, as Objective-C has it: `for:key:in:]`.
fn is_selector(value: &[u8]) -> bool {
    value.strip_suffix(b":]").is_some_and(|parts| {
        parts
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b':')
    })
}

/// The replacement of a secret that is there and is not a mask.
fn replacement(text: &[u8], range: Range<usize>, form: Form) -> Option<Pair> {
    let secret = text.get(range.clone())?;
    (!secret.is_empty() && secret != MASK.as_bytes()).then_some((range, form))
}
