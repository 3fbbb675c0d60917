//! Runs of captured commands.

use super::app::App;
use super::encoding::Encoding;
use super::error::ApiError;
use super::principal::Principal;
use super::request::{Request, refuse, take_number, take_single};
use super::wire;
use crate::query::{self, RunsQuery};
use crate::time::Micros;
use warp::reply::Response;

/// The page's size when none is asked for: each run's records are looked at.
pub(super) const LIMIT_DEFAULT: usize = 50;

const JSON: &str = "application/json";

/// `GET /runs`
pub(super) async fn page(
    app: &App,
    principal: &Principal,
    request: &Request,
) -> Result<Response, ApiError> {
    let wanted = runs_query(request, app.options.limit_max)?;
    let records = app.records.of(principal);
    let encoding = Encoding::asked_by(&request.headers);
    let body = app
        .gate
        .run(principal, move |budget| {
            let found = records.now().runs(wanted, budget);
            found.map(|page| encoding.whole(wire::runs(&page)))
        })
        .await??;
    body.into_response(JSON, &app.answers, principal)
}

/// `GET /runs/{id}`
pub(super) async fn run(
    app: &App,
    principal: &Principal,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let (records, id) = (app.records.of(principal), id.to_owned());
    let encoding = Encoding::asked_by(&request.headers);
    let found = app
        .gate
        .run(principal, move |budget| records.now().run(&id, budget))
        .await??;
    let run = found.ok_or_else(ApiError::unknown_run)?;
    let body = encoding.whole(wire::run(&run));
    body.into_response(JSON, &app.answers, principal)
}

fn runs_query(request: &Request, limit_max: usize) -> Result<RunsQuery, ApiError> {
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
    use crate::server::request::tests::request;

    #[test]
    fn runs_are_asked_for_by_source_and_success() {
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
