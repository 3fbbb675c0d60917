//! Error responses.

use crate::query::{self, ParameterError};
use crate::server::http::reply;
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use warp::http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Every code by its status. Codes are stable: a new one is added here, in the `OpenAPI` description and in `format-spec/api.md`.
pub(in crate::server) const CODES: [(u16, &[&str]); 9] = [
    (
        400,
        &[
            "invalid_around",
            "invalid_boot",
            "invalid_buckets",
            "invalid_by",
            "invalid_case",
            "invalid_cursor",
            "invalid_direction",
            "invalid_encoding",
            "invalid_end",
            "invalid_event",
            "invalid_format",
            "invalid_id",
            "invalid_invert",
            "invalid_key",
            "invalid_kind",
            "invalid_level",
            "invalid_levels",
            "invalid_limit",
            "invalid_order",
            "invalid_pattern",
            "invalid_pid",
            "invalid_positions",
            "invalid_q",
            "invalid_regex",
            "invalid_scope",
            "invalid_search",
            "invalid_search_in",
            "invalid_severity",
            "invalid_source",
            "invalid_start",
            "invalid_success",
            "invalid_tail",
            "invalid_type",
            "invalid_view",
            "invalid_where",
            "invalid_window",
            "invalid_workspace",
            "conflicting_parameters",
            "missing_parameter",
            "repeated_parameter",
            "too_many_parameters",
            "unknown_parameter",
        ],
    ),
    (401, &["unauthorized"]),
    (403, &["forbidden", "forbidden_host"]),
    (404, &["not_found"]),
    (405, &["method_not_allowed"]),
    (413, &["body_too_large"]),
    (
        429,
        &["too_many_exports", "too_many_requests", "too_many_tails"],
    ),
    (500, &["internal"]),
    (
        503,
        &[
            "busy",
            "disk_full",
            "stopping",
            "store_failed",
            "store_unavailable",
        ],
    ),
];

/// An error response: status and code for programs, a sentence for people. It never contains a file path, a token or the text of an
/// inner error; those are logged where the error occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// A stable word for programs (`invalid_level`).
    pub(in crate::server) code: &'static str,
    /// A sentence for people.
    pub(crate) message: Cow<'static, str>,
    /// The request parameter that is at fault.
    pub(in crate::server) parameter: Option<String>,
    /// Seconds after which the client should retry.
    pub(in crate::server) retry_after_seconds: Option<u32>,
    /// The methods that the path supports, for 405.
    pub(in crate::server) allow: Option<String>,
}

impl ApiError {
    /// An error with a status, a code and a sentence.
    pub(in crate::server) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            parameter: None,
            retry_after_seconds: None,
            allow: None,
        }
    }

    /// 400: a parameter is not valid.
    pub(in crate::server) fn parameter(
        code: &'static str,
        parameter: impl Into<String>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            parameter: Some(parameter.into()),
            ..Self::new(StatusCode::BAD_REQUEST, code, message)
        }
    }

    /// 401: no valid token.
    pub(in crate::server) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "authentication required",
        )
    }

    /// 403: the token is for one workspace, but the response concerns the whole machine.
    pub(in crate::server) fn not_for_workspaces() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this needs an access token for the whole machine, not for one workspace",
        )
    }

    /// 404: no such path.
    pub(in crate::server) fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no such path")
    }

    /// 404: no such record, or not visible to this client.
    pub(in crate::server) fn unknown_record() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no such record")
    }

    /// 404: no such run, or not visible to this client.
    pub(in crate::server) fn unknown_run() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no such run")
    }

    /// 403: the token is not for writing events.
    pub(in crate::server) fn may_not_write_events() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this token may not write events: it needs the scope events:write",
        )
    }

    /// 403: the event is of another workspace.
    pub(in crate::server) fn foreign_workspace() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this token may write events of its own workspace only",
        )
    }

    /// 404: no events are kept here.
    pub(in crate::server) fn no_events() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "no events are kept here",
        )
    }

    /// 404: no bundles are made here.
    pub(in crate::server) fn no_evidence() -> Self {
        let message = "no bundles of evidence are made here";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 413: the body of a request is too large.
    pub(in crate::server) fn body_too_large(what: &str, bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("{what} has at most {bytes_max} bytes"),
        )
    }

    /// 405: the path does not support the method.
    pub(in crate::server) fn method_not_allowed(methods: &[Method]) -> Self {
        let names: Vec<_> = methods.iter().map(Method::as_str).collect();
        let allow = names.join(", ");
        let message = format!("this path supports only {allow}");
        Self {
            allow: Some(allow),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                message,
            )
        }
    }

    /// 429: too many requests or streams.
    pub(in crate::server) fn too_many(
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        retry_after_seconds: u32,
    ) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, message)
        }
    }

    /// 503: try again later.
    pub(in crate::server) fn unavailable(
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        retry_after_seconds: u32,
    ) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }

    /// 500: a bug of ours; the details are only in the log.
    pub(in crate::server) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "internal error; see the log of the server",
        )
    }

    /// Whether the code is in [`CODES`].
    fn is_described(&self) -> bool {
        let status = self.status.as_u16();
        let mut codes = CODES.iter().filter(|(of, _)| *of == status);
        codes.any(|(_, codes)| codes.contains(&self.code))
    }

    /// The response.
    fn into_response(self) -> Response {
        debug_assert!(self.is_described(), "{self} is not in the description");
        let body = ErrorBody {
            error: self.code,
            message: &self.message,
            parameter: self.parameter.as_deref(),
        };
        self.complete(reply::json(&body), "Bearer realm=\"vmlog\"")
    }

    /// A response with the status and the headers of the error.
    fn complete(&self, mut response: Response, challenge: &'static str) -> Response {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow.as_ref().and_then(|allow| allow.parse().ok()) {
            headers.insert(ALLOW, allow);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// How errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum ErrorForm {
    /// `{"error": CODE, "message": TEXT}`
    Native,
    /// The sentence alone, for clients of Loki.
    Text,
    /// `{"error": {"code": CODE, "message": TEXT, "retryable": BOOL}}`
    Sandboxd,
    /// `{"code": STATUS, "message": TEXT}`
    E2b,
    /// `{"error": {"code": CODE, "message": TEXT}}`
    Microsandbox,
}

