//! The time that a line states, in the forms that programs use. A time without a zone is in the source's zone; a time
//! without a year or a date is the latest one that is not after the time at which the line was written.

mod calendar;
mod epoch;
mod scan;
mod seconds;
mod zone;

pub(crate) use epoch::of_number;
pub(crate) use zone::SourceZone;

use crate::collect::recognise::bytes::{ByteSet, may_say, says};
use crate::collect::recognise::words::{self, needle};
use crate::time::Micros;
use calendar::StatedTime;
use jiff::fmt::rfc2822;
use scan::TimeScanner;

/// How much of a line is searched: a time is among its first words.
const HEAD_MAX: usize = 256;

/// The longest timestamp with its zone; a hostile line must not cost more than an honest one.
const STAMP_MAX: usize = 64;

/// Maximum number of words before the time.
const WORDS_BEFORE_MAX: usize = 6;

/// What is known of the times of a source.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The zone of times that state none.
    pub(crate) zone: SourceZone,
    /// Approximately when the line was written: now, or when its file was last changed.
    pub(crate) written: Micros,
}

/// The timestamp that a line begins with, read once for the time and the level of the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstStamp {
    /// The offset of the first word, if it is near the start of the line.
    start: Option<usize>,
    found: Option<(StatedTime, usize)>,
}

impl FirstStamp {
    /// Reads the timestamp at the first word of `line`.
    pub(crate) fn of(line: &[u8]) -> Self {
        let text = line.trim_ascii_start();
        let start = line.len() - text.len();
        // Further on, a timestamp may be cut at the end of what is searched.
        let start = Some(start).filter(|start| start + STAMP_MAX <= HEAD_MAX);
        Self {
            start,
            found: start.and_then(|_| bracketed(text)),
        }
    }

    /// The offset of the first word, if it is near the start of the line.
    pub(crate) fn start(&self) -> Option<usize> {
        self.start
    }

    /// The length in bytes of the timestamp including brackets, if there is one.
    pub(crate) fn length(&self) -> Option<usize> {
        self.found.map(|(_, length)| length)
    }
}

/// What was read of the head of a line once for its time and its level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownHead<'a> {
    /// The timestamp that the line begins with.
    pub(crate) first: &'a FirstStamp,
    /// The line after its [prefixes](super::prefix::strip).
    pub(crate) inner: &'a [u8],
}

/// The time that a line states in its first words, and the offset of the text after it. The bytes of the line may be known.
pub(crate) fn stated(
    (line, bytes): (&[u8], Option<ByteSet>),
    known: KnownHead<'_>,
    context: &Context,
) -> Option<(Micros, usize)> {
    let priority = priority_length(line);
    let head = line
        .get(priority..priority + HEAD_MAX)
        .or(line.get(priority..))?;
    let first = Some(known.first).filter(|_| priority == 0);
    if let Some((time, end)) = in_head((head, bytes), first, context) {
        return Some((time, priority + end));
    }
    // docker compose and others put prefixes before the line.
    let is_whole = head.len() == line.len();
    let strip = || super::prefix::strip(head, bytes);
    let rest = Some(known.inner).filter(|_| is_whole).unwrap_or_else(strip);
    let skipped = head.len() - rest.len();
    let is_other = rest.len() < head.trim_ascii_start().len();
    let (time, end) = is_other
        .then(|| in_head((rest, bytes), None, context))
        .flatten()?;
    Some((time, priority + skipped + end))
}

/// The length of the `<30>` that syslog puts before a line, of the `<W>` that Mumble and the `[#|` that `GlassFish` puts before a date.
fn priority_length(line: &[u8]) -> usize {
    if matches!(
        line,
        [b'<', b'A'..=b'Z', b'>', b'0'..=b'9', ..] | [b'[', b'#', b'|', ..]
    ) {
        return 3;
    }
    let digits = line.strip_prefix(b"<").unwrap_or_default();
    let count = digits
        .iter()
        .take(3)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count > 0 && digits.get(count) == Some(&b'>') {
        count + 2
    } else {
        0
    }
}

