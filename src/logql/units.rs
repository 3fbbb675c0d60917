//! Durations and sizes in the form of `LogQL`, in queries and in the values of labels.

/// Nanoseconds of each unit, in the order in which a duration may contain them.
const UNITS: &[(&str, u8, f64)] = &[
    ("y", 0, 365.0 * 86_400e9),
    ("w", 1, 7.0 * 86_400e9),
    ("d", 2, 86_400e9),
    ("h", 3, 3_600e9),
    ("ms", 6, 1e6),
    ("m", 4, 60e9),
    ("s", 5, 1e9),
    ("\u{b5}s", 7, 1e3),
    ("\u{3bc}s", 7, 1e3),
    ("us", 7, 1e3),
    ("ns", 8, 1.0),
];

/// Units that accept only whole numbers.
const WHOLE_ONLY: u8 = 2;

/// Sizes in bytes by their unit in lower case.
const SIZES: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("kb", 1e3),
    ("kib", 1024.0),
    ("mb", 1e6),
    ("mib", 1_048_576.0),
    ("gb", 1e9),
    ("gib", 1_073_741_824.0),
    ("tb", 1e12),
    ("tib", 1_099_511_627_776.0),
    ("pb", 1e15),
    ("pib", 1_125_899_906_842_624.0),
    ("eb", 1e18),
    ("eib", 1_152_921_504_606_846_976.0),
    ("k", 1e3),
    ("ki", 1024.0),
    ("m", 1e6),
    ("mi", 1_048_576.0),
    ("g", 1e9),
    ("gi", 1_073_741_824.0),
    ("t", 1e12),
    ("ti", 1_099_511_627_776.0),
];

/// Units of sizes that are recognised in a query.
const QUERY_SIZES: &[&str] = &[
    "KiB", "MiB", "GiB", "TiB", "PiB", "KB", "kB", "MB", "GB", "TB", "PB", "B",
];

/// The length of the number at the start of `text`: digits, and a fraction if it may have one.
fn number_length(text: &str, fraction: bool) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let rest = text.get(whole..).unwrap_or_default();
    match rest.strip_prefix('.').map(digits) {
        Some(part) if fraction && whole > 0 && part > 0 => whole + 1 + part,
        _ => whole,
    }
}

/// The duration at the start of `text`, as written in a query: its length in bytes and its nanoseconds.
pub(crate) fn scan_duration(text: &str) -> Option<(usize, i64)> {
    let sign = usize::from(text.starts_with('-'));
    let (mut at, mut nanos, mut next) = (sign, 0_i128, 0);
    while let Some(rest) = text.get(at..) {
        let length = number_length(rest, true);
        let after = rest.get(length..).unwrap_or_default();
        let Some((unit, rank, size)) = UNITS.iter().find(|(unit, ..)| after.starts_with(unit))
        else {
            break;
        };
        let number = rest.get(..length).unwrap_or_default();
        if length == 0 || *rank < next || *rank <= WHOLE_ONLY && number.contains('.') {
            break;
        }
        nanos = nanos.saturating_add(nanos_of(number, *size)?);
        at += length + unit.len();
        next = rank + 1;
    }
    let signed = if sign == 1 { -nanos } else { nanos };
    let bounded = signed.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    (at > sign).then_some((at, i64::try_from(bounded).ok()?))
}

/// Converts a number of units to nanoseconds; a whole number is not rounded.
fn nanos_of(number: &str, size: f64) -> Option<i128> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "sizes are whole; a fraction of a nanosecond is cut, and a large number saturates"
    )]
    match number.parse::<i64>() {
        Ok(whole) => Some(i128::from(whole) * size as i128),
        Err(_) => Some((number.parse::<f64>().ok()? * size) as i128),
    }
}

/// The size at the start of `text`, as written in a query: its length in bytes and the size in bytes.
pub(super) fn scan_bytes(text: &str) -> Option<(usize, f64)> {
    let length = number_length(text, true);
    let after = text.get(length..)?;
    let unit = QUERY_SIZES.iter().find(|unit| after.starts_with(**unit))?;
    let number: f64 = text.get(..length)?.parse().ok()?;
    let bytes = number * size_of(unit)?;
    bytes.is_finite().then_some((length + unit.len(), bytes))
}

