//! Parameters of Loki's API: times, steps, limits and directions, in Loki's forms.

use crate::logql::{Grid, scan_duration};
use crate::query::Direction;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use std::borrow::Cow;
use warp::http::StatusCode;
use warp::http::header::HeaderName;

/// Maximum number of lines in one response.
pub(crate) const LIMIT_MAX: usize = 5_000;
const LIMIT_DEFAULT: usize = 100;

const SECOND_NANOS: i64 = 1_000_000_000;
/// Default period of a query.
pub(crate) const QUERY_SINCE_NANOS: i64 = 3_600 * SECOND_NANOS;
/// Default period of lists of labels and series.
pub(crate) const LABELS_SINCE_NANOS: i64 = 6 * QUERY_SINCE_NANOS;

/// Number of points if no step is given.
const POINTS_DEFAULT: i64 = 250;

/// In which form the client wants lines.
pub(crate) const FLAGS: HeaderName = HeaderName::from_static("x-loki-response-encoding-flags");
/// With labels grouped by their origin.
pub(crate) const CATEGORIZE: &str = "categorize-labels";

/// A 400 with a message; Loki's errors have no codes.
pub(crate) fn refused(message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", message)
}

/// The warning of a query that reached its time limit.
pub(crate) const OUT_OF_TIME: &str =
    "the query ran out of time: the result is partial; narrow its range of time or its selector";

/// The points of a range.
pub(crate) fn grid(start: i64, end: i64, step: i64) -> Result<Grid, ApiError> {
    Grid::new(start, end, step).ok_or_else(|| {
        refused(
            "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter",
        )
    })
}

/// The parameters of a call.
#[derive(Debug, Clone)]
pub(crate) struct LokiParameters {
    list: Vec<(String, String)>,
    pub(crate) now_nanos: i64,
    /// Whether the client wants labels grouped by their origin.
    pub(crate) categorizes: bool,
}

impl LokiParameters {
    pub(in crate::server) fn new(request: &ApiRequest, now_nanos: i64) -> Self {
        let flags = request.header(&FLAGS).unwrap_or_default();
        Self::of(request.parameters.clone(), flags, now_nanos)
    }

    /// `flags`: the header [`FLAGS`].
    pub(crate) fn of(list: Vec<(String, String)>, flags: &str, now_nanos: i64) -> Self {
        Self {
            list,
            now_nanos,
            categorizes: flags.split(',').any(|flag| flag.trim() == CATEGORIZE),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.list.iter().filter(move |(of, _)| of == name);
        named
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn query(&self) -> Result<&str, ApiError> {
        self.get("query")
            .ok_or_else(|| refused("parse error : syntax error: unexpected $end"))
    }

    fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let refuse = || {
            let message = format!(
                "invalid {name}: could not parse '{name}' parameter: cannot parse {text:?} to a valid timestamp"
            );
            refused(message)
        };
        time(text).map(Some).ok_or_else(refuse)
    }

    /// The time of an instant query.
    pub(crate) fn instant(&self) -> Result<i64, ApiError> {
        Ok(self.time("time")?.unwrap_or(self.now_nanos))
    }

    /// Start and end.
    pub(crate) fn range(&self, since_nanos: i64) -> Result<(i64, i64), ApiError> {
        let end = self.time("end")?.unwrap_or(self.now_nanos);
        let since = match self.get("since") {
            None => since_nanos,
            Some(text) => whole_duration(text).ok_or_else(|| {
                refused(format!(
                    "could not parse 'since' parameter: not a valid duration string: {text:?}"
                ))
            })?,
        };
        let start = self
            .time("start")?
            .unwrap_or(end.min(self.now_nanos).saturating_sub(since));
        if end < start {
            return Err(refused(
                "end timestamp must not be before or equal to start time",
            ));
        }
        Ok((start, end))
    }

    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        self.limit_named("limit", LIMIT_DEFAULT)
    }

