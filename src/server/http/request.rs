//! A request for handlers: split, decoded and bounded.

use crate::query;
use crate::record::Id;
use crate::server::http::error::ApiError;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use warp::http::{Method, header};

/// No endpoint reads a body. A longer one is refused instead of drained.
pub(in crate::server) const BODY_BYTES_MAX: u64 = 16 * 1024;

/// Maximum number of parameters; no honest query has more.
pub(in crate::server) const PARAMETERS_MAX: usize = 100;

/// Maximum size of a form in a call of Loki's API: a query of maximum length, with most of its characters
/// percent-encoded.
pub(crate) const FORM_BYTES_MAX: usize = 256 * 1024;

/// Whether parameters may be sent as a form to this path.
pub(in crate::server) fn takes_form(path: &str) -> bool {
    path.starts_with("/loki/") || path.starts_with("/prometheus/")
}

/// An event with the largest message and payload, escaped; a message of an agent.
pub(in crate::server) const EVENT_BYTES_MAX: usize = 64 * 1024;

/// A saved view with the longest query and names.
pub(in crate::server) const VIEW_BYTES_MAX: usize = 24 * 1024;

/// What the body of a POST or PUT at this path is, and its maximum size in bytes. All other bodies are ignored.
pub(in crate::server) fn taken_body(path: &str) -> Option<(&'static str, usize)> {
    match path {
        "/events" => Some(("an event", EVENT_BYTES_MAX)),
        "/views" => Some(("a view", VIEW_BYTES_MAX)),
        "/mcp" => Some(("a message", EVENT_BYTES_MAX)),
        path if takes_form(path) => Some(("a form", FORM_BYTES_MAX)),
        _ => None,
    }
}

/// The parameter for the access token, for clients that cannot set headers.
const TOKEN_PARAMETER: &str = "token";

/// The parameter for a ticket, and the only path that accepts one.
const TICKET_PARAMETER: &str = "ticket";
const TICKET_PATH: &str = "/logs/export";

/// A decoded request. It does not implement `Debug`, because it contains tokens.
pub(in crate::server) struct ApiRequest {
    /// GET, HEAD, ...
    pub(in crate::server) method: Method,
    /// The path as sent.
    pub(in crate::server) path: String,
    /// The decoded parameters of the query in their order, without the access token.
    pub(in crate::server) parameters: Vec<(String, String)>,
    /// The access token of the query.
    pub(in crate::server) query_token: Option<String>,
    /// The ticket of the query, if the path accepts one.
    pub(in crate::server) ticket: Option<String>,
    /// All headers.
    pub(in crate::server) headers: HeaderMap,
    /// The body, at paths that take one other than a form.
    pub(in crate::server) body: Vec<u8>,
}

impl ApiRequest {
    /// Decodes a request.
    pub(in crate::server) fn new(
        method: Method,
        path: &str,
        query: &str,
        headers: HeaderMap,
    ) -> Result<Self, ApiError> {
        let has_body = matches!(method, Method::POST | Method::PUT) && taken_body(path).is_some();
        if !has_body {
            refuse_large_body(&headers)?;
        }
        let mut parameters = decode_query(query)?;
        let query_token = take_single(&mut parameters, TOKEN_PARAMETER)?;
        let ticket = match path {
            TICKET_PATH => take_single(&mut parameters, TICKET_PARAMETER)?,
            _ => None,
        };
        Ok(Self {
            method,
            path: path.to_owned(),
            parameters,
            query_token,
            ticket,
            headers,
            body: Vec::new(),
        })
    }

    /// Adds the parameters of a form.
    pub(in crate::server) fn add_form(&mut self, form: &str) -> Result<(), ApiError> {
        let mut parameters = decode_query(form)?;
        if self.parameters.len() + parameters.len() > PARAMETERS_MAX {
            return Err(too_many_parameters());
        }
        self.parameters.append(&mut parameters);
        Ok(())
    }

    /// A header, if it is present and visible ASCII.
    pub(in crate::server) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the client names this type in `Accept`.
    pub(in crate::server) fn accepts(&self, content_type: &str) -> bool {
        self.header(&header::ACCEPT)
            .is_some_and(|accept| accept.contains(content_type))
    }
}

/// Removes the parameter called `name`; more than one is an error.
pub(in crate::server) fn take_single(
    parameters: &mut Vec<(String, String)>,
    name: &'static str,
) -> Result<Option<String>, ApiError> {
    let mut found = parameters.extract_if(.., |(given, _)| given == name);
    let first = found.next().map(|(_, value)| value);
    if found.next().is_some() {
        return Err(ApiError::parameter(
            "repeated_parameter",
            name,
            format!("{name} may be given only once"),
        ));
    }
    Ok(first)
}

/// Removes the parameter called `name`, a number from 1 to `most`; `code` is the code of the error.
pub(in crate::server) fn take_number(
    parameters: &mut Vec<(String, String)>,
    name: &'static str,
    code: &'static str,
    most: usize,
) -> Result<Option<usize>, ApiError> {
    let Some(text) = take_single(parameters, name)? else {
        return Ok(None);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number.map(Some).ok_or_else(|| {
        let message = format!("{name} must be a number from 1 to {most}; got {text:?}");
        ApiError::parameter(code, name, message)
    })
}

/// Parses a record's ID, only in the form in which responses write it, so that each record has one address.
pub(in crate::server) fn record_id(text: &str) -> Option<Id> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(Id(number))
}

