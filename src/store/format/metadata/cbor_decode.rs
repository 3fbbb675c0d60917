//! Decoding of metadata: the part of CBOR (RFC 8949) that [`super::cbor`] writes, in one pass, with bounded depth and memory.
//!
//! Lengths are definite; there are no tags and no byte strings. Anything else, from a damaged or foreign file, is refused.

use crate::record::Metadata;
use serde_json::{Number, Value};

/// Decodes the map that fills `bytes`, whose values nest at most `depth_max` deep; `None` for other bytes.
pub(in crate::store) fn decode(bytes: &[u8], depth_max: usize) -> Option<Metadata> {
    let mut reader = CborReader { rest: bytes };
    let metadata = match reader.head()? {
        (Major::Map, _, pairs) => Metadata::of_pairs(reader.pairs(pairs, depth_max)?),
        _ => return None,
    };
    reader.rest.is_empty().then_some(metadata)
}

/// A value of metadata that was decoded without copying its text.
#[derive(Debug)]
pub(in crate::store) enum Item<'a> {
    Text(&'a str),
    Other(Value),
}

/// The same map as keys with their values, in the order in which they are stored.
pub(in crate::store) fn decode_pairs(
    bytes: &[u8],
    depth_max: usize,
) -> Option<Vec<(&str, Item<'_>)>> {
    let mut reader = CborReader { rest: bytes };
    let (Major::Map, _, length) = reader.head()? else {
        return None;
    };
    let length = reader.possible(length)?;
    let mut pairs = Vec::with_capacity(length.min(ROOM_MAX));
    for _ in 0..length {
        pairs.push((reader.key()?, reader.item(depth_max)?));
    }
    reader.rest.is_empty().then_some(pairs)
}

/// The encoded value of a key in the map that fills `bytes`, empty if there is no such key; `None` for other bytes. Of values only the
/// structure is checked.
pub(super) fn value_bytes<'a>(bytes: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut reader = CborReader { rest: bytes };
    let (Major::Map, _, length) = reader.head()? else {
        return None;
    };
    let mut found: &[u8] = &[];
    for _ in 0..reader.possible(length)? {
        let is_it = reader.raw_text()? == key.as_bytes();
        let value = reader.raw_item()?;
        if is_it {
            found = value;
        }
    }
    reader.rest.is_empty().then_some(found)
}

/// Decodes the value that fills `bytes`, in which values nest at most `depth_max` deep; `None` for other bytes.
pub(super) fn decode_value(bytes: &[u8], depth_max: usize) -> Option<Value> {
    let mut reader = CborReader { rest: bytes };
    let value = reader.value(depth_max)?;
    reader.rest.is_empty().then_some(value)
}

/// The upper three bits of the first byte of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Major {
    Unsigned,
    Negative,
    Text,
    Array,
    Map,
    Simple,
}

/// Reads items one by one.
#[derive(Debug)]
pub(in crate::store) struct CborReader<'a> {
    rest: &'a [u8],
}

impl<'a> CborReader<'a> {
    pub(in crate::store) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number of pairs of a map, which is at most `max`.
    pub(in crate::store) fn map_head(&mut self, max: usize) -> Option<usize> {
        let (Major::Map, _, pairs) = self.head()? else {
            return None;
        };
        self.possible(pairs).filter(|pairs| *pairs <= max)
    }

