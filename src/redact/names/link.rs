//! The text between a name and its value: separators, labels, types, and the key of a value that is listed beside its name.

use super::label::{arrow_length, column_length, digits, is_number, label_length, verb_length};
use crate::redact::values::code;
use crate::redact::values::extent::Quote;
use crate::redact::values::extent::escape_length;
use crate::redact::values::memo::ValueMemo;
use crate::redact::values::space::ESCAPE;
use crate::redact::values::space::is_space;

/// The text between a name and its value.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent observations"
)]
pub(super) struct Link {
    /// The end of the name.
    pub(in crate::redact) start: usize,
    /// The start of the value.
    pub(in crate::redact) value: usize,
    /// The level of the quote that closes the name.
    pub(in crate::redact) quoted: Option<u32>,
    /// An equals sign was seen.
    pub(in crate::redact) equals: bool,
    /// A colon was seen.
    pub(in crate::redact) colon: bool,
    /// A colour sequence of a terminal was seen, which stays.
    pub(super) coloured: bool,
    /// A label, a comma or a table column was seen, which may or may not join a name and a value. The value must look like a secret.
    pub(super) is_guess: bool,
    /// The value ends at the next tag.
    pub(super) in_tag: bool,
    /// A line end was seen that separates the name from the value.
    pub(super) is_broken: bool,
}

/// The key of a value that is listed beside its name.
const VALUE: &[u8] = b"value";

/// The longest label between a name and its value, in bytes.
const LABEL_LENGTH_MAX: usize = 48;

/// Words between a sign and a value.
const WORDS_BEFORE_VALUE: &[&[u8]] = &[
    b"new ",
    b"await ",
    b"FlyV1 ",
    b"!!str ",
    b"ConvertTo-SecureString ",
    b"Just ",
    b"Some ",
    b"-String ",
];

impl Link {
    /// Reads from the end of a name to the start of its value. `None` if the name continues.
    pub(in crate::redact) fn read(
        text: &[u8],
        start: usize,
        values: &mut ValueMemo,
    ) -> Option<Self> {
        let mut link = Self {
            start,
            value: start,
            quoted: None,
            equals: false,
            colon: false,
            coloured: false,
            is_guess: false,
            in_tag: false,
            is_broken: false,
        };
        if let Some(quote) = Quote::at(text, start) {
            link.quoted = Some(quote.level);
            link.value += quote.length;
        }
        match text.get(link.value..).unwrap_or_default() {
            [b']', ..] => {
                link.quoted.get_or_insert(0);
                link.value += 1;
            }
            [b'>', b'>', ..] if link.quoted.is_some() => link.value += 2,
            [b'>', ..] if link.quoted.is_some() => {
                link.value += 1;
                link.in_tag = true;
                return Some(link);
            }
            [b'<', b'/', ..] => return link.next_tag(text),
            // PHP's `phpinfo`
            [b' ', b'<', b'/', ..] => {
                link.value += 1;
                return link.next_tag(text);
            }
            [b'>', ..] if is_tag_name(text, start) => {
                link.value += 1;
                link.in_tag = true;
                return Some(link);
            }
            [b'(', b'"' | b'\'', ..] => {
                link.value += 1;
                link.is_guess = true;
                return Some(link);
            }
            // a path of Rust or C++: `token::Kind`
            [b':', b':', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'{' | b'<') => {
                return None;
            }
            _ => {}
        }
        link.separators(text);
        if !link.equals && !link.colon && !link.is_broken {
            link.label(text, values);
        }
        if link.equals || link.colon {
            link.skip_type(text);
            link.skip_anchor(text);
            link.skip_words(text);
        }
        (link.value > start).then_some(link)
    }

    fn separators(&mut self, text: &[u8]) {
        while let Some(length) = self.separator(text) {
            self.value += length;
        }
    }

