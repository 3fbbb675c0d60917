//! Why a signed token is refused.

use std::fmt;

/// Why a token does not admit its holder. The log says it; the client is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    NotAToken,
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    Type,
    Node,
    NodeHeader,
    Expired,
    NotYet,
    Workspace,
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAToken => {
                "it is neither the access token of this server nor a JWT with a signature of a supported algorithm"
            }
            Self::UnknownKey => "its key is unknown",
            Self::Signature => "its signature is wrong",
            Self::Issuer => "it has another issuer",
            Self::Audience => "it has another audience",
            Self::Type => "it has another type",
            Self::Node => "it is for another machine",
            Self::NodeHeader => "the request names another machine",
            Self::Expired => "it has expired, or does not say when it expires",
            Self::NotYet => "it is not valid yet",
            Self::Workspace => "the name of its workspace is not valid",
        })
    }
}
