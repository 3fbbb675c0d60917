//! How common each byte is in log messages: a search looks for the two rarest bytes of its text, and each false hit costs a
//! comparison.

use memchr::arch::all::packedpair::HeuristicFrequencyRank;

/// Logs are full of numbers, identifiers and times. By the frequencies of prose, hexadecimal letters count as rare, and
/// "connection" is found by its first two letters, which gives seven times as many false hits.
#[derive(Debug, Clone, Copy)]
pub(in crate::query) struct OfLogs;

/// As counted in messages of services, containers and the kernel; capitals last, as most texts are lowered.
const COMMON_FIRST: &[u8] =
    b" e01atso2rcd45i3.6p897nfb/=mu-l:h\"kg_,vxwyqzj[]()'\\;<>{}+*&@#%!?$|TENASFMOPICDHLRGWBUXKQYJVZ";

impl HeuristicFrequencyRank for OfLogs {
    /// Greater ranks are more common; 0 for bytes that are rare in logs.
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
