//! The read APIs of other systems, as their clients expect them. `format-spec/foreign.md` describes them.

pub(in crate::server) mod e2b;
mod follow;
mod machine;
mod microsandbox;
mod pactown;
mod sandbox;
pub(in crate::server) mod sandboxd;

use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::foreign_call::ForeignCall;
use crate::server::http::request::ApiRequest;
use std::sync::Arc;
use warp::reply::Response;

/// Answers a call. `name`: the part of the path that its pattern matches.
pub(in crate::server) async fn answer(
    app: &Arc<App>,
    principal: &Principal,
    call: ForeignCall,
    request: &ApiRequest,
    name: &str,
) -> Result<Response, ApiError> {
    let is_served = |api| app.options.foreign_apis.contains(&api);
    if !call.api().is_none_or(is_served) {
        return Err(ApiError::unknown_path());
    }
    match call {
        ForeignCall::AppEvents => sandboxd::app_events(app, principal, request, name).await,
        ForeignCall::TaskEvents => sandboxd::task_events(app, principal, request, name).await,
        ForeignCall::ProcessLogs => sandboxd::process_logs(app, principal, request, name).await,
        ForeignCall::TaskStream => sandboxd::task_stream(app, principal, request, name),
        ForeignCall::E2bLogs => e2b::logs(app, principal, request, name).await,
        ForeignCall::E2bLogsV1 => e2b::logs_v1(app, principal, request, name).await,
        ForeignCall::E2bSandbox => e2b::sandbox(app, principal, request, name).await,
        ForeignCall::SandboxByName => microsandbox::by_name(app, principal, request, name).await,
        ForeignCall::SandboxLogs => microsandbox::logs(app, principal, request, name).await,
        ForeignCall::RunStream => pactown::run_stream(app, principal, name).await,
    }
}