/// Fails for the first remaining parameter, because no parser took it.
pub(in crate::server) fn refuse(rest: &[(String, String)]) -> Result<(), ApiError> {
    rest.first()
        .map_or(Ok(()), |(name, _)| Err(query::unknown(name).into()))
}

/// A small body is ignored. The size of a `chunked` one is unknown, so it is refused.
fn refuse_large_body(headers: &HeaderMap) -> Result<(), ApiError> {
    let length = headers
        .get(CONTENT_LENGTH)
        .map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
    let fits = match length {
        Some(length) => length.is_some_and(|length: u64| length <= BODY_BYTES_MAX),
        None => !headers.contains_key(header::TRANSFER_ENCODING),
    };
    if fits {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "request bodies are not accepted",
    ))
}

fn too_many_parameters() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "too_many_parameters",
        format!("a request may have at most {PARAMETERS_MAX} parameters"),
    )
}

/// `a=1&b=x+y` as pairs. `+` is a space, as in forms and `URLSearchParams`; a part without `=` has an empty value.
fn decode_query(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let parts: Vec<_> = query.split('&').filter(|part| !part.is_empty()).collect();
    if parts.len() > PARAMETERS_MAX {
        return Err(too_many_parameters());
    }
    parts
        .into_iter()
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Percent-decodes a name or a value. A `%` without two hexadecimal digits is kept, as in browsers. Bytes that are
/// not UTF-8 are an error, because no search can match them.
fn decode(text: &str) -> Result<String, ApiError> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_encoding",
            "the query is not percent-encoded UTF-8",
        )
    })
}

#[cfg(test)]
pub(in crate::server) mod tests {
    use super::*;
    use warp::http::header::HeaderValue;

    /// A GET with these headers.
    pub(in crate::server) fn request(target: &str, headers: &[(&'static str, &str)]) -> ApiRequest {
        asking(Method::GET, target, headers)
    }

    /// A request with these headers.
    pub(in crate::server) fn asking(
        method: Method,
        target: &str,
        headers: &[(&'static str, &str)],
    ) -> ApiRequest {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            map.append(HeaderName::from_static(name), value);
        }
        ApiRequest::new(method, path, query, map).expect("a good request")
    }

    fn pairs(query: &str) -> Vec<(String, String)> {
        decode_query(query).expect("a good query")
    }

    #[test]
    fn query_is_decoded_as_browsers_encode_it() {
        let decoded = pairs("q=a+b%20c&&x&source=docker%3Aweb&%C3%A4=%e2%82%ac&p=100%&h=%zz");
        let expected = [
            ("q", "a b c"),
            ("x", ""),
            ("source", "docker:web"),
            ("\u{e4}", "\u{20ac}"),
            ("p", "100%"),
            ("h", "%zz"),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(decoded, expected);
    }

    #[test]
    fn query_that_is_not_utf8_is_refused() {
        let error = decode_query("q=%ff").unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.code),
            (400, "invalid_encoding")
        );
        let many = "a=1&".repeat(PARAMETERS_MAX + 1);
        assert_eq!(decode_query(&many).unwrap_err().code, "too_many_parameters");
    }

    #[test]
    fn token_is_not_among_the_parameters() {
        let request = request("/logs?level=warn&token=s3cret&q=x", &[]);
        assert_eq!(request.query_token.as_deref(), Some("s3cret"));
        let names: Vec<_> = request.parameters.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["level", "q"]);
        let twice = ApiRequest::new(Method::GET, "/", "token=a&token=b", HeaderMap::new());
        assert_eq!(
            twice.err().map(|error| error.code),
            Some("repeated_parameter")
        );
    }

    #[test]
    fn id_has_one_notation() {
        for id in [0, 7, u64::MAX] {
            assert_eq!(record_id(&id.to_string()), Some(Id(id)));
        }
        for text in [
            "",
            "+7",
            "07",
            "-7",
            " 7",
            "7 ",
            "18446744073709551616",
            "7.0",
        ] {
            assert_eq!(record_id(text), None, "{text:?}");
        }
    }

    #[test]
    fn large_body_is_refused_unread() {
        for (name, value, fits) in [
            ("content-length", "0", true),
            ("content-length", "16384", true),
            ("content-length", "16385", false),
            ("content-length", "99999999999999999999", false),
            ("transfer-encoding", "chunked", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let request = ApiRequest::new(Method::GET, "/logs", "", headers);
            assert_eq!(request.is_ok(), fits, "{name}: {value}");
        }
    }

    #[test]
    fn single_parameter_may_not_be_repeated() {
        let mut parameters = pairs("tail=5&level=warn");
        assert_eq!(
            take_single(&mut parameters, "tail"),
            Ok(Some("5".to_owned()))
        );
        assert_eq!(take_single(&mut parameters, "tail"), Ok(None));
        assert_eq!(parameters.len(), 1);
        let error = take_single(&mut pairs("tail=5&tail=6"), "tail").unwrap_err();
        assert_eq!(error.parameter.as_deref(), Some("tail"));
    }
}
