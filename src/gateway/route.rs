//! Which path leads where.

use crate::gateway::counters::RequestKind;
use crate::gateway::error::GatewayError;
use crate::gateway::proxy::path::takes_form;
use crate::server::uplink_protocol::{CONNECT_PATH, JOIN_PATH};
use crate::server::{self, LokiCall};
use hyper::Method;

/// The download of a node, for which there are tickets.
const EXPORT: &str = "logs/export";

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum GatewayRoute {
    /// Liveness.
    Health,
    /// Readiness.
    Ready,
    /// The public keys.
    Keys,
    /// A node joins.
    Join,
    /// A node connects.
    Connect,
    /// The metrics.
    Metrics,
    /// The nodes of the user.
    Nodes,
    /// One of them.
    Node(String),
    /// Records of several nodes.
    Logs,
    /// The live tail of several nodes.
    Tail,
    /// Counts of several nodes over time.
    Histogram,
    /// Sources of several nodes.
    Sources,
    /// Fields of several nodes.
    Fields,
    /// Patterns of several nodes.
    Patterns,
    /// A call of Loki's API, and the text that its pattern matches.
    Loki(LokiCall, String),
    /// The page with the list of nodes, or a file of it.
    Page(&'static str),
    /// The page of a node, or a file of it.
    NodePage(Option<String>),
    /// The session of the page of a node.
    NodeSession(String),
    /// A path of one of them.
    NodePath(String, String),
}

/// The route of a path.
pub(in crate::gateway) fn find(path: &str) -> Result<GatewayRoute, GatewayError> {
    let fixed = match path {
        "/" => Some(GatewayRoute::Page("")),
        "/fleet.js" => Some(GatewayRoute::Page("fleet.js")),
        "/fleet.css" => Some(GatewayRoute::Page("fleet.css")),
        "/healthz" => Some(GatewayRoute::Health),
        "/readyz" => Some(GatewayRoute::Ready),
        "/.well-known/jwks.json" => Some(GatewayRoute::Keys),
        JOIN_PATH => Some(GatewayRoute::Join),
        CONNECT_PATH => Some(GatewayRoute::Connect),
        "/metrics" => Some(GatewayRoute::Metrics),
        "/api/nodes" => Some(GatewayRoute::Nodes),
        "/api/logs" => Some(GatewayRoute::Logs),
        "/api/logs/tail" => Some(GatewayRoute::Tail),
        "/api/logs/histogram" => Some(GatewayRoute::Histogram),
        "/api/logs/sources" => Some(GatewayRoute::Sources),
        "/api/logs/fields" => Some(GatewayRoute::Fields),
        "/api/logs/patterns" => Some(GatewayRoute::Patterns),
        _ => None,
    };
    if let Some(route) = fixed {
        return Ok(route);
    }
    if let Some((call, name, _)) = server::loki_call(path)
        && call != LokiCall::Tallies
    {
        return Ok(GatewayRoute::Loki(call, name.to_owned()));
    }
    let rest = path
        .strip_prefix("/api/nodes/")
        .ok_or_else(GatewayError::unknown_path)?;
    Ok(match rest.split_once('/') {
        Some((_, "")) => GatewayRoute::NodePage(None),
        Some((id, "session")) => GatewayRoute::NodeSession(id.to_owned()),
        Some((id, rest)) => match rest.strip_prefix("ui/") {
            Some(file) => GatewayRoute::NodePage(Some(file.to_owned())),
            None => GatewayRoute::NodePath(id.to_owned(), rest.to_owned()),
        },
        None => GatewayRoute::Node(rest.to_owned()),
    })
}

/// What a request is counted as.
pub(in crate::gateway) fn kind(path: &str) -> RequestKind {
    match find(path) {
        Ok(GatewayRoute::NodePath(_, rest)) if rest == "logs/tail" => RequestKind::NodeTail,
        Ok(GatewayRoute::NodePath(..)) => RequestKind::Node,
        Ok(GatewayRoute::Tail | GatewayRoute::Loki(LokiCall::Tail, _)) => RequestKind::NodesTail,
        Ok(
            GatewayRoute::Logs
            | GatewayRoute::Histogram
            | GatewayRoute::Sources
            | GatewayRoute::Fields
            | GatewayRoute::Patterns
            | GatewayRoute::Loki(..),
        ) => RequestKind::Nodes,
        _ => RequestKind::Other,
    }
}

impl GatewayRoute {
    /// The methods that the path supports. Those for users only read: sessions and tickets are signed, and nothing is stored for them.
    pub(in crate::gateway) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Join => &[Method::POST],
            Self::Connect => &[Method::GET],
            Self::NodeSession(_) => &[Method::POST, Method::DELETE],
            Self::Loki(..) => &[Method::GET, Method::HEAD, Method::POST],
            Self::NodePath(_, rest) if rest == EXPORT || takes_form(rest) => {
                &[Method::GET, Method::HEAD, Method::POST]
            }
            _ => &[Method::GET, Method::HEAD],
        }
    }

    /// Whether it is a call of Loki's API, whose errors are texts.
    pub(in crate::gateway) fn is_loki(&self) -> bool {
        matches!(self, Self::Loki(..))
    }

    /// Whether the parameters of a POST come as a form.
    pub(in crate::gateway) fn takes_form(&self) -> bool {
        match self {
            Self::Loki(..) => true,
            Self::NodePath(_, rest) => takes_form(rest),
            _ => false,
        }
    }

    /// Whether a POST asks for a link to a download.
    pub(in crate::gateway) fn is_download(&self) -> bool {
        matches!(self, Self::NodePath(_, rest) if rest == EXPORT)
    }

    /// Whether it is a path of a node.
    pub(in crate::gateway) fn is_passed_on(&self) -> bool {
        matches!(self, Self::NodePath(..))
    }

    /// Whether the address of a request may have a ticket.
    pub(in crate::gateway) fn takes_ticket(&self) -> bool {
        self.is_download()
    }
}
