//! Naming a boot of the machine.

use std::fmt;
use std::str::FromStr;

const ID_DIGITS: usize = 32;

/// Which boot is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootSelector {
    /// 0 is the last boot, -1 the one before it, 1 the first.
    Offset(i32),
    /// The boot with this ID.
    Id(String),
}

/// A text that selects no boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSelectorError;

impl FromStr for BootSelector {
    type Err = BootSelectorError;

    fn from_str(text: &str) -> Result<Self, BootSelectorError> {
        let id: String = text.chars().filter(|c| *c != '-').collect();
        if id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Id(id.to_ascii_lowercase()));
        }
        text.parse()
            .map(Self::Offset)
            .map_err(|_| BootSelectorError)
    }
}

impl fmt::Display for BootSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(offset) => offset.fmt(f),
            Self::Id(id) => f.write_str(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_offsets_and_ids() {
        let id = "0123456789abcdef0123456789abcdef";
        let dashed = "01234567-89AB-cdef-0123-456789abcdef";
        for (text, expected) in [
            ("0", Some(BootSelector::Offset(0))),
            ("-1", Some(BootSelector::Offset(-1))),
            ("2", Some(BootSelector::Offset(2))),
            (id, Some(BootSelector::Id(id.to_owned()))),
            (dashed, Some(BootSelector::Id(id.to_owned()))),
            ("", None),
            ("last", None),
            ("99999999999", None),
            ("0123", Some(BootSelector::Offset(123))),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
