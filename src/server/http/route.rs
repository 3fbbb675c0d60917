//! Which path leads where: the table that the dispatcher, the access check and the API description share.

use crate::server::http::error::ApiError;
use warp::http::Method;

/// What a path asks for.
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
    /// What sources there are.
    Sources,
    /// All records that match a filter, as a file.
    Export,
    /// How many records there were when.
    Histogram,
    /// The values of a metadata key.
    Fields,
    Patterns,
    /// One record.
    Record,
    /// Runs of captured commands.
    Runs,
    /// One run.
    Run,
    /// Whether the process answers.
    Health,
    /// Whether it can do its work.
    Ready,
    /// What is counted.
    Metrics,
    /// The description of all this.
    OpenApi,
    /// The session of a browser.
    Session,
}

impl Endpoint {
    /// Whether nothing can be asked of it: a parameter is a mistake then. What stands in the page's address is its scripts'.
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

    /// Whether it is answered at any rate: what monitors ask, and files in memory, of which opening the page takes some fifty.
    pub(in crate::server) fn is_unlimited(self) -> bool {
        matches!(
            self,
            Self::Health | Self::Ready | Self::Page | Self::PageFile
        )
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Access {
    /// Anybody: nothing in it comes from the logs.
    Open,
    /// Who holds a token.
    Token,
}

/// One line of the table.
#[derive(Debug)]
pub(in crate::server) struct Route {
    /// The path; `{name}` stands for the rest of it, which must not be empty or contain a further `/`; in `{name...}` it may.
    pub(in crate::server) path: &'static str,
    /// What it asks for.
    pub(in crate::server) endpoint: Endpoint,
    /// Who may ask.
    pub(in crate::server) access: Access,
    /// How it may be asked for.
    pub(in crate::server) methods: &'static [Method],
}

/// What is only read answers these.
const READ: &[Method] = &[Method::GET, Method::HEAD];
/// A download, and a link to it.
const DOWNLOAD: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
/// What is begun and ended.
const BEGIN_END: &[Method] = &[Method::POST, Method::DELETE];

/// Every path that is answered. A fixed path stands before the pattern that would match it too.
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
    route("/logs/{id}", Endpoint::Record, Access::Token),
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
];

const fn route(path: &'static str, endpoint: Endpoint, access: Access) -> Route {
    Route {
        path,
        endpoint,
        access,
        methods: READ,
    }
}

/// The route of a request and what its path's pattern stands for.
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

impl Route {
    /// What the pattern stands for in `path`; empty for a fixed path, `None` when the path is another one.
    fn matched<'path>(&self, path: &'path str) -> Option<&'path str> {
        let Some((prefix, _)) = self.path.split_once('{') else {
            return (self.path == path).then_some("");
        };
        let rest = path.strip_prefix(prefix)?;
        let deep = self.path.ends_with("...}");
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
    fn another_method_is_refused_on_paths_that_exist_only() {
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
    fn a_fixed_path_is_never_hidden_by_a_pattern() {
        for route in ROUTES.iter().filter(|route| !route.path.contains('{')) {
            assert_eq!(
                find(&route.methods[0], route.path).map(|(route, _)| route.endpoint),
                Ok(route.endpoint)
            );
        }
    }
}
