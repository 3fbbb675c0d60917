//! Errors of queries and parameters.

use crate::gateway::error::GatewayError;
use crate::server::ApiError;
use std::borrow::Cow;

/// An error of a query or of a parameter, in the words of a node.
pub(super) fn of_parameter(error: ApiError) -> GatewayError {
    GatewayError::new(error.status, "invalid_query", error.message)
}

/// The same in words of the gateway.
pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> GatewayError {
    GatewayError::parameter("invalid_query", message)
}
