//! How far a live tail of several nodes has come: the last id of each, signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use std::collections::BTreeMap;

/// Distinguishes positions from everything else that is signed with the same secret.
const PURPOSE: &[u8] = b"vmlog gateway tail 1";

const TAG_BYTES: usize = 12;

/// A node is named by the first bytes of a digest: the text is part of every event.
const NAME_BYTES: usize = 6;

/// Maximum length of a text that is looked at: 64 nodes take a quarter.
const TEXT_BYTES_MAX: usize = 8 * 1_024;

type NodeDigest = [u8; NAME_BYTES];

/// The last id that a client has of each node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::gateway) struct TailPosition(BTreeMap<NodeDigest, u64>);

impl TailPosition {
    /// The last id of a node.
    pub(in crate::gateway) fn of(&self, node: &str) -> Option<u64> {
        self.0.get(&name(node)).copied()
    }

    pub(in crate::gateway) fn set(&mut self, node: &str, id: u64) {
        self.0.insert(name(node), id);
    }

    /// The text for clients.
    pub(in crate::gateway) fn sign(&self, secret: &[u8; 32]) -> String {
        let mut bytes = Vec::with_capacity(TAG_BYTES + self.0.len() * (NAME_BYTES + 5));
        for (name, id) in &self.0 {
            bytes.extend_from_slice(name);
            let mut rest = *id;
            while rest >= 0x80 {
                bytes.push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push((rest & 0x7f) as u8);
        }
        let tag = tag(secret, &bytes);
        bytes.splice(0..0, tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a text that this gateway, or one with the same keys, has signed.
    pub(in crate::gateway) fn verify(text: &str, secret: &[u8; 32]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (given, mut rest) = bytes.split_at_checked(TAG_BYTES)?;
        let expected = tag(secret, rest);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&*expected, given)) {
            return None;
        }
        let mut position = Self::default();
        while let Some((name, after)) = rest.split_first_chunk::<NAME_BYTES>() {
            let (id, after) = varint(after)?;
            position.0.insert(*name, id);
            rest = after;
        }
        rest.is_empty().then_some(position)
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        number |= part.checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

fn name(node: &str) -> NodeDigest {
    let whole = digest(&SHA256, node.as_bytes());
    let mut name = NodeDigest::default();
    for (to, from) in name.iter_mut().zip(whole.as_ref()) {
        *to = *from;
    }
    name
}

fn tag(secret: &[u8; 32], bytes: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut context = hmac::Context::with_key(&key);
    context.update(PURPOSE);
    context.update(bytes);
    let tag = context.sign();
    tag.as_ref().iter().take(TAG_BYTES).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_read_back(ids in prop::collection::btree_map("[a-z]{1,8}", any::<u64>(), 0..70)) {
            let mut position = TailPosition::default();
            for (node, id) in &ids {
                position.set(node, *id);
            }
            let text = position.sign(&[1; 32]);
            let found = TailPosition::verify(&text, &[1; 32]).expect("signed");
            for (node, id) in &ids {
                prop_assert_eq!(found.of(node), Some(*id));
            }
            prop_assert_eq!(found.of("UNKNOWN"), None);
            prop_assert_eq!(TailPosition::verify(&text, &[2; 32]), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            prop_assert_eq!(TailPosition::verify(&text, &[1; 32]), None);
        }
    }
}
