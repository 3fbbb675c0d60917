//! Why a node did not answer.

use crate::http_client::ClientError;
use hyper::StatusCode;
use std::fmt;

/// Why a node did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum NodeFault {
    /// No connection could be opened, or it cannot be trusted.
    Unreachable(String),
    /// It connects to the gateway by itself, and is not connected.
    NotConnected,
    /// It did not answer in time.
    Timeout,
    /// It serves as much as it may.
    Busy,
    /// It refused the request.
    Refused(StatusCode),
    /// Its answer is not one of a node, or was cut off.
    Broken(String),
    /// Another node has the same store: one is a copy of the other.
    Cloned,
    /// The user has several workspaces on the node, and the request names none.
    WorkspaceRequired,
}

impl NodeFault {
    /// What a status says that is no answer to the request.
    pub(in crate::gateway) fn of_status(status: StatusCode) -> Self {
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Self::Busy;
        }
        Self::Refused(status)
    }

    /// The stable word for programs.
    pub(in crate::gateway) fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::NotConnected => "node_unreachable",
            Self::Timeout => "node_timeout",
            Self::Busy => "node_busy",
            Self::Refused(_) => "node_refused",
            Self::Broken(_) => "node_broken",
            Self::Cloned => "node_cloned",
            Self::WorkspaceRequired => "workspace_required",
        }
    }

    /// The sentence for people. It contains no text that the node or the network gave.
    pub(in crate::gateway) fn message(&self) -> String {
        match self {
            Self::Unreachable(_) => "the node cannot be reached".to_owned(),
            Self::NotConnected => "the node is not connected to the gateway".to_owned(),
            Self::Timeout => "the node did not answer in time".to_owned(),
            Self::Busy => "the node answers no more requests of this user for now".to_owned(),
            Self::Refused(status) => {
                format!(
                    "the node refused the request with status {}",
                    status.as_u16()
                )
            }
            Self::Broken(_) => "the node gave no complete answer".to_owned(),
            Self::Cloned => {
                "another node has the same store: one is a copy of the other".to_owned()
            }
            Self::WorkspaceRequired => {
                "name one of your workspaces on this node with workspace=".to_owned()
            }
        }
    }

    /// Whether the same request may succeed later.
    pub(in crate::gateway) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::NotConnected
            | Self::Timeout
            | Self::Busy
            | Self::Broken(_) => true,
            Self::Refused(status) => status.is_server_error(),
            Self::Cloned | Self::WorkspaceRequired => false,
        }
    }
}

/// For the log, with the details.
impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Broken(why) => write!(f, "{}: {why}", self.message()),
            _ => f.write_str(&self.message()),
        }
    }
}

impl std::error::Error for NodeFault {}

impl From<ClientError> for NodeFault {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Connect(_) | ClientError::NotEncrypted(_) => {
                Self::Unreachable(error.to_string())
            }
            ClientError::Timeout => Self::Timeout,
            ClientError::Status(status) => Self::of_status(status),
            ClientError::Broken(why) => Self::Broken(why),
        }
    }
}
