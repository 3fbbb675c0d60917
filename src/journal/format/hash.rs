//! The two hash functions of journal files: Bob Jenkins' lookup3, and siphash24 keyed with the file's id.

use super::id::Id128;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// The lookup3 hash of a payload, with its first word in the upper half.
pub(crate) fn jenkins(data: &[u8]) -> u64 {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut state = [0xdead_beef_u32.wrapping_add(length); 3];
    let mut rest = data;
    while rest.len() > 12 {
        let (block, tail) = rest.split_at(12);
        add(&mut state, block);
        mix(&mut state);
        rest = tail;
    }
    if !rest.is_empty() {
        add(&mut state, rest);
        finish(&mut state);
    }
    let [_, b, c] = state;
    u64::from(c) << 32 | u64::from(b)
}

/// The hash of a payload in a file with keyed hash tables.
pub(crate) fn keyed(file_id: Id128, data: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&file_id.bytes());
    hasher.write(data);
    hasher.finish()
}

/// Adds up to twelve bytes, padded with zeros.
fn add(state: &mut [u32; 3], bytes: &[u8]) {
    for (word, part) in state.iter_mut().zip(bytes.chunks(4)) {
        let number = part
            .iter()
            .rev()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        *word = word.wrapping_add(number);
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    for (rotation_a, rotation_b, rotation_c) in [(4, 6, 8), (16, 19, 4)] {
        *a = a.wrapping_sub(*c) ^ c.rotate_left(rotation_a);
        *c = c.wrapping_add(*b);
        *b = b.wrapping_sub(*a) ^ a.rotate_left(rotation_b);
        *a = a.wrapping_add(*c);
        *c = c.wrapping_sub(*b) ^ b.rotate_left(rotation_c);
        *b = b.wrapping_add(*a);
    }
}

fn finish([a, b, c]: &mut [u32; 3]) {
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(14));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(11));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(25));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(16));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(4));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(14));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that Bob Jenkins' own self-test lists for `hashlittle2` (there `c` first, then `b`).
    #[test]
    fn jenkins_gives_the_published_values() {
        assert_eq!(jenkins(b""), 0xdead_beef_dead_beef);
        assert_eq!(
            jenkins(b"Four score and seven years ago"),
            0x1777_0551_ce72_26e6
        );
    }

    /// The first two reference test vectors: key 00..0f with no input, then with input 00.
    #[test]
    fn keyed_gives_the_published_values() {
        let key = Id128::new([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(keyed(key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(keyed(key, &[0]), 0x74f8_39c5_93dc_67fd);
    }
}
