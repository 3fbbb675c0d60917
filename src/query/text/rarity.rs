//! How common each byte is in log messages: a search waits for the two rarest bytes of its text, and each time it meets them for
//! nothing costs a comparison.

use memchr::arch::all::packedpair::HeuristicFrequencyRank;

/// Logs are full of numbers, identifiers and times: to the ranks of common prose, a letter of hexadecimal numbers is rarer than
/// it is here, and "connection" is looked for by its first two letters, which are seven times as often there for nothing.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct OfLogs;

/// As counted in messages of services, containers and the kernel; capitals behind all else, as most texts are lowered.
const COMMON_FIRST: &[u8] =
    b" e01atso2rcd45i3.6p897nfb/=mu-l:h\"kg_,vxwyqzj[]()'\\;<>{}+*&@#%!?$|TENASFMOPICDHLRGWBUXKQYJVZ";

impl HeuristicFrequencyRank for OfLogs {
    /// The greater, the more common; 0 for what logs hardly have.
    fn rank(&self, byte: u8) -> u8 {
        let place = COMMON_FIRST.iter().position(|common| *common == byte);
        let rank = place.map_or(0, |place| COMMON_FIRST.len() - place);
        u8::try_from(rank).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_byte_has_one_rank() {
        let distinct: BTreeSet<u8> = COMMON_FIRST.iter().copied().collect();
        assert_eq!(distinct.len(), COMMON_FIRST.len());
        let ranks = [b' ', b'e', b'n', b'z', b'Z', 0xff].map(|byte| OfLogs.rank(byte));
        assert!(ranks.is_sorted_by(|a, b| a > b), "{ranks:?}");
    }
}
