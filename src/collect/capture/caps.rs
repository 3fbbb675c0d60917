//! How much of a run is recorded: its head at once, and its tail when it has ended, because that is where errors are.

use crate::capture::Stream;
use crate::collect::text::line::Line;
use crate::record::Metadata;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The maximum output of one run, both streams together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caps {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// How much output the head has taken. It may take three quarters; the tail gets the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutputHead {
    lines: u64,
    bytes: u64,
}

impl OutputHead {
    /// Accepts a line of this length, or returns `false` when the head is full.
    pub(crate) fn admit(&mut self, length: usize, caps: Caps) -> bool {
        let head = |whole: u64| whole - whole / 4;
        let bytes = self.bytes.saturating_add(length as u64);
        let fits = self.lines < head(caps.lines) && bytes <= head(caps.bytes);
        if fits {
            self.lines += 1;
            self.bytes = bytes;
        }
        fits
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A line that becomes a record when the run has ended, unless newer lines push it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldLine {
    pub(crate) time: Micros,
    pub(crate) stream: Stream,
    pub(crate) bytes: Vec<u8>,
    pub(crate) part: u32,
    pub(crate) ended: bool,
}

impl HeldLine {
    pub(crate) fn of(line: &Line<'_>, time: Micros, stream: Stream) -> Self {
        Self {
            time,
            stream,
            bytes: line.bytes.to_vec(),
            part: line.part,
            ended: line.ended,
        }
    }

    /// Marks a part of a line in the metadata of its record.
    pub(crate) fn mark(&self, metadata: &mut Metadata) {
        let line = Line {
            bytes: &self.bytes,
            taken: self.bytes.len(),
            part: self.part,
            ended: self.ended,
        };
        line.mark(metadata);
    }
}

/// The newest lines after the head.
#[derive(Debug)]
pub(crate) struct OutputTail {
    held: VecDeque<HeldLine>,
    bytes: u64,
    /// The part of the caps that the head did not use.
    room: Caps,
    pub(crate) left_out: OmittedLines,
}

/// The lines between head and tail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OmittedLines {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// Stream and time of the first omitted line.
    pub(crate) first: Option<(Stream, Micros)>,
}

impl OutputTail {
    pub(crate) fn behind(head: OutputHead, caps: Caps) -> Self {
        Self {
            held: VecDeque::new(),
            bytes: 0,
            room: Caps {
                lines: caps.lines.saturating_sub(head.lines),
                bytes: caps.bytes.saturating_sub(head.bytes),
            },
            left_out: OmittedLines::default(),
        }
    }

    pub(crate) fn push(&mut self, line: HeldLine) {
        self.bytes += line.bytes.len() as u64;
        self.held.push_back(line);
        while self.held.len() as u64 > self.room.lines || self.bytes > self.room.bytes {
            let Some(oldest) = self.held.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes.len() as u64;
            self.left_out
                .first
                .get_or_insert((oldest.stream, oldest.time));
            self.left_out.lines += 1;
            self.left_out.bytes += oldest.bytes.len() as u64;
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.held.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn into_lines(self) -> VecDeque<HeldLine> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// For these line lengths: which lines the head keeps, which the tail keeps, and what was omitted.
    fn cut(lengths: &[usize], caps: Caps) -> (Vec<usize>, Vec<usize>, OmittedLines) {
        let mut head = OutputHead::default();
        let mut admitted = Vec::new();
        let mut rest = lengths.iter().enumerate().peekable();
        while let Some((n, &length)) = rest.peek().copied() {
            if !head.admit(length, caps) {
                break;
            }
            admitted.push(n);
            rest.next();
        }
        let mut tail = OutputTail::behind(head, caps);
        for (n, &length) in rest {
            tail.push(HeldLine {
                time: Micros::new(i64::try_from(n).unwrap()),
                stream: Stream::Stdout,
                bytes: vec![b'x'; length],
                part: 0,
                ended: true,
            });
        }
        let left_out = tail.left_out;
        let kept = tail.into_lines();
        let kept = kept
            .iter()
            .map(|line| usize::try_from(line.time.get()).unwrap())
            .collect();
        (admitted, kept, left_out)
    }

    #[test]
    fn the_head_keeps_three_quarters() {
        let caps = Caps {
            lines: 8,
            bytes: 1000,
        };
        let (head, tail, left_out) = cut(&[1; 20], caps);
        assert_eq!(head, [0, 1, 2, 3, 4, 5]);
        assert_eq!(tail, [18, 19]);
        assert_eq!((left_out.lines, left_out.bytes), (12, 12));
        assert_eq!(left_out.first, Some((Stream::Stdout, Micros::new(6))));
    }

    #[test]
    fn the_byte_limit_works_like_the_line_limit() {
        let caps = Caps {
            lines: 100,
            bytes: 8,
        };
        let (head, tail, left_out) = cut(&[3, 3, 3, 1, 1], caps);
        assert_eq!((head, tail), (vec![0, 1], vec![3, 4]));
        assert_eq!((left_out.lines, left_out.bytes), (1, 3));
    }

    proptest! {
        #[test]
        fn keeps_exactly_the_lines_that_fit(
            lengths in prop::collection::vec(0usize..20, 0..60),
            lines in 1u64..50,
            bytes in 1u64..300,
        ) {
            let caps = Caps { lines, bytes };
            let (head, tail, left_out) = cut(&lengths, caps);
            let total: usize = lengths.iter().sum();
            let kept: Vec<usize> = head.iter().chain(&tail).copied().collect();
            let kept_bytes: usize = kept.iter().map(|&n| lengths[n]).sum();
            prop_assert!(kept.len() as u64 <= lines && kept_bytes as u64 <= bytes);
            prop_assert_eq!(left_out.lines, (lengths.len() - kept.len()) as u64);
            prop_assert_eq!(left_out.bytes, (total - kept_bytes) as u64);
            prop_assert!(kept.is_sorted());
            if lengths.len() as u64 <= lines && total as u64 <= bytes {
                prop_assert_eq!(left_out.lines, 0);
            }
            prop_assert!(tail.iter().rev().zip((0..lengths.len()).rev()).all(|(a, b)| *a == b), "the newest");
        }
    }
}
