//! The time that a line begins with, in the forms that log files use. A time without a zone is taken as UTC, which is what
//! cloud images run in.

use crate::time::Micros;
use jiff::civil;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// Longer than every form that is read, zone and brackets included.
const STAMP_MAX: usize = 48;

/// The time at the beginning of `line` and how many bytes it takes, or nothing.
pub(crate) fn leading(line: &[u8]) -> Option<(Micros, usize)> {
    let head = line.get(..STAMP_MAX).unwrap_or(line);
    let opened = usize::from(head.first() == Some(&b'['));
    let (time, length) = calendar(head.get(opened..)?)?;
    let end = opened + length;
    let closed = usize::from(opened == 1 && line.get(end) == Some(&b']'));
    Some((time, end + closed))
}

/// `2026-02-17 14:30:15,123`, `2026-02-17T14:30:15.123456789+02:00`, `2026/02/17 14:30:15`.
fn calendar(text: &[u8]) -> Option<(Micros, usize)> {
    let year = number(text, 0, 4)?;
    let month = dated(text, 4, b"-/", 2)?;
    let day = dated(text, 7, b"-/", 2)?;
    let hour = dated(text, 10, b" Tt", 2)?;
    let minute = dated(text, 13, b":", 2)?;
    let second = dated(text, 16, b":", 2)?;
    let (micros, fraction_end) = fraction(text, 19);
    let (offset_s, end) = zone(text, fraction_end);
    let date = civil::Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    let part = |value: u32| i8::try_from(value).ok();
    // a leap second is the last second of its minute, as in POSIX time
    let time = civil::Time::new(part(hour)?, part(minute)?, part(second.min(59))?, 0).ok()?;
    let utc = date.ok()?.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
    let seconds = utc.timestamp().as_second() - offset_s;
    Some((
        Micros::new(seconds.checked_mul(1_000_000)?.checked_add(micros)?),
        end,
    ))
}

fn number(text: &[u8], from: usize, digits: usize) -> Option<u32> {
    let text = text.get(from..from + digits)?;
    let is_number = text.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        text.iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    })
}

/// A number behind one of the separators.
fn dated(text: &[u8], at: usize, separators: &[u8], digits: usize) -> Option<u32> {
    separators
        .contains(text.get(at)?)
        .then(|| number(text, at + 1, digits))
        .flatten()
}

/// Microseconds behind a dot or comma, and where they end; finer digits are passed over.
fn fraction(text: &[u8], at: usize) -> (i64, usize) {
    if !matches!(text.get(at), Some(b'.' | b',')) {
        return (0, at);
    }
    let digits = text.get(at + 1..).unwrap_or_default();
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let digit = |place: usize| {
        digits
            .get(place)
            .filter(|_| place < count)
            .map_or(0, |d| i64::from(d - b'0'))
    };
    let micros = (0..6).fold(0, |sum, place| sum * 10 + digit(place));
    if count == 0 {
        (0, at)
    } else {
        (micros, at + 1 + count)
    }
}

/// Seconds east of UTC and where the zone ends: `Z`, `+02:00`, `-0330`, with or without a space before.
fn zone(text: &[u8], at: usize) -> (i64, usize) {
    let from = at + usize::from(text.get(at) == Some(&b' '));
    let sign = match text.get(from) {
        Some(b'Z' | b'z') if from == at => return (0, from + 1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (0, at),
    };
    let colon = usize::from(text.get(from + 3) == Some(&b':'));
    match (number(text, from + 1, 2), number(text, from + 3 + colon, 2)) {
        (Some(hours @ 0..=23), Some(minutes @ 0..=59)) => (
            sign * i64::from(hours * 3600 + minutes * 60),
            from + 5 + colon,
        ),
        _ => (0, at),
    }
}

/// The time of a mail header, as cloud-init prints it: `Tue, 17 Feb 2026 14:30:15 +0000`. A wrong day of the week is borne.
pub(crate) fn mail(text: &str) -> Option<Micros> {
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let micros = parser.parse_timestamp(text).ok()?.as_microsecond();
    Some(Micros::new(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Option<(String, &str)> {
        let (time, length) = leading(line.as_bytes())?;
        Some((time.to_string(), &line[length..]))
    }

    #[test]
    fn reads_the_forms_of_log_files() {
        for (line, time, rest) in [
            (
                "2026-02-17 14:30:15,123 - util.py",
                "2026-02-17T14:30:15.123000Z",
                " - util.py",
            ),
            (
                "2026-02-17T14:30:15.123456789Z x",
                "2026-02-17T14:30:15.123456Z",
                " x",
            ),
            (
                "2026-02-17T14:30:15+02:00 x",
                "2026-02-17T12:30:15.000000Z",
                " x",
            ),
            (
                "2026-02-17 14:30:15 -0330",
                "2026-02-17T18:00:15.000000Z",
                "",
            ),
            (
                "2026/02/17 14:30:15 [error]",
                "2026-02-17T14:30:15.000000Z",
                " [error]",
            ),
            (
                "[2026-02-17 14:30:15.5] x",
                "2026-02-17T14:30:15.500000Z",
                " x",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z", ""),
            (
                "2026-02-17 14:30:15 - x",
                "2026-02-17T14:30:15.000000Z",
                " - x",
            ),
        ] {
            assert_eq!(read(line), Some((time.to_owned(), rest)), "{line}");
        }
    }

    #[test]
    fn what_is_no_time_is_left_alone() {
        for line in [
            "",
            "hello",
            "2026-02-17",
            "2026-13-17 14:30:15",
            "2026-02-17 25:30:15",
            "2026-02-30 00:00:00",
            "12345678",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn reads_mail_dates() {
        let time = |text| mail(text).map(|time| time.to_string());
        let expected = Some("2026-02-17T14:30:15.000000Z".to_owned());
        assert_eq!(time("Tue, 17 Feb 2026 14:30:15 +0000"), expected);
        assert_eq!(
            time("Mon, 17 Feb 2026 14:30:15 +0000"),
            expected,
            "a wrong day of the week"
        );
        assert_eq!(time("Tue, 17 Foo 2026 14:30:15 +0000"), None);
    }

    proptest! {
        #[test]
        fn every_time_is_read_back(micros in Micros::MIN.get()..Micros::MAX.get()) {
            let time = Micros::new(micros);
            let text = time.to_string();
            prop_assert_eq!(leading(text.as_bytes()), Some((time, text.len())));
        }

        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = leading(&line);
        }
    }
}
