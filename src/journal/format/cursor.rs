//! The cursor of an entry as systemd writes it, and the values that order entries of several files.

use super::id::Id128;
use std::fmt;
use std::str::FromStr;

/// Identifies an entry in any set of journal files. Its text is systemd's own:
/// `s=SEQNUM_ID;i=SEQNUM;b=BOOT_ID;m=MONOTONIC;t=REALTIME;x=XOR_HASH`, numbers in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cursor {
    /// The source that numbered the entry.
    pub seqnum_id: Id128,
    /// Sequence number in that source.
    pub seqnum: u64,
    /// The boot in which it was written.
    pub boot_id: Id128,
    /// Microseconds since that boot.
    pub monotonic: u64,
    /// Microseconds since 1970 (UTC).
    pub realtime: u64,
    /// The exclusive or of the hashes of its fields.
    pub xor_hash: u64,
}

/// A text that is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorError {
    expected: &'static str,
    found: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "s={};i={:x};b={};m={:x};t={:x};x={:x}",
            self.seqnum_id, self.seqnum, self.boot_id, self.monotonic, self.realtime, self.xor_hash
        )
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    /// All six parts are needed, in any order.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut cursor = Self::default();
        let mut seen = 0_u8;
        for part in text.trim().split(';') {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| wrong("KEY=VALUE between semicolons", part))?;
            seen |= match key {
                "s" => store(&mut cursor.seqnum_id, id(value)?, 1),
                "i" => store(&mut cursor.seqnum, number(value)?, 2),
                "b" => store(&mut cursor.boot_id, id(value)?, 4),
                "m" => store(&mut cursor.monotonic, number(value)?, 8),
                "t" => store(&mut cursor.realtime, number(value)?, 16),
                "x" => store(&mut cursor.xor_hash, number(value)?, 32),
                _ => return Err(wrong("one of the keys s, i, b, m, t, x", part)),
            };
        }
        if seen == 63 {
            Ok(cursor)
        } else {
            Err(wrong("all of the keys s, i, b, m, t, x", text))
        }
    }
}

fn store<T>(place: &mut T, value: T, bit: u8) -> u8 {
    *place = value;
    bit
}

fn id(text: &str) -> Result<Id128, CursorError> {
    text.parse()
        .map_err(|_| wrong("32 hexadecimal digits", text))
}

fn number(text: &str) -> Result<u64, CursorError> {
    if text.starts_with('+') {
        return Err(wrong("a hexadecimal number", text));
    }
    u64::from_str_radix(text, 16).map_err(|_| wrong("a hexadecimal number", text))
}

fn wrong(expected: &'static str, found: &str) -> CursorError {
    CursorError {
        expected,
        found: found.to_owned(),
    }
}

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {} in a cursor, found {:?}",
            self.expected, self.found
        )
    }
}

impl std::error::Error for CursorError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "s=f8680782c8db4cbcb940ef74580e8d2f;i=1;b=a4a41994c4294c29a1e97ede06bc92cd;m=f47c81e8;t=660c2047a74d6;x=83f43a202273af74";

    #[test]
    fn reads_and_prints_what_systemd_prints() {
        let cursor: Cursor = TEXT.parse().unwrap();
        assert_eq!(cursor.seqnum, 1);
        assert_eq!(cursor.realtime, 0x0006_60c2_047a_74d6);
        assert_eq!(cursor.to_string(), TEXT);
    }

    #[test]
    fn errors_name_the_part() {
        for (text, message) in [
            (
                "s=1",
                "expected 32 hexadecimal digits in a cursor, found \"1\"",
            ),
            (
                "i=1",
                "expected all of the keys s, i, b, m, t, x in a cursor, found \"i=1\"",
            ),
            (
                "i=+1",
                "expected a hexadecimal number in a cursor, found \"+1\"",
            ),
            (
                "q=1",
                "expected one of the keys s, i, b, m, t, x in a cursor, found \"q=1\"",
            ),
            (
                "",
                "expected KEY=VALUE between semicolons in a cursor, found \"\"",
            ),
        ] {
            assert_eq!(text.parse::<Cursor>().unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn every_cursor_reads_back(s: [u8; 16], i: u64, b: [u8; 16], m: u64, t: u64, x: u64) {
            let cursor = Cursor {
                seqnum_id: Id128::new(s), seqnum: i, boot_id: Id128::new(b), monotonic: m, realtime: t, xor_hash: x,
            };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_panics(text in "[sibmtx=;0-9a-f+]{0,80}") {
            let _ = text.parse::<Cursor>();
        }
    }
}
