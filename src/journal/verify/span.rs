//! Checks whether an entry's `xor_hash` comes from its fields.
//!
//! A writer combines the hashes of the fields it was given, and then stores equal fields once: a field that was given
//! twice counts twice and cancels itself out. So each stored field may or may not count, and the hash is valid if any
//! subset of the fields yields it.

/// Whether the exclusive or of a subset of `hashes`, usually all of them, is `wanted`.
pub(super) fn makes(hashes: &[u64], wanted: u64) -> bool {
    let all = hashes.iter().fold(0, |all, hash| all ^ hash);
    all == wanted || reduced(&basis(hashes), wanted) == 0
}

/// A basis of the hashes: independent numbers, each without the highest bits of those before it.
fn basis(hashes: &[u64]) -> Vec<u64> {
    let mut basis: Vec<u64> = Vec::new();
    for hash in hashes {
        let rest = reduced(&basis, *hash);
        if rest != 0 {
            basis.push(rest);
            basis.sort_unstable_by(|a, b| b.cmp(a));
        }
    }
    basis
}

/// The remainder of `number` after reduction by the basis.
fn reduced(basis: &[u64], number: u64) -> u64 {
    basis
        .iter()
        .fold(number, |rest, member| rest.min(rest ^ member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_choice_is_found_and_nothing_else() {
        let hashes = [0x8f3a_0001, 0x11_0000_4444, 0x7000_0000_0000_0007, 0x55];
        for choice in 0_usize..16 {
            let chosen = hashes
                .iter()
                .enumerate()
                .filter(|(index, _)| choice >> index & 1 == 1);
            let made = chosen.fold(0, |made, (_, hash)| made ^ hash);
            assert!(makes(&hashes, made), "{choice}");
            assert!(!makes(&hashes, made ^ 0x0100), "{choice}");
        }
    }
}