    /// Notes the next part of the separator, and returns its length.
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
            [b'%', code @ ..] => {
                let twice = code.starts_with(b"25");
                let code = if twice { code.get(2..)? } else { code };
                match code {
                    [b'3', b'D' | b'd', ..] => self.equals = true,
                    [b'3', b'A' | b'a', ..] => self.colon = true,
                    _ => return None,
                }
                Some(if twice { 5 } else { 3 })
            }
            [byte, ..] if is_space(*byte) => {
                let has_sign = self.equals || self.colon;
                let is_indented = matches!(rest.get(1), Some(b' ' | b'\t'));
                self.is_broken |=
                    *byte == b'\n' && !(has_sign && is_indented && !starts_with_key(rest));
                Some(1)
            }
            // a no-break space, and a full-width colon
            [0xc2, 0xa0, ..] => Some(2),
            [0xef, 0xbc, 0x9a, ..] => {
                self.colon = true;
                Some(3)
            }
            [ESCAPE | b'\\' | b'#' | b'^' | b'&', ..] => self.coded(rest),
            _ => None,
        }
    }

    /// The same for encoded signs and for the colours of a terminal.
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

    /// Reads a label between the name and a sign (`Key 1:`, `Key (base64):`, `token[0]:`, `password for bob:`, `password is`), or the
    /// separator between table columns or list items.
    fn label(&mut self, text: &[u8], values: &mut ValueMemo) {
        let rest = text.get(self.value..).unwrap_or_default();
        let near = rest.get(..LABEL_LENGTH_MAX).unwrap_or(rest);
        let line_end = memchr::memchr(b'\n', near).unwrap_or(near.len());
        let near = near.get(..line_end).unwrap_or_default();
        if self.quoted.is_some() {
            return self.item(near);
        }
        let first = near.first().map(u8::to_ascii_lowercase);
        let may_begin =
            |first: u8| first.is_ascii_digit() || b"([#-|,;~<.@\xe2fiwhscrt".contains(&first);
        if !first.is_some_and(may_begin) {
            return;
        }
        if first == Some(b'@') {
            return self.at_sign(text, values);
        }
        if let Some(length) = arrow_length(near).or_else(|| column_length(near)) {
            return self.guess(text, length);
        }
        let label = label_length(near);
        let after = near.get(label..).unwrap_or_default();
        let spaces = after.iter().take_while(|&&byte| byte == b' ').count();
        let tail = after.get(spaces..).unwrap_or_default();
        let joined = match tail {
            [b':' | b'=', ..] if label > 0 => Some(spaces + 1),
            _ => arrow_length(tail)
                .filter(|_| label > 0)
                .map(|length| spaces + length)
                .or_else(|| verb_length(tail).map(|length| spaces + length)),
        };
        match joined {
            Some(length) => self.guess(text, label + length),
            // a number without a sign may precede a value that is certainly a secret
            None if label > 0 && near.get(..label).is_some_and(is_number) && spaces > 0 => {
                self.value += label + spaces;
                self.is_guess = true;
            }
            None => {}
        }
    }

    /// `NAME@VALUE`, if the value looks generated. Hosts, packages and mail addresses have the same form.
    fn at_sign(&mut self, text: &[u8], values: &mut ValueMemo) {
        let start = self.value + 1;
        if values.is_random_near(text, start) {
            self.value = start;
            self.is_guess = true;
        }
    }

    /// A comma or a space between the quoted name and a quoted value.
    fn item(&mut self, near: &[u8]) {
        let comma = usize::from(near.first() == Some(&b','));
        let spaces = near
            .iter()
            .skip(comma)
            .take_while(|&&byte| byte == b' ')
            .count();
        // a binary of Erlang: `<<"password">>,<<"x">>`
        let opened = near.get(comma + spaces..).unwrap_or_default();
        let sign = if opened.starts_with(b"<<") { 2 } else { 0 };
        let is_opened = Quote::at(near, comma + spaces + sign).is_some();
        if is_opened {
            self.value += comma + spaces + sign;
            self.is_guess = true;
        }
    }

    fn guess(&mut self, text: &[u8], length: usize) {
        self.value += length;
        self.is_guess = true;
        while text
            .get(self.value)
            .is_some_and(|&byte| matches!(byte, b' ' | b'\t' | b':' | b'='))
        {
            self.value += 1;
        }
    }

    /// After `</name>`, skips the next opening tag, whose content is the value.
    fn next_tag(mut self, text: &[u8]) -> Option<Self> {
        let rest = text.get(self.value..)?;
        let near = rest.get(..2 * LABEL_LENGTH_MAX).unwrap_or(rest);
        let closed = memchr::memchr(b'>', near)? + 1;
        let after = near.get(closed..)?;
        let spaces = after.iter().take_while(|&&byte| is_space(byte)).count();
        let opening = after.get(spaces..)?;
        if !matches!(opening, [b'<', next, ..] if next.is_ascii_alphabetic()) {
            return None;
        }
        let opened = memchr::memchr(b'>', opening)? + 1;
        self.value += closed + spaces + opened;
        self.in_tag = true;
        Some(self)
    }

    /// Whether only white space was seen.
    pub(in crate::redact) fn is_space(&self) -> bool {
        !self.equals && !self.colon && self.quoted.is_none() && !self.is_guess
    }

    /// Treats the comma between a flag and its value in an argument list as an equals sign.
    pub(super) fn skip_comma(&mut self, text: &[u8]) {
        if let Some(length) = self.audit_argument(text) {
            self.equals = true;
            self.value += length;
            return;
        }
        if self.is_guess && self.quoted.is_some() {
            self.is_guess = false;
            self.equals = true;
        } else if self.quoted.is_some() && text.get(self.value) == Some(&b',') {
            self.equals = true;
            self.value += 1;
            while text.get(self.value).copied().is_some_and(is_space) {
                self.value += 1;
            }
        }
    }

    /// The length of the number of the next argument in an audit record: `a1="--password" a2="x"`.
    fn audit_argument(&self, text: &[u8]) -> Option<usize> {
        let digits = text.get(self.value..)?.strip_prefix(b"a")?;
        let count = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let is_argument = (1..=3).contains(&count) && digits.get(count) == Some(&b'=');
        (self.quoted.is_some() && is_argument).then_some(count + 2)
    }

    /// Skips the type of a variable: `token: &str = "x"`.
    fn skip_type(&mut self, text: &[u8]) {
        const TYPE_LENGTH_MAX: usize = 40;
        if !self.colon || self.equals || self.quoted.is_some() {
            return;
        }
        let rest = text.get(self.value..).unwrap_or_default();
        // a type ends at a blank: without one near there is nothing to read
        let near = rest.get(..TYPE_LENGTH_MAX + 1).unwrap_or(rest);
        if memchr::memchr(b' ', near).is_none() {
            return;
        }
        let of_type = |byte: &u8| byte.is_ascii_alphabetic() || b"_&<>[]?:.|8".contains(byte);
        let length = rest
            .iter()
            .take(TYPE_LENGTH_MAX)
            .take_while(|byte| of_type(byte))
            .count();
        let after = rest.get(length..).unwrap_or_default();
        if length > 0 && matches!(after, [b' ', b'=', b' ', ..]) {
            self.value += length + 3;
            self.equals = true;
        }
    }

    /// Treats the word `to` after the name as its value, as strict mode does with any word.
    pub(super) fn keep_preposition(&mut self, text: &[u8]) {
        let between = text.get(self.start..self.value).unwrap_or_default();
        if self.is_guess && between.trim_ascii().eq_ignore_ascii_case(b"to") {
            let spaces = between.iter().take_while(|&&byte| is_space(byte)).count();
            self.value = self.start + spaces;
            self.is_guess = false;
        }
    }

    /// Skips the anchor of a YAML value: `token: &t "x"`.
    fn skip_anchor(&mut self, text: &[u8]) {
        const NAME_LENGTH_MAX: usize = 32;
        let rest = text.get(self.value..).unwrap_or_default();
        let [b'&', name @ ..] = rest else {
            return;
        };
        let length = name
            .iter()
            .take(NAME_LENGTH_MAX)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count();
        if length > 0 && name.get(length) == Some(&b' ') {
            self.value += length + 2;
        }
    }

    /// Skips words before the value: `new String("x")`, `string(16) "x"`, `process.env.TOKEN || "x"`.
    fn skip_words(&mut self, text: &[u8]) {
        let rest = text.get(self.value..).unwrap_or_default();
        let first = rest.first().map(u8::to_ascii_lowercase);
        for word in WORDS_BEFORE_VALUE {
            let begins = word.first().map(u8::to_ascii_lowercase) == first;
            if begins
                && rest
                    .get(..word.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(word))
            {
                self.value += word.len();
                return;
            }
        }
        if let Some(length) = sized_length(rest).or_else(|| fallback_length(rest)) {
            self.value += length;
        }
    }

    /// Treats the key of a value that is listed beside its name as a part of the separator: `"name":"TOKEN","value":"x"`,
    /// `--name TOKEN --value x`.
    pub(super) fn skip_value_key(&mut self, text: &[u8]) {
        let mut after = Self { ..*self };
        if after.quoted.is_some() && text.get(after.value) == Some(&b',') {
            after.value += 1;
            while text.get(after.value).copied().is_some_and(is_space) {
                after.value += 1;
            }
        }
        let opened = Quote::at(text, after.value);
        after.value += opened.map_or(0, |quote| quote.length);
        let rest = text.get(after.value..).unwrap_or_default();
        let dashes = rest
            .iter()
            .take(2)
            .take_while(|&&byte| byte == b'-')
            .count();
        let is_flag = dashes > 0 && after.value > self.start;
        let Some(length) = value_key_length(rest.get(dashes..).unwrap_or_default()) else {
            return;
        };
        after.value += dashes + length;
        if opened.is_some() {
            after.value += Quote::at(text, after.value).map_or(0, |quote| quote.length);
        }
        let key_end = after.value;
        (after.equals, after.colon) = (false, false);
        after.separators(text);
        if after.value > key_end && (after.equals || after.colon || is_flag) {
            after.equals |= is_flag;
            after.is_guess = false;
            after.is_broken = false;
            *self = after;
        }
    }
}

