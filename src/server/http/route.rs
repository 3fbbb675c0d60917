//! The table of routes that the dispatcher, the access check and the API description share.

use crate::server::http::error::{ApiError, ErrorForm};
use crate::server::http::foreign_call::ForeignCall;
use crate::server::http::loki_call::LokiCall;
use warp::http::Method;

/// The endpoint of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Endpoint {
    /// The browser page.
    Page,
    /// A file of the browser page.
    PageFile,
    /// A page of records.
    Logs,
    /// The live tail.
    Tail,
    /// The sources.
    Sources,
    /// All matching records as a file.
    Export,
    /// Counts of records over time.
    Histogram,
    /// The values of a metadata key.
    Fields,
    Patterns,
    /// What is different between two windows.
    Compare,
    /// One record.
    Record,
    /// What went wrong.
    Problems,
    /// The boots of the machine.
    Boots,
    /// Runs of captured commands.
    Runs,
    /// One run.
    Run,
    /// Liveness.
    Health,
    /// Readiness.
    Ready,
    /// The metrics.
    Metrics,
    /// The `OpenAPI` description.
    OpenApi,
    /// The session of a browser.
    Session,
    /// Events: read, or written.
    Events,
    /// The saved views of the page.
    Views,
    /// A bundle of evidence.
    Evidence,
    /// Tools for AI agents.
    Mcp,
    /// A call of Loki's API.
    Loki(LokiCall),
    /// A call of the API of another system.
    Foreign(ForeignCall),
}

impl Endpoint {
    /// Whether it has no parameters, so that any parameter is an error. The query of the page is for its scripts.
    pub(in crate::server) fn takes_no_parameters(self) -> bool {
        matches!(
            self,
            Self::PageFile
                | Self::Record
                | Self::Run
                | Self::Health
                | Self::Ready
                | Self::Metrics
                | Self::OpenApi
                | Self::Session
        )
    }

    /// Whether the API is that of another system: it has a document of its own, and errors of another form.
    #[cfg(test)]
    fn is_of_others(self) -> bool {
        matches!(self, Self::Loki(_) | Self::Foreign(_))
    }

    /// How errors are written.
    pub(in crate::server) fn error_form(self) -> ErrorForm {
        match self {
            Self::Loki(_) => ErrorForm::Text,
            Self::Foreign(call) => call.error_form(),
            _ => ErrorForm::Native,
        }
    }

    /// Whether the rate limit does not apply: to monitors, and to the files of the page, of which a browser loads about 60.
    pub(in crate::server) fn is_unlimited(self) -> bool {
        matches!(
            self,
            Self::Health | Self::Ready | Self::Page | Self::PageFile | Self::Loki(LokiCall::Ready)
        )
    }
}

/// Which clients have access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Access {
    /// All: the response contains nothing from the logs.
    Open,
    /// Clients with a token.
    Token,
}

/// A row of the table.
#[derive(Debug)]
pub(in crate::server) struct Route {
    /// The path. `{name}` matches the non-empty rest without `/`, `{name...}` also with `/`.
    pub(in crate::server) path: &'static str,
    /// The endpoint.
    pub(in crate::server) endpoint: Endpoint,
    /// Which clients have access.
    pub(in crate::server) access: Access,
    /// The supported methods.
    pub(in crate::server) methods: &'static [Method],
}

/// Endpoints that only read.
const READ: &[Method] = &[Method::GET, Method::HEAD];
/// A download, and a link to it; a query that may be too long for a URL.
const DOWNLOAD: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
/// What can be read and added to.
const READ_ADD: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
/// What has no state to be read.
const SEND: &[Method] = &[Method::POST];
/// Sessions are created and deleted.
const BEGIN_END: &[Method] = &[Method::POST, Method::DELETE];

/// What can be read, replaced and deleted.
const READ_CHANGE: &[Method] = &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE];

