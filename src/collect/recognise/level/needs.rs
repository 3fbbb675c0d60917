//! What a text must have for a form to match it: its first byte, bytes anywhere in it, a label as its first word. A line
//! has one or two of the forms of single programs: this finds them without trying the others.

use crate::collect::recognise::rules::Rule;
use crate::record::Level;

/// Reads one form; returns `None` if the text has another.
pub(super) type LevelForm = fn(&[u8]) -> Option<Level>;

/// A form of a rule, and what each text of this form has. A form with alternatives has several rows.
#[derive(Debug)]
pub(super) struct FormRow {
    pub(super) rule: Rule,
    pub(super) read: LevelForm,
    /// The bytes of which one begins the text; empty for any.
    starts: &'static [u8],
    bytes: ByteSet,
    /// Whether a colon ends the first word.
    is_labelled: bool,
    /// Whether it has the same form as the row before it.
    is_alternative: bool,
}

impl FormRow {
    /// A form that any text may have.
    pub(super) const fn new(rule: Rule, read: LevelForm) -> Self {
        Self {
            rule,
            read,
            starts: b"",
            bytes: ByteSet(0),
            is_labelled: false,
            is_alternative: false,
        }
    }

    /// The same form as that of the row before.
    pub(super) const fn or(self) -> Self {
        Self {
            is_alternative: true,
            ..self
        }
    }

    /// The same for texts that begin with one of these bytes.
    pub(super) const fn starts(self, starts: &'static [u8]) -> Self {
        Self { starts, ..self }
    }

    /// The same for texts that have all of these bytes, in any order.
    pub(super) const fn has(self, bytes: &[u8]) -> Self {
        let bytes = ByteSet::of(bytes);
        Self { bytes, ..self }
    }

    /// The same for texts whose first word ends with a colon.
    pub(super) const fn labelled(self) -> Self {
        Self {
            is_labelled: true,
            ..self
        }
    }

    /// Whether a text with these bytes, and with or without a label, may have this form, apart from how it begins.
    pub(super) fn may_match(&self, bytes: ByteSet, is_labelled: bool) -> bool {
        bytes.has(self.bytes) && (is_labelled || !self.is_labelled)
    }
}

/// For each byte the rows of texts that begin with it, as bits.
pub(super) type RowsByStart = [u128; 256];

/// Sorts rows by the beginnings of their texts.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
pub(super) const fn rows_by_start(forms: &[FormRow]) -> RowsByStart {
    assert!(forms.len() <= 128, "each row has a bit");
    let mut rows = [0; 256];
    let mut row = 0;
    while row < forms.len() {
        let starts = forms[row].starts;
        let count = if starts.is_empty() {
            rows.len()
        } else {
            starts.len()
        };
        let mut at = 0;
        while at < count {
            let byte = if starts.is_empty() {
                at
            } else {
                starts[at] as usize
            };
            rows[byte] |= 1 << row;
            at += 1;
        }
        row += 1;
    }
    rows
}

/// For each row the later rows with the same form, as bits.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
pub(super) const fn alternatives<const ROWS: usize>(forms: &[FormRow; ROWS]) -> [u128; ROWS] {
    let mut rows = [0; ROWS];
    let mut row = ROWS - 1;
    while row > 0 {
        if forms[row].is_alternative {
            rows[row - 1] = rows[row] | 1 << row;
        }
        row -= 1;
    }
    rows
}

/// Which bytes a text has: one bit for each class of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteSet(u64);

/// The class of a byte: letters and the signs of the forms have their own, all other bytes share one.
const fn class_of(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => 26 + byte - b'A',
        b':' => 52,
        b'*' => 53,
        b'=' => 54,
        b'[' => 55,
        b'/' => 56,
        b'-' => 57,
        b'.' => 58,
        b'(' => 59,
        b'\t' => 60,
        b'|' => 61,
        b' ' => 62,
        _ => 63,
    }
}

/// The set of each single byte.
static SETS: [u64; 256] = sets();

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn sets() -> [u64; 256] {
    let mut sets = [0; 256];
    let mut byte = 0_u8;
    loop {
        sets[byte as usize] = 1 << class_of(byte);
        if byte == u8::MAX {
            return sets;
        }
        byte += 1;
    }
}

impl ByteSet {
    /// The bytes of a text that is known at compile time.
    const fn of(text: &[u8]) -> Self {
        let mut set = 0;
        let mut rest = text;
        while let [byte, after @ ..] = rest {
            set |= 1 << class_of(*byte);
            rest = after;
        }
        Self(set)
    }

    /// The bytes of a line.
    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is less than 256: no check is left"
    )]
    pub(super) fn of_line(line: &[u8]) -> Self {
        Self(
            line.iter()
                .fold(0, |set, byte| set | SETS[usize::from(*byte)]),
        )
    }

    /// Whether all bytes of `other` are in this set.
    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a `|` is in this set.
    pub(super) const fn has_bar(self) -> bool {
        self.has(Self::of(b"|"))
    }
}
