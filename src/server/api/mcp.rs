//! `POST /mcp`: tools for AI agents, as the Model Context Protocol sends them over HTTP. Each message is answered at once, so that there is
//! neither a session nor a stream.

use crate::mcp::{Logs, McpRequest};
use crate::query::{
    self, Budget, Page, PageRequest, Patterns, PatternsRequest, Run, RunsPage, RunsQuery,
    SourcesPage, SourcesQuery,
};
use crate::record::Id;
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, refuse};
use crate::server::records::ScopedView;
use crate::triage::{CompareQuery, ProblemList, ProblemsQuery, WindowComparison};
use tokio::time::sleep;
use warp::http::StatusCode;
use warp::reply::Response;

/// `POST /mcp`
pub(in crate::server) async fn call(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    refuse(&request.parameters)?;
    let message = McpRequest::read(&request.body);
    if message.is_malformed() {
        let text = "expected a message of JSON-RPC 2.0 as the body";
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_encoding",
            text.to_owned(),
        ));
    }
    if message.is_notification() {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::ACCEPTED;
        return Ok(response);
    }
    let ids = app.records.of(principal).now().ids();
    let before = Id(ids.end.saturating_sub(1));
    let wait = message.wait();
    if !wait.is_zero() {
        let _share = app.tails.take(principal.id).ok_or_else(|| {
            let message = "too many tails of this client are open";
            ApiError::too_many("too_many_tails", message, 5)
        })?;
        let mut stopping = app.stopping.clone();
        tokio::select! {
            () = sleep(wait) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
    respond::json(app, principal, request, move |view, budget| {
        let logs = ScopedLogs { view, budget };
        Ok(message.answer(&logs, before).unwrap_or_default())
    })
    .await
}

/// What the holder of the token may see.
struct ScopedLogs<'a> {
    view: ScopedView,
    budget: &'a Budget,
}

impl Logs for ScopedLogs<'_> {
    fn page(&self, request: PageRequest) -> Result<Page, query::Error> {
        self.view.page(request, self.budget)
    }

    fn sources(&self, request: SourcesQuery) -> Result<SourcesPage, query::Error> {
        self.view.sources(request, self.budget)
    }

    fn runs(&self, request: RunsQuery) -> Result<RunsPage, query::Error> {
        self.view.runs(request, self.budget)
    }

    fn run(&self, id: &str) -> Result<Option<Run>, query::Error> {
        self.view.run(id, self.budget)
    }

    fn patterns(&self, request: &PatternsRequest) -> Result<Patterns, query::Error> {
        self.view.patterns(request.clone(), self.budget)
    }

    fn problems(&self, request: ProblemsQuery) -> Result<ProblemList, query::Error> {
        self.view.problems(request, self.budget)
    }

    fn compare(&self, request: &CompareQuery) -> Result<WindowComparison, query::Error> {
        self.view.compare(request.clone(), self.budget)
    }

    fn newest(&self) -> Id {
        Id(self.view.ids().end.saturating_sub(1))
    }
}
