//! Checked little-endian reading. A [`ByteReader`] holds the unread bytes of a slice and their offset in the file, so
//! that every error names the field and its place.

use std::fmt;

/// The bytes ended before the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truncated {
    /// The name of the field.
    pub(crate) what: &'static str,
    /// Its offset in the file, in bytes.
    pub(crate) offset: u64,
    /// Its size in bytes.
    pub(crate) expected: u64,
    /// The number of bytes that are left.
    pub(crate) found: u64,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            offset,
            expected,
            found,
        } = self;
        write!(
            f,
            "{what} at offset {offset} needs {expected} bytes, found {found}"
        )
    }
}

impl std::error::Error for Truncated {}

/// A cursor over the remaining bytes of a slice.
#[derive(Debug, Clone)]
pub(crate) struct ByteReader<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> ByteReader<'a> {
    /// Reads `bytes`, which are at `offset` in their file.
    pub(crate) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// The offset of the next byte in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The unread bytes.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all bytes were read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `length` bytes.
    pub(crate) fn take(
        &mut self,
        length: usize,
        what: &'static str,
    ) -> Result<&'a [u8], Truncated> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.truncated(length as u64, what));
        };
        self.advance(rest, length);
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], Truncated> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N as u64, what));
        };
        self.advance(rest, N);
        Ok(*taken)
    }

    /// The next byte.
    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Truncated> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// The next two bytes as a number.
    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, Truncated> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// The next four bytes as a number.
    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Truncated> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Truncated> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// The next eight bytes as a signed number.
    pub(crate) fn i64(&mut self, what: &'static str) -> Result<i64, Truncated> {
        self.array(what).map(i64::from_le_bytes)
    }

    fn advance(&mut self, rest: &'a [u8], by: usize) {
        self.rest = rest;
        self.offset = self.offset.saturating_add(by as u64);
    }

    fn truncated(&self, expected: u64, what: &'static str) -> Truncated {
        Truncated {
            what,
            offset: self.offset,
            expected,
            found: self.rest.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_and_in_order() {
        let mut reader = ByteReader::new(&[1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9], 100);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(2));
        assert_eq!(reader.u32("c"), Ok(3));
        assert_eq!(reader.u64("d"), Ok(4));
        assert_eq!(reader.offset(), 115);
        assert_eq!(reader.rest(), [9]);
        assert_eq!(reader.take(1, "e"), Ok(&[9][..]));
        assert!(reader.is_empty());
    }

    #[test]
    fn an_error_names_what_where_and_how_much() {
        let mut reader = ByteReader::new(&[1, 2, 3, 4, 5], 0x40);
        reader.u16("flags").unwrap();
        let error = reader.u64("entry size").unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry size at offset 66 needs 8 bytes, found 3"
        );
        assert_eq!(reader.rest(), [3, 4, 5], "a failed read consumes nothing");
    }
}
