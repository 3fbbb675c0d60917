//! Pages of records, single records and the list of sources.

use super::access::Asker;
use super::app::App;
use super::encoding::Encoding;
use super::error::ApiError;
use super::records::Sight;
use super::reply;
use super::request::{Request, record_id};
use super::wire;
use crate::query::{self, Limits, PageRequest};
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
    asker: &Asker,
    request: &Request,
) -> Result<Response, ApiError> {
    let limits = Limits {
        limit_default: LIMIT_DEFAULT.min(app.options.limit_max),
        limit_max: app.options.limit_max,
    };
    let wanted = query::parse_page(&request.parameters, &limits, Micros::now())?;
    let sight = app.records.of(asker).now();
    let encoding = Encoding::asked_by(&request.headers);
    if request.accepts(NDJSON) {
        return lines(app, sight, wanted, encoding).await;
    }
    let body = app
        .gate
        .run(move |budget| {
            sight
                .page(wanted, budget)
                .map(|page| encoding.whole(wire::page(&page)))
        })
        .await??;
    body.into_response(JSON, &app.answers)
}

/// A page as lines; what else a page says is in headers.
async fn lines(
    app: &App,
    sight: Sight,
    wanted: PageRequest,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let (body, next) = app
        .gate
        .run(move |budget| {
            sight
                .page(wanted, budget)
                .map(|page| (encoding.whole(wire::lines(&page)), page.next_cursor))
        })
        .await??;
    let mut response = body.into_response(NDJSON, &app.answers)?;
    if let Some(cursor) = next.and_then(|cursor| cursor.to_string().parse().ok()) {
        reply::set(response.headers_mut(), NEXT_CURSOR, cursor);
    }
    Ok(response)
}

/// `GET /logs/{id}`
pub(super) async fn record(
    app: &App,
    asker: &Asker,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let id = record_id(id).ok_or_else(ApiError::unknown_record)?;
    let sight = app.records.of(asker).now();
    let encoding = Encoding::asked_by(&request.headers);
    let found = app.gate.run(move |_| sight.record(id)).await??;
    let record = found.ok_or_else(ApiError::unknown_record)?;
    let body = encoding.whole(wire::entry(&record));
    body.into_response(JSON, &app.answers)
}

/// `GET /logs/sources`
pub(super) async fn sources(
    app: &App,
    asker: &Asker,
    request: &Request,
) -> Result<Response, ApiError> {
    let (filter, rest) = query::parse_filter(&request.parameters, Micros::now())?;
    if let Some((name, _)) = rest.first() {
        return Err(query::unknown(name).into());
    }
    let sight = app.records.of(asker).now();
    let encoding = Encoding::asked_by(&request.headers);
    let body = app
        .gate
        .run(move |budget| {
            sight
                .sources(filter, budget)
                .map(|found| encoding.whole(wire::sources(&found)))
        })
        .await??;
    body.into_response(JSON, &app.answers)
}