/// The length of a key such as `value` or `parameterValue`.
pub(in crate::redact) fn value_key_length(text: &[u8]) -> Option<usize> {
    /// Longer words before it are not known.
    const LENGTH_MAX: usize = 24;
    let length = text
        .iter()
        .take(LENGTH_MAX)
        .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_')
        .count();
    let key = text.get(..length)?;
    let start = length.checked_sub(VALUE.len())?;
    key.get(start..)?
        .eq_ignore_ascii_case(VALUE)
        .then_some(length)
}

/// Whether the next line begins with a key of its own, as in `password:`, `  min_length: 12`.
fn starts_with_key(line_end: &[u8]) -> bool {
    let near = line_end.get(..LABEL_LENGTH_MAX).unwrap_or(line_end);
    let text = near.trim_ascii_start();
    let word = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        .count();
    word > 0 && matches!(text.get(word..), Some([b':', b' ' | b'\n', ..] | [b':']))
}

/// Whether the name that ends at `end` is that of an opening tag.
fn is_tag_name(text: &[u8], end: usize) -> bool {
    /// The maximum length of the name of an element.
    const NAME_LENGTH_MAX: usize = 64;
    let before = text.get(..end).unwrap_or_default();
    let mut rest = before
        .iter()
        .rev()
        .take(NAME_LENGTH_MAX)
        .skip_while(|byte| byte.is_ascii_alphanumeric() || b"_:.-".contains(byte));
    rest.next() == Some(&b'<')
}

