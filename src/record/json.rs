//! Writing JSON without building values first, byte for byte as `serde_json` writes it.

/// Appends a text.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to memory cannot fail.
        let written = serde_json::to_writer(&mut *out, text);
        debug_assert!(written.is_ok(), "JSON into memory: {written:?}");
    }
}

/// Appends a whole number.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - count..).unwrap_or_default());
}

/// The digits of the greatest number.
const DIGITS_MAX: usize = 20;

/// Whether no byte of a text is escaped. All bytes are looked at, since that takes one comparison for 16 of them.
fn is_plain(text: &[u8]) -> bool {
    let is_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    !text
        .iter()
        .fold(false, |found, byte| found | is_escaped(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_and_numbers_are_those_of_serde_json(
            text in "[ -~]{0,40}|\\PC{0,20}|(?s:.){0,40}",
            number in prop_oneof![0..1_000_u64, any::<u64>(), Just(u64::MAX)],
        ) {
            let mut out = Vec::new();
            put_text(&mut out, &text);
            prop_assert_eq!(&out, &serde_json::to_vec(&text).unwrap());
            out.clear();
            put_number(&mut out, number);
            prop_assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
