//! Parameters of a request, as names and values, read into filters and page requests. A parameter that is not understood is
//! refused: ignoring a filter would widen the answer.

mod draft;
mod error;
mod values;

pub use error::{ParameterError, unknown};

use crate::query::cursor::Cursor;
use crate::query::filter::Filter;
use crate::query::histogram::{BUCKETS_MAX, Grouping, HistogramRequest};
use crate::query::page::request::PageRequest;
use crate::query::patterns::PatternsRequest;
use crate::query::scan::rank::{Direction, Order};
use crate::time::Micros;
use draft::{Draft, Seen};
use error::{conflict, error};
use values::{around, bounded, cursor, direction, grouping, order};

/// A bucket for each few pixels of a small screen.
const BUCKETS_DEFAULT: usize = 60;

/// Bounds of a page.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The limit if none is given.
    pub limit_default: usize,
    /// The greatest limit that is allowed.
    pub limit_max: usize,
}

impl Default for Limits {
    /// The bounds of a server without settings.
    fn default() -> Self {
        Self {
            limit_default: 100,
            limit_max: 500,
        }
    }
}

/// The parameters of the filter alone (tail, sources); all other parameters are returned as the second part. Relative times count
/// from `now`.
///
/// # Errors
/// [`ParameterError`] for the first parameter that cannot be used, or that is repeated although only one is allowed.
pub fn parse_filter(
    parameters: &[(String, String)],
    now: Micros,
) -> Result<(Filter, Vec<(String, String)>), ParameterError> {
    let mut draft = Draft::default();
    let mut rest = Vec::new();
    for (name, value) in parameters {
        if !draft.take(name, value, now)? {
            rest.push((name.clone(), value.clone()));
        }
    }
    Ok((draft.finish()?, rest))
}

/// Parameters of a page request as `(name, value)`; an unknown or repeated single one is an error.
///
/// # Errors
/// [`ParameterError`] for the first parameter that cannot be used.
pub fn parse_page(
    parameters: &[(String, String)],
    limits: &Limits,
    now: Micros,
) -> Result<PageRequest, ParameterError> {
    let (filter, rest) = parse_filter(parameters, now)?;
    let mut request = PageRequest {
        filter,
        cursor: None,
        direction: Direction::default(),
        limit: limits.limit_default,
        order: Order::default(),
        around: None,
    };
    let mut seen = Seen::default();
    let mut scope = None;
    for (name, value) in &rest {
        match name.as_str() {
            "limit" => request.limit = bounded("invalid_limit", name, value, limits.limit_max)?,
            "cursor" => request.cursor = Some(cursor(value)?),
            "direction" => request.direction = direction(value)?,
            "order" => request.order = order(value)?,
            "around" => request.around = Some(around(value)?),
            "scope" => scope = Some(values::scope(value)?),
            _ => return Err(unknown(name)),
        }
        seen.once(name)?;
    }
    match (&mut request.around, scope) {
        (Some(around), Some(scope)) => around.scope = scope,
        (None, Some(_)) => {
            return Err(conflict("scope", "scope is of use only with around"));
        }
        _ => {}
    }
    check_page(request)
}

/// Parameters of a histogram: those of a filter, `buckets` (60) and `by` (`level`).
///
/// # Errors
/// [`ParameterError`] for the first parameter that cannot be used.
pub fn parse_histogram(
    parameters: &[(String, String)],
    now: Micros,
) -> Result<HistogramRequest, ParameterError> {
    let (filter, rest) = parse_filter(parameters, now)?;
    let mut request = HistogramRequest {
        filter,
        buckets: BUCKETS_DEFAULT,
        by: Grouping::default(),
    };
    let mut seen = Seen::default();
    for (name, value) in &rest {
        match name.as_str() {
            "buckets" => {
                request.buckets = bounded("invalid_buckets", name, value, BUCKETS_MAX)?;
            }
            "by" => request.by = grouping(value)?,
            _ => return Err(unknown(name)),
        }
        seen.once(name)?;
    }
    Ok(request)
}

/// Parameters of patterns: those of a filter, and `limit` within `limits`.
///
/// # Errors
/// [`ParameterError`] for the first parameter that cannot be used.
pub fn parse_patterns(
    parameters: &[(String, String)],
    limits: &Limits,
    now: Micros,
) -> Result<PatternsRequest, ParameterError> {
    let (filter, rest) = parse_filter(parameters, now)?;
    let mut request = PatternsRequest {
        filter,
        limit: limits.limit_default,
    };
    let mut seen = Seen::default();
    for (name, value) in &rest {
        match name.as_str() {
            "limit" => request.limit = bounded("invalid_limit", name, value, limits.limit_max)?,
            _ => return Err(unknown(name)),
        }
        seen.once(name)?;
    }
    Ok(request)
}

