//! IDs of events: ULIDs (<https://github.com/ulid/spec>), 48 bits of milliseconds and 80 random bits, in Crockford's base 32.

use std::fmt;
use std::str::FromStr;

/// Crockford's base 32: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The digits of an ID.
const DIGITS: u32 = 26;

/// The random bits of an ID.
const RANDOM_BITS: u32 = 80;

/// The ID of an event. Later events have greater IDs, whatever the clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

impl EventId {
    /// An ID for now, greater than `last`: within one millisecond, and after the clock was set back, it is the next number.
    #[must_use]
    pub fn after(last: Option<Self>, now_ms: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(random) {
            *to = from;
        }
        let millis = u128::from(now_ms) & ((1 << 48) - 1);
        let fresh = Self((millis << RANDOM_BITS) | u128::from_le_bytes(bytes));
        match last {
            Some(Self(last)) if last >> RANDOM_BITS >= millis => Self(last.saturating_add(1)),
            _ => fresh,
        }
    }

    /// The ID as stored.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// An ID as [`EventId::to_bytes`] gives it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u128::from_le_bytes).map(Self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: u32| {
            let value = (self.0 >> (5 * place)) & 31;
            let digit = usize::try_from(value)
                .ok()
                .and_then(|value| ALPHABET.get(value));
            char::from(digit.copied().unwrap_or(b'0'))
        };
        f.pad(&(0..DIGITS).rev().map(digit).collect::<String>())
    }
}

/// Not an ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventIdError;

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let digits = text.as_bytes();
        // 26 digits have 130 bits: the first is at most 7
        let fits = digits.len() == DIGITS as usize && digits.first() <= Some(&b'7');
        let add = |number: u128, digit: &u8| {
            let value = ALPHABET.iter().position(|known| known == digit)?;
            Some((number << 5) | u128::try_from(value).ok()?)
        };
        let number = digits.iter().try_fold(0, add);
        number.filter(|_| fits).map(Self).ok_or(EventIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_digits_of_the_standard() {
        let id = EventId::after(None, 1_469_918_176_385, [0xff; 10]);
        assert_eq!(id.to_string(), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(EventId::from_bytes(&id.to_bytes()), Some(id));
        let texts = [
            "",
            "01ARYZ6S41",
            "81ARYZ6S41ZZZZZZZZZZZZZZZZ",
            "01ARYZ6S41ZZZZZZZZZZZZZZZU",
        ];
        for text in texts {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text}");
        }
    }

    #[test]
    fn ascends_within_a_millisecond_and_when_the_clock_is_set_back() {
        let mut last = EventId::after(None, 1_000, [0xff; 10]);
        for now in [1_000, 1_000, 1, 0, 999, 1_000] {
            let next = EventId::after(Some(last), now, [0; 10]);
            assert!(next > last, "{now}");
            assert!(
                next.to_string() > last.to_string(),
                "the texts have the same order"
            );
            last = next;
        }
        let later = EventId::after(Some(last), 60_000, [0; 10]);
        assert!(later.to_string().starts_with("000000"));
        assert!(later > last);
    }
}
