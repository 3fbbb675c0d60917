//! Times in templates, in Go's layouts: a layout shows how a certain reference time is written.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// The parts of a layout; longer ones before their prefixes.
const PARTS: &[&str] = &[
    "January", "Monday", "Z07:00", "-07:00", "2006", "-0700", "Z0700", "Jan", "Mon", "MST", "002",
    "01", "02", "03", "04", "05", "06", "15", "PM", "pm", "_2", "1", "2", "3", "4", "5",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        name => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

/// Formats a time with `layout`.
pub(super) fn format(nanos: i64, layout: &str, zone_name: &str) -> Result<String, String> {
    let time = Timestamp::from_nanosecond(i128::from(nanos)).map_err(|error| error.to_string())?;
    let time = time.to_zoned(zone(zone_name)?);
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = fraction(rest) {
            let digits = rest.get(1..length).unwrap_or_default();
            let nanos = format!("{:09}", time.subsec_nanosecond());
            let shown = nanos.get(..digits.len().min(9)).unwrap_or_default();
            if digits.starts_with('9') {
                let shown = shown.trim_end_matches('0');
                if !shown.is_empty() {
                    let _ = write!(out, ".{shown}");
                }
            } else {
                let _ = write!(out, ".{shown}");
            }
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let Some(part) = PARTS.iter().find(|part| rest.starts_with(**part)) else {
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        };
        write_part(&mut out, part, &time);
        rest = rest.get(part.len()..).unwrap_or_default();
    }
    Ok(out)
}

/// The length of `.000` or `.999` at the start of a layout.
fn fraction(layout: &str) -> Option<usize> {
    let digits = layout.strip_prefix(['.', ','])?;
    let first = digits.chars().next().filter(|c| *c == '0' || *c == '9')?;
    let count = digits.chars().take_while(|c| *c == first).count();
    let ends = !digits
        .get(count..)?
        .starts_with(|c: char| c.is_ascii_digit());
    ends.then_some(1 + count)
}

fn write_part(out: &mut String, part: &str, time: &jiff::Zoned) {
    let month = usize::try_from(time.month() - 1).unwrap_or(0);
    let month = MONTHS.get(month).copied().unwrap_or_default();
    let day = format!("{:?}", time.weekday());
    let hour = (time.hour() + 11) % 12 + 1;
    let is_afternoon = time.hour() >= 12;
    let _ = match part {
        "2006" => write!(out, "{:04}", time.year()),
        "06" => write!(out, "{:02}", time.year().rem_euclid(100)),
        "January" => write!(out, "{month}"),
        "Jan" => write!(out, "{}", month.get(..3).unwrap_or_default()),
        "01" => write!(out, "{:02}", time.month()),
        "1" => write!(out, "{}", time.month()),
        "Monday" => write!(out, "{day}"),
        "Mon" => write!(out, "{}", day.get(..3).unwrap_or_default()),
        "02" => write!(out, "{:02}", time.day()),
        "_2" => write!(out, "{:2}", time.day()),
        "2" => write!(out, "{}", time.day()),
        "002" => write!(out, "{:03}", time.day_of_year()),
        "15" => write!(out, "{:02}", time.hour()),
        "03" => write!(out, "{hour:02}"),
        "3" => write!(out, "{hour}"),
        "04" => write!(out, "{:02}", time.minute()),
        "4" => write!(out, "{}", time.minute()),
        "05" => write!(out, "{:02}", time.second()),
        "5" => write!(out, "{}", time.second()),
        "PM" => write!(out, "{}", if is_afternoon { "PM" } else { "AM" }),
        "pm" => write!(out, "{}", if is_afternoon { "pm" } else { "am" }),
        "MST" => write!(out, "{}", time.strftime("%Z")),
        other => offset(out, other, time.offset().seconds()),
    };
}

fn offset(out: &mut String, part: &str, seconds: i32) -> std::fmt::Result {
    if part.starts_with('Z') && seconds == 0 {
        return out.write_str("Z");
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let colon = if part.contains(':') { ":" } else { "" };
    write!(out, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
}

/// Parses a time with `layout`.
pub(super) fn parse(layout: &str, zone_name: &str, text: &str) -> Result<i64, String> {
    let refuse = || format!("cannot parse \"{text}\" as \"{layout}\"");
    let mut fields = DateFields::default();
    let (mut layout_rest, mut rest) = (layout, text);
    while let Some(c) = layout_rest.chars().next() {
        if let Some(length) = fraction(layout_rest) {
            layout_rest = layout_rest.get(length..).unwrap_or_default();
            if let Some(digits) = rest.strip_prefix(['.', ',']) {
                rest = fields.fraction(digits);
            }
            continue;
        }
        if let Some(part) = PARTS.iter().find(|part| layout_rest.starts_with(**part)) {
            rest = fields.read(part, rest).ok_or_else(refuse)?;
            layout_rest = layout_rest.get(part.len()..).unwrap_or_default();
            // A fraction may follow the seconds even if the layout has none.
            if matches!(*part, "05" | "5")
                && fraction(layout_rest).is_none()
                && let Some(digits) = rest.strip_prefix('.')
            {
                rest = fields.fraction(digits);
            }
            continue;
        }
        rest = rest.strip_prefix(c).ok_or_else(refuse)?;
        layout_rest = layout_rest.get(c.len_utf8()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        return Err(refuse());
    }
    fields.nanos(zone_name).ok_or_else(refuse)
}

/// The fields of a time that were parsed so far.
#[derive(Debug)]
struct DateFields {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    is_afternoon: Option<bool>,
    offset_seconds: Option<i32>,
}

impl Default for DateFields {
    fn default() -> Self {
        Self {
            year: 1,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
            is_afternoon: None,
            offset_seconds: None,
        }
    }
}

impl DateFields {
    fn fraction<'t>(&mut self, digits: &'t str) -> &'t str {
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = digits.split_at_checked(count).unwrap_or((digits, ""));
        let nine: String = fraction
            .chars()
            .chain("000000000".chars())
            .take(9)
            .collect();
        self.nanos = nine.parse().unwrap_or(0);
        rest
    }

    /// Parses one part; returns the rest.
    fn read<'t>(&mut self, part: &str, text: &'t str) -> Option<&'t str> {
        let fixed = |length| number(text, length, length);
        let short = || number(text.trim_start(), 1, 2);

        match part {
            "2006" => store(&mut self.year, fixed(4)?),
            "06" => {
                let (year, rest) = fixed(2)?;
                self.year =
                    i16::try_from(if year < 69 { 2000 + year } else { 1900 + year }).ok()?;
                Some(rest)
            }
            "01" => store(&mut self.month, fixed(2)?),
            "1" => store(&mut self.month, short()?),
            "January" | "Jan" => self.month_name(part, text),
            "02" => store(&mut self.day, fixed(2)?),
            "2" | "_2" => store(&mut self.day, short()?),
            "15" | "03" => store(&mut self.hour, fixed(2)?),
            "3" => store(&mut self.hour, short()?),
            "04" => store(&mut self.minute, fixed(2)?),
            "4" => store(&mut self.minute, short()?),
            "05" => store(&mut self.second, fixed(2)?),
            "5" => store(&mut self.second, short()?),
            "PM" | "pm" => {
                let (word, rest) = text.split_at_checked(2)?;
                self.is_afternoon = Some(word.eq_ignore_ascii_case("pm"));
                Some(rest)
            }
            "Monday" | "Mon" | "MST" => {
                Some(text.trim_start_matches(|c: char| c.is_ascii_alphabetic()))
            }
            "002" => None,
            _ => self.offset(text),
        }
    }

    fn month_name<'t>(&mut self, part: &str, text: &'t str) -> Option<&'t str> {
        for (index, name) in MONTHS.iter().enumerate() {
            let name = if part == "Jan" { name.get(..3)? } else { name };
            if text
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
            {
                self.month = i8::try_from(index + 1).ok()?;
                return text.get(name.len()..);
            }
        }
        None
    }

    fn offset<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z') {
            self.offset_seconds = Some(0);
            return Some(rest);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let (hours, rest) = number(text.strip_prefix(['+', '-'])?, 2, 2)?;
        let (minutes, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2, 2)?;
        self.offset_seconds = Some(sign * (hours * 3_600 + minutes * 60));
        Some(rest)
    }

    fn nanos(&self, zone_name: &str) -> Option<i64> {
        let hour = match self.is_afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let time = jiff::civil::DateTime::new(
            self.year,
            self.month,
            self.day,
            hour,
            self.minute,
            self.second,
            self.nanos,
        )
        .ok()?;
        let zone = match self.offset_seconds {
            Some(seconds) => TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?),
            None => zone(zone_name).ok()?,
        };
        let time = time.to_zoned(zone).ok()?.timestamp();
        i64::try_from(time.as_nanosecond()).ok()
    }
}

