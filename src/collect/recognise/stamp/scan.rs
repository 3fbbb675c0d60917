//! A cursor in a text that reads digits, words and separators.

/// Reads a text from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeScanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> TimeScanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes have been read.
    pub(crate) fn at(self) -> usize {
        self.at
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Whether the word ends here.
    pub(crate) fn is_word_end(self) -> bool {
        !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric())
    }

    /// Skips `byte`, if it is next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips one of `bytes`, if it is next, and returns it.
    pub(crate) fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// Skips blanks and returns whether there were any.
    pub(crate) fn blanks(&mut self) -> bool {
        let from = self.at;
        while self.take(b' ') {}
        self.at > from
    }

    /// Skips `- `, if it is next.
    pub(crate) fn dash(&mut self) {
        if self.rest().starts_with(b"- ") {
            self.skip(2);
        }
    }

    /// Skips `--`, if it is next.
    pub(crate) fn dashes(&mut self) {
        if self.rest().starts_with(b"--") {
            self.skip(2);
        }
    }

    /// Reads a number of `least` to `most` digits, if no further digit follows.
    pub(crate) fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self.digits();
        if digits.len() < least || digits.len() > most {
            return None;
        }
        self.at += digits.len();
        Some(value(digits))
    }

    /// Reads a number of exactly `count` digits, whatever follows.
    pub(crate) fn exactly(&mut self, count: usize) -> Option<i64> {
        let digits = self.digits().get(..count)?;
        self.at += count;
        Some(value(digits))
    }

    /// The digits that are next, at most 20.
    pub(crate) fn digits(self) -> &'a [u8] {
        let rest = self.rest();
        let count = rest
            .iter()
            .take(20)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        rest.get(..count).unwrap_or_default()
    }

    /// The letters that are next.
    pub(crate) fn letters(self) -> &'a [u8] {
        let rest = self.rest();
        let count = rest
            .iter()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        rest.get(..count).unwrap_or_default()
    }

    pub(crate) fn skip(&mut self, count: usize) {
        self.at = self.text.len().min(self.at + count);
    }

    /// Reads the name of a month, in full or its first three letters.
    pub(crate) fn month(&mut self) -> Option<i64> {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let word = self.letters();
        let is_month = |month: &&str| {
            let name = month.as_bytes();
            let short = name.get(..3).unwrap_or(name);
            word.first().map(u8::to_ascii_uppercase) == name.first().copied()
                && (word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(short))
        };
        let place = MONTHS.iter().position(is_month)?;
        self.skip(word.len());
        i64::try_from(place + 1).ok()
    }

    /// Reads the name of a weekday, in full or three letters, with or without a comma.
    pub(crate) fn weekday(&mut self) -> bool {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let word = self.letters();
        let is_day = |day: &&str| {
            word.get(..3)
                .is_some_and(|start| start.eq_ignore_ascii_case(day.as_bytes()))
                && (word.len() == 3 || word.ends_with(b"day"))
        };
        let found = DAYS.iter().any(is_day);
        if found {
            self.skip(word.len());
            self.take(b',');
        }
        found
    }

    /// Reads the microseconds after a dot or comma, or after a colon if they are three digits; drops finer digits.
    pub(crate) fn fraction(&mut self) -> i64 {
        let mut after = *self;
        let Some(separator) = after.one_of(b".,:") else {
            return 0;
        };
        let digits = after.digits();
        if digits.is_empty() || separator == b':' && digits.len() != 3 {
            return 0;
        }
        after.skip(digits.len());
        *self = after;
        let digit = |place: usize| digits.get(place).map_or(0, |digit| i64::from(digit - b'0'));
        (0..6).fold(0, |sum, place| sum * 10 + digit(place))
    }
}

/// The value of the first 18 digits, which fit an `i64`.
fn value(digits: &[u8]) -> i64 {
    digits
        .iter()
        .take(18)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}
