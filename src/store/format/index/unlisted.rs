//! The values that a field index does not list: the filter of their block has them.

use super::bloom::{BloomBuilder, BloomFilter};
use super::fold::fold;
use super::tokens::{self, TOKEN_MIN, mixed};
use crate::store::format::metadata::values::BOOKKEEPING_KEYS;

/// Adds a value of a path, unless its long tokens are in the filter already.
pub(in crate::store) fn add(path: &str, text: &str, filter: &mut BloomBuilder) {
    if !is_sampled(path, text) {
        filter.add(pair_hash(path, text));
    }
}

/// False only if no row of the block has this value under the path.
pub(in crate::store) fn may_have(path: &str, text: &str, filter: BloomFilter<'_>) -> bool {
    if !filter.has_sampled_values() || !is_sampled(path, text) {
        return filter.may_contain(pair_hash(path, text));
    }
    let mut may_have = true;
    tokens::each_sample(fold(text).as_bytes(), |sample| {
        may_have = may_have && filter.may_contain(sample);
    });
    may_have
}

/// Whether the filter has samples of the value since it is a searched text: one of a bookkeeping key is not, and the JSON form of a
/// list or a map is not the text that is searched.
fn is_sampled(path: &str, text: &str) -> bool {
    let is_scalar = !text.starts_with(['[', '{']);
    let outer = path.split_once('.').map_or(path, |(outer, _)| outer);
    text.len() >= TOKEN_MIN
        && is_scalar
        && !BOOKKEEPING_KEYS.contains(&outer)
        && tokens::has_token(text)
}

/// The hash of a value of a path: FNV-1a over the path, a zero byte and the text, then mixed.
fn pair_hash(path: &str, text: &str) -> u64 {
    mixed(fnv(path.bytes().chain([0]).chain(text.bytes())))
}

/// The 64-bit FNV-1a hash of bytes.
pub(super) fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
