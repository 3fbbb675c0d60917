//! `GET`, `PUT` and `DELETE /views`.

use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse, take_single};
use crate::server::views::file::{Changed, InvalidView, SavedView, SavedViews};
use crate::tasks;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// The body of a response.
#[derive(Serialize)]
struct ViewsBody {
    views: Vec<SavedView>,
}

/// The body of a PUT.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ViewDraft {
    name: String,
    query: String,
    /// The name of the view that it replaces: a view that is renamed.
    #[serde(default)]
    replaces: Option<String>,
}

/// `GET`, `PUT` and `DELETE /views`. All return the views. Principals that do not see the whole machine have none.
pub(in crate::server) async fn answer(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let directory = app.options.views_directory.clone().ok_or_else(no_views)?;
    let views = SavedViews::new(directory, Arc::clone(&app.view_changes));
    let mut rest = request.parameters.clone();
    match request.method {
        Method::PUT => {
            refuse(&rest)?;
            require_write(principal)?;
            let (view, replaced) = draft(&request.body)?;
            changed(views, move |views| views.save(view, replaced.as_deref())).await
        }
        Method::DELETE => {
            let name = take_single(&mut rest, "name")?;
            refuse(&rest)?;
            require_write(principal)?;
            let name = name.ok_or_else(|| {
                ApiError::parameter("missing_parameter", "name", "name is missing".to_owned())
            })?;
            changed(views, move |views| views.delete(&name)).await
        }
        _ => {
            refuse(&rest)?;
            if !principal.sees_everything() {
                return Ok(reply::json(&ViewsBody { views: Vec::new() }));
            }
            let listed = blocking(views, SavedViews::list).await?;
            Ok(reply::json(&ViewsBody { views: listed }))
        }
    }
}

/// A principal that sees everything and may write.
fn require_write(principal: &Principal) -> Result<(), ApiError> {
    principal.require_everything()?;
    if principal.writes_events {
        Ok(())
    } else {
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this token may only read",
        ))
    }
}

fn no_views() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "no views are saved here",
    )
}

/// The view of a body, and the name of the view that it replaces.
fn draft(body: &[u8]) -> Result<(SavedView, Option<String>), ApiError> {
    let draft: ViewDraft = serde_json::from_slice(body).map_err(|_| {
        let message = "the body must be JSON with name, query and perhaps replaces, all texts";
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_view", message)
    })?;
    let view = SavedView::new(&draft.name, &draft.query).map_err(invalid)?;
    Ok((view, draft.replaces))
}

fn invalid(error: InvalidView) -> ApiError {
    let message = error.to_string();
    match error {
        InvalidView::Name => ApiError::parameter("invalid_view", "name", message),
        InvalidView::Query | InvalidView::Secret => {
            ApiError::parameter("invalid_view", "query", message)
        }
        InvalidView::TooMany => ApiError::new(StatusCode::BAD_REQUEST, "invalid_view", message),
    }
}

async fn changed(
    views: SavedViews,
    change: impl FnOnce(&SavedViews) -> io::Result<Changed> + Send + 'static,
) -> Result<Response, ApiError> {
    match blocking(views, change).await? {
        Changed::Done(views) => Ok(reply::json(&ViewsBody { views })),
        Changed::TooMany => Err(invalid(InvalidView::TooMany)),
        Changed::NoSuchView => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "no such view",
        )),
    }
}

/// Reads or changes the file on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(
    views: SavedViews,
    work: impl FnOnce(&SavedViews) -> io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tasks::blocking(move || work(&views)).await;
    let done = done.map_err(|_| ApiError::internal())?;
    done.map_err(|error| {
        tracing::error!("the saved views could not be read or written: {error}");
        ApiError::unavailable("store_unavailable", "cannot read or write the views", 5)
    })
}
