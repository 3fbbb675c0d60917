//! Counts: how many records there were when, and what values a metadata key has.

use super::app::App;
use super::encoding::Encoding;
use super::error::ApiError;
use super::principal::Principal;
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
    principal: &Principal,
    request: &Request,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    let records = app.records.of(principal);
    let encoding = Encoding::asked_by(&request.headers);
    let body = app
        .gate
        .run(principal, move |budget| {
            let wanted = query::parse_histogram(&parameters, now)?;
            let by = wanted.by;
            let found = records.now().histogram(wanted, budget)?;
            Ok::<_, ApiError>(encoding.whole(wire::histogram(&found, by)))
        })
        .await??;
    body.into_response(JSON, &app.answers, principal)
}

/// `GET /logs/fields`
pub(super) async fn fields(
    app: &App,
    principal: &Principal,
    request: &Request,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    let records = app.records.of(principal);
    let encoding = Encoding::asked_by(&request.headers);
    let body = app
        .gate
        .run(principal, move |budget| {
            let (filter, key, limit) = query::parse_fields(&parameters, &VALUES, now)?;
            let found = records.now().field_values(filter, &key, limit, budget)?;
            Ok::<_, ApiError>(encoding.whole(wire::fields(&key, &found)))
        })
        .await??;
    body.into_response(JSON, &app.answers, principal)
}
