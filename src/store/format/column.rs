//! Encoding of numbers as varints.

/// Appends `value`, seven bits in each byte, lowest first; the top bit says that another byte follows.
pub(in crate::store) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends `value` so that small numbers of either sign take few bytes.
pub(in crate::store) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(
        out,
        (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(),
    );
}

/// Decodes `count` varints that must fill `bytes`; `None` if they do not.
pub(in crate::store) fn varints(bytes: &[u8], count: usize) -> Option<Vec<u64>> {
    // Each takes at least a byte, so that a wrong count cannot allocate more memory than the bytes take.
    if bytes.len() < count {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    let mut rest = bytes;
    while values.len() + 1 < count {
        if let Some((pair, after)) = two_varints(rest) {
            values.extend_from_slice(&pair);
            rest = after;
        } else {
            let (value, after) = varint(rest)?;
            values.push(value);
            rest = after;
        }
    }
    if values.len() < count {
        let (value, after) = varint(rest)?;
        values.push(value);
        rest = after;
    }
    rest.is_empty().then_some(values)
}

/// The first two varints of `bytes` and the bytes after them, if both are within the first eight bytes. The start of the second
/// does not depend on decoding the first, so that two take the time of one.
#[inline]
fn two_varints(bytes: &[u8]) -> Option<([u64; 2], &[u8])> {
    let word = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    let ends = !word & CONTINUED;
    let later = ends & ends.wrapping_sub(1);
    if later == 0 {
        return None;
    }
    let first = ends.trailing_zeros() + 1;
    let length = later.trailing_zeros() / 8 + 1;
    // All bits up to the cleared top bit.
    let up_to = |end: u64| word & (end ^ end.wrapping_sub(1));
    let pair = [joined(up_to(ends)), joined(up_to(later) >> first)];
    Some((pair, bytes.get(length as usize..)?))
}

/// The first varint of `bytes` and the bytes after it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    // Lengths vary, so that a branch for each byte would be mispredicted: this takes half the time.
    if let Some(word) = bytes.first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let last = !word & CONTINUED;
        if last != 0 {
            let length = last.trailing_zeros() / 8 + 1;
            // All bits up to the cleared top bit.
            let own = word & (last ^ (last - 1));
            return Some((joined(own), bytes.get(length as usize..)?));
        }
    }
    long_varint(bytes)
}

/// The bit of each byte that says that another follows.
const CONTINUED: u64 = 0x8080_8080_8080_8080;

/// The seven low bits of each byte, joined.
fn joined(bytes: u64) -> u64 {
    let bits = (bytes & 0x007f_007f_007f_007f) | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
    (bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4
}

/// A varint near the end of the bytes, or of more than eight bytes.
fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        rest = after;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// Reads varints and texts one by one.
#[derive(Debug)]
pub(in crate::store) struct Varints<'a> {
    rest: &'a [u8],
}

impl<'a> Varints<'a> {
    pub(in crate::store) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(in crate::store) fn next(&mut self) -> Option<u64> {
        let (value, rest) = varint(self.rest)?;
        self.rest = rest;
        Some(value)
    }

    /// A number of items that is at most `max`.
    pub(in crate::store) fn count(&mut self, max: usize) -> Option<usize> {
        let count = usize::try_from(self.next()?).ok()?;
        (count <= max).then_some(count)
    }

    pub(in crate::store) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Undoes the folding of [`put_zigzag`].
pub(in crate::store) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn varints_of_every_length_round_trip() {
        let mut out = vec![];
        for value in [0, 127, 128, 300, u64::MAX] {
            put_varint(&mut out, value);
        }
        assert_eq!(out.len(), 1 + 1 + 2 + 2 + 10);
        assert_eq!(varints(&out, 5), Some(vec![0, 127, 128, 300, u64::MAX]));
        assert_eq!(varints(&out, 4), None, "bytes are left");
        assert_eq!(varints(&out, 6), None, "bytes are missing");
        assert_eq!(varints(&[0xff; 10], 1), None, "more than 64 bits");
        assert_eq!(varints(&[], usize::MAX), None);
    }

    proptest! {
        #[test]
        fn unsigned_numbers_round_trip(values in prop::collection::vec((any::<u64>(), 0u32..64), 0..50)) {
            let values: Vec<u64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            let mut out = vec![];
            for value in &values {
                put_varint(&mut out, *value);
            }
            prop_assert_eq!(varints(&out, values.len()), Some(values));
        }

        #[test]
        fn signed_numbers_round_trip(values in prop::collection::vec(any::<i64>(), 0..50)) {
            let mut out = vec![];
            for value in &values {
                put_zigzag(&mut out, *value);
            }
            let back: Vec<i64> = varints(&out, values.len()).unwrap().into_iter().map(unzigzag).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..300) {
            let _ = varints(&bytes, count);
        }
    }
}
