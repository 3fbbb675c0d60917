//! Syslog priorities on the command line: names, numbers and ranges, as in journalctl.

use super::failure::Failure;
use std::ops::RangeInclusive;

/// The names, by number.
const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// Further names in systemd and syslog(3).
const ALIASES: [(&str, u8); 4] = [("panic", 0), ("error", 3), ("warn", 4), ("critical", 2)];

/// Parses `LEVEL` (that priority and more severe ones) or `FROM..TO`.
///
/// # Errors
///
/// A usage error if a name or number is not a priority.
pub(super) fn priorities(range: &str) -> Result<RangeInclusive<u8>, Failure> {
    let number = |name: &str| {
        let known = || {
            let place = PRIORITIES.iter().position(|known| *known == name);
            place.and_then(|place| u8::try_from(place).ok())
        };
        let alias = || ALIASES.iter().find(|(alias, _)| *alias == name);
        let number = name.parse().ok().filter(|number| *number < 8);
        number
            .or_else(known)
            .or_else(|| alias().map(|(_, number)| *number))
            .ok_or_else(|| {
                Failure::usage(format!(
                    "--priority: expected 0-7, {}, or FROM..TO, found {range:?}",
                    PRIORITIES.join(", ")
                ))
            })
    };
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (0, number(range)?),
    };
    Ok(from.min(to)..=from.max(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_numbers_and_ranges() {
        for (text, range) in [
            ("err", 0..=3),
            ("4", 0..=4),
            ("3..5", 3..=5),
            ("debug..warning", 4..=7),
            ("error", 0..=3),
        ] {
            assert_eq!(priorities(text).unwrap(), range, "{text}");
        }
        assert_eq!(
            priorities("loud").unwrap_err().text,
            "--priority: expected 0-7, emerg, alert, crit, err, warning, notice, info, debug, or FROM..TO, found \"loud\""
        );
        assert!(priorities("8").is_err() && priorities("..").is_err());
    }
}