/// Parameters of keys and values of the metadata: those of a filter, `key` (without it the keys are asked for), and `limit`
/// within `limits`.
///
/// # Errors
/// [`ParameterError`] for the first parameter that cannot be used.
pub fn parse_fields(
    parameters: &[(String, String)],
    limits: &Limits,
    now: Micros,
) -> Result<(Filter, Option<String>, usize), ParameterError> {
    let (filter, rest) = parse_filter(parameters, now)?;
    let mut values_max = limits.limit_default;
    let mut key = None;
    let mut seen = Seen::default();
    for (name, value) in &rest {
        match name.as_str() {
            "key" if value.is_empty() => {
                let message = "key must name a metadata key such as unit".to_owned();
                return Err(error("invalid_key", "key", message));
            }
            "key" => key = Some(value.clone()),
            "limit" => values_max = bounded("invalid_limit", name, value, limits.limit_max)?,
            _ => return Err(unknown(name)),
        }
        seen.once(name)?;
    }
    Ok((filter, key, values_max))
}

fn check_page(request: PageRequest) -> Result<PageRequest, ParameterError> {
    if request.around.is_some() && request.cursor.is_some() {
        return Err(conflict(
            "around",
            "around cannot be combined with cursor; continue from its page with cursor alone",
        ));
    }
    if request.around.is_some() && request.order == Order::Time {
        return Err(conflict(
            "around",
            "around cannot be combined with order=time",
        ));
    }
    match (request.cursor, request.order) {
        (Some(Cursor::Id(_)), Order::Time) | (Some(Cursor::Time(..)), Order::Id) => Err(error(
            "invalid_cursor",
            "cursor",
            "cursor belongs to a page in the other order".to_owned(),
        )),
        _ => Ok(request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::page::request::Scope;
    use crate::record::{Id, Level, Metadata, Record, StoredRecord};
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        limit_default: 100,
        limit_max: 500,
    };

    fn page(query: &str) -> Result<PageRequest, ParameterError> {
        let pairs: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        parse_page(&pairs, &LIMITS, Micros::new(1_771_338_615_000_000))
    }

    fn refused(query: &str) -> (String, String, String) {
        let error = page(query).expect_err(query);
        assert_eq!(error.to_string(), error.message);
        (error.code.to_owned(), error.parameter, error.message)
    }

    fn record(source: &str, level: Level, message: &str) -> StoredRecord {
        StoredRecord {
            id: Id(1),
            record: Record {
                timestamp: Micros::new(1_771_338_600_000_000),
                source: source.parse().unwrap(),
                level,
                message: message.to_owned(),
                metadata: Metadata::default(),
            },
        }
    }

    #[test]
    fn nothing_asked_is_the_newest_page_of_all() {
        let request = page("").unwrap();
        assert_eq!(request.limit, 100);
        assert_eq!(request.direction, Direction::Backward);
        assert_eq!(request.order, Order::Id);
        assert_eq!(request.cursor, None);
        assert!(request.filter.matches(&record("a", Level::Debug, "")));
    }

    #[test]
    fn the_parts_of_a_filter_are_read() {
        let matches = |query: &str, source: &str| {
            let request = page(query).unwrap_or_else(|error| panic!("{query}: {error}"));
            request
                .filter
                .matches(&record(source, Level::Warn, "Disk full"))
        };
        assert!(matches("source=docker:&source=system:ssh", "system:ssh"));
        assert!(matches("source=docker:,system:ssh", "docker:web"));
        assert!(!matches("source=docker:,system:ssh", "system:cron"));
        assert!(!matches("source=-docker:noisy", "docker:noisy"));
        assert!(matches("source=file:a\\,b", "file:a,b"));
        assert!(matches("level=WARNING", "a") && !matches("level=err", "a"));
        assert!(matches("levels=debug,warn", "a") && !matches("levels=debug,error", "a"));
        assert!(matches("level=4", "a") && !matches("level=info&levels=debug,error", "a"));
        assert!(matches("start=-15m&end=now", "a") && !matches("start=-10s", "a"));
        assert!(matches("start=1771338600&end=1771338600001", "a"));
        assert!(!matches("end=2026-02-17 14:30", "a"));
        assert!(matches("search=DISK", "a") && !matches("search=DISK&case=sensitive", "a"));
        assert!(matches("search=d.sk&regex=true", "a") && !matches("search=d.sk", "a"));
        assert!(!matches("search=disk&invert=true", "a"));
        assert!(
            matches("search=&invert=true", "a"),
            "an empty search is none"
        );
        assert!(matches("where=-unit=x", "a") && !matches("where=unit=x", "a"));
    }

    /// What is asked, and the code, the parameter and the text of the error.
    const REFUSED: &[(&str, &str, &str, &str)] = &[
        (
            "level=loud",
            "invalid_level",
            "level",
            "level must be one of debug, info, warn, error; got \"loud\"",
        ),
        (
            "levels=info,",
            "invalid_levels",
            "levels",
            "level must be one of debug, info, warn, error; got \"\"",
        ),
        (
            "limit=501",
            "invalid_limit",
            "limit",
            "limit must be at most 500; got 501",
        ),
        (
            "limit=0",
            "invalid_limit",
            "limit",
            "limit must be a number from 1 to 500; got \"0\"",
        ),
        (
            "limit=+5",
            "invalid_limit",
            "limit",
            "limit must be a number from 1 to 500; got \"+5\"",
        ),
        (
            "limit=",
            "invalid_limit",
            "limit",
            "limit must be a number from 1 to 500; got \"\"",
        ),
        (
            "direction=up",
            "invalid_direction",
            "direction",
            "direction must be one of backward, forward; got \"up\"",
        ),
        (
            "order=size",
            "invalid_order",
            "order",
            "order must be one of id, time; got \"size\"",
        ),
        (
            "around=x",
            "invalid_around",
            "around",
            "around must be the id of a record; got \"x\"",
        ),
        (
            "around=1&scope=x",
            "invalid_scope",
            "scope",
            "scope must be one of filter, source; got \"x\"",
        ),
        (
            "scope=source",
            "conflicting_parameters",
            "scope",
            "scope is of use only with around",
        ),
        (
            "around=1&cursor=MQ==",
            "conflicting_parameters",
            "around",
            "around cannot be combined with cursor; continue from its page with cursor alone",
        ),
        (
            "around=1&order=time",
            "conflicting_parameters",
            "around",
            "around cannot be combined with order=time",
        ),
        (
            "cursor=12",
            "invalid_cursor",
            "cursor",
            "cursor must be one that an earlier page gave as nextCursor or prevCursor; got \"12\"",
        ),
        (
            "cursor=MQ==&order=time",
            "invalid_cursor",
            "cursor",
            "cursor belongs to a page in the other order",
        ),
        (
            "start=soon",
            "invalid_start",
            "start",
            "start must be a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970; got \"soon\"",
        ),
        (
            "end=",
            "invalid_end",
            "end",
            "end must be a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970; got \"\"",
        ),
        (
            "start=2&end=1",
            "invalid_end",
            "end",
            "end must not be before start; got 1970-01-01T00:00:02.000000Z to 1970-01-01T00:00:01.000000Z",
        ),
        (
            "source=",
            "invalid_source",
            "source",
            "source must be names or prefixes such as system:ssh, docker: or -docker:noisy; got \"\"",
        ),
        (
            "source=a,-",
            "invalid_source",
            "source",
            "source must be names or prefixes such as system:ssh, docker: or -docker:noisy; got \"a,-\"",
        ),
        (
            "where=unit",
            "invalid_where",
            "where",
            "where must be KEY=VALUE, KEY!=VALUE or -KEY=VALUE, with * at the end of VALUE for a prefix; got \"unit\"",
        ),
        (
            "pid=-1",
            "invalid_pid",
            "pid",
            "pid must be the number of a process; got \"-1\"",
        ),
        (
            "boot=last",
            "invalid_boot",
            "boot",
            "boot must be 0 for the last boot, -1 for the one before it, or the ID of a boot; got \"last\"",
        ),
        (
            "case=no",
            "invalid_case",
            "case",
            "case must be one of sensitive, insensitive; got \"no\"",
        ),
        (
            "regex=yes",
            "invalid_regex",
            "regex",
            "regex must be one of true, false; got \"yes\"",
        ),
        (
            "invert=",
            "invalid_invert",
            "invert",
            "invert must be one of true, false; got \"\"",
        ),
        (
            "search=(&regex=true",
            "invalid_search",
            "search",
            "search is not a regex: unclosed group (character 1)",
        ),
        (
            "colour=red",
            "unknown_parameter",
            "colour",
            "unknown parameter \"colour\"",
        ),
        (
            "level=info&level=warn",
            "repeated_parameter",
            "level",
            "level may be given only once",
        ),
        (
            "limit=5&limit=5",
            "repeated_parameter",
            "limit",
            "limit may be given only once",
        ),
    ];

    #[test]
    fn unusable_parameters_are_refused_with_a_reason() {
        for (query, code, parameter, message) in REFUSED {
            let (found_code, found_parameter, found_message) = refused(query);
            assert_eq!(
                (&*found_code, &*found_parameter),
                (*code, *parameter),
                "{query}"
            );
            assert_eq!(found_message, *message, "{query}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let (code, _, message) = refused(&format!("search={}", "\u{e4}".repeat(1001)));
        assert_eq!(code, "invalid_search");
        assert_eq!(message, "search must be at most 1000 characters; got 1001");
        assert!(page(&format!("search={}", "\u{e4}".repeat(1000))).is_ok());
        assert_eq!(refused(&"source=a&".repeat(101)).0, "too_many_parameters");
        let listed = format!("source=a{}", ",a".repeat(100));
        assert_eq!(refused(&listed).0, "too_many_parameters");
        let (_, _, message) = refused(&format!("level={}", "x".repeat(100_000)));
        assert!(message.len() < 300, "{message}");
        let (_, _, message) = refused(&format!("start={}", "x".repeat(100_000)));
        assert!(message.len() < 300, "{message}");
    }

    #[test]
    fn a_page_request_is_read() {
        let request = page("limit=500&direction=forward&order=time&cursor=MTo3").unwrap();
        assert_eq!(
            (request.limit, request.direction),
            (500, Direction::Forward)
        );
        assert_eq!(request.cursor, Some(Cursor::Time(Micros::new(1), Id(7))));
        let around = page("around=7&scope=source").unwrap().around.unwrap();
        assert_eq!((around.id, around.scope), (Id(7), Scope::Source));
    }

    fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        query.iter().map(owned).collect()
    }

    #[test]
    fn a_histogram_request_is_read() {
        let read = |query: &[(&str, &str)]| parse_histogram(&pairs(query), Micros::default());
        let plain = read(&[("level", "warn")]).unwrap();
        assert_eq!((plain.buckets, plain.by), (60, Grouping::Level));
        let asked = read(&[("buckets", "500"), ("by", "source")]).unwrap();
        assert_eq!((asked.buckets, asked.by), (500, Grouping::Source));
        for (name, value, text) in [
            ("buckets", "501", "buckets must be at most 500; got 501"),
            (
                "by",
                "unit",
                "by must be one of level, source; got \"unit\"",
            ),
            ("limit", "5", "unknown parameter \"limit\""),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().message, text);
        }
    }

    #[test]
    fn a_request_for_values_is_read() {
        let read = |query: &[(&str, &str)]| parse_fields(&pairs(query), &LIMITS, Micros::default());
        let (_, key, values_max) = read(&[("key", "unit"), ("limit", "7")]).unwrap();
        assert_eq!((key.as_deref(), values_max), (Some("unit"), 7));
        assert_eq!(read(&[]).unwrap().1, None, "the keys themselves");
        assert_eq!(read(&[("key", "")]).unwrap_err().code, "invalid_key");
        assert_eq!(
            read(&[("key", "a"), ("by", "level")]).unwrap_err().code,
            "unknown_parameter"
        );
    }

    #[test]
    fn parameters_outside_the_filter_are_returned() {
        let pairs = [("level", "warn"), ("after", "7")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (filter, rest) = parse_filter(&pairs, Micros::default()).unwrap();
        assert!(!filter.matches(&record("a", Level::Info, "")));
        assert_eq!(rest, pairs[1..]);
    }

    proptest! {
        #[test]
        fn no_value_panics(
            name in "source|level|levels|start|end|search|where|pid|case|cursor|limit|around",
            value in ".{0,30}",
            regex: bool,
        ) {
            let mut pairs = vec![(name, value)];
            if regex {
                pairs.push(("regex".to_owned(), "true".to_owned()));
            }
            let _ = parse_page(&pairs, &LIMITS, Micros::default());
        }
    }
}
