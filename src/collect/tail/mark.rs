//! How far a file was read, in a form that identifies the file by its content: inode numbers are reused at once, and
//! names change with each rotation.

use crate::collect::names::stamp::Inode;
use crate::collect::text::line::BEHIND_MAX;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::io;

/// How many of the first bytes distinguish a file from others: first lines with a time differ well before this.
pub(crate) const HEAD_MAX: usize = 256;

/// A place between two lines, or between two parts of a line that is read in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) inode: Inode,
    /// Offset in the (uncompressed) file.
    pub(crate) offset: u64,
    /// How many parts of the line at `offset` have been read.
    pub(crate) part: u32,
    /// Digest of the first bytes before `offset`, at most [`HEAD_MAX`].
    pub(crate) head: u64,
    /// Digest of the last bytes before `offset`, at most [`BEHIND_MAX`].
    pub(crate) behind: u64,
    /// When the file was last written to, as far as known, in microseconds: files that were rotated later are newer.
    pub(crate) modified: i64,
}

impl Mark {
    pub(crate) fn head_length(&self) -> usize {
        usize::try_from(self.offset).map_or(HEAD_MAX, |offset| offset.min(HEAD_MAX))
    }

    pub(crate) fn behind_length(&self) -> usize {
        usize::try_from(self.offset).map_or(BEHIND_MAX, |offset| offset.min(BEHIND_MAX))
    }

    /// The bytes before the mark, if `read_at` reads the marked file. `read_at` fills the buffer from an offset, or
    /// fails.
    pub(crate) fn recognise(
        &self,
        mut read_at: impl FnMut(&mut [u8], u64) -> io::Result<()>,
    ) -> Option<MarkedBytes> {
        let mut head = vec![0; self.head_length()];
        read_at(&mut head, 0).ok()?;
        let mut behind = vec![0; self.behind_length()];
        if digest(&head) != self.head {
            return None;
        }
        let from = self.offset - behind.len() as u64;
        read_at(&mut behind, from).ok()?;
        (digest(&behind) == self.behind).then_some(MarkedBytes { head, behind })
    }
}

/// The bytes that were found at a mark.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MarkedBytes {
    pub(crate) head: Vec<u8>,
    pub(crate) behind: Vec<u8>,
}

/// SipHash-2-4 with a zero key. It never changes, and short lines cannot simply be read back from it.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(text: &[u8], offset: usize) -> Mark {
        Mark {
            inode: Inode {
                device: 1,
                number: 2,
            },
            offset: offset as u64,
            part: 0,
            head: digest(&text[..offset.min(HEAD_MAX)]),
            behind: digest(&text[offset.saturating_sub(BEHIND_MAX)..offset]),
            modified: 0,
        }
    }

    fn recognised(mark: &Mark, text: &[u8]) -> bool {
        let read_at = |buffer: &mut [u8], offset: u64| {
            let from = usize::try_from(offset).unwrap();
            let bytes = text.get(from..from + buffer.len());
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        mark.recognise(read_at).is_some()
    }

    #[test]
    fn recognises_a_file_by_its_head_and_the_bytes_before_the_mark() {
        let text: Vec<u8> = (0..200)
            .flat_map(|n| format!("line {n}\n").into_bytes())
            .collect();
        let mark = mark(&text, 1000);
        assert!(recognised(&mark, &text));
        assert!(
            recognised(&mark, &[&text[..], b"more"].concat()),
            "it may have grown"
        );
        assert!(!recognised(&mark, &text[..999]), "it may not have shrunk");
        for at in [0, HEAD_MAX - 1, 1000 - BEHIND_MAX, 999] {
            let mut other = text.clone();
            other[at] ^= 1;
            assert!(!recognised(&mark, &other), "byte {at}");
        }
    }

    #[test]
    fn recognises_a_short_file() {
        let mark = mark(b"one\n", 4);
        assert!(recognised(&mark, b"one\ntwo\n"));
        assert!(!recognised(&mark, b"uno\ntwo\n"));
        assert!(!recognised(&mark, b"one"));
    }

    #[test]
    fn the_digest_is_stable() {
        assert_eq!(digest(b""), 0x1e92_4b9d_7377_00d7);
    }
}
