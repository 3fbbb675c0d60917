//! The labels of a line: those of its stream, its structured metadata, and those that stages add.

use std::borrow::Cow;

/// The label with the error of a pipeline.
pub(crate) const ERROR: &str = "__error__";
/// The label with details of the error.
pub(crate) const ERROR_DETAILS: &str = "__error_details__";

/// Where a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LabelKind {
    /// It names the stream.
    Stream,
    /// It came with the line.
    Metadata,
    /// A stage made it.
    Parsed,
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Cow<'a, str>,
    pub(crate) kind: LabelKind,
}

/// The labels of a line, each name once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels<'a> {
    list: Vec<Label<'a>>,
}

impl<'a> Labels<'a> {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            list: Vec::with_capacity(count),
        }
    }

    /// Adds a label whose name is new.
    pub(crate) fn push(
        &mut self,
        kind: LabelKind,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) {
        self.list.push(Label {
            name: name.into(),
            value: value.into(),
            kind,
        });
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|label| &*label.value)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Label<'a>> {
        self.list.iter().find(|label| label.name == name)
    }

    /// Sets the value of a label; a label that there is becomes one of this kind.
    pub(super) fn set(&mut self, kind: LabelKind, name: Cow<'a, str>, value: Cow<'a, str>) {
        match self.list.iter_mut().find(|label| label.name == name) {
            Some(label) => {
                label.value = value;
                label.kind = kind;
            }
            None => self.list.push(Label { name, value, kind }),
        }
    }

    /// Sets a label that a parser found. If the stream has a label of that name, the new one gets a suffix.
    pub(super) fn set_parsed(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        let is_taken = self
            .find(&name)
            .is_some_and(|label| label.kind == LabelKind::Stream);
        let name = if is_taken {
            Cow::Owned(format!("{name}_extracted"))
        } else {
            name
        };
        self.set(LabelKind::Parsed, name, value);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Label<'a>> {
        let at = self.list.iter().position(|label| label.name == name)?;
        Some(self.list.remove(at))
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Label<'a>) -> bool) {
        self.list.retain(keep);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Label<'a>> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Label<'a>> {
        self.list.iter_mut()
    }

    /// Notes an error, unless there is an earlier one.
    pub(super) fn set_error(&mut self, error: &'static str, details: String) {
        if self.has_error() {
            return;
        }
        self.set(LabelKind::Parsed, ERROR.into(), error.into());
        if !details.is_empty() {
            self.set(LabelKind::Parsed, ERROR_DETAILS.into(), details.into());
        }
    }

    pub(super) fn has_error(&self) -> bool {
        self.find(ERROR).is_some()
    }
}

/// `name` with all characters replaced that are not allowed in label names.
pub(crate) fn sanitized(name: &str) -> Cow<'_, str> {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let begins_well = !name.starts_with(|c: char| c.is_ascii_digit());
    if begins_well && name.bytes().all(is_part) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 1);
    if !begins_well {
        out.push('_');
    }
    let chars = name.trim().chars();
    out.extend(chars.map(|c| {
        if u8::try_from(c).is_ok_and(is_part) {
            c
        } else {
            '_'
        }
    }));
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_characters_of_label_names_are_replaced() {
        assert_eq!(sanitized("http.status-code"), "http_status_code");
        assert_eq!(sanitized("1st"), "_1st");
        assert_eq!(sanitized("ok_1"), "ok_1");
        assert_eq!(sanitized("gr\u{f6}\u{df}e"), "gr__e");
    }

    #[test]
    fn a_parsed_label_replaces_metadata_but_not_stream_labels() {
        let mut labels = Labels::default();
        labels.push(LabelKind::Stream, "level", "info");
        labels.push(LabelKind::Metadata, "pid", "1");
        labels.set_parsed("level".into(), "debug".into());
        labels.set_parsed("pid".into(), "2".into());
        assert_eq!(labels.get("level"), Some("info"));
        assert_eq!(labels.get("level_extracted"), Some("debug"));
        assert_eq!(labels.find("pid").unwrap().kind, LabelKind::Parsed);
    }

    #[test]
    fn the_first_error_is_kept() {
        let mut labels = Labels::default();
        labels.set_error("JSONParserErr", "a".to_owned());
        labels.set_error("LabelFilterErr", "b".to_owned());
        assert_eq!(labels.get(ERROR), Some("JSONParserErr"));
        assert_eq!(labels.get(ERROR_DETAILS), Some("a"));
    }
}
