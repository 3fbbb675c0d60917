//! The fields of a structured line that hold its text and its time. Programs write their names in any case, and with or
//! without signs: `timestamp`, `@timestamp`, `Timestamp`, `time_stamp`.

use crate::collect::recognise::stamp::{self, Context};
use crate::record::{Level, Metadata};
use crate::time::Micros;
use serde_json::Value;

/// Longer names are none of those that are looked for.
const NAME_MAX: usize = 24;

/// Removes and returns the text of a line.
pub(super) fn take_message(fields: &mut Metadata) -> Option<String> {
    take_first(fields, message_rank, message_of)
}

/// Removes the fields that hold the time of a line, and returns it.
pub(super) fn take_time(fields: &mut Metadata, context: &Context) -> Option<Micros> {
    let is_python = fields.contains_key("levelno") || fields.contains_key("levelname");
    let rank = |name: &[u8]| time_rank(name).filter(|_| name != b"created" || is_python);
    take_first(fields, rank, |value| time_of(value, context))
        .or_else(|| {
            take_pair(
                fields,
                &[("timestampSeconds", "timestampNanos")],
                of_seconds,
            )
        })
        .or_else(|| {
            take_pair(fields, &[("date", "time")], |date, time| {
                let text = format!("{} {}", date.as_str()?, time.as_str()?);
                stamp::whole(text.as_bytes(), context)
            })
        })
}

/// The stream of a container, as Docker names it in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EngineStream {
    Stdout,
    Stderr,
}

impl EngineStream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The level of a line that states none.
    pub(super) fn usual_level(self) -> Level {
        match self {
            Self::Stdout => Level::Info,
            Self::Stderr => Level::Warn,
        }
    }
}

/// Removes and returns what a container wrote, and the stream, from a line of Docker's `json-file` driver:
/// `{"log":"text\n","stream":"stderr","time":"..."}`.
pub(super) fn take_wrapped(fields: &mut Metadata) -> Option<(String, EngineStream)> {
    /// Docker adds `attrs` if labels of the container are configured.
    const FIELDS_MAX: usize = 4;
    let text = |name: &str| fields.get(name)?.as_str();
    let stream = match text("stream")? {
        "stdout" => EngineStream::Stdout,
        "stderr" => EngineStream::Stderr,
        _ => return None,
    };
    if fields.len() > FIELDS_MAX || text("time").is_none() {
        return None;
    }
    let line = text("log")?.trim_end_matches(['\r', '\n']).to_owned();
    fields.remove("log");
    fields.remove("stream");
    Some((line, stream))
}

/// The place of a name among those of fields that hold the text: the most likely are first.
fn message_rank(name: &[u8]) -> Option<usize> {
    const NAMES: [&[u8]; 13] = [
        b"message",
        b"msg",
        b"body",
        b"m",
        b"mt",
        b"shortmessage",
        b"event",
        b"text",
        b"renderedmessage",
        b"messagetemplate",
        b"logmessage",
        b"eventmessage",
        b"log",
    ];
    NAMES.iter().position(|known| *known == name)
}

/// The same for fields that hold the time.
fn time_rank(name: &[u8]) -> Option<usize> {
    const NAMES: [&[u8]; 20] = [
        b"time",
        b"ts",
        b"timestamp",
        b"t",
        b"datetime",
        b"date",
        b"asctime",
        b"timeunixnano",
        b"observedtimeunixnano",
        b"timemillis",
        b"instant",
        b"eventtime",
        b"eventtimestamp",
        b"utctimestamp",
        b"timestamputc",
        b"timelocal",
        b"timeiso8601",
        b"logtime",
        b"realtimetimestamp",
        b"created",
    ];
    NAMES.iter().position(|known| *known == name)
}

/// Removes the field of the lowest rank whose value has the right kind, and returns what it holds. `rank` gets names in lower case without
/// `_`, `-` and `@`.
fn take_first<T>(
    fields: &mut Metadata,
    rank: impl Fn(&[u8]) -> Option<usize>,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let mut ranked: Vec<(usize, &str)> = fields
        .iter()
        .filter_map(|(name, _)| {
            let mut buffer = [0; NAME_MAX];
            Some((rank(plain_name(name, &mut buffer)?)?, name))
        })
        .collect();
    ranked.sort_unstable();
    let (name, found) = ranked
        .iter()
        .find_map(|&(_, name)| Some((name.to_owned(), read(fields.get(name)?)?)))?;
    fields.remove(&name);
    Some(found)
}

/// A name in lower case, without the signs that some programs write in it.
fn plain_name<'a>(name: &str, buffer: &'a mut [u8; NAME_MAX]) -> Option<&'a [u8]> {
    let mut length = 0;
    for byte in name
        .bytes()
        .filter(|byte| !matches!(byte, b'_' | b'-' | b'@'))
    {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    buffer.get(..length)
}

/// Removes the first pair of fields that hold one time together, and returns it.
fn take_pair(
    fields: &mut Metadata,
    pairs: &[(&str, &str)],
    read: impl Fn(&Value, &Value) -> Option<Micros>,
) -> Option<Micros> {
    let found = pairs.iter().find_map(|&(first, second)| {
        let time = read(fields.get(first)?, fields.get(second)?)?;
        Some((first, second, time))
    });
    let (first, second, time) = found?;
    fields.remove(first);
    fields.remove(second);
    Some(time)
}

/// Text, also as OpenTelemetry wraps it.
fn message_of(value: &Value) -> Option<String> {
    let text = value
        .as_str()
        .or_else(|| value.get("stringValue")?.as_str());
    text.map(str::to_owned)
}