/// Every path. A fixed path comes before a pattern that also matches it.
pub(in crate::server) const ROUTES: &[Route] = &[
    route("/", Endpoint::Page, Access::Open),
    route("/ui/{file...}", Endpoint::PageFile, Access::Open),
    route("/logs", Endpoint::Logs, Access::Token),
    route("/logs/tail", Endpoint::Tail, Access::Token),
    route("/logs/sources", Endpoint::Sources, Access::Token),
    Route {
        methods: DOWNLOAD,
        ..route("/logs/export", Endpoint::Export, Access::Token)
    },
    route("/logs/histogram", Endpoint::Histogram, Access::Token),
    route("/logs/fields", Endpoint::Fields, Access::Token),
    route("/logs/patterns", Endpoint::Patterns, Access::Token),
    route("/logs/compare", Endpoint::Compare, Access::Token),
    route("/logs/{id}", Endpoint::Record, Access::Token),
    route("/problems", Endpoint::Problems, Access::Token),
    route("/boots", Endpoint::Boots, Access::Token),
    route("/runs", Endpoint::Runs, Access::Token),
    route("/runs/{id}", Endpoint::Run, Access::Token),
    route("/healthz", Endpoint::Health, Access::Open),
    route("/readyz", Endpoint::Ready, Access::Open),
    route("/metrics", Endpoint::Metrics, Access::Token),
    route("/openapi.json", Endpoint::OpenApi, Access::Open),
    Route {
        methods: BEGIN_END,
        ..route("/session", Endpoint::Session, Access::Token)
    },
    Route {
        methods: READ_ADD,
        ..route("/events", Endpoint::Events, Access::Token)
    },
    Route {
        methods: READ_CHANGE,
        ..route("/views", Endpoint::Views, Access::Token)
    },
    Route {
        methods: SEND,
        ..route("/evidence", Endpoint::Evidence, Access::Token)
    },
    Route {
        methods: SEND,
        ..route("/mcp", Endpoint::Mcp, Access::Token)
    },
    foreign("/v1/apps/{id}/events", ForeignCall::AppEvents),
    foreign("/v1/tasks/{id}/events", ForeignCall::TaskEvents),
    foreign("/v1/sandboxes/by-name/{name}", ForeignCall::SandboxByName),
    foreign("/v1/sandboxes/{id}/logs", ForeignCall::SandboxLogs),
    foreign("/v1/sandboxes/{process...}/logs", ForeignCall::ProcessLogs),
    foreign("/v1/sandboxes/{task...}/events", ForeignCall::TaskStream),
    foreign("/v2/sandboxes/{id}/logs", ForeignCall::E2bLogs),
    foreign("/sandboxes/{id}/logs", ForeignCall::E2bLogsV1),
    foreign("/sandboxes/{id}", ForeignCall::E2bSandbox),
    foreign("/runs/{id}/stream", ForeignCall::RunStream),
    loki("/loki/api/v1/query", LokiCall::Query),
    loki("/loki/api/v1/query_range", LokiCall::QueryRange),
    loki("/loki/api/v1/tallies", LokiCall::Tallies),
    loki("/loki/api/v1/labels", LokiCall::Labels),
    loki("/loki/api/v1/label", LokiCall::Labels),
    loki("/loki/api/v1/label/{name}/values", LokiCall::LabelValues),
    loki("/loki/api/v1/series", LokiCall::Series),
    loki("/loki/api/v1/index/stats", LokiCall::IndexStats),
    loki("/loki/api/v1/index/volume", LokiCall::IndexVolume),
    loki(
        "/loki/api/v1/index/volume_range",
        LokiCall::IndexVolumeRange,
    ),
    loki("/loki/api/v1/detected_fields", LokiCall::DetectedFields),
    loki(
        "/loki/api/v1/detected_field/{name}/values",
        LokiCall::DetectedFieldValues,
    ),
    loki("/loki/api/v1/detected_labels", LokiCall::DetectedLabels),
    loki("/loki/api/v1/patterns", LokiCall::Patterns),
    loki("/loki/api/v1/format_query", LokiCall::FormatQuery),
    loki("/loki/api/v1/drilldown-limits", LokiCall::DrilldownLimits),
    loki("/loki/api/v1/tail", LokiCall::Tail),
    loki("/loki/api/v1/status/buildinfo", LokiCall::BuildInfo),
    loki("/loki/api/v1/rules", LokiCall::Rules),
    loki("/api/prom/rules", LokiCall::Rules),
    loki("/prometheus/api/v1/rules", LokiCall::Rules),
    loki("/prometheus/api/v1/alerts", LokiCall::Alerts),
    Route {
        access: Access::Open,
        ..loki("/ready", LokiCall::Ready)
    },
];

