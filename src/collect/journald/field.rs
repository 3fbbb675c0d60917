//! A field of a journal entry, and numbers in its value.

use std::str::FromStr;

/// A name and a value.
pub(crate) type EntryField<'a> = (&'a [u8], &'a [u8]);

/// A decimal number; the quick path covers plain digits.
pub(crate) fn number<T: FromStr + TryFrom<u64>>(value: &[u8]) -> Option<T> {
    /// Numbers with this many digits never overflow 64 bits.
    const DIGITS_MAX: usize = 19;
    if !(1..=DIGITS_MAX).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(value).ok()?.parse().ok();
    }
    let digits = value.iter().map(|digit| u64::from(digit - b'0'));
    T::try_from(digits.fold(0, |number, digit| number * 10 + digit)).ok()
}
