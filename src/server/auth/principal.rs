//! Principals: the identities that requests are authenticated as.

use crate::server::auth::scope::AccessScope;
use crate::server::http::error::ApiError;
use ring::digest;
use std::net::IpAddr;
use std::time::Duration;

/// The identity that a request is authenticated as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) struct Principal {
    /// Identifies the principal for limits.
    pub(in crate::server) id: PrincipalId,
    /// The records that it may see.
    pub(in crate::server) scope: AccessScope,
    /// The workspace that `scope` is narrowed to.
    pub(in crate::server) workspace: Option<String>,
    /// Whether it may write events.
    pub(in crate::server) writes_events: bool,
    /// How long its token is still valid; `None`: it does not expire.
    pub(in crate::server) remaining: Option<Duration>,
}

/// Identifies a principal: rates, running work and open streams are shared among principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) enum PrincipalId {
    /// The holder of the machine's access token.
    Owner,
    /// The holder of the token that may only write events.
    Reporter,
    /// The holder of a token of the control plane: a digest of workspace and subject.
    Vouched([u8; 16]),
    /// A client without a valid token, by address.
    Stranger(IpAddr),
}

impl PrincipalId {
    /// The principal of a token's workspace and subject.
    pub(in crate::server) fn vouched(workspace: Option<&str>, subject: Option<&str>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [workspace, subject] {
            // The length separates the parts, so that ("ab", "") and ("a", "b") differ.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            context.update(&length.to_le_bytes());
            context.update(part.unwrap_or_default().as_bytes());
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self::Vouched(id)
    }
}

impl Principal {
    /// The owner, who sees everything.
    pub(in crate::server) fn owner() -> Self {
        Self {
            id: PrincipalId::Owner,
            scope: AccessScope::Everything,
            workspace: None,
            writes_events: true,
            remaining: None,
        }
    }

    /// The holder of the token that may only write events.
    pub(in crate::server) fn reporter() -> Self {
        Self {
            id: PrincipalId::Reporter,
            scope: AccessScope::Only(Vec::new()),
            workspace: None,
            writes_events: true,
            remaining: None,
        }
    }

    /// A client without a valid token, which sees no records.
    pub(in crate::server) fn stranger(address: IpAddr) -> Self {
        Self {
            id: PrincipalId::Stranger(address),
            scope: AccessScope::Only(Vec::new()),
            workspace: None,
            writes_events: false,
            remaining: None,
        }
    }

    /// Whether it may see all records.
    pub(in crate::server) fn sees_everything(&self) -> bool {
        self.scope == AccessScope::Everything
    }

    /// 403 for responses that concern the whole machine.
    pub(in crate::server) fn require_everything(&self) -> Result<(), ApiError> {
        if self.sees_everything() {
            Ok(())
        } else {
            Err(ApiError::not_for_workspaces())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_differ_by_workspace_and_subject() {
        let id = PrincipalId::vouched;
        assert_eq!(id(Some("a"), Some("b")), id(Some("a"), Some("b")));
        for other in [
            id(Some("ab"), None),
            id(Some("ab"), Some("")),
            id(None, Some("ab")),
            id(Some("b"), Some("a")),
        ] {
            assert_ne!(id(Some("a"), Some("b")), other);
        }
    }
}
