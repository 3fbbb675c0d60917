//! What went wrong, the boots of the machine, and what is different between two windows.

use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, refuse, take_single};
use crate::server::wire;
use crate::time::Micros;
use crate::triage;
use warp::reply::Response;

/// `GET /problems`
pub(in crate::server) async fn problems(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (mut others, now) = (request.parameters.clone(), Micros::now());
    let workspace = take_single(&mut others, "workspace")?;
    let scope = workspace
        .map(|workspace| {
            app.authenticator.workspace(&workspace).ok_or_else(|| {
                let message =
                    format!("workspace must be the name of a workspace; got {workspace:?}");
                ApiError::parameter("invalid_workspace", "workspace", message)
            })
        })
        .transpose()?;
    respond::json(app, principal, request, move |view, budget| {
        let (mut wanted, rest) = triage::parse_problems(&others, now)?;
        refuse(&rest)?;
        if let Some(scope) = scope {
            wanted.filter = scope.narrow(wanted.filter);
        }
        Ok(wire::bytes(&view.problems(wanted, budget)?))
    })
    .await
}

/// `GET /boots`
pub(in crate::server) async fn boots(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let boots_max = triage::parse_boots(&request.parameters)?;
    respond::json(app, principal, request, move |view, budget| {
        Ok(wire::bytes(&view.boots(boots_max, budget)?))
    })
    .await
}

/// `GET /logs/compare`
pub(in crate::server) async fn compare(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        let wanted = triage::parse_compare(&parameters, now)?;
        Ok(wire::bytes(&view.compare(wanted, budget)?))
    })
    .await
}
