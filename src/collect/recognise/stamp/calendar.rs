//! Dates and times of day as programs write them. Each form is a function that reads from the current character; the
//! first form that matches wins.

use super::scan::TimeScanner;
use super::seconds;
use crate::collect::recognise::level_names;
use crate::collect::recognise::words::is_capitals;
use crate::time::Micros;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// A stamp as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatedTime {
    /// A number that counts from 1970.
    Instant(Micros),
    /// Date, time of day, microseconds, and the seconds east of UTC if a zone is stated.
    Full(DateTime, i64, Option<i32>),
    /// The same without a year.
    WithoutYear(DateTime, i64, Option<i32>),
    /// A time of day and microseconds.
    WithoutDate(Time, i64),
}

/// Any leap year: a stamp without a year may be of 29 February.
const LEAP_YEAR: i16 = 2024;

/// Reads one form; returns `None` if the text has another.
type TimeForm = fn(&mut TimeScanner<'_>) -> Option<StatedTime>;

/// The timestamp at the cursor, with its zone.
pub(crate) fn read(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    likely(*cursor).iter().find_map(|form| {
        let mut attempt = *cursor;
        let stamp = form(&mut attempt)?;
        *cursor = attempt;
        Some(stamp)
    })
}

/// The forms that the text at the cursor may have, by its first bytes, in the order in which they are tried. Most words of most lines
/// are not times.
fn likely(cursor: TimeScanner<'_>) -> &'static [TimeForm] {
    match cursor.rest() {
        [b'0'..=b'9', ..] => with_digits(cursor),
        [b'@', ..] => &[tai64],
        [b'+' | b'-', b'0' | b'1', b'0'..=b'9', _, _, b' ', ..] => &[after_offset],
        [b'D' | b'I' | b'W' | b'E' | b'F', b'0'..=b'9', ..] => &[klog],
        [a, b, c, ..] => {
            let start = [*a, *b, *c].map(|byte| byte.to_ascii_lowercase());
            match &start {
                b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun" => {
                    &[year_first, day_first, month_first]
                }
                b"jan" | b"feb" | b"mar" | b"apr" | b"may" | b"jun" | b"jul" | b"aug" | b"sep"
                | b"oct" | b"nov" | b"dec" => &[month_first],
                _ if a.is_ascii_uppercase() && zone_hours(cursor.letters()).is_some() => {
                    &[month_first]
                }
                _ => &[],
            }
        }
        _ => &[],
    }
}

/// The forms that begin with digits, by their number and the byte after them.
fn with_digits(cursor: TimeScanner<'_>) -> &'static [TimeForm] {
    let digits = cursor.digits().len();
    match (digits, cursor.rest().get(digits)) {
        (4, Some(b'-' | b'/' | b'.')) => &[year_first, numeric],
        (4, Some(b' ')) => &[year_and_month],
        (1..=10, Some(b':')) => &[compact, after_process, epoch_number, clock_only],
        (1 | 2, Some(b' ' | b'-' | b'/' | b'.')) => &[day_first, numeric],
        (8, _) => &[compact, hexadecimal],
        (6, Some(b'a'..=b'f')) => &[hexadecimal],
        (6 | 14, _) => &[compact],
        (1..=7, Some(b'a'..=b'f')) => &[hexadecimal],
        (10 | 13 | 16 | 19, _) => &[epoch_number],
        _ => &[],
    }
}

/// The forms of [`seconds`].
fn tai64(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    seconds::tai64(cursor).map(StatedTime::Instant)
}

fn hexadecimal(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    seconds::hexadecimal(cursor).map(StatedTime::Instant)
}

fn epoch_number(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    seconds::epoch_number(cursor).map(StatedTime::Instant)
}

/// `2026-02-17 14:30:15,123`, `2026-02-17T14:30:15.123456789+02:00`, `2026/02/17 14:30:15`, `2026.02.17 14:30:15.123`,
/// `Tue 2026-02-17 14:30:15`, `2026-Feb-17 14:30:15`, `2026-02-17-14.30.15.123`, `2026-02-17 14:30`.
fn year_first(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    if cursor.weekday() {
        cursor.blanks();
    }
    let year = cursor.number(4, 4)?;
    let separator = cursor.one_of(b"-/.")?;
    let month = cursor.month().or_else(|| cursor.number(2, 2))?;
    cursor.take(separator).then_some(())?;
    let day = cursor.number(2, 2)?;
    // Airflow writes a comma as well.
    cursor.take(b',');
    cursor.one_of(b" Tt_-")?;
    cursor.blanks();
    cursor.dash();
    let mut after = *cursor;
    if let Some(time) = short_clock(&mut after) {
        *cursor = after;
        let time = half_day(cursor, time)?;
        let civil = date(year, month, day)?.to_datetime(time);
        return Some(StatedTime::Full(civil, cursor.fraction(), zone(cursor)));
    }
    full(cursor, year, month, day)
}

/// `2026 Feb 17 14:30:15`.
fn year_and_month(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    let year = cursor.number(4, 4)?;
    cursor.blanks().then_some(())?;
    let month = cursor.month()?;
    cursor.blanks().then_some(())?;
    let day = cursor.number(1, 2)?;
    cursor.blanks().then_some(())?;
    full(cursor, year, month, day)
}

/// `02/17 14:30`.
pub(super) fn minutes_of_day(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    let month = cursor.number(2, 2)?;
    cursor.take(b'/').then_some(())?;
    let day = cursor.number(2, 2)?;
    cursor.blanks().then_some(())?;
    let hour = cursor.number(2, 2)?;
    cursor.take(b':').then_some(())?;
    let time = time_of_day((hour, cursor.number(2, 2)?, 0))?;
    let is_stated = matches!(cursor.rest(), [b' ', b'+' | b'-', b' ', ..]);
    let civil = date(LEAP_YEAR.into(), month, day)?.to_datetime(time);
    is_stated.then_some(StatedTime::WithoutYear(civil, 0, None))
}

/// `+0200 2026-02-17 14:30:15`, as sing-box writes it.
fn after_offset(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    let offset = zone(cursor)?;
    cursor.blanks().then_some(())?;
    match year_first(cursor)? {
        StatedTime::Full(civil, micros, None) => {
            Some(StatedTime::Full(civil, micros, Some(offset)))
        }
        _ => None,
    }
}

/// `14.30.15` with a fraction, as Db2 and Unreal write it; or `14:30` and `02:30PM`, if no further part of a number follows.
fn short_clock(cursor: &mut TimeScanner<'_>) -> Option<Time> {
    let hour = cursor.number(2, 2)?;
    let separator = cursor.one_of(b".:")?;
    let minute = cursor.number(2, 2)?;
    if separator == b'.' {
        cursor.take(b'.').then_some(())?;
        let second = cursor.number(2, 2)?;
        return time_of_day((hour, minute, second))
            .filter(|_| matches!(cursor.peek(), Some(b'.' | b':')));
    }
    let is_end = matches!(cursor.peek(), None | Some(b' ' | b'Z' | b'+' | b']' | b')'))
        || matches!(cursor.rest(), [b'A' | b'P', b'M', b' ', ..]);
    is_end.then(|| time_of_day((hour, minute, 0)))?
}

/// `I0217 14:30:15.123456`, glog's `I20260217 14:30:15.123456`, `I260217 14:30:15.123456`, `[I217 14:30:15.123456789`, and the
/// seconds since 1970 of a program that knows no zone yet, `I0000 00:00:1771338615.123456`.
fn klog(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    const UNSET: &[u8] = b"0000 00:00:";
    cursor.one_of(b"DIWEF")?;
    if cursor.rest().starts_with(UNSET) {
        cursor.skip(UNSET.len());
        return epoch_number(cursor);
    }
    let digits = cursor.digits().len();
    match digits {
        3 => {
            let (month, day) = (cursor.exactly(1)?, cursor.exactly(2)?);
            cursor.blanks().then_some(())?;
            let stamp = without_year(cursor, month, day)?;
            matches!(stamp, StatedTime::WithoutYear(_, micros, _) if micros > 0).then_some(stamp)
        }
        4 => {
            let (month, day) = (cursor.exactly(2)?, cursor.exactly(2)?);
            cursor.blanks().then_some(())?;
            without_year(cursor, month, day)
        }
        6 | 8 => compact(cursor),
        _ => None,
    }
}

/// `20260217 14:30:15.123`, `260217 14:30:15`, `20260217T143015Z`.
fn compact(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    let year = match cursor.digits().len() {
        6 => 2000 + cursor.exactly(2)?,
        8 => cursor.exactly(4)?,
        14 => return fourteen_digits(cursor),
        _ => return None,
    };
    let (month, day) = (cursor.exactly(2)?, cursor.exactly(2)?);
    // Zabbix writes a colon: `20260217:143015.123`.
    let is_colon = cursor.one_of(b" T-:")? == b':';
    if cursor.digits().len() == 6 {
        let clock = (cursor.exactly(2)?, cursor.exactly(2)?, cursor.exactly(2)?);
        let civil = date(year, month, day)?.to_datetime(time_of_day(clock)?);
        let micros = cursor.fraction();
        return Some(StatedTime::Full(civil, micros, zone(cursor)));
    }
    if is_colon {
        return None;
    }
    cursor.blanks();
    full(cursor, year, month, day)
}

/// `1234:20260217:143015.123`, as Zabbix writes it after the number of the process.
fn after_process(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    cursor.number(1, 10)?;
    cursor.take(b':').then_some(())?;
    (cursor.digits().len() == 8).then(|| compact(cursor))?
}

/// `20260217143015`: only for plausible years, because identifiers may have as many digits.
fn fourteen_digits(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    let year = cursor
        .exactly(4)
        .filter(|year| (1990..2100).contains(year))?;
    let (month, day) = (cursor.exactly(2)?, cursor.exactly(2)?);
    let clock = (cursor.exactly(2)?, cursor.exactly(2)?, cursor.exactly(2)?);
    let civil = date(year, month, day)?.to_datetime(time_of_day(clock)?);
    let micros = cursor.fraction();
    cursor.is_word_end().then_some(())?;
    Some(StatedTime::Full(civil, micros, zone(cursor)))
}

/// `17 Feb 2026 14:30:15.123`, `17-Feb-2026 14:30:15`, `17/Feb/2026:14:30:15 +0000`, `17 Feb 14:30:15`, `Tue, 17 Feb 2026 14:30:15 GMT`.
fn day_first(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    if cursor.weekday() {
        cursor.blanks();
    }
    let day = cursor.number(1, 2)?;
    let separator = cursor.one_of(b" -/")?;
    let month = cursor.month()?;
    cursor.take(separator).then_some(())?;
    let mut after = *cursor;
    let Some(year) = after.number(4, 4) else {
        return without_year(cursor, month, day);
    };
    *cursor = after;
    cursor.take(b',');
    cursor.one_of(b" :T")?;
    cursor.take(b':');
    cursor.blanks();
    full(cursor, year, month, day)
}

/// `Feb 17 14:30:15`, `Feb  7 14:30:15.123`, `Tue Feb 17 14:30:15.123456 2026`, `Tue Feb 17 14:30:15 UTC 2026`, `Feb 17, 2026 2:30:15 PM`,
/// `Feb 17 2026 14:30:15`, and monit's `UTC Feb 17 14:30:15`.
fn month_first(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    if cursor.weekday() {
        cursor.blanks().then_some(())?;
    }
    let first = cursor.letters();
    let stated = zone_hours(first).filter(|_| first.len() > 2);
    if stated.is_some() {
        cursor.skip(first.len());
        cursor.blanks().then_some(())?;
    }
    let stated = stated.map(|hours| hours * 3600);
    let month = cursor.month()?;
    cursor.take(b'.');
    cursor.blanks().then_some(())?;
    let day = cursor.number(1, 2)?;
    cursor.take(b',');
    cursor.blanks().then_some(())?;
    let mut after = *cursor;
    if let Some(year) = after.number(4, 4)
        && (after.take(b',') | after.blanks())
    {
        *cursor = after;
        cursor.blanks();
        // Kibana: `Feb 17, 2026 @ 14:30:15.123`
        if cursor.take(b'@') {
            cursor.blanks();
        }
        return full(cursor, year, month, day);
    }
    let clock = clock(cursor)?;
    let micros = cursor.fraction();
    // The year may follow the time and its zone.
    let mut after = *cursor;
    let offset = zone(&mut after);
    after.blanks();
    if let Some(year) = after.number(4, 4).filter(|_| after.is_word_end()) {
        *cursor = after;
        let civil = date(year, month, day)?.to_datetime(clock);
        return Some(StatedTime::Full(civil, micros, offset));
    }
    let civil = date(LEAP_YEAR.into(), month, day)?.to_datetime(clock);
    let offset = stated.or_else(|| zone(cursor));
    Some(StatedTime::WithoutYear(civil, micros, offset))
}

/// `17.02.2026 14:30:15`, `17.02.26 14:30:15`, `02/17/2026, 2:30:15 PM`, `2/17/26 14:30:15`, `26-02-17 14:30:15`,
/// `17/2/2026 -- 14:30:15`, `02-17 14:30:15.123`, `0217/143015.123456`.
fn numeric(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    if cursor.digits().len() == 4 {
        let (month, day) = (cursor.exactly(2)?, cursor.exactly(2)?);
        cursor.take(b'/').then_some(())?;
        let clock = (cursor.exactly(2)?, cursor.exactly(2)?, cursor.exactly(2)?);
        let civil = date(LEAP_YEAR.into(), month, day)?.to_datetime(time_of_day(clock)?);
        return Some(StatedTime::WithoutYear(civil, cursor.fraction(), None));
    }
    let first = cursor.number(1, 2)?;
    let separator = cursor.one_of(b"./-")?;
    let second = cursor.number(1, 2)?;
    if separator == b'-' && cursor.one_of(b" |").is_some() {
        // Android and geth: the fraction distinguishes it from a range of numbers; vLLM: the place in the code does.
        let stamp = without_year(cursor, first, second)?;
        let is_before_place = is_before_place(cursor.rest());
        return matches!(stamp, StatedTime::WithoutYear(_, micros, _) if micros > 0 || is_before_place)
            .then_some(stamp);
    }
    cursor.take(separator).then_some(())?;
    // WebSphere: `2/17/26 14:30:15:123 CET`; with dots the day is first, with dashes the year
    let is_short_year = cursor.digits().len() == 2;
    if is_short_year && separator == b'-' {
        let day = cursor.number(2, 2)?;
        cursor.blanks().then_some(())?;
        return full(cursor, 2000 + first, second, day);
    }
    let year = if is_short_year {
        2000 + cursor.number(2, 2)?
    } else {
        cursor.number(4, 4)?
    };
    cursor.take(b',');
    cursor.one_of(b" T")?;
    cursor.dashes();
    cursor.dash();
    cursor.blanks();
    let mut after = *cursor;
    let has_half = clock(&mut after).is_some() && is_half_day(after);
    let may_be_spark = is_short_year && separator == b'/';
    if may_be_spark && first > 12 && is_before_level(after) && year < 2000 + 32 {
        // Spark and Hadoop: year, month, day.
        return full(cursor, 2000 + first, second, year - 2000);
    }
    // Dots are European, AM and PM are American; otherwise the number that cannot be a month decides.
    let is_day_first = match (first, second) {
        (13.., _) => true,
        (_, 13..) => false,
        _ => separator == b'.' || !has_half,
    };
    let (month, day) = if is_day_first {
        (second, first)
    } else {
        (first, second)
    };
    full(cursor, year, month, day)
}

/// Whether the place in the code follows: ` [engine.py:123]`, ` engine.py:123]`.
fn is_before_place(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b" ") else {
        return false;
    };
    let word = rest.split(|&byte| byte == b' ').next().unwrap_or(rest);
    word.starts_with(b"[") || word.ends_with(b"]") && word.contains(&b':')
}

/// `14:30:15.123 [main] ERROR`: only with a fraction, because durations are written without one; Vite's `2:30:15 PM [vite]`.
fn clock_only(cursor: &mut TimeScanner<'_>) -> Option<StatedTime> {
    let is_two_digits = cursor.digits().len() == 2;
    let time = clock(cursor)?;
    if is_half_day(*cursor) {
        let time = half_day(cursor, time)?;
        let is_before_name = cursor.rest().starts_with(b" [");
        return is_before_name.then_some(StatedTime::WithoutDate(time, 0));
    }
    let before = cursor.at();
    let micros = cursor.fraction();
    let has_fraction = cursor.at() > before;
    // Falco: `14:30:15.123456789: Warning Shell spawned`
    let is_end = matches!(cursor.peek(), Some(b' ' | b'\t' | b']'))
        || has_fraction && cursor.rest().starts_with(b": ");
    let is_stated = has_fraction || level_follows(*cursor) || is_in_column(*cursor);
    (is_two_digits && is_stated && is_end).then_some(StatedTime::WithoutDate(time, micros))
}

/// dbt writes a time of day and two blanks or a bar before its text: `14:30:15  Running with dbt=1.9.1`, `14:30:15 | 1 of 2 OK`.
fn is_in_column(cursor: TimeScanner<'_>) -> bool {
    let rest = cursor.rest();
    let text = rest
        .strip_prefix(b"  ")
        .or_else(|| rest.strip_prefix(b" | "))
        .unwrap_or_default();
    matches!(text, [b'0'..=b'9' | b'A'..=b'Z', ..])
}

/// Whether a level follows a time of day: `[14:30:15 ERR]` of Serilog, `[14:30:15] [ERR]` of Jellyfin, `[14:30:15] [Server thread/WARN]:` of
/// Minecraft, `[14:30:15][E][wifi:123]:` of `ESPHome`, `[14:30:15] Warning: ` of rkhunter, `14:30:15 ERROR     [console]` of Symfony.
fn level_follows(mut cursor: TimeScanner<'_>) -> bool {
    const LENGTH_MAX: usize = 48;
    let was_open = cursor.take(b']');
    cursor.blanks();
    let is_open = cursor.take(b'[');
    let rest = cursor.rest();
    let rest = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let end = |is_end: fn(&u8) -> bool| rest.iter().position(is_end).unwrap_or(rest.len());
    if is_open {
        let inner = rest
            .get(..end(|byte| *byte == b']'))
            .unwrap_or(rest)
            .trim_ascii();
        let word = inner.rsplit(|&byte| byte == b'/').next().unwrap_or(inner);
        let is_letter = was_open && level_names::of_letter(word).is_some();
        return is_letter || level_names::named(word).is_some();
    }
    let word = rest
        .get(..end(|byte| !byte.is_ascii_alphabetic()))
        .unwrap_or(rest);
    let is_stated = match rest.get(word.len()) {
        Some(b']') => !was_open,
        Some(b':') => true,
        Some(b' ') => is_capitals(word),
        _ => false,
    };
    is_stated && level_names::named(word).is_some()
}

/// Time of day, fraction and zone after a complete date.
fn full(cursor: &mut TimeScanner<'_>, year: i64, month: i64, day: i64) -> Option<StatedTime> {
    let time = clock(cursor)?;
    let micros = cursor.fraction();
    let time = half_day(cursor, time)?;
    let civil = date(year, month, day)?.to_datetime(time);
    let offset = zone(cursor).or_else(|| named_zone(cursor, civil));
    Some(StatedTime::Full(civil, micros, offset))
}

fn without_year(cursor: &mut TimeScanner<'_>, month: i64, day: i64) -> Option<StatedTime> {
    let time = clock(cursor)?;
    let micros = cursor.fraction();
    let civil = date(LEAP_YEAR.into(), month, day)?.to_datetime(time);
    Some(StatedTime::WithoutYear(civil, micros, zone(cursor)))
}

/// `14:30:15`, `2:30:15`.
fn clock(cursor: &mut TimeScanner<'_>) -> Option<Time> {
    let hour = cursor.number(1, 2)?;
    cursor.take(b':').then_some(())?;
    let minute = cursor.number(2, 2)?;
    cursor.take(b':').then_some(())?;
    time_of_day((hour, minute, cursor.number(2, 2)?))
}

/// A leap second counts as the last second of its minute, as in POSIX time.
fn time_of_day((hour, minute, second): (i64, i64, i64)) -> Option<Time> {
    let part = |value: i64| i8::try_from(value).ok();
    let second = if second == 60 { 59 } else { second };
    Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
}

fn is_before_level(mut cursor: TimeScanner<'_>) -> bool {
    cursor.blanks();
    matches!(
        cursor.letters(),
        b"INFO" | b"WARN" | b"ERROR" | b"DEBUG" | b"FATAL" | b"TRACE"
    )
}

fn is_half_day(mut cursor: TimeScanner<'_>) -> bool {
    cursor.blanks();
    let word = cursor.letters();
    word.eq_ignore_ascii_case(b"AM") || word.eq_ignore_ascii_case(b"PM")
}

/// Reads `AM` or `PM`, if present, and applies it.
fn half_day(cursor: &mut TimeScanner<'_>, time: Time) -> Option<Time> {
    if !is_half_day(*cursor) {
        return Some(time);
    }
    cursor.blanks();
    let is_afternoon = matches!(cursor.peek(), Some(b'P' | b'p'));
    cursor.skip(2);
    let hour = time.hour() % 12 + if is_afternoon { 12 } else { 0 };
    Time::new(hour, time.minute(), time.second(), 0).ok()
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    let year = i16::try_from(year).ok()?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// The zone that an abbreviation denotes, in hours east of UTC; `CST`, `IST` and `BST` are ambiguous.
fn zone_hours(name: &[u8]) -> Option<i32> {
    let hours = match *name {
        [b'Z' | b'z'] => 0,
        [a, b, c] => match &[a, b, c] {
            b"UTC" | b"GMT" => 0,
            b"CET" => 1,
            b"EET" => 2,
            b"MSK" => 3,
            b"JST" | b"KST" => 9,
            b"EST" => -5,
            b"EDT" => -4,
            b"MST" | b"PDT" => -7,
            b"MDT" => -6,
            b"PST" => -8,
            _ => return None,
        },
        [a, b, c, d] => match &[a, b, c, d] {
            b"WEST" => 1,
            b"CEST" => 2,
            b"EEST" => 3,
            b"AEST" => 10,
            b"AEDT" => 11,
            b"NZST" => 12,
            b"NZDT" => 13,
            _ => return None,
        },
        _ => return None,
    };
    Some(hours)
}

/// The offset of a stated zone in seconds east of UTC: `Z`, `+02:00`, `-0330`, `+02`, `UTC`, `CEST`, with or without
/// a blank before.
fn zone(cursor: &mut TimeScanner<'_>) -> Option<i32> {
    let mut after = *cursor;
    after.blanks();
    let word = after.letters();
    let offset = if let Some(hours) = zone_hours(word) {
        after.skip(word.len());
        hours * 3600
    } else {
        let sign = if after.one_of(b"+-")? == b'+' { 1 } else { -1 };
        let digits = after.digits().len();
        let hours = after.exactly(2)?;
        let minutes = match digits {
            4 => after.exactly(2)?,
            2 if after.take(b':') => after.number(2, 2)?,
            2 => 0,
            _ => return None,
        };
        (hours <= 15 && minutes < 60).then_some(())?;
        sign * i32::try_from(hours * 3600 + minutes * 60).ok()?
    };
    after.is_word_end().then_some(())?;
    *cursor = after;
    Some(offset)
}

/// The offset at `civil` of a zone by its name, as PHP writes it: `[17-Feb-2026 14:30:15 Europe/Berlin]`.
fn named_zone(cursor: &mut TimeScanner<'_>, civil: DateTime) -> Option<i32> {
    let mut after = *cursor;
    after.blanks().then_some(())?;
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'_' | b'-');
    let rest = after.rest();
    let length = rest.iter().take_while(|byte| is_name(byte)).count();
    let name = rest.get(..length)?;
    let has_area = name.first()?.is_ascii_uppercase() && name.contains(&b'/');
    let name = std::str::from_utf8(name).ok().filter(|_| has_area)?;
    let zone = TimeZone::get(name).ok()?;
    let moment = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    after.skip(length);
    *cursor = after;
    Some(zone.to_offset(moment).seconds())
}

/// The same day and time of another year; `None` for 29 February of a year without one.
pub(crate) fn in_year(civil: DateTime, year: i16) -> Option<DateTime> {
    let date = Date::new(year, civil.month(), civil.day()).ok()?;
    Some(date.to_datetime(civil.time()))
}

/// The date `days` later.
pub(crate) fn days_from(date: Date, days: i64) -> Option<Date> {
    date.checked_add(days.days()).ok()
}
