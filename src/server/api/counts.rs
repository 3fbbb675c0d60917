//! Counts over time.

use crate::query;
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use crate::server::wire;
use crate::time::Micros;
use warp::reply::Response;

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
