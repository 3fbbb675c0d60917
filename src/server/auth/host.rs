//! Checks that do not depend on the principal: the `Host` names that a server on loopback accepts, and the origins whose pages may
//! read responses.

use crate::http_client::is_this_machine;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use std::net::IpAddr;
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use warp::http::uri::Authority;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// The `Host` names that the server accepts.
#[derive(Debug)]
pub(in crate::server) enum AllowedHosts {
    /// Any: the server is reachable under names that it cannot know, so only the token protects it.
    Any,
    /// On loopback: only the names of loopback and these. A site whose name an attacker points to 127.0.0.1 (DNS
    /// rebinding) has the same origin for the browser, but sends its own name.
    Loopback(Vec<String>),
}

impl AllowedHosts {
    /// The accepted names of a server that listens on `address`.
    pub(in crate::server) fn new(address: IpAddr, more: &[String]) -> Self {
        if address.is_loopback() {
            Self::Loopback(more.to_vec())
        } else {
            Self::Any
        }
    }

    /// 403 for a request to another host.
    ///
    /// `target`: the authority of a request in absolute form (`GET http://host/path`), which names the host as well.
    pub(in crate::server) fn check(
        &self,
        headers: &HeaderMap,
        target: Option<&Authority>,
    ) -> Result<(), ApiError> {
        let Self::Loopback(extra) = self else {
            return Ok(());
        };
        let is_ours = |name: &str| {
            is_this_machine(name) || extra.iter().any(|host| host.eq_ignore_ascii_case(name))
        };
        let mut given = headers.get_all(header::HOST).iter();
        let allowed = match (given.next().map(host_name), given.next()) {
            (Some(Some(name)), None) => is_ours(&name),
            _ => false,
        };
        if allowed && target.is_none_or(|target| is_ours(target.host())) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden_host",
            "this server accepts only the host localhost (LOG_API_HOSTS adds names)",
        ))
    }
}

/// The name in a `Host` header, without port.
fn host_name(value: &HeaderValue) -> Option<String> {
    let authority: Authority = value.to_str().ok()?.parse().ok()?;
    Some(authority.host().to_owned())
}

/// Headers that pages of other origins may send.
const ALLOWED_HEADERS: &str = "authorization, last-event-id, x-sam-node-id";

/// Headers that pages of other origins may read.
const EXPOSED_HEADERS: &str = "content-disposition, retry-after, x-next-cursor, x-vmlog-warnings";

/// How long a browser caches the response to a preflight request.
const PREFLIGHT_SECONDS: &str = "600";

/// Origins whose pages may read responses (`LOG_CORS_ORIGINS`). They need a token of their own, because there are no
/// cookies.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct CorsOrigins(Vec<String>);

