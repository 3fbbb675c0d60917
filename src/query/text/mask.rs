//! Masks the variable parts of a message, so that similar lines become equal: numbers, identifiers, addresses and paths.

use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use std::ops::Range;

/// Words of a message that are looked at: longer messages differ in their ends.
const WORDS_MAX: usize = 48;
/// Bytes of a message that are looked at.
const BYTES_MAX: usize = 1_024;
/// The mask of the words of a message that were not read.
const REST: &str = "<...>";
/// Hexadecimal digits from this length on, with a digit and a letter among them, are an identifier.
const HEX_CHARS_MIN: usize = 8;
/// Letters and digits from this length on, with three digits among them, are an identifier.
const ID_CHARS_MIN: usize = 16;
const ID_DIGITS_MIN: usize = 3;
const UUID_CHARS: usize = 36;

/// What a byte may be a part of.
mod class {
    /// A count of digits adds it up.
    pub(super) const DIGIT: u8 = 1;
    pub(super) const LETTER: u8 = 2;
    pub(super) const HEX: u8 = 4;
    /// Brackets and quotes before a word.
    pub(super) const BEFORE: u8 = 8;
    /// Brackets, quotes and stops after a word.
    pub(super) const AFTER: u8 = 16;

    const fn of(byte: u8) -> u8 {
        match byte {
            b'0'..=b'9' => DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' => LETTER | HEX,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'(' | b'[' | b'{' | b'<' => BEFORE,
            b'"' | b'\'' => BEFORE | AFTER,
            b')' | b']' | b'}' | b'>' | b',' | b';' | b'.' | b':' | b'!' | b'?' => AFTER,
            _ => 0,
        }
    }

    /// The class of each byte.
    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is less than 256, and the compiler evaluates it"
    )]
    pub(super) const TABLE: [u8; 256] = {
        let mut table = [0; 256];
        let mut byte = 0_u8;
        loop {
            table[byte as usize] = of(byte);
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        table
    };
}

fn class_of(byte: u8) -> u8 {
    let class = class::TABLE.get(usize::from(byte));
    class.copied().unwrap_or_default()
}

fn is(byte: u8, classes: u8) -> bool {
    class_of(byte) & classes != 0
}

/// Puts a message with its variable parts masked in `out`, its words parted by one blank: `<num>`, `<hex>`, `<uuid>`, `<ip>`,
/// `<mac>`, `<id>`, `<date>`, `<time>` and `<path>` stand for what they name. Colours of a terminal are left out.
pub(in crate::query) fn mask(message: &str, out: &mut String) {
    out.clear();
    let message = without_colours(message);
    let message = message.as_ref();
    let end = message.floor_char_boundary(BYTES_MAX);
    let is_cut = end < message.len();
    let text = message.get(..end).unwrap_or(message);
    let mut words = MessageWords {
        text,
        at: 0,
        is_ascii: text.is_ascii(),
    };
    let mut masked = Masked {
        text,
        out,
        copied: 0,
    };
    let mut count = 0;
    let mut last_end = None;
    let mut next = words.next();
    while count < WORDS_MAX
        && let Some(word) = next
    {
        next = words.next();
        // the last word may have lost its end
        if is_cut && next.is_none() {
            break;
        }
        match last_end {
            None => masked.copied = word.start,
            Some(end) => masked.part(end, word.start),
        }
        if word.may_vary {
            masked.word(&word);
        }
        last_end = Some(word.end);
        count += 1;
    }
    masked.copy_to(last_end.unwrap_or_default());
    if is_cut || next.is_some() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(REST);
    }
}

/// A message without the sequences that set colours (`ESC [ 31 m`), but for those within a run of letters and digits: all runs of a masked
/// text are in the message itself, so that searches for them find it.
fn without_colours(message: &str) -> Cow<'_, str> {
    if memchr(b'\x1b', message.as_bytes()).is_none() {
        return Cow::Borrowed(message);
    }
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    // what is longer is cut
    while out.len() <= BYTES_MAX
        && let Some(at) = memchr(b'\x1b', rest.as_bytes())
    {
        let (before, sequences) = rest.split_at(at);
        out.push_str(before);
        let mut after = sequences;
        while let Some(behind) = after_colour(after) {
            after = behind;
        }
        let is_inside = out.ends_with(is_of_word) && after.starts_with(is_of_word);
        let is_colour = after.len() < sequences.len();
        if is_inside || !is_colour {
            // one character, so that the rest is looked at
            let kept = if is_colour {
                sequences.len() - after.len()
            } else {
                1
            };
            let (kept, others) = sequences.split_at(kept);
            out.push_str(kept);
            rest = others;
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// The text after a sequence that sets colours.
fn after_colour(text: &str) -> Option<&str> {
    let body = text.strip_prefix("\x1b[")?;
    body.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';' || c == ':')
        .strip_prefix('m')
}

/// A word of a text.
struct MessageWord {
    start: usize,
    end: usize,
    /// A part of it may be masked.
    may_vary: bool,
}

/// Splits a text at white space.
struct MessageWords<'t> {
    text: &'t str,
    at: usize,
    is_ascii: bool,
}

/// A number in each of eight bytes.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The top bit of each of eight ASCII bytes that is at least `least`, which is not 0.
const fn at_least(bytes: u64, least: u8) -> u64 {
    bytes.wrapping_add(each(0x80 - least)) & each(0x80)
}

impl MessageWords<'_> {
    fn next(&mut self) -> Option<MessageWord> {
        if !self.is_ascii {
            return self.next_of_any();
        }
        let bytes = self.text.as_bytes();
        let rest = bytes.get(self.at..)?;
        let start = self.at + rest.iter().position(|byte| !is_blank(*byte))?;
        let mut end = start;
        let mut varying = 0;
        // digits, a slash or a colon
        let of_masks = |bytes: u64| at_least(bytes, b'/') & !at_least(bytes, b':' + 1);
        while let Some(word) = bytes.get(end..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*word);
            let blanks = at_least(word, b' ' + 1) ^ each(0x80);
            if blanks == 0 {
                varying |= of_masks(word);
                end += 8;
                continue;
            }
            varying |= of_masks(word) & ((blanks & blanks.wrapping_neg()) - 1);
            end += blanks.trailing_zeros() as usize / 8;
            // other control characters are part of a word
            if bytes.get(end).is_some_and(|byte| is_blank(*byte)) {
                self.at = end;
                return Some(MessageWord::new(bytes, start, end, varying != 0));
            }
            end += 1;
        }
        for byte in bytes.get(end..).unwrap_or_default() {
            if is_blank(*byte) {
                break;
            }
            varying |= of_masks(u64::from(*byte));
            end += 1;
        }
        self.at = end;
        Some(MessageWord::new(bytes, start, end, varying != 0))
    }

    fn next_of_any(&mut self) -> Option<MessageWord> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + rest.find(|c: char| !c.is_whitespace())?;
        let rest = self.text.get(start..)?;
        self.at = start + rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = rest.bytes().take(self.at - start);
        let varies = word.into_iter().any(|byte| (b'/'..=b':').contains(&byte));
        Some(MessageWord::new(
            self.text.as_bytes(),
            start,
            self.at,
            varies,
        ))
    }
}

