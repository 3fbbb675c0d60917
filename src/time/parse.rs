//! The one parser of times: RFC 3339, numbers since 1970, the forms of systemd.time(7) that journalctl takes, relative times.

use super::micros::Micros;
use super::zone::Zone;
use super::{epoch, span};
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use std::fmt;

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError {
    found: String,
}

impl Micros {
    /// Reads a time as [`Zone::parse`] does, in UTC.
    ///
    /// # Errors
    /// [`TimeError`] when the text is none of these.
    pub fn parse(text: &str, now: Self) -> Result<Self, TimeError> {
        Zone::utc().parse(text, now)
    }
}

impl Zone {
    /// Reads a time. A calendar time without a zone is in this zone. The forms are
    /// - RFC 3339 with any offset: `2026-02-17T14:30:15.123+02:00`;
    /// - `[WEEKDAY] [DATE] [HH:MM[:SS[.FRACTION]]] [ZONE]` with `DATE` as `YYYY-MM-DD`, `YY-MM-DD`, `today`, `yesterday` or
    ///   `tomorrow`, and `ZONE` as `UTC`, an offset, a name such as `Europe/Berlin`, or this zone's abbreviation such as `CEST`;
    ///   without a date it is today's, without a time it is midnight;
    /// - relative to `now`: `now`, `-15m`, `+5min`, `-2h30min`, `2 hours ago`, `1h left`;
    /// - a number since 1970 with or without `@`: [`Micros::from_epoch`].
    ///
    /// # Errors
    /// [`TimeError`] when the text is none of these.
    pub fn parse(&self, text: &str, now: Micros) -> Result<Micros, TimeError> {
        let trimmed = text.trim();
        rfc3339(trimmed)
            .or_else(|| epoch::parse(trimmed.strip_prefix('@').unwrap_or(trimmed)))
            .or_else(|| relative(trimmed, now))
            .or_else(|| calendar(trimmed, now, self))
            .ok_or_else(|| TimeError {
                found: text.to_owned(),
            })
    }
}

/// RFC 3339 allows a leap second; `jiff` folds it into the second before, as POSIX time does.
fn rfc3339(text: &str) -> Option<Micros> {
    let is_long_enough = text.len() > "YYYY-MM-DDTHH:MM".len();
    let timestamp: Timestamp = is_long_enough.then(|| text.parse().ok())??;
    let micros = timestamp.as_nanosecond().div_euclid(1_000);
    i64::try_from(micros).ok().map(Micros::new)
}

fn relative(text: &str, now: Micros) -> Option<Micros> {
    if text == "now" {
        return Some(now);
    }
    let micros = if let Some(length) = text.strip_prefix('+') {
        span::parse(length)?
    } else if let Some(length) = text.strip_prefix('-') {
        -span::parse(length)?
    } else if let Some(length) = text.strip_suffix(" ago") {
        -span::parse(length)?
    } else {
        span::parse(text.strip_suffix(" left")?)?
    };
    Some(now.plus(micros))
}

fn calendar(text: &str, now: Micros, zone: &Zone) -> Option<Micros> {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    let weekday = words.first().and_then(|word| weekday(word));
    if weekday.is_some() {
        words.remove(0);
    }
    let named = named_zone(&mut words);
    let abbreviation = match (&named, words.len()) {
        (None, 2..) => words.pop_if(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic())),
        _ => None,
    };
    let zone = named.as_ref().unwrap_or(zone);
    let (date, time) = match *words.as_slice() {
        [word] if !word.contains(':') => (Some(word), None),
        [word] => match word.split_once(['T', 't']) {
            Some((date, time)) => (Some(date), Some(time)),
            None => (None, Some(word)),
        },
        [date, time] => (Some(date), Some(time)),
        _ => return None,
    };
    let today = zone.date(now);
    let date = date.map_or(Some(today), |date| self::date(date, today))?;
    if weekday.is_some_and(|weekday| weekday != date.weekday()) {
        return None;
    }
    let civil = date.to_datetime(time.map_or(Some(Time::midnight()), self::time)?);
    match abbreviation {
        Some(abbreviation) => zone.at_abbreviated(civil, abbreviation),
        None => zone.at(civil),
    }
}

