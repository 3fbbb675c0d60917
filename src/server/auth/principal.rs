//! Who a client is, as far as it has shown.

use crate::server::auth::scope::AccessScope;
use crate::server::http::error::ApiError;
use ring::digest;
use std::net::IpAddr;
use std::time::Duration;

/// A client that has shown who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) struct Principal {
    /// Whose share of the server it uses.
    pub(in crate::server) id: PrincipalId,
    /// What it may see.
    pub(in crate::server) scope: AccessScope,
    /// The workspace that `scope` is narrowed to.
    pub(in crate::server) workspace: Option<String>,
    /// How long what it has shown is valid; `None` for ever.
    pub(in crate::server) remaining: Option<Duration>,
}

/// Tells principals apart: rates, running work and open streams are shared among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) enum PrincipalId {
    /// Whoever holds the key of the machine.
    Owner,
    /// Whoever a control plane vouches for: a digest of workspace and subject.
    Vouched([u8; 16]),
    /// Somebody who has shown nothing that is valid, by address.
    Stranger(IpAddr),
}

impl PrincipalId {
    /// The principal of a token's workspace and subject.
    pub(in crate::server) fn vouched(workspace: Option<&str>, subject: Option<&str>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [workspace, subject] {
            // the length keeps a name that runs on into the next from being the same
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
    /// Sees everything for ever.
    pub(in crate::server) fn owner() -> Self {
        Self {
            id: PrincipalId::Owner,
            scope: AccessScope::Everything,
            workspace: None,
            remaining: None,
        }
    }

    /// Somebody who has shown nothing that is valid, and sees nothing of the log.
    pub(in crate::server) fn stranger(address: IpAddr) -> Self {
        Self {
            id: PrincipalId::Stranger(address),
            scope: AccessScope::Only(Vec::new()),
            workspace: None,
            remaining: None,
        }
    }

    /// Whether it may see the whole log.
    pub(in crate::server) fn sees_everything(&self) -> bool {
        self.scope == AccessScope::Everything
    }

    /// 403 for an answer that is of the whole machine, and so for no workspace.
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
    fn principals_are_told_apart_by_workspace_and_subject() {
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
