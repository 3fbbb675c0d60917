//! IP addresses in texts: single ones, ranges and networks.

use crate::logql::ast::QueryText;
use crate::logql::error::LogqlError;
use std::net::IpAddr;

/// The addresses to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::logql) struct IpRange {
    first: IpAddr,
    last: IpAddr,
}

impl IpRange {
    /// Parses an address, `first-last` or `network/bits`.
    pub(super) fn new(text: &QueryText) -> Result<Self, LogqlError> {
        let value = text.value.trim();
        let found = match (value.split_once('-'), value.split_once('/')) {
            (Some((first, last)), _) => Self::between(first, last),
            (_, Some((network, bits))) => Self::network(network, bits),
            _ => value.parse().ok().map(|address| Self {
                first: address,
                last: address,
            }),
        };
        found.ok_or_else(|| {
            LogqlError::meaning(text.at, format!("ip: invalid pattern: \"{}\"", text.value))
        })
    }

    fn between(first: &str, last: &str) -> Option<Self> {
        let first: IpAddr = first.trim().parse().ok()?;
        let last: IpAddr = last.trim().parse().ok()?;
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    fn network(network: &str, bits: &str) -> Option<Self> {
        let bits: u32 = bits.parse().ok()?;
        Some(match network.parse().ok()? {
            IpAddr::V4(address) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                let first = address.to_bits() & mask;
                Self {
                    first: IpAddr::V4(first.into()),
                    last: IpAddr::V4((first | !mask).into()),
                }
            }
            IpAddr::V6(address) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                let first = address.to_bits() & mask;
                Self {
                    first: IpAddr::V6(first.into()),
                    last: IpAddr::V6((first | !mask).into()),
                }
            }
            _ => return None,
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// Whether a text contains one of the addresses.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
        text.split(|c| !is_part(c)).any(|word| self.is_word(word))
    }

    /// A word made of address characters may end with a full stop, or with a colon and a port.
    fn is_word(&self, word: &str) -> bool {
        let word = word.trim_end_matches(['.', ':']);
        let is_ours = |text: &str| text.parse().is_ok_and(|address| self.contains(address));
        if is_ours(word) || is_ours(word.trim_start_matches('.')) {
            return true;
        }
        let (address, _) = word.split_once(':').unwrap_or((word, ""));
        address.contains('.') && is_ours(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<IpRange, LogqlError> {
        IpRange::new(&QueryText {
            value: text.to_owned(),
            at: 0,
        })
    }

    #[test]
    fn finds_addresses_in_texts() {
        let network = range("192.168.0.0/16").unwrap();
        assert!(network.is_in("from 192.168.4.5:443 to x"));
        assert!(network.is_in("(192.168.4.5)") && network.is_in("192.168.4.5."));
        assert!(!network.is_in("from 192.169.4.5") && !network.is_in("1192.168.4.5"));
        let between = range("10.0.0.1-10.0.0.9").unwrap();
        assert!(between.is_in("10.0.0.9") && !between.is_in("10.0.0.10"));
        let six = range("2001:db8::/32").unwrap();
        assert!(six.is_in("[2001:db8::1]:80") && !six.is_in("2001:db9::1"));
        assert!(range("10.1.2.3").unwrap().is_in("a=10.1.2.3,b"));
    }

    #[test]
    fn bad_ranges_are_refused() {
        for text in ["", "x", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1"] {
            assert!(range(text).is_err(), "{text}");
        }
        assert!(range("0.0.0.0/0").unwrap().is_in("8.8.8.8"));
    }
}
