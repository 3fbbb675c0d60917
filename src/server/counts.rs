//! Counts: how many records there were when, and what values a metadata key has.

use super::access::Asker;
use super::app::App;
use super::encoding::Encoding;
use super::error::ApiError;
use super::request::Request;
use super::wire;
use crate::query::{self, Limits};
use crate::time::Micros;
use warp::reply::Response;

/// Values of a key: as many as somebody looks through, and at most as many as a list to choose from can show.
pub(super) const VALUES: Limits = Limits {
    limit_default: 100,
    limit_max: 1_000,
};

const JSON: &str = "application/json";

/// `GET /logs/histogram`
pub(super) async fn histogram(
    app: &App,
    asker: &Asker,
    request: &Request,
) -> Result<Response, ApiError> {
    let wanted = query::parse_histogram(&request.parameters, Micros::now())?;
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
    body.into_response(JSON, &app.answers)
}

/// `GET /logs/fields`
pub(super) async fn fields(
    app: &App,
    asker: &Asker,
    request: &Request,
) -> Result<Response, ApiError> {
    let (filter, key, limit) = query::parse_fields(&request.parameters, &VALUES, Micros::now())?;
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
    body.into_response(JSON, &app.answers)
}
