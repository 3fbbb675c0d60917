//! Who a client is and which nodes it may see.

pub(super) mod authenticator;
pub(super) mod grant;
pub(super) mod life;
pub(super) mod origin;
pub(super) mod revoked;
pub(super) mod user;