/// A number of `least` to `most` digits at the start of `text`, and the text after it.
fn number(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, rest) = text.split_at_checked(count)?;
    (count >= least).then(|| digits.parse().ok().map(|number| (number, rest)))?
}

fn store<'t, T: TryFrom<i32>>(field: &mut T, (number, rest): (i32, &'t str)) -> Option<&'t str> {
    *field = T::try_from(number).ok()?;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_write_and_read_times() {
        let nanos = 1_700_000_000_120_000_000;
        for (layout, text) in [
            ("2006-01-02T15:04:05.000Z07:00", "2023-11-14T22:13:20.120Z"),
            ("2006-01-02 15:04:05.999", "2023-11-14 22:13:20.12"),
            ("Jan _2 2006 15:04:05.00", "Nov 14 2023 22:13:20.12"),
            (
                "02/01/06 03:04:05.000 PM -0700",
                "14/11/23 10:13:20.120 PM +0000",
            ),
        ] {
            assert_eq!(
                format(nanos, layout, "UTC").as_deref(),
                Ok(text),
                "{layout}"
            );
            assert_eq!(parse(layout, "UTC", text), Ok(nanos), "{layout}");
        }
        assert_eq!(
            format(nanos, "Mon Monday", "").as_deref(),
            Ok("Tue Tuesday")
        );
        assert!(parse("2006", "", "x").is_err() && parse("2006", "", "2023x").is_err());
    }
}
