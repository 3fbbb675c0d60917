//! Values that are not after a link: before their name, or two lines below it; and names that are a part of another name.

use super::link::Link;
use crate::redact::values::space::is_space;
use std::ops::Range;

/// The value that is listed before a name that ends at `end`: `{"value":"x","name":"TOKEN"}`.
pub(super) fn value_before(text: &[u8], end: usize) -> Option<Range<usize>> {
    /// The maximum length of the value, and of the name.
    const LENGTH_MAX: usize = 256;
    if !matches!(text.get(end..end + 2), Some([b'"', b'}' | b','])) {
        return None;
    }
    let near = |end: usize| text.get(end.saturating_sub(LENGTH_MAX)..end);
    let length = near(end)?.iter().rev().position(|&byte| byte == b'"')?;
    let before = near(end - length - 1)?;
    let start = end - length - 1 - before.len();
    let before = without_key(before, &[b"name", b"key"])?;
    let before = before.trim_ascii_end().strip_suffix(b",")?;
    let before = before.trim_ascii_end().strip_suffix(b"\"")?;
    let value = before.iter().rposition(|&byte| byte == b'"')? + 1;
    without_key(before.get(..value - 1)?, &[b"value"])?;
    Some(start + value..start + before.len())
}

/// The text before a quoted key and its colon, if the key is at the end of the text and ends in one of these words.
fn without_key<'a>(text: &'a [u8], words: &[&[u8]]) -> Option<&'a [u8]> {
    let text = text.trim_ascii_end().strip_suffix(b":")?;
    let text = text.trim_ascii_end().strip_suffix(b"\"")?;
    let quote = text.iter().rposition(|&byte| byte == b'"')?;
    let key = text.get(quote + 1..)?;
    let is_known = words.iter().any(|word| {
        let start = key.len().checked_sub(word.len());
        let end = start.and_then(|start| key.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(word))
    });
    is_known.then(|| text.get(..quote))?
}

/// The value of a field of a form, two line ends after its name: `form-data; name="password"`.
pub(super) fn form_value(text: &[u8], link: &Link) -> Option<Range<usize>> {
    /// The maximum length of a name.
    const NAME_LENGTH_MAX: usize = 64;
    const START: &[u8] = b"form-data; name=\"";
    let between = text.get(link.start..link.value)?;
    if !matches!(between, b"\"\n\n" | b"\"\r\n\r\n") {
        return None;
    }
    let near = link.start.saturating_sub(START.len() + NAME_LENGTH_MAX);
    memchr::memmem::rfind(text.get(near..link.start)?, START)?;
    let rest = text.get(link.value..)?;
    let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    Some(link.value..link.value + length.unwrap_or(rest.len()))
}

/// The names of cloud resources in a text: `arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-a1B2c3`.
#[derive(Debug, Default)]
pub(super) struct ResourceMemo {
    /// How much of the text was searched, and where the last of them begins in it.
    read: usize,
    last: Option<usize>,
}

impl ResourceMemo {
    /// Whether a secret's name that starts at `start` is a part of the name of a resource.
    pub(super) fn holds(&mut self, text: &[u8], start: usize) -> bool {
        /// The maximum length of a resource name before its last part.
        const LENGTH_MAX: usize = 96;
        const BEGINNING: &[u8] = b"arn:";
        let least = start.saturating_sub(LENGTH_MAX);
        let before = text.get(least..start).unwrap_or_default();
        if !before.ends_with(b":") {
            return false;
        }
        if start < self.read {
            *self = Self::default();
        }
        let from = least.max(self.read.saturating_sub(BEGINNING.len() - 1));
        let unread = text.get(from..start).unwrap_or_default();
        let found = unread
            .windows(BEGINNING.len())
            .rposition(|window| window == BEGINNING);
        self.last = found.map(|at| from + at).or(self.last);
        self.read = start;
        let name = self
            .last
            .and_then(|last| before.get(last.checked_sub(least)?..));
        name.is_some_and(|name| !name.iter().any(|&byte| is_space(byte)))
    }
}
