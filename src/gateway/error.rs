//! Error responses of the gateway.

use crate::gateway::node::fault::NodeFault;
use crate::gateway::reply::{self, GatewayResponse};
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Every code by its status. Codes are stable: a new one is added here and in `format-spec/gateway.md`.
pub(in crate::gateway) const CODES: [(u16, &[&str]); 11] = [
    (
        400,
        &[
            "conflicting_parameters",
            "invalid_cursor",
            "invalid_direction",
            "invalid_encoding",
            "invalid_label",
            "invalid_limit",
            "invalid_order",
            "invalid_workspace",
            "repeated_parameter",
            "too_many_nodes",
            "too_many_parameters",
            "workspace_required",
        ],
    ),
    (401, &["unauthorized"]),
    (
        403,
        &[
            "forbidden",
            "forbidden_host",
            "forbidden_origin",
            "join_refused",
            "key_refused",
        ],
    ),
    (404, &["node_not_found", "not_found"]),
    (405, &["method_not_allowed"]),
    (413, &["body_too_large"]),
    (426, &["upgrade_required"]),
    (429, &["node_busy", "too_many_requests", "too_many_tails"]),
    (
        502,
        &[
            "node_broken",
            "node_refused",
            "node_unreachable",
            "nodes_failed",
        ],
    ),
    (503, &["no_members", "no_registry", "session_not_stored"]),
    (504, &["node_timeout"]),
];

/// An error response: status and code for programs, a sentence for people. It names no address of a node and no token.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct GatewayError {
    pub(in crate::gateway) status: StatusCode,
    /// A stable word for programs (`node_unreachable`).
    pub(in crate::gateway) code: &'static str,
    /// A sentence for people.
    pub(in crate::gateway) message: Cow<'static, str>,
    /// The node that is at fault.
    pub(in crate::gateway) node: Option<String>,
    /// The nodes of an answer that none of them gave.
    pub(in crate::gateway) nodes: Option<Box<Value>>,
    /// Seconds after which the client should retry.
    pub(in crate::gateway) retry_after_seconds: Option<u32>,
    /// The methods that the path supports, for 405.
    pub(in crate::gateway) allow: &'static str,
    /// The body of a node that the client gets in place of one of the gateway.
    pub(in crate::gateway) words_of_node: Option<Box<[u8]>>,
}

impl GatewayError {
    pub(in crate::gateway) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            node: None,
            nodes: None,
            retry_after_seconds: None,
            allow: "GET, HEAD",
            words_of_node: None,
        }
    }

    /// 400: nodes found a parameter not valid, and one says which and why.
    pub(in crate::gateway) fn in_words_of_node(body: Vec<u8>) -> Self {
        let refused = "a node refused a parameter";
        Self {
            words_of_node: Some(body.into()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_encoding", refused)
        }
    }

    /// 405: the path does not support the method.
    pub(in crate::gateway) fn method_not_allowed(methods: &[Method]) -> Self {
        let allow = if methods == [Method::POST] {
            "POST"
        } else if methods == [Method::GET] {
            "GET"
        } else if methods.contains(&Method::DELETE) {
            "POST, DELETE"
        } else if methods.contains(&Method::POST) {
            "GET, HEAD, POST"
        } else {
            "GET, HEAD"
        };
        Self {
            allow,
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                format!("this path supports only {allow}"),
            )
        }
    }

    /// The same for a path of a node: a client may not know why it can do there what it cannot do here.
    pub(in crate::gateway) fn of_what_only_reads(self) -> Self {
        let allow = self.allow;
        Self {
            message: format!(
                "the gateway only reads from nodes: this path supports only {allow}; send other requests to the node itself"
            )
            .into(),
            ..self
        }
    }

    /// 400: a parameter is not valid.
    pub(in crate::gateway) fn parameter(
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 401: the client has not proved who it is.
    pub(in crate::gateway) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "authentication required",
        )
    }

    /// 403: the response concerns the whole gateway.
    pub(in crate::gateway) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this needs a user who may see every node",
        )
    }

    /// 404: no such path.
    pub(in crate::gateway) fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no such path")
    }

    /// 404: no such node, or none of this user. The two are the same for the client.
    pub(in crate::gateway) fn unknown_node(id: &str) -> Self {
        Self {
            node: Some(id.to_owned()),
            ..Self::new(StatusCode::NOT_FOUND, "node_not_found", "no such node")
        }
    }

    /// 429: too many requests or streams.
    pub(in crate::gateway) fn too_many(code: &'static str, message: &'static str) -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, message)
        }
    }

    /// The answer for one node that gave none.
    pub(in crate::gateway) fn of_node(id: &str, fault: &NodeFault) -> Self {
        let status = match fault {
            NodeFault::Timeout => StatusCode::GATEWAY_TIMEOUT,
            NodeFault::Busy => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self {
            node: Some(id.to_owned()),
            retry_after_seconds: fault.is_transient().then_some(5),
            ..Self::new(status, fault.reason(), fault.message())
        }
    }

    /// The response.
    pub(in crate::gateway) fn into_response(self) -> GatewayResponse {
        debug_assert!(self.is_described(), "{self} is not in the description");
        let response = match &self.words_of_node {
            Some(body) => reply::bytes("application/json", body.to_vec()),
            None => reply::json(&GatewayErrorBody {
                error: self.code,
                message: &self.message,
                node: self.node.as_deref(),
                nodes: self.nodes.as_deref(),
            }),
        };
        self.complete(response, "Bearer realm=\"vmlog gateway\"")
    }

    /// A response with the status and the headers of the error.
    fn complete(&self, mut response: GatewayResponse, challenge: &'static str) -> GatewayResponse {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static(self.allow));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }

    /// The response to a client of Loki: the sentence alone, as plain text.
    pub(in crate::gateway) fn into_text_response(self) -> GatewayResponse {
        let text = self.message.clone().into_owned();
        let response = reply::bytes("text/plain; charset=utf-8", text);
        self.complete(response, "Basic realm=\"vmlog gateway\"")
    }

    fn is_described(&self) -> bool {
        let status = self.status.as_u16();
        let mut codes = CODES.iter().filter(|(of, _)| *of == status);
        codes.any(|(_, codes)| codes.contains(&self.code))
    }
}

impl fmt::Display for GatewayError {
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

impl std::error::Error for GatewayError {}

#[derive(Serialize)]
struct GatewayErrorBody<'a> {
    error: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<&'a Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_lists_every_code() {
        let text = std::fs::read_to_string("format-spec/gateway.md").expect("the description");
        for (status, codes) in CODES {
            let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
            let row = format!("| {status} | {} |", codes.join(", "));
            assert!(text.contains(&row), "format-spec/gateway.md lacks: {row}");
        }
    }

    #[test]
    fn every_reason_of_a_node_is_described() {
        let text = std::fs::read_to_string("format-spec/gateway.md").expect("the description");
        for fault in [
            NodeFault::Unreachable(String::new()),
            NodeFault::NotConnected,
            NodeFault::Timeout,
            NodeFault::Refused(StatusCode::FORBIDDEN),
            NodeFault::Broken(String::new()),
            NodeFault::Cloned,
            NodeFault::WorkspaceRequired,
        ] {
            let row = format!("| `{}` | ", fault.reason());
            assert!(text.contains(&row), "format-spec/gateway.md lacks: {row}");
        }
    }
}
