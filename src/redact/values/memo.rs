//! What was read of a text, so that it is not read again at the next name.

use super::extent::bare_end;
use super::segments::SegmentMemo;
use super::space::ESCAPE;
use super::space::is_space;
use super::worth;
use std::ops::Range;

/// What is known of the values of one text.
#[derive(Debug, Default)]
pub(in crate::redact) struct ValueMemo {
    /// The runs of letters and digits.
    pub(in crate::redact) segments: SegmentMemo,
    pub(in crate::redact) lists: ListMemo,
    /// The run without white space and escape sequences that was read last.
    unbroken: Option<Range<usize>>,
}

impl ValueMemo {
    /// Whether the bare value that starts here looks generated, by its first bytes.
    pub(in crate::redact) fn is_random_near(&mut self, text: &[u8], start: usize) -> bool {
        /// Enough to judge a longer value.
        const LENGTH_MAX: usize = 128;
        let near_end = text.len().min(start.saturating_add(LENGTH_MAX));
        let end = self.unbroken_end(text, start).min(near_end);
        let end = if end < near_end && text.get(end) == Some(&ESCAPE) {
            // a colour within a word does not end it
            let near = text.get(start..near_end).unwrap_or_default();
            start + bare_end(near, 0)
        } else {
            end
        };
        start < end && self.segments.is_random(text, start..end)
    }

    /// The position of the next white space or escape sequence at or after `start`, or the end of the text.
    fn unbroken_end(&mut self, text: &[u8], start: usize) -> usize {
        if let Some(known) = &self.unbroken
            && (known.start..=known.end).contains(&start)
        {
            return known.end;
        }
        let rest = text.get(start..).unwrap_or_default();
        let ends = |&byte: &u8| is_space(byte) || byte == ESCAPE;
        let end = start + rest.iter().position(ends).unwrap_or(rest.len());
        self.unbroken = Some(start..end);
        end
    }
}

/// The part of a list or object that was read last: those of `"a":{"a":{` overlap.
#[derive(Debug, Default)]
pub(in crate::redact) struct ListMemo {
    /// A part of the text between two signs that end a string, without anything random between such signs.
    calm: Range<usize>,
}

impl ListMemo {
    /// Whether a list or object that starts here holds something random near its start.
    pub(in crate::redact) fn hold_random(&mut self, text: &[u8], start: usize) -> bool {
        const LOOKED_AT_MAX: usize = 256;
        let rest = text.get(start..).unwrap_or_default();
        let near_end = start + rest.len().min(LOOKED_AT_MAX);
        let mut at = start;
        let mut calm_from = None;
        loop {
            let near = text.get(at..near_end).unwrap_or_default();
            let end = near
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\'' | b'}' | b']'));
            let part = near.get(..end.unwrap_or(near.len())).unwrap_or_default();
            if worth::is_random(part) {
                return true;
            }
            let Some(end) = end else {
                self.calm = calm_from.unwrap_or(at)..at;
                return false;
            };
            at += end + 1;
            if (self.calm.start..self.calm.end).contains(&at) && self.calm.end <= near_end {
                calm_from.get_or_insert(self.calm.start);
                at = self.calm.end;
            }
            calm_from.get_or_insert(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_judged_as_without_memory(
            text in "(key0|@|[a-zA-Z0-9]{1,30}| |\x1b\\[1m|\x1b\\[0m|[0-9a-f]{120,140}|[.:;-]){0,30}",
            starts in prop::collection::vec(0usize..400, 1..40),
        ) {
            let text = text.as_bytes();
            let mut memo = ValueMemo::default();
            for start in starts {
                let rest = text.get(start..).unwrap_or_default();
                let near = rest.get(..128).unwrap_or(rest);
                let expected = worth::is_random(&near[..bare_end(near, 0)]);
                prop_assert_eq!(memo.is_random_near(text, start), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn lists_are_judged_as_without_memory(
            text in "(\"token\":\\{|[\\[\"'}\\]]|[a-zA-Z0-9]{1,30}|[0-9a-f]{20,260}|[.:, ]){0,40}",
            starts in prop::collection::vec(0usize..600, 1..40),
        ) {
            let text = text.as_bytes();
            let mut memo = ListMemo::default();
            for start in starts {
                let rest = text.get(start..).unwrap_or_default();
                let near = rest.get(..256).unwrap_or(rest);
                let mut parts = near.split(|byte| matches!(byte, b'"' | b'\'' | b'}' | b']'));
                prop_assert_eq!(memo.hold_random(text, start), parts.any(worth::is_random));
            }
        }
    }
}
