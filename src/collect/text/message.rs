//! Turns arbitrary bytes into a message: text is kept as it is; other bytes are readable in the message and stored
//! completely beside it, both within limits.

use crate::collect::text::line::LINE_MAX;
use crate::record::Metadata;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The metadata field with all bytes of a message that is not UTF-8, as standard base64.
pub(crate) const WHOLE: &str = "message_base64";

/// The metadata field with the original length in bytes of a message that was cut.
pub(crate) const LENGTH: &str = "message_bytes";

/// Maximum number of bytes kept as base64: any line that a collector reads is kept completely.
const WHOLE_BYTES_MAX: usize = LINE_MAX;

/// A message of invalid bytes only would become three times as long. If its base64 is kept, the text may grow to this
/// size, or by a quarter if it is longer.
const TEXT_BYTES_MAX: usize = LINE_MAX;

/// A cut is moved back to the last blank within this many bytes, because half a word may be half a secret, which
/// redaction does not recognise.
const WORD_BYTES_MAX: usize = 4 << 10;

/// The message of `bytes`: each invalid byte becomes U+FFFD, and all bytes are then added to `metadata`. A message
/// above the limits is cut, and [`LENGTH`] then states its length.
pub(crate) fn message(bytes: &[u8], metadata: &mut Metadata) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let whole = head(bytes, WHOLE_BYTES_MAX);
    let (text, is_whole) = lossy(bytes, TEXT_BYTES_MAX.max(bytes.len() / 4 * 5));
    if whole.len() < bytes.len() || !is_whole {
        metadata.insert(LENGTH, bytes.len());
    }
    metadata.insert(WHOLE, STANDARD.encode(whole));
    text
}

/// The message of a text of `length` bytes of which only the first `bytes` are known.
pub(crate) fn cut_message(bytes: &[u8], length: u64, metadata: &mut Metadata) -> String {
    // A character that was cut in the middle is not a fault of the message.
    let bytes = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or(bytes)
        }
        _ => bytes,
    };
    let text = message(head(bytes, bytes.len().saturating_sub(1)), metadata);
    metadata.insert(LENGTH, length);
    text
}

/// The first `max` bytes, up to the last blank among them if there is one near.
fn head(bytes: &[u8], max: usize) -> &[u8] {
    if bytes.len() <= max {
        return bytes;
    }
    let kept = bytes.get(..max).unwrap_or(bytes);
    let near = kept.len().saturating_sub(WORD_BYTES_MAX);
    let word = kept.get(near..).unwrap_or_default();
    match word.iter().rposition(u8::is_ascii_whitespace) {
        Some(blank) => kept.get(..near + blank).unwrap_or(kept),
        None => kept,
    }
}

/// `bytes` as text, with U+FFFD for each invalid byte, up to `max` bytes; and whether that is everything.
fn lossy(bytes: &[u8], max: usize) -> (String, bool) {
    let mut text = String::with_capacity(bytes.len().min(max));
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if text.len() + valid.len() + char::REPLACEMENT_CHARACTER.len_utf8() > max {
            let room = valid.floor_char_boundary(max - text.len());
            text.push_str(valid.get(..room).unwrap_or_default());
            return (text, false);
        }
        text.push_str(valid);
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, true)
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
    fn invalid_bytes_are_readable_and_stored_completely() {
        let mut metadata = Metadata::new();
        assert_eq!(message(b"a\xffb", &mut metadata), "a\u{fffd}b");
        assert_eq!(metadata[WHOLE], "Yf9i");
        assert_eq!(metadata.len(), 1);
    }

    #[test]
    fn the_longest_line_of_faults_is_whole_as_base64_and_not_much_longer_as_text() {
        let mut metadata = Metadata::new();
        let bytes = vec![0xff; LINE_MAX];
        let text = message(&bytes, &mut metadata);
        assert!(text.len() <= LINE_MAX / 4 * 5, "{}", text.len());
        let whole = metadata[WHOLE].as_str().unwrap();
        assert_eq!(STANDARD.decode(whole).unwrap(), bytes);
        assert_eq!(metadata[LENGTH], LINE_MAX);
    }

    #[test]
    fn a_long_text_with_one_fault_stays_whole_as_text() {
        let mut bytes = b"word ".repeat(LINE_MAX / 4);
        bytes[7] = 0xff;
        let mut metadata = Metadata::new();
        let text = message(&bytes, &mut metadata);
        assert_eq!(text.len(), bytes.len() + 2);
        assert_eq!(metadata[LENGTH], bytes.len());
        let whole = STANDARD.decode(metadata[WHOLE].as_str().unwrap()).unwrap();
        assert!((LINE_MAX - 5..=LINE_MAX).contains(&whole.len()));
        assert!(whole.ends_with(b" word") && bytes.starts_with(&whole));
    }

    #[test]
    fn a_cut_leaves_no_half_word_and_no_half_character() {
        let cut = |bytes: &[u8]| {
            let mut metadata = Metadata::new();
            let text = cut_message(bytes, 100, &mut metadata);
            assert_eq!(metadata[LENGTH], 100);
            assert_eq!(metadata.len(), 1, "{metadata:?}");
            text
        };
        assert_eq!(cut(b"key=1 password=hunt"), "key=1");
        assert_eq!(
            cut("one caf\u{e9}".as_bytes().split_last().unwrap().1),
            "one"
        );
        let long = "x".repeat(3 * WORD_BYTES_MAX);
        assert_eq!(cut(format!("a {long}").as_bytes()).len(), long.len() + 1);
    }
}
