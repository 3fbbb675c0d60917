//! Similar lines, grouped under templates.

use crate::query::{self, Limits, PATTERNS_MAX, Pattern, Patterns};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use crate::server::wire::{self, Levels};
use crate::time::Micros;
use serde::Serialize;
use warp::reply::Response;

/// Maximum number of patterns: more than a person reads.
pub(crate) const PATTERNS: Limits = Limits {
    limit_default: 50,
    limit_max: PATTERNS_MAX,
};

/// `GET /logs/patterns`
pub(in crate::server) async fn patterns(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        let wanted = query::parse_patterns(&parameters, &PATTERNS, now)?;
        Ok(patterns_body(&view.patterns(wanted, budget)?))
    })
    .await
}

/// The body of the patterns.
pub(crate) fn patterns_body(found: &Patterns) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct PatternsBody<'a> {
        patterns: Vec<PatternJson<'a>>,
        has_more: bool,
        total: u64,
        ungrouped: u64,
        continued: u64,
        start: Option<String>,
        bucket_ms: serde_json::Number,
        partial: bool,
        scanned: u64,
        unreadable: u64,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
    }
    let body = PatternsBody {
        patterns: found.patterns.iter().map(PatternJson::from).collect(),
        has_more: found.has_more,
        total: found.total,
        ungrouped: found.ungrouped,
        continued: found.continued,
        start: (found.bucket_micros > 0).then(|| found.start.to_string()),
        bucket_ms: wire::millis(found.bucket_micros),
        partial: found.is_partial,
        scanned: found.scanned,
        unreadable: found.unreadable,
        warnings: &found.warnings,
    };
    wire::bytes(&body)
}

#[derive(Serialize)]
struct PatternJson<'a> {
    template: String,
    count: u64,
    levels: Levels,
    first: String,
    last: String,
    buckets: &'a [u64],
    examples: Vec<String>,
}

impl<'a> From<&'a Pattern> for PatternJson<'a> {
    fn from(pattern: &'a Pattern) -> Self {
        Self {
            template: pattern.template.to_string(),
            count: pattern.count,
            levels: Levels(pattern.levels),
            first: pattern.first.to_string(),
            last: pattern.last.to_string(),
            buckets: &pattern.buckets,
            examples: pattern.examples.iter().map(ToString::to_string).collect(),
        }
    }
}