    /// The bytes of a key, without its head.
    pub(in crate::store) fn raw_key(&mut self) -> Option<&'a [u8]> {
        self.key().map(str::as_bytes)
    }

    /// The bytes of a text, not checked to be UTF-8.
    fn raw_text(&mut self) -> Option<&'a [u8]> {
        let (Major::Text, _, length) = self.head()? else {
            return None;
        };
        let (text, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(text)
    }

    /// The bytes of the next item. Only its structure is checked.
    pub(in crate::store) fn raw_item(&mut self) -> Option<&'a [u8]> {
        let start = self.rest;
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            let (major, _, argument) = self.head()?;
            match major {
                Major::Text => {
                    let length = usize::try_from(argument).ok()?;
                    (_, self.rest) = self.rest.split_at_checked(length)?;
                }
                Major::Array => left = left.checked_add(self.possible(argument)?)?,
                Major::Map => {
                    let pairs = self.possible(argument)?;
                    left = left.checked_add(pairs.checked_mul(2)?)?;
                }
                Major::Unsigned | Major::Negative | Major::Simple => {}
            }
        }
        start.get(..start.len() - self.rest.len())
    }

    /// The head of an item: its major type, the lower five bits, and the argument.
    pub(super) fn head(&mut self) -> Option<(Major, u8, u64)> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        let major = match first >> 5 {
            0 => Major::Unsigned,
            1 => Major::Negative,
            3 => Major::Text,
            4 => Major::Array,
            5 => Major::Map,
            7 => Major::Simple,
            _ => return None,
        };
        let info = first & 0x1f;
        let argument = match info {
            0..=23 => info.into(),
            24..=27 => self.number(1 << (info - 24))?,
            _ => return None,
        };
        Some((major, info, argument))
    }

    /// A value in which values nest at most `depth` deep.
    fn value(&mut self, depth: usize) -> Option<Value> {
        let (major, info, argument) = self.head()?;
        Some(match major {
            Major::Unsigned => Value::from(argument),
            // -1 - n, which is the complement
            Major::Negative => Value::from(!i64::try_from(argument).ok()?),
            Major::Text => Value::String(self.text(argument)?.to_owned()),
            Major::Array => self.list(argument, depth.checked_sub(1)?)?,
            Major::Map => self.object(argument, depth.checked_sub(1)?)?,
            Major::Simple => simple(info, argument)?,
        })
    }

    fn list(&mut self, length: u64, depth: usize) -> Option<Value> {
        let length = self.possible(length)?;
        // A wrong length must not allocate memory for items that do not exist.
        let mut items = Vec::with_capacity(length.min(ROOM_MAX));
        for _ in 0..length {
            items.push(self.value(depth)?);
        }
        Some(Value::Array(items))
    }

    fn object(&mut self, pairs: u64, depth: usize) -> Option<Value> {
        let pairs = self.pairs::<String>(pairs, depth)?;
        Some(Value::Object(pairs.into_iter().collect()))
    }

    /// Keys with their values, in the order in which they are stored.
    fn pairs<K: From<String>>(&mut self, pairs: u64, depth: usize) -> Option<Vec<(K, Value)>> {
        let length = self.possible(pairs)?;
        let mut pairs = Vec::with_capacity(length.min(ROOM_MAX));
        for _ in 0..length {
            let key = self.key()?.to_owned().into();
            pairs.push((key, self.value(depth)?));
        }
        Some(pairs)
    }

    pub(super) fn key(&mut self) -> Option<&'a str> {
        let (Major::Text, _, length) = self.head()? else {
            return None;
        };
        self.text(length)
    }

    /// A value in which values nest at most `depth` deep.
    fn item(&mut self, depth: usize) -> Option<Item<'a>> {
        let mut ahead = CborReader { rest: self.rest };
        if let (Major::Text, _, length) = ahead.head()? {
            let text = ahead.text(length)?;
            self.rest = ahead.rest;
            return Some(Item::Text(text));
        }
        self.value(depth).map(Item::Other)
    }

    /// A big-endian number of `length` bytes.
    fn number(&mut self, length: usize) -> Option<u64> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    /// A count of items, each of which takes at least a byte.
    pub(super) fn possible(&self, count: u64) -> Option<usize> {
        let count = usize::try_from(count).ok()?;
        (count <= self.rest.len()).then_some(count)
    }

    pub(super) fn text(&mut self, length: u64) -> Option<&'a str> {
        let (text, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        str::from_utf8(text).ok()
    }
}

/// A value of major type 7: a constant, or a float with the bits of `argument`.
pub(super) fn simple(info: u8, argument: u64) -> Option<Value> {
    let float = match info {
        20 => return Some(Value::Bool(false)),
        21 => return Some(Value::Bool(true)),
        22 => return Some(Value::Null),
        25 => half(u16::try_from(argument).ok()?),
        26 => f32::from_bits(u32::try_from(argument).ok()?).into(),
        27 => f64::from_bits(argument),
        _ => return None,
    };
    // JSON has no infinities and no NaN.
    Number::from_f64(float).map(Value::Number)
}

