//! Pages of records, single records and the list of sources.

use crate::query::{self, Limits};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, record_id, refuse, take_number, take_single};
use crate::server::wire;
use crate::time::Micros;
use warp::http::header::{HeaderName, HeaderValue};
use warp::reply::Response;

/// Default size of a page, unless `LOG_API_MAX_LIMIT` is smaller.
pub(in crate::server) const LIMIT_DEFAULT: usize = 100;

const NDJSON: &str = "application/x-ndjson";

/// The next cursor of a page of lines; absent on the last page.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Of a page of lines: records after the cursor were deleted before they were returned; rows in damaged blocks. Absent if there are none.
const TRUNCATED: HeaderName = HeaderName::from_static("x-vmlog-truncated");
const UNREADABLE: HeaderName = HeaderName::from_static("x-vmlog-unreadable");

/// `GET /logs`
pub(in crate::server) async fn page(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let limits = Limits {
        limit_default: LIMIT_DEFAULT.min(app.options.limit_max),
        limit_max: app.options.limit_max,
    };
    let (mut parameters, now) = (request.parameters.clone(), Micros::now());
    let has_positions = take_positions(&mut parameters)?;
    let as_lines = request.accepts(NDJSON);
    if !as_lines {
        return respond::json(app, principal, request, move |view, budget| {
            let wanted = query::parse_page(&parameters, &limits, now)?;
            let highlighted = has_positions.then(|| wanted.filter.expression().clone());
            let page = view.page(wanted, budget)?;
            Ok(wire::page(&page, highlighted.as_ref()))
        })
        .await;
    }
    let lines = respond::typed(app, principal, request, NDJSON, move |view, budget| {
        let wanted = query::parse_page(&parameters, &limits, now)?;
        let highlighted = has_positions.then(|| wanted.filter.expression().clone());
        let page = view.page(wanted, budget)?;
        let lines = wire::lines(&page, highlighted.as_ref());
        let left_out = (page.truncated, page.unreadable);
        Ok((lines, (page.next_cursor, left_out, page.warnings)))
    });
    // The other fields of a page are in headers.
    let (mut response, (next, (truncated, unreadable), warnings)) = lines.await?;
    respond::set_warnings(&mut response, &warnings);
    if let Some(cursor) = next.and_then(|cursor| cursor.to_string().parse().ok()) {
        reply::set(response.headers_mut(), NEXT_CURSOR, cursor);
    }
    if truncated {
        let value = HeaderValue::from_static("true");
        reply::set(response.headers_mut(), TRUNCATED, value);
    }
    if unreadable > 0 {
        reply::set(response.headers_mut(), UNREADABLE, unreadable.into());
    }
    Ok(response)
}

/// Whether each record states where it matches.
pub(super) fn take_positions(parameters: &mut Vec<(String, String)>) -> Result<bool, ApiError> {
    match take_single(parameters, "positions")?.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => {
            let message = format!("positions must be one of true, false; got {other:?}");
            Err(ApiError::parameter(
                "invalid_positions",
                "positions",
                message,
            ))
        }
    }
}

/// `GET /logs/{id}`
pub(in crate::server) async fn record(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let id = record_id(id).ok_or_else(ApiError::unknown_record)?;
    respond::json(app, principal, request, move |view, _| {
        let record = view.record(id)?.ok_or_else(ApiError::unknown_record)?;
        Ok(wire::entry(&record))
    })
    .await
}

/// Sources on a page: more than a screen can show, but bounded.
pub(in crate::server) const SOURCES: Limits = Limits {
    limit_default: 1_000,
    limit_max: 1_000,
};

/// `GET /logs/sources`
pub(in crate::server) async fn sources(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        let wanted = sources_query(&parameters, now)?;
        Ok(wire::sources(&view.sources(wanted, budget)?))
    })
    .await
}

fn sources_query(
    parameters: &[(String, String)],
    now: Micros,
) -> Result<query::SourcesQuery, ApiError> {
    let (filter, mut rest) = query::parse_filter(parameters, now)?;
    let limit = take_number(&mut rest, "limit", "invalid_limit", SOURCES.limit_max)?;
    let cursor = take_single(&mut rest, "cursor")?
        .map(|text| {
            text.parse().map_err(|error: query::CursorError| {
                ApiError::parameter("invalid_cursor", "cursor", error.to_string())
            })
        })
        .transpose()?;
    refuse(&rest)?;
    Ok(query::SourcesQuery {
        filter,
        cursor,
        limit: limit.unwrap_or(SOURCES.limit_default),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::request::tests::request;

    #[test]
    fn sources_take_limit_and_cursor() {
        let query = |query: &str| {
            let request = request(&format!("/logs/sources?{query}"), &[]);
            sources_query(&request.parameters, Micros::now())
        };
        let plain = query("").expect("a good request");
        assert_eq!((plain.limit, plain.cursor), (1_000, None));
        assert_eq!(
            query("limit=5&level=warn").expect("a good request").limit,
            5
        );
        for (text, code) in [
            ("limit=1001", "invalid_limit"),
            ("limit=0", "invalid_limit"),
            ("cursor=!", "invalid_cursor"),
            ("cursor=YQ%3D%3D&cursor=YQ%3D%3D", "repeated_parameter"),
            ("order=id", "unknown_parameter"),
        ] {
            assert_eq!(query(text).unwrap_err().code, code, "{text}");
        }
    }
}