    pub(crate) fn limit_named(&self, name: &str, default: usize) -> Result<usize, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let limit: i64 = text
            .parse()
            .map_err(|_| refused(format!("strconv.Atoi: parsing {text:?}: invalid syntax")))?;
        match usize::try_from(limit) {
            Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
            Ok(limit) if limit > LIMIT_MAX => Err(refused(format!(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {LIMIT_MAX})"
            ))),
            _ => Err(refused("limit must be a positive value")),
        }
    }

    pub(crate) fn direction(&self) -> Result<Direction, ApiError> {
        let text = self.get("direction").unwrap_or("backward");
        match text.to_ascii_lowercase().as_str() {
            "backward" => Ok(Direction::Backward),
            "forward" => Ok(Direction::Forward),
            _ => Err(refused(format!("invalid direction '{text}'"))),
        }
    }

    pub(crate) fn step(&self, start: i64, end: i64) -> Result<i64, ApiError> {
        let Some(text) = self.get("step") else {
            let seconds = end.saturating_sub(start) / POINTS_DEFAULT / SECOND_NANOS;
            return Ok(seconds.max(1) * SECOND_NANOS);
        };
        let step = match text.parse::<f64>() {
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            Ok(seconds) if seconds.is_finite() => Some((seconds * 1e9) as i64),
            _ => whole_duration(text),
        };
        match step {
            Some(step) if step > 0 => Ok(step),
            Some(_) => Err(refused(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            )),
            None => Err(refused(format!(
                "cannot parse {text:?} to a valid duration"
            ))),
        }
    }
}

/// Parses a duration that is the whole text.
fn whole_duration(text: &str) -> Option<i64> {
    let (length, nanos) = scan_duration(text)?;
    (length == text.len()).then_some(nanos)
}

/// A time: seconds with a fraction, seconds of up to ten digits, nanoseconds, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(if text.len() <= 10 {
            number.saturating_mul(SECOND_NANOS)
        } else {
            number
        });
    }
    if let Ok(seconds) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        return seconds.is_finite().then_some((seconds * 1e9) as i64);
    }
    let parsed: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(parsed.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::request::tests::request;

    fn parameters(query: &str) -> LokiParameters {
        LokiParameters::new(&request(&format!("/x?{query}"), &[]), 1_000 * SECOND_NANOS)
    }

    #[test]
    fn times_are_read_as_loki_reads_them() {
        for (text, nanos) in [
            ("4000000000", 4_000_000_000 * SECOND_NANOS),
            ("1700000000000000001", 1_700_000_000_000_000_001),
            ("1700000000.5", 1_700_000_000_500_000_000),
            ("2023-11-14T22:13:20.000000001Z", 1_700_000_000_000_000_001),
            ("2023-11-14T23:13:20%2B01:00", 1_700_000_000_000_000_000),
        ] {
            assert_eq!(
                parameters(&format!("time={text}")).instant().ok(),
                Some(nanos),
                "{text}"
            );
        }
        assert!(parameters("time=x").instant().is_err());
        assert_eq!(parameters("").instant().ok(), Some(1_000 * SECOND_NANOS));
    }

    #[test]
    fn ranges_have_defaults() {
        let range = |query: &str| parameters(query).range(10 * SECOND_NANOS);
        assert_eq!(
            range("").unwrap(),
            (990 * SECOND_NANOS, 1_000 * SECOND_NANOS)
        );
        assert_eq!(
            range("since=1m").unwrap(),
            (940 * SECOND_NANOS, 1_000 * SECOND_NANOS)
        );
        assert_eq!(
            range("start=1&end=2").unwrap(),
            (SECOND_NANOS, 2 * SECOND_NANOS)
        );
        assert!(range("start=2&end=1").is_err() && range("since=x").is_err());
    }

    #[test]
    fn limits_steps_and_directions_are_checked() {
        assert_eq!(parameters("limit=7").limit().unwrap(), 7);
        assert_eq!(parameters("").limit().unwrap(), 100);
        for (query, text) in [
            ("limit=0", "limit must be a positive value"),
            ("limit=-1", "limit must be a positive value"),
            ("limit=5001", "(5001 > 5000)"),
            ("limit=x", "strconv.Atoi"),
        ] {
            assert!(
                parameters(query)
                    .limit()
                    .unwrap_err()
                    .message
                    .contains(text),
                "{query}"
            );
        }
        let step = |query: &str| parameters(query).step(0, 1_000 * SECOND_NANOS);
        assert_eq!(step("").unwrap(), 4 * SECOND_NANOS);
        assert_eq!(step("step=1500ms").unwrap(), 1_500_000_000);
        assert_eq!(step("step=0.5").unwrap(), 500_000_000);
        assert!(step("step=0").is_err() && step("step=-1s").is_err() && step("step=x").is_err());
        assert!(parameters("direction=FORWARD").direction().is_ok());
        let error = parameters("direction=up").direction().unwrap_err();
        assert_eq!(error.message, "invalid direction 'up'");
    }
}
