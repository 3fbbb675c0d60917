//! Sizes in bytes, as systemd prints them.

/// A size as systemd prints it: `12B`, `1.2K`.
pub(in crate::cli::journal) fn size_text(bytes: usize) -> String {
    const UNITS: [(&str, usize); 4] = [
        ("T", 1 << 40),
        ("G", 1 << 30),
        ("M", 1 << 20),
        ("K", 1 << 10),
    ];
    match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
        None => format!("{bytes}B"),
        Some((unit, factor)) => {
            let (whole, tenths) = (bytes / factor, bytes % factor * 10 / factor);
            if tenths == 0 {
                format!("{whole}{unit}")
            } else {
                format!("{whole}.{tenths}{unit}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let texts = [0, 10, 1023, 1024, 1536, 5_000_000].map(size_text);
        assert_eq!(texts, ["0B", "10B", "1023B", "1K", "1.5K", "4.7M"]);
    }
}
