//! What was read of a text, so that it is not read again at the next name.

use super::extent::bare_end;
use super::segments::SegmentMemo;
use super::space::ESCAPE;
use super::space::is_space;
use std::ops::Range;

/// What is known of the values of one text.
#[derive(Debug, Default)]
pub(in crate::redact) struct ValueMemo {
    /// The runs of letters and digits.
    pub(in crate::redact) segments: SegmentMemo,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::values::worth;
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
}