/// The time among the first words of `head`. `first` is the timestamp at its first word, if it was read.
fn in_head(
    (head, bytes): (&[u8], Option<ByteSet>),
    first: Option<&FirstStamp>,
    context: &Context,
) -> Option<(Micros, usize)> {
    let has_bracket = bytes.is_none_or(|bytes| may_say!(bytes, b"["));
    let mut rest = head.trim_ascii_start();
    for count in 0..=WORDS_BEFORE_MAX {
        if rest.is_empty() {
            break;
        }
        let start = head.len() - rest.len();
        let stamp = match first {
            Some(first) if count == 0 && first.start == Some(start) => first.found,
            _ => bracketed(rest),
        };
        if let Some((stamp, length)) = stamp
            && let Some(time) = stamp.resolve(context)
        {
            return Some((time, start + length));
        }
        let end = rest.iter().position(u8::is_ascii_whitespace);
        let (word, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        if has_bracket
            && let Some(inside) = after_level(word)
            && let Some((time, length)) = leading(rest.get(inside..)?, context)
        {
            return Some((time, start + inside + length));
        }
        if !may_precede(word, count) || is_process(word) && !may_have_time(after) {
            break;
        }
        rest = after.trim_ascii_start();
    }
    access_log(head, bytes, context)
        .or_else(|| uwsgi_log(head, context))
        .or_else(|| lxc_log(head, context))
        .or_else(|| su_log(head, context))
}

/// The time at the start of `text`, and its length in bytes including brackets.
pub(crate) fn leading(text: &[u8], context: &Context) -> Option<(Micros, usize)> {
    let (stamp, length) = bracketed(text)?;
    Some((stamp.resolve(context)?, length))
}

/// The length in bytes of the timestamp at the start of `text`, without resolving it.
pub(crate) fn length(text: &[u8]) -> Option<usize> {
    bracketed(text).map(|(_, length)| length)
}

/// The timestamp at the start of `text`, and its length in bytes including brackets or quotes.
fn bracketed(text: &[u8]) -> Option<(StatedTime, usize)> {
    let mut cursor = TimeScanner::new(text.get(..STAMP_MAX).unwrap_or(text));
    let open = cursor.one_of(b"[(<{\"'");
    let stamp = calendar::read(&mut cursor)?;
    if open.is_some() {
        cursor.one_of(b"])>}\"'");
    }
    Some((stamp, cursor.at()))
}

/// All of `text` as a time, as in a field of a structured line.
pub(crate) fn whole(text: &[u8], context: &Context) -> Option<Micros> {
    let text = text.trim_ascii();
    leading(text, context)
        .map(|(time, _)| time)
        .or_else(|| epoch::of_text(text))
}

/// The offset of the bracket after a level, as in geth's `ERROR[02-17|14:30:15.123]`.
fn after_level(word: &[u8]) -> Option<usize> {
    let is_likely = word.first().is_some_and(u8::is_ascii_alphabetic);
    let open = is_likely.then(|| memchr::memchr(b'[', word))?;
    let open = open.filter(|open| *open > 2)?;
    super::level_names::named(word.get(..open)?).map(|_| open)
}

/// `ntpd[602]:`.
fn is_process(word: &[u8]) -> bool {
    matches!(word, [b'A'..=b'Z' | b'a'..=b'z', .., b']', b':'])
}

/// Whether a text has a digit near its start, as a time has, perhaps after a level.
fn may_have_time(text: &[u8]) -> bool {
    const NEAR: usize = 32;
    match text.first_chunk::<NEAR>() {
        // all of them at once, which is faster than to stop at the first
        Some(near) => near
            .iter()
            .fold(false, |has, byte| has | byte.is_ascii_digit()),
        None => text.iter().any(u8::is_ascii_digit),
    }
}

/// Whether a time may follow `word`: a level, a number, a bracketed name, a label of syslog, npm and others.
fn may_precede(word: &[u8], count: usize) -> bool {
    let is_level = || {
        let bare: &[u8] = word.strip_suffix(b":").unwrap_or(word);
        // `Zigbee2MQTT:error 2026-02-17 14:30:15: x`
        let bare = bare.strip_prefix(b"Zigbee2MQTT:").unwrap_or(bare);
        super::level_names::named(bare).is_some() || matches!(word, [_] | [_, b','])
    };
    let is_role = || word.first().is_some_and(u8::is_ascii_digit) && word.contains(&b':');
    // Factorio: `0.000 2026-02-17 14:30:15; x`
    let is_number = || {
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.' && count == 0;
        count < 2 && word.iter().all(is_part)
    };
    let is_ruler = || {
        word.iter()
            .all(|byte| matches!(byte, b'-' | b'*' | b'=' | b'>'))
    };
    // Kibana: `log   [14:30:15.123] [error] x`; Tinyproxy: `CONNECT   Feb 17 14:30:15 [7]: x`
    let is_kind = matches!(word, b"log" | b"CONNECT");
    // xUnit.net writes how long it has been running.
    if word == b"[xUnit.net" {
        return false;
    }
    // `=ERROR REPORT==== 17-Feb-2026::14:30:15` of Erlang
    let is_report = || word == b"REPORT====" || matches!(word, [b'=', b'A'..=b'Z', ..]);
    // `Log started: 2026-02-17  14:30:15`, `Start-Date: 2026-02-17  14:30:15` of apt, `# Time: 2026-02-17T14:30:15.123456Z` of MySQL
    let is_label = || {
        matches!(
            word,
            b"Log" | b"started:" | b"ended:" | b"Start-Date:" | b"End-Date:" | b"Time:"
        )
    };
    matches!(
        word,
        [b'[' | b'<' | b'(' | b'#', ..] | [.., b']'] | [.., b']', b':']
    ) || is_kind
        || is_level()
        || is_number()
        || is_role()
        || is_ruler()
        || is_report()
        || is_label()
}

/// LXC, after the name of the container: `lxc web1 20260217143015.123 ERROR    start - x`.
fn lxc_log(head: &[u8], context: &Context) -> Option<(Micros, usize)> {
    head.strip_prefix(b"lxc")?;
    let mut blanks = memchr::memchr_iter(b' ', head);
    blanks.next()?;
    let at = blanks.next()? + 1;
    let (time, length) = leading(head.get(at..)?, context)?;
    Some((time, at + length))
}

/// The log of `su`: `SU 02/17 14:30 + pts/0 ann-root`.
fn su_log(head: &[u8], context: &Context) -> Option<(Micros, usize)> {
    const START: &[u8] = b"SU ";
    let mut cursor = TimeScanner::new(head.strip_prefix(START)?);
    let stamp = calendar::minutes_of_day(&mut cursor)?;
    Some((stamp.resolve(context)?, START.len() + cursor.at()))
}

/// uWSGI: `[pid: 7|app: 0|req: 1/1] 203.0.113.7 () {38 vars in 696 bytes} [Tue Feb 17 14:30:15 2026] GET / => ...`.
fn uwsgi_log(head: &[u8], context: &Context) -> Option<(Micros, usize)> {
    head.strip_prefix(b"[pid: ")?;
    let at = memchr::memrchr(b'[', head)?;
    let (time, length) = leading(head.get(at..)?, context)?;
    Some((time, at + length))
}

/// `203.0.113.7 - frank [17/Feb/2026:14:30:15 +0000] "GET / HTTP/1.1"`, with or without a host before; audit's `msg=audit(1771338615.123:7):`.
fn access_log(head: &[u8], bytes: Option<ByteSet>, context: &Context) -> Option<(Micros, usize)> {
    if says!(head, bytes, b"audit(") {
        let at = words::find(head, needle!(b"audit("))?;
        let from = at + b"audit(".len();
        let digits = head.get(from..)?;
        let end = digits.iter().position(|byte| *byte == b':')?;
        return Some((epoch::of_text(digits.get(..end)?)?, from + end));
    }
    let is_date = |at: &usize| {
        matches!(
            head.get(*at..*at + 13),
            Some([b'[', _, _, b'/', _, _, _, b'/', _, _, _, _, b':' | b' '])
        )
    };
    let may_have_date = bytes.is_none_or(|bytes| bytes.has(const { ByteSet::of_bytes(b"[/") }));
    let mut brackets = memchr::memchr_iter(b'[', head);
    let at = may_have_date.then(|| brackets.find(is_date)).flatten()?;
    let (time, length) = leading(head.get(at..)?, context)?;
    Some((time, at + length))
}

/// The time of a mail header, as cloud-init prints it: `Tue, 17 Feb 2026 14:30:15 +0000`. A wrong weekday is
/// accepted.
pub(crate) fn mail(text: &str) -> Option<Micros> {
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let micros = parser.parse_timestamp(text).ok()?.as_microsecond();
    Some(Micros::new(micros))
}

impl StatedTime {
    /// The moment that the timestamp denotes.
    fn resolve(self, context: &Context) -> Option<Micros> {
        match self {
            Self::Instant(time) => Some(time),
            Self::Full(civil, micros, offset) => {
                context.zone.at(civil, micros, offset, context.written)
            }
            Self::WithoutYear(civil, micros, offset) => {
                let years = [1, 0, -1, -2, -3, -4];
                let year = context.zone.year_of(context.written);
                years.iter().find_map(|years| {
                    let civil = calendar::in_year(civil, year.checked_add(*years)?)?;
                    let time = context.zone.at(civil, micros, offset, context.written)?;
                    is_past(time, context, AHEAD_OF_YEAR_S).then_some(time)
                })
            }
            Self::WithoutDate(clock, micros) => {
                let today = context.zone.date_of(context.written)?;
                [0, -1].iter().find_map(|days| {
                    let date = calendar::days_from(today, *days)?;
                    let time =
                        context
                            .zone
                            .at(date.to_datetime(clock), micros, None, context.written)?;
                    is_past(time, context, AHEAD_OF_DAY_S).then_some(time)
                })
            }
        }
    }
}

/// How far a time may be ahead of `written` before the previous year is tried: a source in another zone must not lose
/// a year.
const AHEAD_OF_YEAR_S: i64 = 24 * 3600;

/// How far a time of day may be ahead of `written` before it counts as yesterday's: the clock of a program may be
/// fast.
const AHEAD_OF_DAY_S: i64 = 600;

/// Whether a time that was completed by a guess is not in the future.
fn is_past(time: Micros, context: &Context, ahead_s: i64) -> bool {
    time.get().saturating_sub(context.written.get()) <= ahead_s * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn context(zone: &str, written: &str) -> Context {
        Context {
            zone: SourceZone::new(TimeZone::get(zone).unwrap()),
            written: Micros::new(written.parse::<jiff::Timestamp>().unwrap().as_microsecond()),
        }
    }

    fn stated_by(line: &str, context: &Context) -> Option<(Micros, usize)> {
        stated_in(line.as_bytes(), context)
    }

    fn stated_in(line: &[u8], context: &Context) -> Option<(Micros, usize)> {
        let known = KnownHead {
            first: &FirstStamp::of(line),
            inner: crate::collect::recognise::prefix::strip(line, None),
        };
        stated((line, None), known, context)
    }

    fn utc() -> Context {
        context("UTC", "2026-02-17T16:00:00Z")
    }

    #[test]
    fn times_of_real_programs_are_read() {
        let corpus = include_str!("../../../../tests/fixtures/recognition/times.tsv");
        let mut faults = vec![];
        for line in corpus.lines() {
            let (expected, line) = line.split_once('\t').unwrap();
            let found = stated_by(line, &utc());
            let found = found.map_or("none".to_owned(), |(time, _)| time.to_string());
            if found != expected {
                faults.push(format!("{expected}, found {found}: {line}"));
            }
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }

    #[test]
    fn a_time_without_a_zone_is_in_the_zone_of_its_source() {
        let berlin = context("Europe/Berlin", "2026-08-01T00:00:00Z");
        for (line, expected) in [
            ("2026-02-17 14:30:15 x", "2026-02-17T13:30:15.000000Z"),
            ("2026-07-17 14:30:15 x", "2026-07-17T12:30:15.000000Z"),
            ("Jul 17 14:30:15 x", "2026-07-17T12:30:15.000000Z"),
            ("2026-07-17T14:30:15Z x", "2026-07-17T14:30:15.000000Z"),
            ("2026-07-17 14:30:15 UTC x", "2026-07-17T14:30:15.000000Z"),
            // An hour that does not exist.
            ("2026-03-29 02:30:00 x", "2026-03-29T01:30:00.000000Z"),
        ] {
            let found = stated_by(line, &berlin).unwrap().0;
            assert_eq!(found.to_string(), expected, "{line}");
        }
    }

    #[test]
    fn a_repeated_hour_is_resolved_to_the_one_nearer_to_the_writing() {
        let line = "2025-10-26 02:30:00 x";
        for (written, expected) in [
            ("2025-10-26T00:31:00Z", "2025-10-26T00:30:00.000000Z"),
            ("2025-10-26T01:31:00Z", "2025-10-26T01:30:00.000000Z"),
        ] {
            let found = stated_by(line, &context("Europe/Berlin", written))
                .unwrap()
                .0;
            assert_eq!(found.to_string(), expected, "{written}");
        }
    }

    #[test]
    fn the_year_is_the_latest_that_is_not_in_the_future() {
        for (line, written, expected) in [
            (
                "Jan  1 00:00:01 x",
                "2026-01-01T00:00:05Z",
                "2026-01-01T00:00:01.000000Z",
            ),
            (
                "Dec 31 23:59:59 x",
                "2026-01-01T00:00:05Z",
                "2025-12-31T23:59:59.000000Z",
            ),
            (
                "Jan  1 00:00:01 x",
                "2025-12-31T23:59:58Z",
                "2026-01-01T00:00:01.000000Z",
            ),
            (
                "Mar 10 00:00:00 x",
                "2026-02-17T16:00:00Z",
                "2025-03-10T00:00:00.000000Z",
            ),
        ] {
            let found = stated_by(line, &context("UTC", written)).unwrap().0;
            assert_eq!(found.to_string(), expected, "{line} at {written}");
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

    #[test]
    fn fields_hold_times_and_numbers() {
        for (text, expected) in [
            ("2026-02-17 14:30:15.123 UTC", "2026-02-17T14:30:15.123000Z"),
            ("1771338615", "2026-02-17T14:30:15.000000Z"),
            ("1771338615123456789", "2026-02-17T14:30:15.123456Z"),
            ("1771338615.5", "2026-02-17T14:30:15.500000Z"),
        ] {
            let found = whole(text.as_bytes(), &utc()).map(|time| time.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        assert_eq!(whole(b"soon", &utc()), None);
    }

    proptest! {
        #[test]
        fn every_time_is_read_back(micros in Micros::MIN.get()..Micros::MAX.get()) {
            let time = Micros::new(micros);
            let text = time.to_string();
            prop_assert_eq!(leading(text.as_bytes(), &utc()), Some((time, text.len())));
        }

        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = stated_in(&line, &utc());
        }

        #[test]
        fn any_digits_are_read(line in "([0-9]{1,4}|Feb|Tue|PM|UTC|[-/:.,T \\[\\]+]){0,16}") {
            let _ = stated_by(&line, &utc());
        }
    }
}
