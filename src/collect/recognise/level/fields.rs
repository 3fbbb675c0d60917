//! The fields of a JSON or logfmt line, as far as the search for a level needs them: names and scalar values, without
//! parsing the line completely. A line cut at the limit is read as far as it goes.

/// Maximum number of fields read: a level is among the first fields, and a hostile line must stay cheap.
const FIELDS_MAX: usize = 64;

/// A value as it is written: the inside of a string with its escapes, a number, a word, or nothing for a nested
/// value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValue<'a> {
    /// The inside of a string, escapes included.
    Text(&'a [u8]),
    /// A number, `true`, `false` or `null`.
    Bare(&'a [u8]),
    /// An object or array, and the text after it.
    Nested(&'a [u8]),
}

/// The fields of one line, in the order of the line.
#[derive(Debug, Default)]
pub(crate) struct FieldList<'a> {
    /// For each field: the outer name, if it is in an inner object (levels are not searched deeper); its name; its
    /// value.
    fields: Vec<(&'a [u8], &'a [u8], FieldValue<'a>)>,
    /// A bit for each name: a search is mostly for names that the line has not.
    names: u64,
}

/// The bit of a name in upper or lower case. Several names share one.
#[inline]
fn name_bit(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, |first| usize::from(first & 0x1f));
    1 << ((first + 5 * name.len()) & 63)
}

impl<'a> FieldList<'a> {
    /// Whether the line has no field.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of a field of the outer object.
    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<FieldValue<'a>> {
        self.inner(b"", name)
    }

    /// The value of the field `name` in the object that `outer` holds.
    #[inline]
    pub(crate) fn inner(&self, outer: &[u8], name: &[u8]) -> Option<FieldValue<'a>> {
        if self.names & name_bit(name) == 0 {
            return None;
        }
        self.search(outer, name)
    }

    /// The same, apart from the names that no field has: a call for each of them showed in profiles.
    #[inline(never)]
    fn search(&self, outer: &[u8], name: &[u8]) -> Option<FieldValue<'a>> {
        self.fields
            .iter()
            .find(|(within, known, _)| known.eq_ignore_ascii_case(name) && *within == outer)
            .map(|&(_, _, value)| value)
    }

    fn push(&mut self, outer: &'a [u8], name: &'a [u8], value: FieldValue<'a>) {
        self.names |= name_bit(name);
        self.fields.push((outer, name, value));
    }

    /// Whether the outer object has a field of one of these names.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name.as_bytes()).is_some())
    }

    /// Reads the first two levels of an object.
    pub(crate) fn of_json(line: &'a [u8]) -> Self {
        let mut fields = Self::default();
        fields.read_object(line);
        fields
    }

    fn read_object(&mut self, line: &'a [u8]) -> Option<()> {
        let mut rest = line.strip_prefix(b"{")?;
        // The names of the open objects, except the outermost; deeper ones are skipped together with their arrays.
        let mut outer: &[u8] = b"";
        let mut depth = 1u32;
        let mut array_depth = 0u32;
        while self.fields.len() < FIELDS_MAX {
            rest = skip_separators(rest);
            match rest.split_first()? {
                (b'"', after) => {
                    let (name, after) = string(after)?;
                    let after = after.trim_ascii_start();
                    let Some(value) = after.strip_prefix(b":").filter(|_| array_depth == 0) else {
                        rest = after;
                        continue;
                    };
                    let value = value.trim_ascii_start();
                    let (value, after) = scalar(value)?;
                    if depth <= 2 {
                        self.push(outer, name, value);
                    }
                    if depth == 1 && after.starts_with(b"{") {
                        outer = name;
                    }
                    rest = after;
                }
                (b'{', after) => {
                    depth += 1;
                    rest = after;
                }
                (b'[', after) => {
                    array_depth += 1;
                    rest = after;
                }
                (b'}', after) => {
                    depth = depth.checked_sub(1).filter(|&depth| depth > 0)?;
                    if depth == 1 {
                        outer = b"";
                    }
                    rest = after;
                }
                (b']', after) => {
                    array_depth = array_depth.checked_sub(1)?;
                    rest = after;
                }
                (_, after) => rest = after,
            }
        }
        Some(())
    }

    /// Reads `name=value name="quoted value"`; skips words that are not pairs.
    pub(crate) fn of_logfmt(line: &'a [u8]) -> Self {
        let mut fields = Self::default();
        let mut rest = line;
        while fields.fields.len() < FIELDS_MAX {
            rest = rest.trim_ascii_start();
            let length = rest.iter().take_while(|&&byte| is_name_byte(byte)).count();
            let Some((name, after)) = rest.split_at_checked(length) else {
                break;
            };
            let Some(value) = after.strip_prefix(b"=") else {
                let Some(skipped) = after.iter().position(u8::is_ascii_whitespace) else {
                    break;
                };
                rest = after.get(skipped..).unwrap_or_default();
                continue;
            };
            let Some((value, after)) = logfmt_value(value) else {
                break;
            };
            fields.push(b"", name, FieldValue::Text(value));
            rest = after;
        }
        fields
    }
}

