//! Durations in the form of systemd.time(7): `2h30min`, `1.5 hours`, `3 days 2 s`.

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// 30.44 days.
const MONTH: i64 = 2_629_800 * SECOND;
/// 365.25 days.
const YEAR: i64 = 31_557_600 * SECOND;

/// Reads one or more numbers with their units, in microseconds. A number without a unit counts seconds.
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0i64;
    while !rest.is_empty() {
        let (number, after) = split_at_end_of(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split_at_end_of(after.trim_start(), |c| {
            !c.is_ascii_digit() && !c.is_whitespace() && c != '.'
        });
        sum = sum.checked_add(scaled(number, unit_micros(unit)?)?)?;
        rest = after.trim_start();
    }
    Some(sum)
}

fn split_at_end_of(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// `number`, which may have a fraction, times `unit`.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse::<i64>().ok()?
    };
    let (mut sum, mut place) = (whole.checked_mul(unit)?, unit);
    for digit in fraction.bytes() {
        place /= 10;
        sum = sum.checked_add(i64::from(digit - b'0') * place)?;
    }
    Some(sum)
}

fn unit_micros(unit: &str) -> Option<i64> {
    Some(match unit {
        "us" | "usec" | "\u{b5}s" | "\u{3bc}s" => 1,
        "ms" | "msec" => 1_000,
        "" | "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => WEEK,
        "M" | "month" | "months" => MONTH,
        "y" | "year" | "years" => YEAR,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_units_add_up() {
        for (text, micros) in [
            ("15m", 15 * MINUTE),
            ("2h30min", 150 * MINUTE),
            ("2 hours 30 minutes", 150 * MINUTE),
            ("1.5h", 90 * MINUTE),
            (".5s", SECOND / 2),
            ("15", 15 * SECOND),
            ("1y 2M", YEAR + 2 * MONTH),
            ("3us", 3),
            ("3 \u{b5}s", 3),
        ] {
            assert_eq!(parse(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn unknown_units_and_bare_words_are_refused() {
        for text in [
            "",
            " ",
            "m",
            "-5m",
            "5 fortnights",
            "5m ago",
            ".",
            "1..5s",
            "9999999999999y",
            "\u{661}s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9. a-z\u{b5}-]{0,20}") {
            let _ = parse(&text);
        }
    }
}
