//! How all handlers read the log and respond.

use crate::query::Budget;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::encoding::{ContentEncoding, EncodedBody};
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use crate::server::records::ScopedView;
use std::fmt::Write as _;
use warp::http::header::{HeaderName, HeaderValue};
use warp::reply::Response;

const JSON: &str = "application/json";

/// Responds with the JSON that `read` creates from the records that this principal may see.
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
    let view = move || records.now();
    typed_from(app, principal, request, content_type, view, read).await
}

/// As [`typed`], from the `view` of another store.
pub(in crate::server) async fn typed_from<T: Send + 'static>(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    content_type: &'static str,
    view: impl FnOnce() -> ScopedView + Send + 'static,
    read: impl FnOnce(ScopedView, &Budget) -> Result<(Vec<u8>, T), ApiError> + Send + 'static,
) -> Result<(Response, T), ApiError> {
    let encoding = ContentEncoding::asked_by(&request.headers);
    let (body, rest) = app
        .gate
        .run(principal, move |budget| {
            let (body, rest) = read(view(), budget)?;
            Ok::<_, ApiError>((encoding.whole(body), rest))
        })
        .await??;
    Ok((send(app, principal, content_type, body)?, rest))
}

/// The warnings of a response whose body has no place for them: a JSON array of texts, in ASCII.
const WARNINGS: HeaderName = HeaderName::from_static("x-vmlog-warnings");

/// Proxies refuse headers of more than 8 KiB; texts beyond this limit are counted.
const WARNINGS_BYTES_MAX: usize = 4 * 1024;

/// Adds warnings to the headers of a response.
pub(in crate::server) fn set_warnings(response: &mut Response, warnings: &[String]) {
    if let Some(value) = warnings_header(warnings) {
        reply::set(response.headers_mut(), WARNINGS, value);
    }
}

fn warnings_header(warnings: &[String]) -> Option<HeaderValue> {
    let mut texts = Vec::new();
    let mut bytes = 0;
    for warning in warnings {
        let text = ascii_json(warning);
        bytes += text.len() + 2;
        if bytes > WARNINGS_BYTES_MAX {
            let more = warnings.len() - texts.len();
            texts.push(format!("\"{more} more warnings\""));
            break;
        }
        texts.push(text);
    }
    let is_empty = texts.is_empty();
    (!is_empty).then(|| format!("[{}]", texts.join(",")).parse().ok())?
}

/// A JSON string without characters that a header cannot carry.
fn ascii_json(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && !letter.is_ascii_control() {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // writing to a String cannot fail
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header(warnings: &[String]) -> Vec<String> {
        let value = warnings_header(warnings).expect("a header");
        let text = value.to_str().expect("ASCII");
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn warnings_header_carries_any_text_within_its_bound() {
        assert!(warnings_header(&[]).is_none());
        let texts = [
            "no source `\u{e4}\u{1f600}\"\n`".to_owned(),
            "two".to_owned(),
        ];
        assert_eq!(header(&texts), texts);
        let many = vec!["x".repeat(1_000); 10];
        let found = header(&many);
        assert_eq!(found.len(), 5);
        assert_eq!(found[4], "6 more warnings");
    }
}