/// A call of Loki's API, whose parameters may come as a form.
const fn loki(path: &'static str, call: LokiCall) -> Route {
    Route {
        methods: DOWNLOAD,
        ..route(path, Endpoint::Loki(call), Access::Token)
    }
}

/// A call of the API of another system.
const fn foreign(path: &'static str, call: ForeignCall) -> Route {
    route(path, Endpoint::Foreign(call), Access::Token)
}

const fn route(path: &'static str, endpoint: Endpoint, access: Access) -> Route {
    Route {
        path,
        endpoint,
        access,
        methods: READ,
    }
}

/// The route of a request, and the text that its pattern matches.
pub(in crate::server) fn find<'path>(
    method: &Method,
    path: &'path str,
) -> Result<(&'static Route, &'path str), ApiError> {
    let (route, rest) = ROUTES
        .iter()
        .find_map(|route| Some((route, route.matched(path)?)))
        .ok_or_else(ApiError::unknown_path)?;
    if route.methods.contains(method) {
        Ok((route, rest))
    } else {
        Err(ApiError::method_not_allowed(route.methods))
    }
}

/// The call of Loki's API at a path, the text that its pattern matches, and whether it is open to all.
pub(crate) fn loki_call(path: &str) -> Option<(LokiCall, &str, bool)> {
    ROUTES.iter().find_map(|route| match route.endpoint {
        Endpoint::Loki(call) => {
            let is_open = route.access == Access::Open;
            Some((call, route.matched(path)?, is_open))
        }
        _ => None,
    })
}

impl Route {
    /// Whether the path is one of the API of another system, which has a document of its own.
    #[cfg(test)]
    pub(in crate::server) fn is_of_others(&self) -> bool {
        self.endpoint.is_of_others()
    }

    /// Whether the path belongs to Loki's API, which has its own document.
    #[cfg(test)]
    pub(in crate::server) fn is_loki(&self) -> bool {
        matches!(self.endpoint, Endpoint::Loki(_))
    }

    /// The text that the pattern matches; empty for a fixed path, `None` if the path does not match.
    fn matched<'path>(&self, path: &'path str) -> Option<&'path str> {
        let Some((prefix, pattern)) = self.path.split_once('{') else {
            return (self.path == path).then_some("");
        };
        let (_, suffix) = pattern.split_once('}')?;
        let rest = path.strip_prefix(prefix)?.strip_suffix(suffix)?;
        let deep = self.path.contains("...}");
        (!rest.is_empty() && (deep || !rest.contains('/'))).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<(Endpoint, &str)> {
        find(&Method::GET, path)
            .ok()
            .map(|(route, rest)| (route.endpoint, rest))
    }

    #[test]
    fn paths_lead_to_endpoints() {
        assert_eq!(found("/"), Some((Endpoint::Page, "")));
        assert_eq!(found("/logs"), Some((Endpoint::Logs, "")));
        assert_eq!(found("/logs/tail"), Some((Endpoint::Tail, "")));
        assert_eq!(found("/logs/12345"), Some((Endpoint::Record, "12345")));
        assert_eq!(found("/ui/app.js"), Some((Endpoint::PageFile, "app.js")));
        assert_eq!(
            found("/ui/lib/time.js"),
            Some((Endpoint::PageFile, "lib/time.js"))
        );
        for path in ["", "/log", "/logs/", "/logs/1/2", "/ui/", "//", "/LOGS"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn unsupported_method_is_refused_and_unknown_path_not_found() {
        assert!(find(&Method::HEAD, "/logs").is_ok());
        for method in [Method::POST, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            let refused = find(&method, "/logs").unwrap_err();
            assert_eq!(
                (refused.status.as_u16(), refused.allow.as_deref()),
                (405, Some("GET, HEAD"))
            );
            assert_eq!(find(&method, "/nothing").unwrap_err().status, 404);
        }
    }

    #[test]
    fn patterns_do_not_hide_fixed_paths() {
        for route in ROUTES.iter().filter(|route| !route.path.contains('{')) {
            assert_eq!(
                find(&route.methods[0], route.path).map(|(route, _)| route.endpoint),
                Ok(route.endpoint)
            );
        }
    }
}