/// Removes the last word, or the part of it after the time, if it is a zone.
fn named_zone(words: &mut Vec<&str>) -> Option<Zone> {
    let is_alone = words.len() == 1;
    let last = words.last_mut()?;
    // An offset directly after the time.
    if let Some(at) = last
        .rfind(['+', '-'])
        .filter(|at| last[..*at].contains(':'))
    {
        let zone = offset(last.get(at..)?)?;
        *last = last.get(..at)?;
        return Some(zone);
    }
    let zone = if last.starts_with(['+', '-']) {
        offset(last)
    } else if is_alone || !last.starts_with(|c: char| c.is_ascii_alphabetic()) {
        None
    } else {
        Zone::named(last)
    }?;
    words.pop();
    Some(zone)
}

/// `+02:00`, `+0200`, `-03`.
fn offset(text: &str) -> Option<Zone> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None => digits.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() { "00" } else { minutes };
    let is_whole = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    (is_whole && hours < 24 && minutes < 60).then(|| Zone::fixed(sign * seconds))?
}

fn weekday(word: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("Monday", Weekday::Monday),
        ("Tuesday", Weekday::Tuesday),
        ("Wednesday", Weekday::Wednesday),
        ("Thursday", Weekday::Thursday),
        ("Friday", Weekday::Friday),
        ("Saturday", Weekday::Saturday),
        ("Sunday", Weekday::Sunday),
    ];
    let word = word.strip_suffix(',').unwrap_or(word);
    let is_it = |name: &str| {
        word.eq_ignore_ascii_case(name)
            || name
                .get(..3)
                .is_some_and(|short| word.eq_ignore_ascii_case(short))
    };
    NAMES
        .into_iter()
        .find(|(name, _)| is_it(name))
        .map(|(_, day)| day)
}

fn date(text: &str, today: Date) -> Option<Date> {
    match text {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        "tomorrow" => return today.tomorrow().ok(),
        _ => {}
    }
    let mut parts = text.split('-');
    let (year_text, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let year = number(year_text)?;
    // strptime(3): two digits are the years 1969 to 2068
    let year = match (year_text.len(), year) {
        (4, year) => year,
        (2, 69..) => 1900 + year,
        (2, _) => 2000 + year,
        _ => return None,
    };
    let is_whole = parts.next().is_none();
    let date = Date::new(year, small(month)?, small(day)?).ok()?;
    is_whole.then_some(date)
}

fn time(text: &str) -> Option<Time> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (small(parts.next()?)?, small(parts.next()?)?);
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "0")),
        None => ("0", "0"),
    };
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    // a leap second is the last second of its minute, as in POSIX time
    let second = match small(second)? {
        60 => 59,
        second => second,
    };
    Time::new(hour, minute, second, nanos).ok()
}

/// One or two digits.
fn small(text: &str) -> Option<i8> {
    (text.len() <= 2)
        .then(|| number(text))?
        .and_then(|number| i8::try_from(number).ok())
}

fn number(text: &str) -> Option<i16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970, found {:?}",
            self.found
        )
    }
}

