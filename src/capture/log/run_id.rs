//! The ID of one run of a command, which is unique and sorts by time.

use crate::time::Micros;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

/// Identifies one run of a captured command: 48 bits of milliseconds since 1970 and 80 random bits, written as 26
/// characters that sort by time (a ULID, <https://github.com/ulid/spec>, in lower case). Unlike a process ID it is
/// never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

/// Crockford's digits, without letters that look like others.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 digits of 5 bits hold the 128 bits.
const LENGTH: usize = 26;

const RANDOM_BITS: u32 = 80;

impl RunId {
    /// An ID for a run that starts now.
    #[must_use]
    pub fn new(now: Micros) -> Self {
        let millis = u128::try_from(now.get().max(0) / 1_000).unwrap_or(0) & ((1 << 48) - 1);
        Self(millis << RANDOM_BITS | random() & ((1 << RANDOM_BITS) - 1))
    }

    /// When the run began, by the clock at that time.
    #[must_use]
    pub fn begun(self) -> Micros {
        let millis = i64::try_from(self.0 >> RANDOM_BITS).unwrap_or(i64::MAX);
        Micros::new(millis.saturating_mul(1_000))
    }
}

/// Not a secret: while the kernel has no random bytes yet, the keys of the standard library's hash maps are good
/// enough.
fn random() -> u128 {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_ok() {
        return u128::from_le_bytes(bytes);
    }
    let half = |salt: u32| u128::from(RandomState::new().hash_one((std::process::id(), salt)));
    half(0) << 64 | half(1)
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..LENGTH).rev() {
            let digit = usize::try_from(self.0 >> (5 * place) & 31).unwrap_or_default();
            let digit = DIGITS.get(digit).copied().unwrap_or(b'0');
            fmt::Write::write_char(f, char::from(digit))?;
        }
        Ok(())
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let wrong = || RunIdError {
            found: text.chars().take(40).collect(),
        };
        if text.len() != LENGTH || text > "7zzzzzzzzzzzzzzzzzzzzzzzzz" {
            return Err(wrong());
        }
        let mut number = 0u128;
        for byte in text.bytes() {
            let digit = DIGITS.iter().position(|&known| known == byte);
            number = number << 5 | digit.ok_or_else(wrong)? as u128;
        }
        Ok(Self(number))
    }
}

/// A text that is not a run ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunIdError {
    found: String,
}

impl fmt::Display for RunIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found } = self;
        write!(
            f,
            "a run is named by {LENGTH} lower-case letters and digits; got {found:?}"
        )
    }
}

impl std::error::Error for RunIdError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn ids_sort_by_time_and_never_repeat() {
        let early: HashSet<RunId> = (0..1000).map(|_| RunId::new(Micros::new(5_000))).collect();
        assert_eq!(early.len(), 1000);
        let late = RunId::new(Micros::new(6_000));
        assert!(
            early
                .iter()
                .all(|id| *id < late && id.to_string() < late.to_string())
        );
    }

    #[test]
    fn invalid_ids_are_refused() {
        for text in [
            "",
            "01",
            "80000000000000000000000000",
            "0000000000000000000000000u",
            "../../../../../../etc/passw",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text:?}");
        }
        let error = "X".parse::<RunId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a run is named by 26 lower-case letters and digits; got \"X\""
        );
    }

    proptest! {
        #[test]
        fn every_id_is_read_back(number in any::<u128>()) {
            let text = RunId(number).to_string();
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert_eq!(text.parse(), Ok(RunId(number)));
        }
    }
}
