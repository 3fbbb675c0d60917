//! Cursors of pages of several nodes: the last record that was seen, signed.
//!
//! Records are in order of time, node and id, so the place of one record is a place in all nodes: the cursor has the same size for one
//! node and for a thousand, and it stays right while nodes come, go, append and delete.

use crate::gateway::across::signed::SignedForm;
use crate::query::Cursor;
use crate::record::Id;
use crate::time::Micros;
use std::cmp::Ordering;

const FORM: SignedForm = SignedForm {
    purpose: "vmlog gateway page 1",
    tag_bytes: 16,
    // that of the longest name of a node
    text_bytes_max: 512,
};

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
        FORM.sign(secret, &bytes)
    }

    /// The cursor of a text that this gateway, or one with the same keys, has signed.
    pub(in crate::gateway) fn verify(text: &str, secret: &[u8; 32]) -> Option<Self> {
        let bytes = FORM.verify(secret, text)?;
        let (time, rest) = bytes.split_first_chunk::<8>()?;
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
