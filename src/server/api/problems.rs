//! What went wrong, the boots of the machine, and what is different between two windows.

use crate::query::Budget;
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::auth::scope::AccessScope;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, refuse, take_single};
use crate::server::records::ScopedView;
use crate::server::wire;
use crate::time::Micros;
use crate::triage::{self, ProblemList};
use warp::reply::Response;

/// What a client asks for.
#[derive(Debug, Clone)]
pub(in crate::server) struct ProblemsRequest {
    parameters: Vec<(String, String)>,
    /// The sources of the workspace that it names.
    scope: Option<AccessScope>,
}

impl ProblemsRequest {
    pub(in crate::server) fn new(app: &App, request: &ApiRequest) -> Result<Self, ApiError> {
        let mut parameters = request.parameters.clone();
        let workspace = take_single(&mut parameters, "workspace")?;
        let scope = workspace.map(|workspace| {
            app.authenticator.workspace(&workspace).ok_or_else(|| {
                let message =
                    format!("workspace must be the name of a workspace; got {workspace:?}");
                ApiError::parameter("invalid_workspace", "workspace", message)
            })
        });
        let scope = scope.transpose()?;
        Ok(Self { parameters, scope })
    }

    /// The list. Relative times count from `now`.
    pub(in crate::server) fn list(
        self,
        view: &ScopedView,
        now: Micros,
        budget: &Budget,
    ) -> Result<ProblemList, ApiError> {
        let (mut wanted, rest) = triage::parse_problems(&self.parameters, now)?;
        refuse(&rest)?;
        if let Some(scope) = self.scope {
            wanted.filter = scope.narrow(wanted.filter);
        }
        Ok(view.problems(wanted, budget)?)
    }
}

/// `GET /problems`
pub(in crate::server) async fn problems(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (asked, now) = (ProblemsRequest::new(app, request)?, Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        Ok(wire::bytes(&asked.list(&view, now, budget)?))
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
