//! Bytes of any kind as a message: text is text, and what is not text is readable in the message and whole beside it.

use crate::record::Metadata;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The metadata field that holds the whole bytes of a message that is not UTF-8, as standard base64.
pub(crate) const WHOLE: &str = "message_base64";

/// The message that `bytes` are: each fault stands as U+FFFD, and the whole then goes into `metadata`.
pub(crate) fn message(bytes: &[u8], metadata: &mut Metadata) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    metadata.insert(WHOLE, STANDARD.encode(bytes));
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_as_it_is() {
        let mut metadata = Metadata::new();
        assert_eq!(
            message("caf\u{e9} \u{1b}[31m\0\n".as_bytes(), &mut metadata),
            "caf\u{e9} \u{1b}[31m\0\n"
        );
        assert!(metadata.is_empty());
    }

    #[test]
    fn what_is_not_text_is_readable_and_whole() {
        let mut metadata = Metadata::new();
        assert_eq!(message(b"a\xffb", &mut metadata), "a\u{fffd}b");
        assert_eq!(metadata[WHOLE], "Yf9i");
    }
}
