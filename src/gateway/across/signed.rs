//! Bytes that go to a client and come back: signed, so that a client can neither read more into them nor make its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// What the bytes are for, and how they are signed.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct SignedForm {
    /// Distinguishes these bytes from everything else that is signed with the same secret.
    pub(in crate::gateway) purpose: &'static str,
    /// The number of bytes of the signature that are kept.
    pub(in crate::gateway) tag_bytes: usize,
    /// A longer text is refused unread.
    pub(in crate::gateway) text_bytes_max: usize,
}

impl SignedForm {
    /// The text for clients.
    pub(in crate::gateway) fn sign(self, secret: &[u8; 32], bytes: &[u8]) -> String {
        let mut signed = self.tag(secret, bytes);
        signed.extend_from_slice(bytes);
        URL_SAFE_NO_PAD.encode(signed)
    }

    /// The bytes of a text that this gateway, or one with the same keys, has signed.
    pub(in crate::gateway) fn verify(self, secret: &[u8; 32], text: &str) -> Option<Vec<u8>> {
        if text.len() > self.text_bytes_max {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (given, rest) = bytes.split_at_checked(self.tag_bytes)?;
        let expected = self.tag(secret, rest);
        let is_ours = bool::from(subtle::ConstantTimeEq::ct_eq(&*expected, given));
        is_ours.then(|| bytes.split_off(self.tag_bytes))
    }

    fn tag(self, secret: &[u8; 32], bytes: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut context = hmac::Context::with_key(&key);
        context.update(self.purpose.as_bytes());
        context.update(bytes);
        let tag = context.sign();
        tag.as_ref().iter().take(self.tag_bytes).copied().collect()
    }
}
