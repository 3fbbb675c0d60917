//! How far a live tail of several nodes has come: the last id of each, signed.

use crate::gateway::across::signed::SignedForm;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;

const FORM: SignedForm = SignedForm {
    purpose: "vmlog gateway tail 1",
    tag_bytes: 12,
    // 64 nodes take a quarter
    text_bytes_max: 8 * 1_024,
};

/// A node is named by the first bytes of a digest: the text is part of every event.
const NAME_BYTES: usize = 6;

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
        let mut bytes = Vec::with_capacity(self.0.len() * (NAME_BYTES + 5));
        for (name, id) in &self.0 {
            bytes.extend_from_slice(name);
            let mut rest = *id;
            while rest >= 0x80 {
                bytes.push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push((rest & 0x7f) as u8);
        }
        FORM.sign(secret, &bytes)
    }

    /// The position of a text that this gateway, or one with the same keys, has signed.
    pub(in crate::gateway) fn verify(text: &str, secret: &[u8; 32]) -> Option<Self> {
        let bytes = FORM.verify(secret, text)?;
        let mut rest = &*bytes;
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