fn size_of(unit: &str) -> Option<f64> {
    let unit = unit.to_ascii_lowercase();
    let (_, size) = SIZES.iter().find(|(name, _)| *name == unit)?;
    Some(*size)
}

/// The nanoseconds of a duration in the value of a label, in the form of Go's `time.ParseDuration`: units in any
/// order, no unit longer than hours.
pub(super) fn duration_value(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    let mut nanos = 0.0;
    let mut any = false;
    while !rest.is_empty() {
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b'.')
            .count();
        let number: f64 = rest.get(..length)?.parse().ok()?;
        rest = rest.get(length..)?;
        let (unit, _, size) = UNITS
            .iter()
            .filter(|(_, rank, _)| *rank > WHOLE_ONLY)
            .find(|(unit, ..)| rest.starts_with(unit))?;
        nanos += number * size;
        rest = rest.get(unit.len()..)?;
        any = true;
    }
    any.then_some(sign * nanos)
}

/// The bytes of a size in the value of a label: a number with or without a unit, ignoring the case of units.
pub(super) fn bytes_value(text: &str) -> Option<f64> {
    let is_number = |b: &u8| b.is_ascii_digit() || *b == b'.' || *b == b',';
    let length = text.bytes().take_while(is_number).count();
    let number: f64 = text.get(..length)?.replace(',', "").parse().ok()?;
    let unit = text.get(length..)?.trim();
    Some(number * size_of(unit)?)
}

/// Formats a duration as Loki does: `1h30m`, `5m`, `1.5s`.
pub(super) fn format_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if nanos < 0 {
        text.push('-');
    }
    let mut rest = nanos.unsigned_abs();
    for (unit, size) in [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
    ] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            text.extend([count.to_string().as_str(), unit]);
        }
    }
    for (unit, size) in [("ms", 1_000_000), ("\u{b5}s", 1_000), ("ns", 1)] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            text.extend([count.to_string().as_str(), unit]);
        }
    }
    text
}

/// Formats a size as Loki does: with the largest unit that needs no fraction.
pub(super) fn format_bytes(bytes: f64) -> String {
    for (unit, size) in [
        ("PB", 1e15),
        ("TB", 1e12),
        ("GB", 1e9),
        ("MB", 1e6),
        ("KB", 1e3),
    ] {
        // Beyond this, division rounds.
        if (size..9e15).contains(&bytes) && bytes % size == 0.0 {
            return format!("{}{unit}", bytes / size);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_of_queries() {
        assert_eq!(scan_duration("5m]"), Some((2, 300_000_000_000)));
        assert_eq!(scan_duration("1h30m"), Some((5, 5_400_000_000_000)));
        assert_eq!(scan_duration("1.5h"), Some((4, 5_400_000_000_000)));
        assert_eq!(scan_duration("250ms"), Some((5, 250_000_000)));
        assert_eq!(scan_duration("-1d"), Some((3, -86_400_000_000_000)));
        assert_eq!(scan_duration("5"), None);
        assert_eq!(scan_duration("1.5d"), None, "days are whole");
        assert_eq!(
            scan_duration("5m1h"),
            Some((2, 300_000_000_000)),
            "units descend"
        );
    }

    #[test]
    fn reads_durations_and_sizes_of_values() {
        assert_eq!(duration_value("1m0.5s"), Some(60.5e9));
        assert_eq!(duration_value("-3ms"), Some(-3e6));
        assert_eq!(duration_value("3"), None);
        assert_eq!(duration_value(""), None);
        assert_eq!(duration_value("1d"), None);
        assert_eq!(bytes_value("42 MB"), Some(42e6));
        assert_eq!(bytes_value("1.5KiB"), Some(1536.0));
        assert_eq!(bytes_value("17"), Some(17.0));
        assert_eq!(bytes_value("x"), None);
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["5m", "1h30m", "1s500ms", "24h", "100ms", "-5m"] {
            let (_, nanos) = scan_duration(text).expect(text);
            assert_eq!(format_duration(nanos), text);
        }
        assert_eq!(format_bytes(2e6), "2MB");
        assert_eq!(format_bytes(1536.0), "1536B");
    }
}
