//! The one way in which handlers read the log and respond with what they found.

use crate::query::Budget;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::encoding::{ContentEncoding, EncodedBody};
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use crate::server::records::ScopedView;
use warp::reply::Response;

const JSON: &str = "application/json";

/// Responds with the JSON that `read` writes from the records that this principal may see.
///
/// `read` runs within the principal's turn at the gate. Parse filters there too: compiling a regex takes time and memory.
pub(in crate::server) async fn json(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    read: impl FnOnce(ScopedView, &Budget) -> Result<Vec<u8>, ApiError> + Send + 'static,
) -> Result<Response, ApiError> {
    let read = |view: ScopedView, budget: &Budget| Ok((read(view, budget)?, ()));
    let (response, ()) = typed(app, principal, request, JSON, read).await?;
    Ok(response)
}

/// As [`json`], with a body of another type. `read` also returns what the handler needs for the headers.
pub(in crate::server) async fn typed<T: Send + 'static>(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    content_type: &'static str,
    read: impl FnOnce(ScopedView, &Budget) -> Result<(Vec<u8>, T), ApiError> + Send + 'static,
) -> Result<(Response, T), ApiError> {
    let records = app.records.of(principal);
    let encoding = ContentEncoding::asked_by(&request.headers);
    let (body, rest) = app
        .gate
        .run(principal, move |budget| {
            let (body, rest) = read(records.now(), budget)?;
            Ok::<_, ApiError>((encoding.whole(body), rest))
        })
        .await??;
    Ok((send(app, principal, content_type, body)?, rest))
}

/// Responds with a body. A large one counts towards the memory of unread responses.
pub(in crate::server) fn send(
    app: &App,
    principal: &Principal,
    content_type: &'static str,
    encoded: EncodedBody,
) -> Result<Response, ApiError> {
    let body = app.answers.hold(principal.id, encoded.body)?;
    let mut response = reply::bytes(content_type, body);
    encoded.encoding.mark(&mut response);
    Ok(response)
}
