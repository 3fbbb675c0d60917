//! Cursors of pages of several nodes: the last record that was seen, signed.
//!
//! Records are in order of time, node and id, so the place of one record is a place in all nodes: the cursor has the same size for one
//! node and for a thousand, and it stays right while nodes come, go, append and delete.

use crate::query::Cursor;
use crate::record::Id;
use crate::time::Micros;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::cmp::Ordering;

/// Distinguishes cursors from everything else that is signed with the same secret.
const PURPOSE: &[u8] = b"vmlog gateway page 1";

const TAG_BYTES: usize = 16;

/// Maximum length of a text that is looked at: that of the longest name of a node.
const TEXT_BYTES_MAX: usize = 512;

/// The place of a record among those of all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct FleetCursor {
    pub(in crate::gateway) time: Micros,
    pub(in crate::gateway) node: String,
    pub(in crate::gateway) id: u64,
}

impl FleetCursor {
    /// The text for clients.
    pub(in crate::gateway) fn sign(&self, secret: &[u8; 32]) -> String {
        let mut bytes = self.time.get().to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(self.node.as_bytes());
        let tag = tag(secret, &bytes);
        bytes.splice(0..0, tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor of a text that this gateway, or one with the same keys, has signed.
    pub(in crate::gateway) fn verify(text: &str, secret: &[u8; 32]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (given, rest) = bytes.split_at_checked(TAG_BYTES)?;
        let expected = tag(secret, rest);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&*expected, given)) {
            return None;
        }
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (id, node) = rest.split_first_chunk::<8>()?;
        Some(Self {
            time: Micros::new(i64::from_le_bytes(*time)),
            id: u64::from_le_bytes(*id),
            node: String::from_utf8(node.to_vec()).ok()?,
        })
    }

    /// The same place in one node. It is right in both directions.
    pub(in crate::gateway) fn of_node(&self, node: &str) -> Cursor {
        match node.cmp(&self.node) {
            // all its records of that time are before the place
            Ordering::Less => Cursor::Time(self.time, Id(u64::MAX)),
            Ordering::Equal => Cursor::Time(self.time, Id(self.id)),
            // all its records of that time are after it
            Ordering::Greater => Cursor::Time(self.time.plus(-1), Id(u64::MAX)),
        }
    }
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

    #[test]
    fn only_what_was_signed_is_read_back() {
        let cursor = FleetCursor {
            time: Micros::new(-5),
            node: "n.1".to_owned(),
            id: u64::MAX,
        };
        let text = cursor.sign(&[7; 32]);
        assert_eq!(FleetCursor::verify(&text, &[7; 32]), Some(cursor));
        assert_eq!(FleetCursor::verify(&text, &[8; 32]), None);
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(FleetCursor::verify(&changed, &[7; 32]), None, "{changed}");
            assert_eq!(FleetCursor::verify(&text[..index], &[7; 32]), None);
        }
    }
}
