//! Pages of records, single records and the list of sources.

use super::app::App;
use super::encoding::Encoding;
use super::error::ApiError;
use super::principal::Principal;
use super::reply;
use super::request::{Request, record_id, refuse, take_number, take_single};
use super::wire;
use crate::query::{self, Limits};
use crate::time::Micros;
use warp::http::header::HeaderName;
use warp::reply::Response;

/// The page's size when none is asked for; a smaller `LOG_API_MAX_LIMIT` lowers it.
pub(super) const LIMIT_DEFAULT: usize = 100;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// Where a page of lines goes on; absent when there is no more.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// `GET /logs`
pub(super) async fn page(
    app: &App,
    principal: &Principal,
    request: &Request,
) -> Result<Response, ApiError> {
    let limits = Limits {
        limit_default: LIMIT_DEFAULT.min(app.options.limit_max),
        limit_max: app.options.limit_max,
    };
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    let records = app.records.of(principal);
    let encoding = Encoding::asked_by(&request.headers);
    let as_lines = request.accepts(NDJSON);
    // a filter is compiled within the turn: a regex takes time and memory too
    let (body, next) = app
        .gate
        .run(principal, move |budget| {
            let wanted = query::parse_page(&parameters, &limits, now)?;
            let page = records.now().page(wanted, budget)?;
            let body = if as_lines {
                wire::lines(&page)
            } else {
                wire::page(&page)
            };
            Ok::<_, ApiError>((encoding.whole(body), page.next_cursor))
        })
        .await??;
    if !as_lines {
        return body.into_response(JSON, &app.answers, principal);
    }
    // what else a page says is in headers
    let mut response = body.into_response(NDJSON, &app.answers, principal)?;
    if let Some(cursor) = next.and_then(|cursor| cursor.to_string().parse().ok()) {
        reply::set(response.headers_mut(), NEXT_CURSOR, cursor);
    }
    Ok(response)
}

/// `GET /logs/{id}`
pub(super) async fn record(
    app: &App,
    principal: &Principal,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let id = record_id(id).ok_or_else(ApiError::unknown_record)?;
    let records = app.records.of(principal);
    let encoding = Encoding::asked_by(&request.headers);
    let found = app
        .gate
        .run(principal, move |_| records.now().record(id))
        .await??;
    let record = found.ok_or_else(ApiError::unknown_record)?;
    let body = encoding.whole(wire::entry(&record));
    body.into_response(JSON, &app.answers, principal)
}

/// Sources of a page: more than a list on a screen can show, and little enough to hold.
pub(super) const SOURCES: Limits = Limits {
    limit_default: 1_000,
    limit_max: 1_000,
};

/// `GET /logs/sources`
pub(super) async fn sources(
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
            let wanted = sources_query(&parameters, now)?;
            let found = records.now().sources(wanted, budget)?;
            Ok::<_, ApiError>(encoding.whole(wire::sources(&found)))
        })
        .await??;
    body.into_response(JSON, &app.answers, principal)
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
    use crate::server::request::tests::request;

    #[test]
    fn sources_are_asked_for_in_pages() {
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