impl MessageWord {
    /// Only UUIDs may have letters alone.
    fn new(text: &[u8], start: usize, end: usize, varies: bool) -> Self {
        Self {
            start,
            end,
            may_vary: varies || may_have_uuid(text.get(start..end).unwrap_or_default()),
        }
    }
}

fn may_have_uuid(word: &[u8]) -> bool {
    word.len() >= UUID_CHARS && word.contains(&b'-')
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// A text that is copied to `out` up to a byte, its variable parts masked.
struct Masked<'t, 'o> {
    text: &'t str,
    out: &'o mut String,
    copied: usize,
}

impl Masked<'_, '_> {
    fn copy_to(&mut self, end: usize) {
        let text = self.text.get(self.copied..end);
        self.out.push_str(text.unwrap_or_default());
        self.copied = end;
    }

    fn replace(&mut self, start: usize, end: usize, mask: &str) {
        self.copy_to(start);
        self.out.push_str(mask);
        self.copied = end;
    }

    /// One blank between two words.
    fn part(&mut self, start: usize, end: usize) {
        if self.text.get(start..end) != Some(" ") {
            self.replace(start, end, " ");
        }
    }

    fn word(&mut self, word: &MessageWord) {
        let bytes = self.text.as_bytes().get(word.start..word.end);
        let bytes = bytes.unwrap_or_default();
        let core = without_marks(bytes);
        if let Some(mask) = bytes.get(core.clone()).and_then(address) {
            self.replace(word.start + core.start, word.start + core.end, mask);
            return;
        }
        let has_uuid = may_have_uuid(bytes);
        let mut at = 0;
        loop {
            // without a UUID, nothing is masked before the run of the next digit
            let wanted = if has_uuid {
                class::DIGIT | class::LETTER
            } else {
                class::DIGIT
            };
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(skipped) = rest.iter().position(|byte| is(*byte, wanted)) else {
                return;
            };
            let before = rest.get(..skipped).unwrap_or_default().iter().rev();
            let letters = before.take_while(|byte| is(**byte, class::LETTER)).count();
            let run = Alphanumerics::at(bytes, at + skipped - letters);
            at = match uuid_end(bytes, &run).filter(|_| has_uuid) {
                Some(end) => {
                    self.replace(word.start + run.start, word.start + end, "<uuid>");
                    end
                }
                None => self.run(bytes, &run, word.start),
            };
        }
    }

    /// Masks a run of letters and digits in a word that begins at `base`; returns where the text after it begins. A fraction belongs
    /// to its number.
    fn run(&mut self, word: &[u8], run: &Alphanumerics, base: usize) -> usize {
        let length = run.end - run.start;
        if run.digits == 0 {
            return run.end;
        }
        let is_mixed = run.digits < length;
        let is_hex = is_mixed && length >= HEX_CHARS_MIN && run.is_hex;
        if is_hex || is_prefixed_hex(word, run) {
            self.replace(base + run.start, base + run.end, "<hex>");
        } else if is_mixed && length >= ID_CHARS_MIN && run.digits >= ID_DIGITS_MIN {
            self.replace(base + run.start, base + run.end, "<id>");
        } else if is_mixed {
            let mut at = run.start;
            while at < run.end {
                let after = digits_end(word, at).min(run.end);
                if after > at {
                    self.replace(base + at, base + after, "<num>");
                }
                at = after.max(at + 1);
            }
        } else {
            let after_dot = run.end + 1;
            let end = match word.get(run.end) {
                Some(b'.') if digits_end(word, after_dot) > after_dot => {
                    digits_end(word, after_dot)
                }
                _ => run.end,
            };
            self.replace(base + run.start, base + end, "<num>");
            return end;
        }
        run.end
    }
}

/// Letters and digits, as many as there are.
struct Alphanumerics {
    start: usize,
    end: usize,
    digits: usize,
    is_hex: bool,
}

impl Alphanumerics {
    fn at(word: &[u8], start: usize) -> Self {
        let (mut digits, mut common, mut end) = (0, class::HEX, start);
        for byte in word.get(start..).unwrap_or_default() {
            let class = class_of(*byte);
            if class & (class::DIGIT | class::LETTER) == 0 {
                break;
            }
            digits += usize::from(class & class::DIGIT);
            common &= class;
            end += 1;
        }
        Self {
            start,
            end,
            digits,
            is_hex: common == class::HEX,
        }
    }
}

/// Where the digits from `start` on end.
fn digits_end(word: &[u8], start: usize) -> usize {
    let rest = word.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_prefixed_hex(word: &[u8], run: &Alphanumerics) -> bool {
    let digits = word
        .get(run.start..run.end)
        .and_then(|run| run.strip_prefix(b"0x"));
    digits.is_some_and(is_hex)
}

/// A word without brackets, quotes and stops around it.
fn without_marks(word: &[u8]) -> Range<usize> {
    let is_mark = |classes: u8| move |byte: &&u8| is(**byte, classes);
    let start = word.iter().take_while(is_mark(class::BEFORE)).count();
    let rest = word.get(start..).unwrap_or_default().iter().rev();
    start..word.len() - rest.take_while(is_mark(class::AFTER)).count()
}

/// The mask of a word that is an address or a path as a whole.
fn address(word: &[u8]) -> Option<&'static str> {
    let first = *word.first()?;
    if first == b'/' && word.len() > 1 && word.iter().any(u8::is_ascii_alphanumeric) {
        return Some("<path>");
    }
    // all others begin with one of these
    if !is(first, class::HEX) && first != b':' && first != b'.' {
        return None;
    }
    if let Some(mask) = moment(word) {
        return Some(mask);
    }
    if is_ip4(word) {
        return Some("<ip>");
    }
    let colons = memchr_iter(b':', word).count();
    if colons < 2 {
        return None;
    }
    let is_mac_part = |part: &[u8]| part.len() == 2 && is_hex(part);
    if colons == 5 && word.split(|byte| *byte == b':').all(is_mac_part) {
        return Some("<mac>");
    }
    let of_ip6 = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':' || *byte == b'.';
    let is_ip6 =
        word.iter().all(of_ip6) && (colons == 7 || word.windows(2).any(|pair| pair == b"::"));
    is_ip6.then_some("<ip>")
}

/// The mask of a date, a time of day, or both: `2026-02-17`, `14:30:15,123`, `2026-02-17T14:30:15Z`, `17/Feb/2026:14:30:15`.
fn moment(word: &[u8]) -> Option<&'static str> {
    let digits = digits_end(word, 0);
    let separator = *word.get(digits)?;
    let date_end = match (digits, separator) {
        (1 | 2, b':') => return is_clock(word).then_some("<time>"),
        (4, b'-' | b'/') => {
            let month_end = digits_end(word, digits + 1);
            let is_month = month_end == digits + 3 && word.get(month_end) == Some(&separator);
            let day_end = digits_end(word, month_end + 1);
            (is_month && day_end == month_end + 3).then_some(day_end)?
        }
        (2, b'/') => {
            let month = word
                .get(3..6)
                .filter(|name| name.iter().all(u8::is_ascii_alphabetic));
            let is_date =
                month.is_some() && word.get(6) == Some(&b'/') && digits_end(word, 7) == 11;
            is_date.then_some(11)?
        }
        _ => return None,
    };
    match word.get(date_end) {
        None => Some("<date>"),
        Some(b'T' | b':' | b'_') => is_clock(word.get(date_end + 1..)?).then_some("<time>"),
        Some(_) => None,
    }
}

