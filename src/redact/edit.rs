//! Replacements in a text.

use std::ops::Range;

/// The text that replaces a secret.
pub(super) const MASK: &str = "[REDACTED]";

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    /// The rule that matched: an index into the rules of the scanner.
    pub(super) rule: usize,
    /// The bytes to replace.
    pub(super) range: Range<usize>,
    /// The form of the replacement.
    pub(super) form: MaskForm,
}

/// How the mask is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaskForm {
    /// The mask alone.
    Bare,
    /// An equals sign and the mask, which also replace the separator.
    Assigned,
    /// The mask in double quotes, where JSON expects a value.
    Quoted,
}

impl MaskForm {
    fn text(self) -> &'static str {
        match self {
            Self::Bare => MASK,
            Self::Assigned => "=[REDACTED]",
            Self::Quoted => "\"[REDACTED]\"",
        }
    }
}

impl Edit {
    /// An edit with the mask alone.
    pub(super) fn bare(rule: usize, range: Range<usize>) -> Self {
        let form = MaskForm::Bare;
        Self { rule, range, form }
    }

    /// Whether a range contains the secret, without the separator and the quotes around it.
    pub(super) fn is_within(&self, text: &[u8], range: &Range<usize>) -> bool {
        let bytes = text.get(self.range.clone()).unwrap_or_default();
        let is_mark = |byte: &&u8| byte.is_ascii_whitespace() || b"=:\"'`,;>".contains(byte);
        let before = bytes.iter().take_while(is_mark).count();
        let after = bytes.iter().rev().take_while(is_mark).count();
        let (start, end) = (
            self.range.start + before,
            self.range.end.saturating_sub(after),
        );
        range.start <= start && end <= range.end
    }

    /// Whether the edit would change the text.
    pub(super) fn changes(&self, text: &[u8]) -> bool {
        text.get(self.range.clone()) != Some(self.form.text().as_bytes())
    }
}

/// Joins edits that overlap. The joined edit covers both ranges, so that no match of any rule remains, and has the
/// form of the first. The result is sorted and disjoint.
pub(super) fn merged(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut joined: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match joined.last_mut() {
            Some(last) if edit.range.start < last.range.end => {
                last.range.end = last.range.end.max(edit.range.end);
            }
            _ => joined.push(edit),
        }
    }
    joined
}

/// Applies edits that are sorted and disjoint.
pub(super) fn applied(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + edits.len() * MASK.len());
    let mut kept = 0;
    for edit in edits {
        out.extend_from_slice(text.get(kept..edit.range.start).unwrap_or_default());
        out.extend_from_slice(edit.form.text().as_bytes());
        kept = edit.range.end;
    }
    out.extend_from_slice(text.get(kept..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(rule: usize, range: Range<usize>, form: MaskForm) -> Edit {
        Edit { rule, range, form }
    }

    #[test]
    fn overlapping_edits_are_joined() {
        let edits = vec![
            edit(1, 6..9, MaskForm::Bare),
            edit(0, 2..7, MaskForm::Assigned),
            edit(2, 9..10, MaskForm::Quoted),
        ];
        let joined = merged(edits);
        assert_eq!(
            joined,
            [
                edit(0, 2..9, MaskForm::Assigned),
                edit(2, 9..10, MaskForm::Quoted)
            ]
        );
        assert_eq!(
            applied(b"0123456789ab", &joined),
            b"01=[REDACTED]\"[REDACTED]\"ab"
        );
    }

    #[test]
    fn an_edit_to_the_same_text_changes_nothing() {
        assert!(!edit(0, 1..12, MaskForm::Assigned).changes(b"k=[REDACTED] x"));
        assert!(edit(0, 1..12, MaskForm::Assigned).changes(b"k: [REDACTED] x"));
    }
}
