//! Where the alphabet of a column changes. A block of zstd has one code for all of its bytes: hexadecimal digits take four bits in a
//! block of their own, and more among words.

use std::sync::LazyLock;

/// The places at which cutting `raw` into blocks makes it shorter, out of `ends`, the ascending ends of parts that are alike within.
pub(in crate::store) fn cuts(raw: &[u8], ends: &[usize]) -> Vec<usize> {
    let mut cuts = vec![];
    let mut block = ByteCounts::default();
    let mut start = 0;
    for end in ends {
        let part = raw.get(start..*end).unwrap_or_default();
        if part.len() < PART_BYTES_MIN {
            block.add(part);
        } else {
            let mut alone = ByteCounts::default();
            alone.add(part);
            let together = block.with(&alone);
            if block.bits() + alone.bits() + BLOCK_BITS < together.bits() {
                cuts.push(start);
                block = alone;
            } else {
                block = together;
            }
        }
        start = *end;
    }
    cuts
}

/// How often there is each byte.
#[derive(Debug)]
struct ByteCounts([u32; 256]);

impl Default for ByteCounts {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl ByteCounts {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(count) = self.0.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
    }

    fn with(&self, other: &Self) -> Self {
        let mut both = Self(self.0);
        for (count, more) in both.0.iter_mut().zip(other.0) {
            *count += more;
        }
        both
    }

    /// The bits that the best code takes for all of these bytes.
    fn bits(&self) -> f32 {
        let total: u32 = self.0.iter().sum();
        bits_of(total) - self.0.iter().map(|count| bits_of(*count)).sum::<f32>()
    }
}

/// The product of a count and its binary logarithm.
fn bits_of(count: u32) -> f32 {
    let known = BITS_OF.get(count as usize).copied();
    known.unwrap_or_else(|| computed(count))
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn computed(count: u32) -> f32 {
    let count = count as f32;
    if count > 0.0 {
        count * count.log2()
    } else {
        0.0
    }
}

/// Those of the counts of most parts.
static BITS_OF: LazyLock<Vec<f32>> = LazyLock::new(|| (0..1024).map(computed).collect());

/// What a block takes apart from its bytes: heads and the tables of its codes, as measured on records of 60 fields.
const BLOCK_BITS: f32 = 1_600.0;
/// A shorter part is never worth a block.
const PART_BYTES_MIN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn hexadecimal(length: usize) -> Vec<u8> {
        let digits = (0..length as u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        digits
            .map(|digit| b"0123456789abcdef"[(digit >> 60) as usize])
            .collect()
    }

    #[test]
    fn parts_are_cut_where_their_bytes_differ() {
        let words = b"timeout of the upstream, closed by its peer ".repeat(100);
        let parts = [
            words.clone(),
            words,
            hexadecimal(5_000),
            hexadecimal(4_000),
            vec![0; 3_000],
        ];
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |end, part| {
                *end += part.len();
                Some(*end)
            })
            .collect();
        let found = cuts(&parts.concat(), &ends);
        assert_eq!(found, [ends[1], ends[3]]);
    }

    #[test]
    fn small_parts_and_missing_ones_are_not_cut() {
        let parts = [hexadecimal(200), vec![0; 200]].concat();
        assert!(cuts(&parts, &[200, 400]).is_empty());
        assert!(cuts(&parts, &[]).is_empty());
        assert!(cuts(&[], &[0, 0]).is_empty());
        assert!(cuts(&parts, &[9_000]).is_empty());
    }
}
