//! The 128-bit identifiers of systemd: boots, machines, files and sources of sequence numbers.

use std::fmt;
use std::str::FromStr;

/// A 128-bit identifier, printed as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id128([u8; 16]);

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id128Error {
    found: String,
}

impl Id128 {
    /// The identifier that systemd uses for "none".
    pub const NULL: Self = Self([0; 16]);

    /// Creates the identifier with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 32 hexadecimal digits.
    #[must_use]
    pub fn digits(self) -> [u8; 32] {
        let mut digits = [0; 32];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(self.0) {
            *pair =
                [byte >> 4, byte & 15].map(|half| half + if half < 10 { b'0' } else { b'a' - 10 });
        }
        digits
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Id128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Id128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id128 {
    type Err = Id128Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || Id128Error {
            found: text.to_owned(),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 16 || !rest.is_empty() {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)
                .zip(digit(*low))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for Id128Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected 32 hexadecimal digits, found {:?}", self.found)
    }
}

impl std::error::Error for Id128Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_back() {
        let text = "0f80682c8db4cbcb940ef74580e8d2f0";
        let id: Id128 = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.bytes()[0], 0x0f);
        assert_eq!(Id128::NULL.to_string(), "0".repeat(32));
    }

    #[test]
    fn refuses_anything_else() {
        for text in [
            "",
            "0f80",
            "+f80682c8db4cbcb940ef74580e8d2f0",
            "zf80682c8db4cbcb940ef74580e8d2f0",
        ] {
            let error = text.parse::<Id128>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("expected 32 hexadecimal digits, found {text:?}")
            );
        }
    }
}