impl std::error::Error for TimeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    const NOW: i64 = 1_771_338_615_123_456;

    fn parsed_in(zone: &Zone, text: &str) -> String {
        let now = Micros::new(NOW);
        zone.parse(text, now)
            .unwrap_or_else(|error| panic!("{error}"))
            .to_string()
    }

    #[test]
    fn reads_the_forms_that_people_type() {
        for (text, expected) in [
            ("2026-02-17T14:30:15.123456Z", "2026-02-17T14:30:15.123456Z"),
            (
                "2026-02-17T14:30:15.123456789+02:00",
                "2026-02-17T12:30:15.123456Z",
            ),
            ("2026-02-17 14:30:15 +0200", "2026-02-17T12:30:15.000000Z"),
            ("2026-02-17 14:30-03", "2026-02-17T17:30:00.000000Z"),
            ("2026-02-17", "2026-02-17T00:00:00.000000Z"),
            ("26-2-7", "2026-02-07T00:00:00.000000Z"),
            ("2026-02-17 14:30", "2026-02-17T14:30:00.000000Z"),
            ("2026-02-17T14:30", "2026-02-17T14:30:00.000000Z"),
            ("2026-02-17 14:30:15.5", "2026-02-17T14:30:15.500000Z"),
            ("Tue 2026-02-17 14:30:00 UTC", "2026-02-17T14:30:00.000000Z"),
            ("tuesday 2026-02-17", "2026-02-17T00:00:00.000000Z"),
            ("2026-02-17 14:30:17 UTC", "2026-02-17T14:30:17.000000Z"),
            ("09:00", "2026-02-17T09:00:00.000000Z"),
            ("10:02:03", "2026-02-17T10:02:03.000000Z"),
            ("today", "2026-02-17T00:00:00.000000Z"),
            ("yesterday", "2026-02-16T00:00:00.000000Z"),
            ("tomorrow", "2026-02-18T00:00:00.000000Z"),
            ("yesterday 10:00", "2026-02-16T10:00:00.000000Z"),
            ("now", "2026-02-17T14:30:15.123456Z"),
            ("-15m", "2026-02-17T14:15:15.123456Z"),
            ("-15", "2026-02-17T14:30:00.123456Z"),
            ("-2h30min", "2026-02-17T12:00:15.123456Z"),
            ("1 hour ago", "2026-02-17T13:30:15.123456Z"),
            ("+5min", "2026-02-17T14:35:15.123456Z"),
            ("1771338615", "2026-02-17T14:30:15.000000Z"),
            ("1771338615123", "2026-02-17T14:30:15.123000Z"),
            ("1771338615123456", "2026-02-17T14:30:15.123456Z"),
            ("1771338615123456789", "2026-02-17T14:30:15.123456Z"),
            ("@1771338615", "2026-02-17T14:30:15.000000Z"),
            ("@1771338615.02", "2026-02-17T14:30:15.020000Z"),
        ] {
            assert_eq!(parsed_in(&Zone::utc(), text), expected, "{text}");
        }
    }

    #[test]
    fn a_calendar_time_is_in_its_zone() {
        let zone = Zone::fixed(7200).unwrap();
        for (text, expected) in [
            ("2026-02-17 14:30", "2026-02-17T12:30:00.000000Z"),
            ("2026-02-17T14:30:00Z", "2026-02-17T14:30:00.000000Z"),
            ("2026-02-17 14:30 UTC", "2026-02-17T14:30:00.000000Z"),
            ("-15m", "2026-02-17T14:15:15.123456Z"),
            ("today", "2026-02-16T22:00:00.000000Z"),
            ("today UTC", "2026-02-17T00:00:00.000000Z"),
            ("09:00", "2026-02-17T07:00:00.000000Z"),
        ] {
            assert_eq!(parsed_in(&zone, text), expected, "{text}");
        }
    }

    #[test]
    fn zones_are_recognised_by_name_and_abbreviation() {
        let Some(berlin) = Zone::named("Europe/Berlin") else {
            // This machine has no time zone database.
            return;
        };
        let utc = Zone::utc();
        assert_eq!(
            parsed_in(&utc, "2026-07-17 14:30 Europe/Berlin"),
            "2026-07-17T12:30:00.000000Z"
        );
        assert_eq!(
            parsed_in(&berlin, "Fri 2026-07-17 14:30:00 CEST"),
            "2026-07-17T12:30:00.000000Z"
        );
        // An hour that the clocks show twice.
        assert_eq!(
            parsed_in(&berlin, "2026-10-25 02:30 CEST"),
            "2026-10-25T00:30:00.000000Z"
        );
        assert!(
            berlin
                .parse("2026-07-17 14:30 PDT", Micros::new(NOW))
                .is_err()
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "-",
            "-m",
            "15m",
            "2026-13-01",
            "2026-02-30",
            "2026-02-17T25:00:00Z",
            "someday",
            "--5m",
            "\u{661}",
            "24:00",
            "23:60",
            "Wed 2026-02-17",
            "Tue",
            "3 min ago 2s",
            "1 fortnight ago",
            "now UTC",
            "2026-02-17 14:30 Middle/Earth",
            "14",
            "@-1",
            "99999999999999999999",
            "2026-02-17 14:30 +2",
            "2026-02-17 14:30 15:30",
        ] {
            let result = Micros::parse(text, Micros::default());
            assert!(
                result.is_err() || text == "14",
                "{text:?} was read as {result:?}"
            );
        }
        let error = Micros::parse("soon", Micros::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970, found \"soon\""
        );
    }

    const ACCEPTED_HERE_ALONE: &[&str] = &[
        "yesterday 12:00:00",
        "tomorrow 09:30 UTC",
        "2026-02-17T14:30:00Z",
        "2026-02-17T14:30:00.25Z",
        "2026-02-17T14:30:00",
        "Mon, 2026-02-16",
        "12:00 Europe/Berlin",
        "2026-07-17 12:00 Europe/Berlin",
        "5 min ago ",
    ];

    /// Compares calendar times and durations with systemd itself, if it is installed.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of texts")]
    fn systemd_reads_the_same() {
        let analyze = |text: &str| {
            let output = Command::new("systemd-analyze")
                .args(["timestamp", "--", text])
                .envs([("TZ", "UTC"), ("LC_ALL", "C")])
                .output()
                .ok()?;
            let output = String::from_utf8(output.stdout).ok()?;
            let (_, seconds) = output.split_once("UNIX seconds: @")?;
            Some(seconds.lines().next()?.trim().to_owned())
        };
        if analyze("@1").is_none() {
            return;
        }
        let near = Micros::new(2_000_000);
        for text in [
            "2026-02-17",
            "26-02-17",
            "2026-2-7",
            "2026-02-17 14:30",
            "2026-02-17 9:5",
            "2026-02-17 14:30:15.25",
            "Tue 2026-02-17 14:30:00 UTC",
            "2026-02-17 14:30 UTC",
            "@1747731634",
            "@1747731634.5",
            "today",
            "yesterday",
            "tomorrow",
            "09:00",
            "10:02:03",
            "14:30 UTC",
            "today UTC",
            "now",
            "1 hour ago",
            "2 hours ago",
            "-2h30min",
            "+5min",
            "1h 2m ago",
            "1h left",
            "1.5h ago",
            "2M ago",
            "1y ago",
            "-15",
            "+1",
            "1week ago",
            "-2days 3hours",
            "Wed 2026-02-17",
            "3 min ago 2s",
            "1 fortnight ago",
            "24:00",
            "23:60",
            "1week",
            "Tue",
            "-5 min ago",
            "",
            "2h",
            "-1h 30m",
            "-1h 30min",
            "2h30 ago",
            "1month ago",
            "1 sec ago",
            "5us ago",
            "now -5m",
            "yesterday 12:00:00",
            "tomorrow 09:30 UTC",
            "yesterday UTC",
            "@-1",
            "@1.5",
            "infinity",
            "2026-02-17T14:30:00Z",
            "2026-02-17T14:30:00.25Z",
            "2026-02-17T14:30:00",
            "14:30:15.123",
            "14:30:15.",
            "Mon, 2026-02-16",
            "Mon 2026-02-16 14:30",
            "monday 2026-02-16",
            "Fri",
            "1.5 hours ago",
            "+ 5min",
            "- 5min",
            "5 min ago ",
            " 2026-02-17",
            "2026-02-17 23:59:60",
            "12:00 Europe/Berlin",
            "2026-07-17 12:00 Europe/Berlin",
            "now UTC",
            "2026-02-17 14:30 PST",
            "70-01-02",
            "2026-02",
            "1d 2h 3min 4s ago",
            "1 week 2 days ago",
            "3 min left",
            "5 minutes",
            "Today",
            "YESTERDAY",
            "2 HOURS AGO",
            "2026-02-17 2:3:4",
            "2026-02-17  14:30",
            "0 ago",
            "-0",
            "1 h ago",
            "1hr ago",
            "1 millisecond ago",
        ] {
            let ours = Micros::parse(text, Micros::now()).ok();
            let theirs = analyze(text).and_then(|text| epoch::parse(&text));
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    // Both read the clock at slightly different moments, and a loaded machine may take some time in
                    // between.
                    let apart = (ours.get() - theirs.get()).abs();
                    assert!(apart < 30 * near.get(), "{text}: {ours} is not {theirs}");
                }
                // Forms of other programs, of newer versions of systemd, or that need a time zone database.
                (Some(_), None) if ACCEPTED_HERE_ALONE.contains(&text) => {}
                (ours, theirs) => assert_eq!(ours, theirs, "{text:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn every_time_prints_and_reads_back(micros in any::<i64>()) {
            let time = Micros::new(micros);
            prop_assert_eq!(Micros::parse(&time.to_string(), Micros::default()), Ok(time));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9:. @TZa-z/]{0,24}|.{0,16}") {
            let _ = Micros::parse(&text, Micros::new(NOW));
        }
    }
}
