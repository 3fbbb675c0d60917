//! Counts: how many records there were when, and what values a metadata key has.

use crate::query::{self, Limits};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use crate::server::wire;
use crate::time::Micros;
use warp::reply::Response;

/// Values of a key: as many as somebody looks through, and at most as many as a list to choose from can show.
pub(in crate::server) const VALUES: Limits = Limits {
    limit_default: 100,
    limit_max: 1_000,
};

/// `GET /logs/histogram`
pub(in crate::server) async fn histogram(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        let wanted = query::parse_histogram(&parameters, now)?;
        let by = wanted.by;
        Ok(wire::histogram(&view.histogram(wanted, budget)?, by))
    })
    .await
}

/// `GET /logs/fields`
pub(in crate::server) async fn fields(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        let (filter, key, limit) = query::parse_fields(&parameters, &VALUES, now)?;
        let found = view.field_values(filter, &key, limit, budget)?;
        Ok(wire::fields(&key, &found))
    })
    .await
}
