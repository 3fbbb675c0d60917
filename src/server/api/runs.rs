//! Runs of captured commands.

use crate::query::{self, RunsQuery};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, refuse, take_number, take_single};
use crate::server::wire;
use crate::time::Micros;
use warp::reply::Response;

/// Default size of a page. It is small, because the records of each run are counted.
pub(in crate::server) const LIMIT_DEFAULT: usize = 50;

/// `GET /runs`
pub(in crate::server) async fn page(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let wanted = runs_query(request, app.options.limit_max)?;
    respond::json(app, principal, request, move |view, budget| {
        Ok(wire::runs(&view.runs(wanted, budget)?))
    })
    .await
}

/// `GET /runs/{id}`
pub(in crate::server) async fn run(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let id = id.to_owned();
    respond::json(app, principal, request, move |view, budget| {
        let run = view.run(&id, budget)?.ok_or_else(ApiError::unknown_run)?;
        Ok(wire::run(&run))
    })
    .await
}

fn runs_query(request: &ApiRequest, limit_max: usize) -> Result<RunsQuery, ApiError> {
    let (sources, mut rest): (Vec<_>, Vec<_>) = request
        .parameters
        .iter()
        .cloned()
        .partition(|(name, _)| name == "source");
    let (filter, _) = query::parse_filter(&sources, Micros::now())?;
    let limit = take_number(&mut rest, "limit", "invalid_limit", limit_max)?;
    let cursor = take_single(&mut rest, "cursor")?
        .map(|text| {
            text.parse().map_err(|error: query::CursorError| {
                ApiError::parameter("invalid_cursor", "cursor", error.to_string())
            })
        })
        .transpose()?;
    let success = match take_single(&mut rest, "success")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            let message = format!("success must be one of true, false; got {other:?}");
            return Err(ApiError::parameter("invalid_success", "success", message));
        }
    };
    refuse(&rest)?;
    Ok(RunsQuery {
        filter,
        success,
        cursor,
        limit: limit.unwrap_or(LIMIT_DEFAULT.min(limit_max)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::request::tests::request;

    #[test]
    fn runs_take_source_and_success() {
        let asked = runs_query(&request("/runs?success=false&limit=5&source=a", &[]), 500);
        let asked = asked.expect("a good request");
        assert_eq!((asked.success, asked.limit), (Some(false), 5));
        let asked = runs_query(&request("/runs", &[]), 20).expect("a good request");
        assert_eq!((asked.success, asked.limit), (None, 20));
        for (query, code) in [
            ("limit=501", "invalid_limit"),
            ("limit=0", "invalid_limit"),
            ("cursor=x", "invalid_cursor"),
            ("success=1", "invalid_success"),
            ("success=true&success=true", "repeated_parameter"),
            ("source=", "invalid_source"),
            ("level=warn", "unknown_parameter"),
        ] {
            let refused = runs_query(&request(&format!("/runs?{query}"), &[]), 500);
            assert_eq!(refused.unwrap_err().code, code, "{query}");
        }
    }
}