impl CorsOrigins {
    pub(in crate::server) fn new(origins: &[String]) -> Self {
        Self(origins.to_vec())
    }

    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.0
            .iter()
            .any(|allowed| allowed == text)
            .then(|| origin.clone())
    }

    /// The response to a preflight request of an allowed origin; `None` for every other request.
    pub(in crate::server) fn preflight(
        &self,
        request: &ApiRequest,
        methods: &[Method],
    ) -> Option<Response> {
        let is_preflight = request.method == Method::OPTIONS
            && request
                .headers
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight || self.allowed(&request.headers).is_none() {
            return None;
        }
        let names: Vec<_> = methods.iter().map(Method::as_str).collect();
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            names.join(", ").parse().ok()?,
        );
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    /// Adds the CORS headers of a response.
    pub(in crate::server) fn mark(&self, asked: &HeaderMap, response: &mut Response) {
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        // Caches must not mix responses to different origins.
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = self.allowed(asked) else {
            return;
        };
        let expose: HeaderName = header::ACCESS_CONTROL_EXPOSE_HEADERS;
        headers.insert(expose, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// Whether a text is an origin as browsers send it: scheme and host, without path, space or wildcard.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let is_host = |authority: Authority| {
        authority.as_str() == rest && !rest.contains('@') && !authority.host().is_empty()
    };
    matches!(scheme, "http" | "https")
        && text == text.to_ascii_lowercase()
        && rest.parse().is_ok_and(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::request::tests::{asking, request};

    #[test]
    fn server_on_loopback_accepts_only_its_own_names() {
        let hosts = AllowedHosts::new([127, 0, 0, 1].into(), &["vm.example".to_owned()]);
        let check = |names: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append("host", HeaderValue::from_static(name));
            }
            hosts.check(&headers, None).is_ok()
        };
        for host in [
            "localhost",
            "LOCALHOST:8687",
            "127.0.0.1",
            "127.8.9.1:1",
            "[::1]:8687",
            "vm.example",
            "VM.example:80",
        ] {
            assert!(check(&[host]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8687",
            "10.0.0.1",
            "[::2]",
            "a b",
        ] {
            assert!(!check(&[host]), "{host}");
        }
        assert!(!check(&[]));
        assert!(!check(&["localhost", "evil.example"]));
    }

    #[test]
    fn host_of_an_absolute_target_is_checked() {
        let hosts = AllowedHosts::new([127, 0, 0, 1].into(), &[]);
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        for (target, is_allowed) in [("localhost:1", true), ("evil.example", false)] {
            let target: Authority = target.parse().expect("an authority");
            let checked = hosts.check(&headers, Some(&target));
            assert_eq!(checked.is_ok(), is_allowed, "{target}");
        }
    }

    #[test]
    fn server_on_other_addresses_accepts_any_name() {
        let hosts = AllowedHosts::new([0, 0, 0, 0].into(), &[]);
        assert!(hosts.check(&HeaderMap::new(), None).is_ok());
    }

    #[test]
    fn origin_is_scheme_and_host() {
        for text in [
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:1",
        ] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "app.example",
            "https://",
            "https://app.example/",
            "https://App.example",
            "https://*.example/x",
            "https://u@app.example",
            "ftp://app.example",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }

    #[test]
    fn only_allowed_origins_may_read() {
        let origins = CorsOrigins::new(&["https://app.example".to_owned()]);
        let answer = |origin: &str| {
            let request = request("/logs", &[("origin", origin)]);
            let mut response = Response::default();
            origins.mark(&request.headers, &mut response);
            response
        };
        let allowed = answer("https://app.example");
        assert_eq!(
            allowed.headers()["access-control-allow-origin"],
            "https://app.example"
        );
        assert_eq!(allowed.headers()["vary"], "origin");
        for origin in [
            "https://evil.example",
            "null",
            "https://app.example.evil.example",
        ] {
            let refused = answer(origin);
            let said = refused.headers().get("access-control-allow-origin");
            assert_eq!(said, None, "{origin}");
            assert_eq!(refused.headers()["vary"], "origin");
        }
        let mut response = Response::default();
        CorsOrigins::default().mark(&request("/", &[("origin", "null")]).headers, &mut response);
        assert!(response.headers().is_empty());
    }

    #[test]
    fn preflight_of_an_allowed_origin_is_answered() {
        let origins = CorsOrigins::new(&["https://app.example".to_owned()]);
        let ask = |method: Method, origin: &str| {
            let wish = ("access-control-request-method", "GET");
            let request = asking(method, "/logs", &[("origin", origin), wish]);
            origins.preflight(&request, &[Method::GET, Method::HEAD])
        };
        let told = ask(Method::OPTIONS, "https://app.example").expect("an answer");
        assert_eq!(told.status(), 204);
        assert_eq!(told.headers()["access-control-allow-methods"], "GET, HEAD");
        assert!(ask(Method::GET, "https://app.example").is_none());
        assert!(ask(Method::OPTIONS, "https://evil.example").is_none());
    }
}