/// Hours, minutes, seconds, perhaps a fraction, perhaps a zone.
fn is_clock(word: &[u8]) -> bool {
    let hours = digits_end(word, 0);
    let is_part =
        |start: usize| word.get(start) == Some(&b':') && digits_end(word, start + 1) == start + 3;
    if !(hours == 1 || hours == 2) || !is_part(hours) || !is_part(hours + 3) {
        return false;
    }
    let mut at = hours + 6;
    if matches!(word.get(at), Some(b'.' | b',')) && digits_end(word, at + 1) > at + 1 {
        at = digits_end(word, at + 1);
    }
    match word.get(at..) {
        Some([] | [b'Z']) => true,
        Some([b'+' | b'-', zone @ ..]) => {
            let digits = zone.iter().filter(|byte| byte.is_ascii_digit()).count();
            (digits == 2 || digits == 4)
                && zone
                    .iter()
                    .all(|byte| byte.is_ascii_digit() || *byte == b':')
        }
        _ => false,
    }
}

/// Four numbers between dots, and perhaps a port.
fn is_ip4(word: &[u8]) -> bool {
    let mut at = 0;
    for number in 0..4 {
        let end = digits_end(word, at);
        if end == at || end - at > 3 {
            return false;
        }
        at = end;
        if number < 3 {
            if word.get(at) != Some(&b'.') {
                return false;
            }
            at += 1;
        }
    }
    match word.get(at) {
        None => true,
        Some(b':') => at + 1 < word.len() && digits_end(word, at + 1) == word.len(),
        Some(_) => false,
    }
}