/// The strings of the array at the start of `text`, without those of inner arrays and objects.
pub(crate) fn strings(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text.strip_prefix(b"[").unwrap_or_default();
    std::iter::from_fn(move || {
        rest = skip_separators(rest);
        let (text, after) = string(rest.strip_prefix(b"\"")?)?;
        rest = after;
        Some(text)
    })
    .take(FIELDS_MAX)
}

/// Whether the first word of `line` is `name=...`, as every word of a logfmt line is.
pub(crate) fn starts_with_pair(line: &[u8]) -> bool {
    let name = line.iter().take_while(|&&byte| is_name_byte(byte)).count();
    name > 0 && line.get(name) == Some(&b'=')
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')
}

fn logfmt_value(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(text) = value.strip_prefix(b"\"") {
        return string(text);
    }
    let end = value
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(value.len());
    value.split_at_checked(end)
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let is_separator = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let skipped = text.iter().take_while(|byte| is_separator(byte)).count();
    text.get(skipped..).unwrap_or_default()
}

/// The raw text up to the closing quote, and the text after it.
fn string(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', rest.get(from..)?)?;
        if rest.get(at) == Some(&b'"') {
            return Some((rest.get(..at)?, rest.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// A value and the text after it; an object or array is not consumed.
fn scalar(text: &[u8]) -> Option<(FieldValue<'_>, &[u8])> {
    match text.first()? {
        b'"' => string(text.get(1..)?).map(|(inside, after)| (FieldValue::Text(inside), after)),
        b'{' | b'[' => Some((FieldValue::Nested(text), text)),
        _ => {
            let is_end =
                |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']');
            let (value, after) = text.split_at_checked(text.iter().position(is_end)?)?;
            Some((FieldValue::Bare(value), after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_two_levels_of_an_object() {
        let line = br#"{"a":"x","log":{"level":"warn","deep":{"level":"debug"}},"list":["level","b"],"n" : 7, "end":true}"#;
        let fields = FieldList::of_json(line);
        assert_eq!(fields.get(b"a"), Some(FieldValue::Text(b"x")));
        assert_eq!(
            fields.inner(b"log", b"level"),
            Some(FieldValue::Text(b"warn"))
        );
        assert!(matches!(
            fields.inner(b"log", b"deep"),
            Some(FieldValue::Nested(_))
        ));
        assert_eq!(fields.get(b"level"), None);
        assert_eq!(fields.get(b"N"), Some(FieldValue::Bare(b"7")));
        assert_eq!(fields.get(b"end"), Some(FieldValue::Bare(b"true")));
    }

    #[test]
    fn a_line_that_was_cut_is_read_as_far_as_it_goes() {
        let fields = FieldList::of_json(br#"{"level":"error","msg":"cut of"#);
        assert_eq!(fields.get(b"level"), Some(FieldValue::Text(b"error")));
        assert_eq!(fields.get(b"msg"), None);
    }

    #[test]
    fn reads_pairs_and_skips_words() {
        let fields = FieldList::of_logfmt(br#"ts=1 words level=warn msg="a level=error b""#);
        assert_eq!(fields.get(b"level"), Some(FieldValue::Text(b"warn")));
        assert_eq!(
            fields.get(b"msg"),
            Some(FieldValue::Text(b"a level=error b"))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in "[a-z={}\":\\\\ ,0-9\\[\\]]{0,80}") {
            let _ = FieldList::of_json(line.as_bytes());
            let _ = FieldList::of_logfmt(line.as_bytes());
        }
    }
}
