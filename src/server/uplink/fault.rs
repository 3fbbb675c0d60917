//! Why a node is not connected to its gateway.

use crate::http_client::{AuthoritiesError, ClientError};
use hyper::StatusCode;
use std::fmt;
use std::io;

/// Why a node is not connected to its gateway.
#[derive(Debug)]
pub(super) enum UplinkFault {
    /// No answer: the network, the gateway, or what is between.
    Network(ClientError),
    /// The certificate of the gateway cannot be checked.
    Authorities(AuthoritiesError),
    /// The key of this node cannot be read or stored.
    Identity(io::Error),
    /// The file with the token cannot be read.
    TokenFile(io::Error),
    /// This node has not joined, and has no token to do so.
    NoToken,
    /// The gateway refused the token or the key, for this reason.
    Refused(String),
    /// Another gateway answers at the address than the one that this node has joined.
    OtherGateway,
    /// The gateway answers with this status, which has nothing to do with the node.
    Status(StatusCode),
    /// The answer is not one of a gateway.
    NotAGateway(&'static str),
    /// The connection ended, after it had been established.
    Ended(String),
}

impl UplinkFault {
    /// Whether the same attempt fails again until an administrator acts.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Identity(_)
            | Self::TokenFile(_)
            | Self::NoToken
            | Self::Refused(_)
            | Self::OtherGateway => true,
            Self::Network(_)
            | Self::Authorities(_)
            | Self::Status(_)
            | Self::NotAGateway(_)
            | Self::Ended(_) => false,
        }
    }

    /// Whether a new token may help.
    pub(super) fn needs_token(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::OtherGateway)
    }
}

impl fmt::Display for UplinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Authorities(error) => error.fmt(f),
            Self::Identity(error) => write!(f, "the key of this node cannot be used: {error}"),
            Self::TokenFile(error) => write!(f, "LOG_JOIN_TOKEN_FILE cannot be read: {error}"),
            Self::NoToken => f.write_str(
                "this node has not joined it; set LOG_JOIN_TOKEN to a token that `vmlog gateway token` made",
            ),
            Self::Refused(why) => write!(f, "the gateway refused this node: {why}"),
            Self::OtherGateway => f.write_str(
                "it is not the gateway that this node has joined; set LOG_JOIN_TOKEN to a token of it",
            ),
            Self::Status(status) => {
                write!(f, "the gateway answered with status {}", status.as_u16())
            }
            Self::NotAGateway(why) => write!(f, "no gateway answers there: {why}"),
            Self::Ended(why) => write!(f, "the connection ended: {why}"),
        }
    }
}

impl std::error::Error for UplinkFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Network(error) => Some(error),
            Self::Authorities(error) => Some(error),
            Self::Identity(error) | Self::TokenFile(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ClientError> for UplinkFault {
    fn from(error: ClientError) -> Self {
        Self::Network(error)
    }
}

impl From<hyper::Error> for UplinkFault {
    fn from(error: hyper::Error) -> Self {
        Self::Network(error.into())
    }
}