impl ApiError {
    /// The response in the form that the client expects.
    pub(in crate::server) fn into_response_as(self, form: ErrorForm) -> Response {
        let body = match form {
            ErrorForm::Native => return self.into_response(),
            ErrorForm::Text => return self.into_text_response(),
            ErrorForm::Sandboxd => {
                let retryable = self.status.is_server_error();
                json!({"error": {"code": self.code, "message": self.message, "retryable": retryable}})
            }
            ErrorForm::E2b => json!({"code": self.status.as_u16(), "message": self.message}),
            ErrorForm::Microsandbox => {
                json!({"error": {"code": self.code, "message": self.message}})
            }
        };
        self.complete(reply::json(&body), "Bearer realm=\"vmlog\"")
    }

    /// The same for a client of Loki: the sentence alone, as plain text.
    fn into_text_response(self) -> Response {
        let message = self.message.clone().into_owned().into_bytes();
        let response = reply::bytes("text/plain; charset=utf-8", message);
        self.complete(response, "Basic realm=\"vmlog\"")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.status.as_u16(),
            self.code,
            self.message
        )
    }
}

impl std::error::Error for ApiError {}

impl From<ParameterError> for ApiError {
    fn from(error: ParameterError) -> Self {
        Self::parameter(error.code, error.parameter, error.message)
    }
}

impl From<query::Error> for ApiError {
    /// The store could not be read. The reason is only logged, as it may name files.
    fn from(error: query::Error) -> Self {
        if let query::Error::CursorOfOtherOrder = error {
            return Self::parameter("invalid_cursor", "cursor", error.to_string());
        }
        let reason = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!("a query failed: {error}: {reason}");
        Self::unavailable("store_unavailable", "cannot read the store", 5)
    }
}

/// The error body.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::reply::tests::body_text;

    #[tokio::test]
    async fn parameter_error_names_the_parameter() {
        let error = ParameterError {
            code: "invalid_level",
            parameter: "level".to_owned(),
            message: "level must be one of debug, info, warn, error; got \"loud\"".to_owned(),
        };
        let response = ApiError::from(error).into_response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            body_text(response).await,
            concat!(
                r#"{"error":"invalid_level","message":"level must be one of debug, info, warn, error; "#,
                r#"got \"loud\"","parameter":"level"}"#
            )
        );
    }

    #[tokio::test]
    async fn errors_carry_the_header_of_their_status() {
        let refused = ApiError::method_not_allowed(&[Method::GET, Method::HEAD]).into_response();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["allow"]),
            (405, &HeaderValue::from_static("GET, HEAD"))
        );
        let refused = ApiError::too_many("too_many_tails", "no", 5).into_response();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (429, &HeaderValue::from_static("5"))
        );
        let refused = ApiError::unavailable("busy", "no", 1).into_response();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (503, &HeaderValue::from_static("1"))
        );
        let refused = ApiError::unauthorized().into_response();
        assert_eq!(refused.status(), 401);
        assert!(refused.headers().contains_key("www-authenticate"));
        assert_eq!(
            body_text(refused).await,
            r#"{"error":"unauthorized","message":"authentication required"}"#
        );
    }

    #[test]
    fn error_prints_status_code_and_sentence() {
        assert_eq!(
            ApiError::unknown_path().to_string(),
            "404 not_found: no such path"
        );
    }
}
