//! What a text must have for a form to match it: its first byte, bytes anywhere in it, a label as its first word. A line
//! has one or two of the forms of single programs: this finds them without trying the others.

use crate::collect::recognise::bytes::ByteSet;
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
    needs: ByteSet,
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
            needs: ByteSet::NONE,
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
        let needs = self.needs.and(ByteSet::of_bytes(bytes));
        Self { needs, ..self }
    }

    /// The same for texts that this text is a part of.
    pub(super) const fn says(self, text: &[u8]) -> Self {
        let needs = self.needs.and(ByteSet::of_text(text));
        Self { needs, ..self }
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
        bytes.has(self.needs) && (is_labelled || !self.is_labelled)
    }
}

/// For each byte the rows of texts that begin with it, as bits in two words.
pub(super) type RowsByStart = [[u64; 2]; 256];

/// Sorts rows by the beginnings of their texts.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
pub(super) const fn rows_by_start(forms: &[FormRow]) -> RowsByStart {
    assert!(forms.len() <= 128, "each row has a bit");
    let mut rows = [[0; 2]; 256];
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
            rows[byte][row / 64] |= 1 << (row % 64);
            at += 1;
        }
        row += 1;
    }
    rows
}

/// For each quarter of the pairs of a text, and each value of it, the rows that the text may have.
pub(super) type RowsByPairs = [[[u64; 2]; 16]; ByteSet::QUARTERS];

/// Sorts rows by the pairs that their texts need.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
pub(super) const fn rows_by_pairs(forms: &[FormRow]) -> RowsByPairs {
    let mut rows = [[[0; 2]; 16]; ByteSet::QUARTERS];
    let mut row = 0;
    while row < forms.len() {
        let mut quarter = 0;
        while quarter < rows.len() {
            let needed = forms[row].needs.quarter(quarter);
            let mut value = 0;
            while value < 16 {
                if needed & !value == 0 {
                    rows[quarter][value][row / 64] |= 1 << (row % 64);
                }
                value += 1;
            }
            quarter += 1;
        }
        row += 1;
    }
    rows
}

/// For each row the later rows with the same form, as bits of the row's word.
#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
pub(super) const fn alternatives<const ROWS: usize>(forms: &[FormRow; ROWS]) -> [u64; ROWS] {
    let mut rows = [0; ROWS];
    let mut row = ROWS - 1;
    while row > 0 {
        // a form whose rows are in two words may be tried twice
        if forms[row].is_alternative && !row.is_multiple_of(64) {
            rows[row - 1] = rows[row] | 1 << (row % 64);
        }
        row -= 1;
    }
    rows
}