fn is_hex(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit)
}

/// Where the UUID ends that begins with a run.
fn uuid_end(word: &[u8], run: &Alphanumerics) -> Option<usize> {
    const PARTS: [usize; 4] = [4, 4, 4, 12];
    if !run.is_hex || run.end - run.start != 8 {
        return None;
    }
    let mut end = run.end;
    for length in PARTS {
        if word.get(end) != Some(&b'-') {
            return None;
        }
        let part = Alphanumerics::at(word, end + 1);
        if !part.is_hex || part.end - part.start != length {
            return None;
        }
        end = part.end;
    }
    Some(end)
}

#[cfg(test)]
mod model {
    //! The same in the plainest words: a property test compares both.

    use regex_automata::meta::Regex;

    use super::{
        BYTES_MAX, HEX_CHARS_MIN, ID_CHARS_MIN, ID_DIGITS_MIN, REST, UUID_CHARS, WORDS_MAX,
    };

    pub(super) fn mask(message: &str, out: &mut String) {
        out.clear();
        let message = super::without_colours(message);
        let end = message.floor_char_boundary(BYTES_MAX);
        let is_cut = end < message.len();
        let text = message.get(..end).unwrap_or(&message);
        let mut words = 0;
        let mut left = text.split_whitespace().peekable();
        while words < WORDS_MAX
            && let Some(word) = left.next()
        {
            // the last word may have lost its end
            if is_cut && left.peek().is_none() {
                break;
            }
            part(out);
            mask_word(word, out);
            words += 1;
        }
        if is_cut || left.peek().is_some() {
            part(out);
            out.push_str(REST);
        }
    }