/// A float of 16 bits (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * f64::powi(2.0, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * f64::powi(2.0, exponent - 25),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The maximum number of items that are allocated in advance.
const ROOM_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::format::metadata::cbor::tests::any_metadata;
    use crate::store::format::metadata::cbor::{DEPTH_MAX, encode};
    use proptest::prelude::*;
    use serde_json::json;

    fn encoded(metadata: &Metadata) -> Vec<u8> {
        let mut out = vec![];
        encode(metadata, &mut out);
        out
    }

    /// The result of a decoder for all of CBOR.
    fn oracle(bytes: &[u8]) -> Option<Metadata> {
        let mut rest = bytes;
        let found =
            ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX + 2).ok()?;
        rest.is_empty().then_some(found)
    }

    /// Checks that the decoder agrees with the oracle, and refuses only bytes that the encoder does not write.
    fn check(bytes: &[u8]) {
        let expected = oracle(bytes);
        let found = decode(bytes, DEPTH_MAX);
        if found.is_some() {
            assert_eq!(found, expected, "{bytes:02x?}");
        } else {
            let written = expected.is_some_and(|metadata| encoded(&metadata) == bytes);
            assert!(!written || bytes.is_empty(), "{bytes:02x?}");
        }
    }

    fn check_prefixes_and_flips(bytes: &[u8]) {
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length], DEPTH_MAX), None);
            check(&bytes[..length]);
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(&flipped);
        }
    }

    #[test]
    fn every_prefix_and_flip_is_decoded_like_the_oracle() {
        let metadata = json!({
            "unit": "ssh.service", "pid": 4711, "ok": [true, false, null, {}, []], "": "\u{1f980}",
            "half": 1.5, "single": 0.1_f32, "double": 0.1, "tiny": 5.960_464_477_539_063e-8,
            "least": i64::MIN, "most": u64::MAX, "deep": {"a": {"b": [[1, -1, 300, -300, 70000]]}},
            "long": "x".repeat(300),
        });
        check_prefixes_and_flips(&encoded(&serde_json::from_value(metadata).unwrap()));
    }

    #[test]
    fn every_half_is_decoded_like_the_oracle() {
        for bits in 0..=u16::MAX {
            let [low, high] = bits.to_le_bytes();
            let bytes = [0xa1, 0x61, b'x', 0xf9, high, low];
            let number = f64::from_bits(half(bits).to_bits());
            if number.is_finite() {
                assert_eq!(decode(&bytes, DEPTH_MAX), oracle(&bytes), "{bits:04x}");
            } else {
                assert_eq!(decode(&bytes, DEPTH_MAX), None);
            }
        }
    }

    #[test]
    fn bytes_that_no_writer_writes_are_refused() {
        for bytes in [
            &[0xbf, 0xff][..],            // a map of indefinite length
            &[0xa1, 0x01, 0x01],          // a key that is not a text
            &[0xa1, 0x61, b'x', 0x41, 0], // bytes
            &[0xa1, 0x61, b'x', 0xc0, 0], // a tag
            &[0xa1, 0x61, b'x', 0xf7],    // undefined
            &[0xa1, 0x61, 0xff, 0x01],    // no UTF-8
            &[
                0xa1, 0x61, b'x', 0x3b, 255, 255, 255, 255, 255, 255, 255, 255,
            ], // below i64
            &[0xba, 255, 255, 255, 255],  // more pairs than bytes
            &[0xa1, 0x61, b'x', 0x9a, 255, 255, 255, 255],
            &[
                0xa1, 0x61, b'x', 0x7b, 255, 255, 255, 255, 255, 255, 255, 255,
            ],
            &[0xa0, 0],
            &[0x80],
            &[],
        ] {
            assert_eq!(decode(bytes, DEPTH_MAX), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| {
            let mut bytes = vec![0xa1, 0x61, b'x'];
            bytes.extend(vec![0x81; depth]);
            bytes.push(1);
            bytes
        };
        assert!(decode(&nested(DEPTH_MAX), DEPTH_MAX).is_some());
        assert_eq!(decode(&nested(DEPTH_MAX + 1), DEPTH_MAX), None);
        assert_eq!(decode(&nested(1_000_000), DEPTH_MAX), None);
    }

    proptest! {
        #[test]
        fn encoded_metadata_is_decoded_like_the_oracle(metadata in any_metadata()) {
            let bytes = encoded(&metadata);
            if !metadata.is_empty() {
                prop_assert_eq!(decode(&bytes, DEPTH_MAX), Some(metadata));
            }
            check(&bytes);
        }

        #[test]
        fn flips_are_decoded_like_the_oracle(metadata in any_metadata(), at: prop::sample::Index, bit in 0u32..8) {
            let mut bytes = encoded(&metadata);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= 1_u8 << bit;
                check(&bytes);
            }
        }

        #[test]
        fn any_bytes_are_decoded_like_the_oracle(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut map = vec![0xa1, 0x60];
            map.extend(&bytes);
            check(&bytes);
            check(&map);
        }
    }
}
