//! Counts: how many records there were when, and what values a metadata key has.

use super::access::Asker;
use super::app::App;
use super::encoding::Encoding;
use super::error::ApiError;
use super::request::{Request, refuse, take_number, take_single};
use super::wire;
use crate::query::{self, BUCKETS_MAX, Filter, Grouping, HistogramRequest};
use crate::time::Micros;
use warp::reply::Response;

/// A bar for every minute of an hour, and as many as a phone can show.
const BUCKETS_DEFAULT: usize = 60;

/// Values that are listed when no limit is given, and at most.
const VALUES_DEFAULT: usize = 100;
const VALUES_MAX: usize = 1_000;

/// A metadata key longer than this was never stored.
const KEY_BYTES_MAX: usize = 1_000;

const JSON: &str = "application/json";

/// `GET /logs/histogram`
pub(super) async fn histogram(
    app: &App,
    asker: &Asker,
    request: &Request,
) -> Result<Response, ApiError> {
    let wanted = histogram_request(request)?;
    let by = wanted.by;
    let sight = app.records.of(asker).now();
    let encoding = Encoding::asked_by(&request.headers);
    let body = app
        .gate
        .run(move |budget| {
            sight
                .histogram(wanted, budget)
                .map(|histogram| encoding.whole(wire::histogram(&histogram, by)))
        })
        .await??;
    Ok(body.into_response(JSON))
}

fn histogram_request(request: &Request) -> Result<HistogramRequest, ApiError> {
    let (filter, mut rest) = query::parse_filter(&request.parameters, Micros::now())?;
    let buckets = take_number(&mut rest, "buckets", "invalid_buckets", BUCKETS_MAX)?;
    let by = match take_single(&mut rest, "by")?.as_deref() {
        None | Some("level") => Grouping::Level,
        Some("source") => Grouping::Source,
        Some(other) => {
            let message = format!("by must be one of level, source; got {other:?}");
            return Err(ApiError::parameter("invalid_by", "by", message));
        }
    };
    refuse(&rest)?;
    Ok(HistogramRequest {
        filter,
        buckets: buckets.unwrap_or(BUCKETS_DEFAULT),
        by,
    })
}

/// `GET /logs/fields`
pub(super) async fn fields(
    app: &App,
    asker: &Asker,
    request: &Request,
) -> Result<Response, ApiError> {
    let (filter, key, limit) = fields_request(request)?;
    let sight = app.records.of(asker).now();
    let encoding = Encoding::asked_by(&request.headers);
    let body = app
        .gate
        .run(move |budget| {
            sight
                .field_values(filter, &key, limit, budget)
                .map(|values| encoding.whole(wire::fields(&key, &values)))
        })
        .await??;
    Ok(body.into_response(JSON))
}

fn fields_request(request: &Request) -> Result<(Filter, String, usize), ApiError> {
    let (filter, mut rest) = query::parse_filter(&request.parameters, Micros::now())?;
    let limit = take_number(&mut rest, "limit", "invalid_limit", VALUES_MAX)?;
    let key = take_single(&mut rest, "key")?
        .filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX)
        .ok_or_else(|| {
            let message = "key must be the name of a metadata key, such as unit";
            ApiError::parameter("invalid_key", "key", message)
        })?;
    refuse(&rest)?;
    Ok((filter, key, limit.unwrap_or(VALUES_DEFAULT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request::tests::request;

    #[test]
    fn a_histogram_is_asked_for_with_buckets_and_a_grouping() {
        let asked = histogram_request(&request("/logs/histogram?buckets=500&by=source", &[]));
        let asked = asked.expect("a good request");
        assert_eq!((asked.buckets, asked.by), (500, Grouping::Source));
        let asked = histogram_request(&request("/logs/histogram?level=warn", &[]));
        let asked = asked.expect("a good request");
        assert_eq!(
            (asked.buckets, asked.by),
            (BUCKETS_DEFAULT, Grouping::Level)
        );
        for (query, code) in [
            ("buckets=0", "invalid_buckets"),
            ("buckets=501", "invalid_buckets"),
            ("buckets=x", "invalid_buckets"),
            ("by=colour", "invalid_by"),
            ("limit=5", "unknown_parameter"),
            ("buckets=1&buckets=2", "repeated_parameter"),
        ] {
            let refused = histogram_request(&request(&format!("/logs/histogram?{query}"), &[]));
            assert_eq!(refused.unwrap_err().code, code, "{query}");
        }
    }

    #[test]
    fn values_are_asked_for_by_key() {
        let asked = fields_request(&request("/logs/fields?key=unit&limit=5", &[]));
        let (_, key, limit) = asked.expect("a good request");
        assert_eq!((key.as_str(), limit), ("unit", 5));
        for (query, code) in [
            ("", "invalid_key"),
            ("key=", "invalid_key"),
            ("key=a&limit=1001", "invalid_limit"),
            ("key=a&key=b", "repeated_parameter"),
            ("key=a&buckets=1", "unknown_parameter"),
        ] {
            let refused = fields_request(&request(&format!("/logs/fields?{query}"), &[]));
            assert_eq!(refused.unwrap_err().code, code, "{query}");
        }
    }
}