    fn part(out: &mut String) {
        if !out.is_empty() {
            out.push(' ');
        }
    }

    fn mask_word(word: &str, out: &mut String) {
        let (before, core, after) = without_marks(word);
        if let Some(mask) = address(core) {
            out.extend([before, mask, after]);
            return;
        }
        let mut rest = word;
        while let Some(next) = rest.chars().next() {
            let length = run_length(rest);
            if length == 0 {
                out.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            } else if let Some(uuid) = uuid_length(rest) {
                out.push_str("<uuid>");
                rest = rest.get(uuid..).unwrap_or_default();
            } else {
                let (run, others) = rest.split_at(length);
                rest = mask_run(run, others, out);
            }
        }
    }

    /// Brackets, quotes and stops around a word.
    fn without_marks(word: &str) -> (&str, &str, &str) {
        let core = word.trim_start_matches(['(', '[', '{', '<', '"', '\'']);
        let before = word.get(..word.len() - core.len()).unwrap_or_default();
        let core_end = core
            .trim_end_matches([')', ']', '}', '>', '"', '\'', ',', ';', '.', ':', '!', '?'])
            .len();
        let (core, after) = core.split_at(core_end);
        (before, core, after)
    }

    /// The mask of a word that is an address or a path as a whole.
    fn address(word: &str) -> Option<&'static str> {
        if word.len() > 1
            && word.starts_with('/')
            && word.bytes().any(|byte| byte.is_ascii_alphanumeric())
        {
            return Some("<path>");
        }
        let date = r"(\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d|\d\d/[A-Za-z]{3}/\d{4})";
        let clock = r"\d{1,2}:\d\d:\d\d([.,]\d+)?(Z|[+-](:*\d:*){2}|[+-](:*\d:*){4})?";
        let is = |form: String| Regex::new(&format!("^{form}$")).unwrap().is_match(word);
        if word.is_ascii() && is(date.to_owned()) {
            return Some("<date>");
        }
        if word.is_ascii() && (is(clock.to_owned()) || is(format!("{date}[T:_]{clock}"))) {
            return Some("<time>");
        }
        if is_of(word, ':', 6, |part| part.len() == 2 && is_hex(part)) {
            return Some("<mac>");
        }
        let of_ip6 = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
        let colons = word.bytes().filter(|byte| *byte == b':').count();
        let is_ip6 =
            colons >= 2 && word.bytes().all(of_ip6) && (word.contains("::") || colons == 7);
        if is_ip6 {
            return Some("<ip>");
        }
        let host = word.split_once(':').map_or(
            word,
            |(host, port)| {
                if is_number(port) { host } else { word }
            },
        );
        let is_octet = |part: &str| is_number(part) && part.len() <= 3;
        is_of(host, '.', 4, is_octet).then_some("<ip>")
    }

    fn is_of(word: &str, separator: char, count: usize, is_part: impl Fn(&str) -> bool) -> bool {
        word.split(separator).count() == count && word.split(separator).all(is_part)
    }

    fn is_hex(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    fn is_number(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// How many bytes of letters and digits are next.
    fn run_length(text: &str) -> usize {
        text.find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(text.len())
    }

    /// The length of a UUID at the beginning of a text.
    fn uuid_length(text: &str) -> Option<usize> {
        let uuid = text.get(..UUID_CHARS)?;
        let lengths = [8, 4, 4, 4, 12];
        let is_whole = run_length(text.get(UUID_CHARS..)?) == 0;
        let mut parts = uuid.split('-').zip(lengths);
        let fits = uuid.split('-').count() == lengths.len()
            && parts.all(|(part, length)| part.len() == length && is_hex(part));
        (is_whole && fits).then_some(UUID_CHARS)
    }

    /// Adds a run of letters and digits to `out`, masked; gives the text after it. A fraction belongs to its number.
    fn mask_run<'t>(run: &str, after: &'t str, out: &mut String) -> &'t str {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let is_mixed = digits > 0 && digits < run.len();
        if digits == 0 {
            out.push_str(run);
        } else if is_mixed && run.len() >= HEX_CHARS_MIN && is_hex(run)
            || run.strip_prefix("0x").is_some_and(is_hex)
        {
            out.push_str("<hex>");
        } else if is_mixed && run.len() >= ID_CHARS_MIN && digits >= ID_DIGITS_MIN {
            out.push_str("<id>");
        } else {
            let mut was_digit = false;
            for c in run.chars() {
                if !c.is_ascii_digit() {
                    out.push(c);
                } else if !was_digit {
                    out.push_str("<num>");
                }
                was_digit = c.is_ascii_digit();
            }
            if is_number(run)
                && let Some(fraction) = after.strip_prefix('.')
                && fraction.starts_with(|c: char| c.is_ascii_digit())
            {
                let end = fraction.bytes().take_while(u8::is_ascii_digit).count();
                return fraction.get(end..).unwrap_or_default();
            }
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(message: &str) -> String {
        let mut masked = String::new();
        mask(message, &mut masked);
        masked
    }

    #[test]
    fn variable_parts_are_masked_and_words_are_not() {
        for (message, expected) in [
            ("Accepted publickey for root", "Accepted publickey for root"),
            ("took 12.5ms, 3 rows", "took <num>ms, <num> rows"),
            ("from 10.0.0.1 port 51234", "from <ip> port <num>"),
            ("from [10.0.0.1:51234]", "from [<ip>]"),
            ("peer fe80::1 is up", "peer <ip> is up"),
            ("link 52:54:00:12:34:56", "link <mac>"),
            ("id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736.", "id=<uuid>."),
            ("commit 8f3a2bc91d (0xdeadbeef)", "commit <hex> (<hex>)"),
            ("open /var/log/app.log: denied", "open <path>: denied"),
            (
                "worker-12 eth0 2026-11-28T10:00:00Z",
                "worker-<num> eth<num> <time>",
            ),
            (
                "2026-11-29 11:30:46.601 ERROR, on 2026/11/29 at 9:05:07,5.",
                "<date> <time> ERROR, on <date> at <time>.",
            ),
            (
                "[29/Nov/2026:12:10:59 +0000] 2026-11-29T12:10:59.1+01:00",
                "[<time> +<num>] <time>",
            ),
            (
                "12:10 1.2.2026 2026-11 25:1:2",
                "<num>:<num> <num>.<num> <num>-<num> <num>:<num>:<num>",
            ),
            (
                "\u{1b}[90m[12:10:58]\u{1b}[39m \u{1b}[33;1mwarn\u{1b}[39m: took \u{1b}[2m29ms\u{1b}[22m",
                "[<time>] warn: took <num>ms",
            ),
            ("a\u{1b}[1mb \u{1b}c", "a\u{1b}[<num>mb \u{1b}c"),
            ("token AbC123xyz789QRS456", "token <id>"),
            ("feedback deadbeef", "feedback deadbeef"),
            ("", ""),
            ("\u{e4}rger 7", "\u{e4}rger <num>"),
        ] {
            assert_eq!(text(message), expected, "{message}");
        }
    }

    #[test]
    fn the_end_of_a_long_message_is_one_mark() {
        let long = "word ".repeat(400);
        let masked = text(&long);
        assert_eq!(masked.split(' ').count(), WORDS_MAX + 1);
        assert!(masked.ends_with(" <...>"));
        assert_eq!(text(&"x".repeat(2_000)), REST);
    }

    proptest! {
        #[test]
        fn masks_as_the_model_does(
            words in prop::collection::vec(word(), 0..60),
            blanks in prop::collection::vec("[ \t\n\u{b}\u{a0}]{1,2}| ", 60),
        ) {
            let message: String = words.iter().zip(&blanks).flat_map(|(word, blank)| [word, blank]).cloned().collect();
            let mut expected = String::new();
            model::mask(&message, &mut expected);
            prop_assert_eq!(text(&message), expected, "{}", message);
        }
    }

    /// Words of the forms that masks know, and what resembles them.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z]{1,9}[:,.]?",
            "[(\\[\"']?[0-9]{1,4}(\\.[0-9]{0,3}){0,4}(:[0-9]{0,5})?[)\\],.:]?",
            "[0-9a-fx]{1,20}",
            "[0-9A-Za-z]{1,24}",
            "(0x)?[0-9a-f]{0,9}",
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11,13}[.g]?",
            "[0-9a-f]{1,2}(:[0-9a-f]{0,2}){1,8}",
            "\\[?([0-9]{4}[-/][0-9]{2}[-/][0-9]{1,2}|[0-9]{2}/[A-Z][a-z]{2}/2026)?[T:_ ]?([0-9]{1,2}:[0-9]{2}:[0-9]{1,2}([.,][0-9]{0,3})?)?(Z|[+-][0-9]{2}:?[0-9]{0,2})?\\]?",
            "(\u{1b}\\[([0-9]{0,2};?){0,2}m?){0,2}[a-z0-9]{0,3}",
            "[0-9a-f]{0,4}(:[0-9a-f]{0,4}){1,8}(\\.[0-9])?",
            "/?[a-z0-9]{0,5}(/[a-z0-9.]{0,5}){0,3}",
            "[a-z]{1,3}=[0-9a-f.\u{e4}-]{1,12}",
            "[ -~]{1,12}",
            "\\PC{1,5}",
        ]
    }
}