/// A time as text, as a number, or as an object: of MongoDB (`{"$date":"..."}`), Log4j (`{"epochSecond":7,"nanoOfSecond":1}`), Google
/// (`{"seconds":7,"nanos":1}`), Monolog (`{"date":"...","timezone":"UTC"}`) and loguru.
fn time_of(value: &Value, context: &Context) -> Option<Micros> {
    match value {
        Value::String(text) => stamp::whole(text.as_bytes(), context),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => stamp::whole(whole.to_string().as_bytes(), context),
            None => number.as_f64().and_then(stamp::of_number),
        },
        Value::Object(fields) => {
            if let Some(date) = fields.get("$date") {
                return of_mongodb(date, context);
            }
            // loguru: `{"repr":"2026-02-17 14:30:15.123456+00:00","timestamp":1771338615.123456}`
            if let Some(timestamp) = fields
                .get("timestamp")
                .filter(|_| fields.contains_key("repr"))
            {
                return time_of(timestamp, context);
            }
            if let (Some(Value::String(date)), Some(Value::String(zone))) =
                (fields.get("date"), fields.get("timezone"))
            {
                return stamp::whole(format!("{date} {zone}").as_bytes(), context);
            }
            let number = |name: &str| fields.get(name).unwrap_or(&Value::Null);
            of_seconds(number("epochSecond"), number("nanoOfSecond"))
                .or_else(|| of_seconds(number("seconds"), number("nanos")))
        }
        _ => None,
    }
}

/// `"2026-02-17T14:30:15.123Z"` or `{"$numberLong":"1771338615123"}`.
fn of_mongodb(date: &Value, context: &Context) -> Option<Micros> {
    let millis = date.get("$numberLong").and_then(Value::as_str);
    millis
        .and_then(|millis| Some(Micros::new(millis.parse::<i64>().ok()?.checked_mul(1_000)?)))
        .or_else(|| time_of(date, context))
}

/// Seconds since 1970 and nanoseconds, which may be absent.
fn of_seconds(seconds: &Value, nanos: &Value) -> Option<Micros> {
    let seconds = seconds.as_i64()?.checked_mul(1_000_000)?;
    let micros = nanos.as_i64().unwrap_or(0) / 1_000;
    Some(Micros::new(seconds.checked_add(micros)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use stamp::SourceZone;

    fn context() -> Context {
        Context {
            zone: SourceZone::new(TimeZone::get("Europe/Berlin").unwrap()),
            written: Micros::new(1_771_340_000_000_000),
        }
    }

    /// The time of a line and the fields that are left.
    fn time(line: &str) -> (Option<String>, String) {
        let mut fields: Metadata = serde_json::from_str(line).unwrap();
        let time = take_time(&mut fields, &context()).map(|time| time.to_string());
        (time, serde_json::to_string(&fields).unwrap())
    }

    #[test]
    fn the_time_is_found_under_the_names_and_in_the_forms_of_real_programs() {
        for fields in [
            r#""@timestamp":"2026-02-17T14:30:15.123Z""#,
            r#""Timestamp":"2026-02-17T14:30:15.123Z""#,
            r#""time_stamp":1771338615123"#,
            r#""timestamp":"1771338615123""#,
            r#""eventTime":"2026-02-17T14:30:15.123Z""#,
            r#""event_time":"2026-02-17T15:30:15.123""#,
            r#""Time":"2026-02-17T14:30:15.123Z""#,
            r#""DateTime":"2026-02-17T14:30:15.123Z""#,
            r#""time_unix_nano":1771338615123000000"#,
            r#""utc_timestamp":"2026-02-17T14:30:15.123Z""#,
            r#""__REALTIME_TIMESTAMP":"1771338615123000""#,
            r#""timestamp":{"seconds":1771338615,"nanos":123000000}"#,
            r#""timestampNanos":123000000,"timestampSeconds":1771338615"#,
            r#""datetime":{"date":"2026-02-17 14:30:15.123000","timezone_type":3,"timezone":"UTC"}"#,
            r#""datetime":{"date":"2026-02-17 09:30:15.123000","timezone_type":3,"timezone":"America/New_York"}"#,
            r#""date":"2026-02-17","time":"15:30:15.123""#,
            r#""instant":{"epochSecond":1771338615,"nanoOfSecond":123000000}"#,
            r#""t":{"$date":{"$numberLong":"1771338615123"}}"#,
        ] {
            let expected = Some("2026-02-17T14:30:15.123000Z".to_owned());
            assert_eq!(
                time(&format!("{{{fields}}}")),
                (expected, "{}".to_owned()),
                "{fields}"
            );
        }
        let (found, _) = time(r#"{"created":1771338615.5,"levelname":"INFO"}"#);
        assert_eq!(found.as_deref(), Some("2026-02-17T14:30:15.500000Z"));
    }

    #[test]
    fn data_is_not_taken_for_the_time() {
        for line in [
            r#"{"created":1771338615.5}"#,
            r#"{"date":"soon","time":"later"}"#,
            r#"{"time":12.5}"#,
            r#"{"birthdate":"2026-02-17T14:30:15Z"}"#,
            r#"{"timestamp":{"seconds":"x"}}"#,
        ] {
            assert_eq!(time(line), (None, line.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_text_is_found_under_the_names_of_real_programs() {
        for line in [
            r#"{"Msg":"x"}"#,
            r#"{"event":"y","message":"x"}"#,
            r#"{"@m":"x","@mt":"y"}"#,
            r#"{"MESSAGE":"x"}"#,
            r#"{"Body":{"stringValue":"x"}}"#,
            r#"{"log":"x","date":1771338615.5}"#,
        ] {
            let mut fields: Metadata = serde_json::from_str(line).unwrap();
            assert_eq!(take_message(&mut fields).as_deref(), Some("x"), "{line}");
        }
    }
}
