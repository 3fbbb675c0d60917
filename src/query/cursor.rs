//! Opaque cursors: the end of a page.

use crate::record::Id;
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// The last position that was seen. On the wire it is base64: of the id's decimal digits in id order, of `micros:id` in time
/// order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// In id order.
    Id(Id),
    /// In time order.
    Time(Micros, Id),
}

impl Cursor {
    /// The id of the last record that was seen.
    #[must_use]
    pub fn id(self) -> Id {
        match self {
            Self::Id(id) | Self::Time(_, id) => id,
        }
    }
}

impl From<Id> for Cursor {
    fn from(id: Id) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::Id(id) => id.to_string(),
            Self::Time(time, id) => format!("{}:{id}", time.get()),
        };
        f.pad(&STANDARD.encode(plain))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || -> Option<Self> {
            let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
            match plain.split_once(':') {
                None => Some(Self::Id(Id(plain.parse().ok()?))),
                Some((time, id)) => Some(Self::Time(
                    Micros::new(time.parse().ok()?),
                    Id(id.parse().ok()?),
                )),
            }
        };
        // each cursor has exactly one text; all others are refused
        read()
            .filter(|cursor| cursor.to_string() == text)
            .ok_or(CursorError)
    }
}

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorError;

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cursor must be one that an earlier page gave as nextCursor or prevCursor")
    }
}

impl std::error::Error for CursorError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wire_form_is_base64_of_the_id() {
        assert_eq!(Cursor::Id(Id(12346)).to_string(), "MTIzNDY=");
        assert_eq!("MTIzNDY=".parse(), Ok(Cursor::Id(Id(12346))));
        assert_eq!(Cursor::Time(Micros::new(-5), Id(7)).to_string(), "LTU6Nw==");
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "",
            "12345",
            "MTIzNDY",
            "!!!!",
            "LTE=",                         // -1
            "MDEy",                         // 012
            "KzEy",                         // +12
            "MTg0NDY3NDQwNzM3MDk1NTE2MTY=", // 2^64
            "YWJj",
            "Og==",
            "MTox:",
            "/w==",
            "MTIzNDY=\n",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
        assert!(CursorError.to_string().starts_with("cursor must be one"));
    }

    proptest! {
        #[test]
        fn every_cursor_reads_back(id: u64, micros: i64) {
            for cursor in [Cursor::Id(Id(id)), Cursor::Time(Micros::new(micros), Id(id))] {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
