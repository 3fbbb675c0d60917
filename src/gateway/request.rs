//! A request for handlers: split, decoded and bounded.

use crate::gateway::error::GatewayError;
use crate::gateway::session::user::{User, check_workspace};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Maximum number of parameters, and so of nodes that are named one by one.
const PARAMETERS_MAX: usize = 1_000;

/// A request of a user. It does not implement `Debug`, as it contains tokens.
pub(in crate::gateway) struct GatewayRequest {
    pub(in crate::gateway) method: Method,
    /// The path as sent.
    pub(in crate::gateway) path: String,
    /// The query as sent.
    pub(in crate::gateway) query: String,
    pub(in crate::gateway) headers: HeaderMap,
    pub(in crate::gateway) user: User,
}

impl GatewayRequest {
    /// Path and query without a ticket: what a ticket is for.
    pub(in crate::gateway) fn address(&self) -> String {
        address_of(&self.path, &self.query)
    }

    /// The decoded parameters in their order.
    pub(in crate::gateway) fn parameters(&self) -> Result<Vec<(String, String)>, GatewayError> {
        let parts: Vec<_> = parts(&self.query).collect();
        if parts.len() > PARAMETERS_MAX {
            return Err(GatewayError::parameter(
                "too_many_parameters",
                format!("a request may have at most {PARAMETERS_MAX} parameters"),
            ));
        }
        parts
            .into_iter()
            .map(|(name, value)| Ok((decode(name)?, decode(value)?)))
            .collect()
    }

    /// The workspace that the request names, and the query without it. Tokens that a client puts into the address go no further
    /// either.
    pub(in crate::gateway) fn workspace(&self) -> Result<(Option<String>, String), GatewayError> {
        let mut workspace = None;
        let mut rest = Vec::new();
        for part in self.query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match &*decode(name)? {
                "workspace" if workspace.is_some() => return Err(repeated("workspace")),
                "workspace" => workspace = Some(decode(value)?),
                "token" | "ticket" => {}
                _ => rest.push(part),
            }
        }
        if let Some(workspace) = &workspace {
            check_workspace(workspace)?;
        }
        Ok((workspace, rest.join("&")))
    }
}

/// Path and query without a ticket.
pub(in crate::gateway) fn address_of(path: &str, query: &str) -> String {
    let parts = query
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("ticket="));
    let parts: Vec<&str> = parts.collect();
    format!("{path}?{}", parts.join("&"))
}

/// The ticket of a query.
pub(in crate::gateway) fn ticket_of(query: &str) -> Option<&str> {
    let mut tickets = query
        .split('&')
        .filter_map(|part| part.strip_prefix("ticket="));
    let first = tickets.next()?;
    tickets.next().is_none().then_some(first)
}

/// Removes the parameter called `name`; more than one is an error.
pub(in crate::gateway) fn take_one(
    parameters: &mut Vec<(String, String)>,
    name: &'static str,
) -> Result<Option<String>, GatewayError> {
    let mut found = parameters.extract_if(.., |(given, _)| given == name);
    let first = found.next().map(|(_, value)| value);
    if found.next().is_some() {
        return Err(repeated(name));
    }
    Ok(first)
}

fn repeated(name: &str) -> GatewayError {
    GatewayError::parameter(
        "repeated_parameter",
        format!("{name} may be given only once"),
    )
}

/// The gateway reads no body.
pub(in crate::gateway) fn refuse_body(headers: &HeaderMap) -> Result<(), GatewayError> {
    let length = headers.get(header::CONTENT_LENGTH);
    let is_empty = length.is_none_or(|length| length == "0");
    if is_empty && !headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(());
    }
    Err(GatewayError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "request bodies are not accepted",
    ))
}

fn parts(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Percent-decodes a name or a value. `+` is a space, as in forms.
pub(in crate::gateway) fn decode(text: &str) -> Result<String, GatewayError> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| {
        GatewayError::parameter("invalid_encoding", "the query is not percent-encoded UTF-8")
    })
}