/// The length of `string(16) ` before a quote, as in the output of PHP.
fn sized_length(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"string(")?;
    let count = digits(rest.get(..8).unwrap_or(rest));
    let is_closed = matches!(rest.get(count..), Some([b')', b' ', b'"', ..]));
    (count > 0 && is_closed).then_some(b"string(".len() + count + b") ".len())
}

/// The length of an expression with a default value, up to that value: `process.env.TOKEN || `.
fn fallback_length(text: &[u8]) -> Option<usize> {
    const LENGTH_MAX: usize = 80;
    const OPERATORS: [&[u8]; 3] = [b" || ", b" ?? ", b" or "];
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$()[]'\"?:".contains(byte);
    if !text.first()?.is_ascii_alphabetic() && text.first() != Some(&b'$') {
        return None;
    }
    // an operator begins with a blank: without one near there is nothing to read
    memchr::memchr(b' ', text.get(..LENGTH_MAX + 1).unwrap_or(text))?;
    let length = text
        .iter()
        .take(LENGTH_MAX)
        .take_while(|byte| of_name(byte))
        .count();
    let after = text.get(length..)?;
    let operator = OPERATORS
        .iter()
        .find(|operator| after.starts_with(operator))?;
    let value = length + operator.len();
    Quote::at(text, value).map(|_| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text after the name `N` and its separator, and whether the link is a guess.
    fn value(text: &str) -> Option<(&str, bool)> {
        let link = Link::read(
            text.as_bytes(),
            text.find('N')? + 1,
            &mut ValueMemo::default(),
        )?;
        Some((&text[link.value..], link.is_guess))
    }

    #[test]
    fn skips_labels() {
        for text in [
            "N 1: x",
            "N #1: x",
            "N (base64): x",
            "N[0]: x",
            "N for admin: x",
            "N for user 'a b': x",
            "N -> x",
            "N | x",
            "N is x",
            "N is: x",
            "N was set to x",
            "N (prod) = x",
            "N,x",
            "N 1 x",
            "N \u{2502} x",
            "N|x",
            "N;x",
            "N ..... : x",
            "N .....: x",
            "N TO x",
            "N <- x",
            "N ~> x",
        ] {
            assert_eq!(value(text), Some(("x", true)), "{text}");
        }
        assert_eq!(value("\"N\", 'x'"), Some(("'x'", true)));
        assert_eq!(value("f.N(\"x\")"), Some(("\"x\")", true)));
        assert_eq!(value("(N . \"x\")"), Some(("\"x\")", true)));
        assert_eq!(value("N (12 ms)"), Some(("(12 ms)", false)));
    }

    #[test]
    fn skips_types_and_words() {
        for text in [
            "N: &str = 'x'",
            "N: string = 'x'",
            "N = process.env.T || 'x'",
            "N = new 'x'",
            "\"N\"=>\n  'x'",
            "N: !!str 'x'",
            "N: &a 'x'",
            "N%253D'x'",
            "N&#61;'x'",
            "N\u{a0}='x'",
            "N\u{ff1a}'x'",
        ] {
            assert_eq!(value(text), Some(("'x'", false)), "{text}");
        }
        assert_eq!(value("\"N\"]=>\n  string(1) \"x\""), Some(("\"x\"", false)));
        assert_eq!(value("<a b=\"N\">x"), Some(("x", false)));
        assert_eq!(value("<a.N>x"), Some(("x", false)));
        assert_eq!(value("a N>x"), None);
        assert_eq!(value("<k>N</k>\n<s>x"), Some(("x", false)));
        for (text, is_broken) in [
            ("N\nx", true),
            ("N:\nx", true),
            ("N:\n  x", false),
            ("N: x", false),
        ] {
            let link = Link::read(text.as_bytes(), 1, &mut ValueMemo::default()).unwrap();
            assert_eq!(link.is_broken, is_broken, "{text}");
        }
    }
}
