//! Which hosts and origins requests may come from.
//!
//! A browser sends cookies, and a proxy in front adds its header, whichever site makes the request. The answers of the gateway change
//! nothing and cannot be read by other origins, but they cost work, and a live tail stays open; so such requests of other sites are
//! refused. A page of an attacker whose name leads to 127.0.0.1 is the same origin for the browser, but sends its own host.

use crate::gateway::error::GatewayError;
use crate::gateway::session::user::User;
use crate::http_client::is_this_machine;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use std::net::IpAddr;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Which hosts and origins requests may come from.
#[derive(Debug)]
pub(in crate::gateway) struct OriginRules {
    /// Host names that are accepted on loopback; `None`: any.
    hosts: Option<Vec<String>>,
    /// Other origins whose pages may read answers.
    origins: Vec<String>,
}

impl OriginRules {
    /// For a gateway that listens on `address`.
    pub(in crate::gateway) fn new(address: IpAddr, hosts: &[String], origins: &[String]) -> Self {
        Self {
            hosts: address.is_loopback().then(|| hosts.to_vec()),
            origins: origins.to_vec(),
        }
    }

    /// 403 for a request to another host.
    pub(in crate::gateway) fn check_host(
        &self,
        headers: &HeaderMap,
        target: Option<&Authority>,
    ) -> Result<(), GatewayError> {
        let Some(extra) = &self.hosts else {
            return Ok(());
        };
        let is_ours = |name: &str| {
            is_this_machine(name) || extra.iter().any(|host| host.eq_ignore_ascii_case(name))
        };
        let mut given = headers.get_all(header::HOST).iter();
        let is_allowed = match (given.next().and_then(host_name), given.next()) {
            (Some(name), None) => is_ours(&name),
            _ => false,
        };
        if is_allowed && target.is_none_or(|target| is_ours(target.host())) {
            return Ok(());
        }
        Err(GatewayError::new(
            StatusCode::FORBIDDEN,
            "forbidden_host",
            "this gateway accepts only the host localhost (LOG_GATEWAY_HOSTS adds names)",
        ))
    }

    /// 403 for a request that a page of another site makes with the credentials of the browser.
    pub(in crate::gateway) fn check_origin(
        &self,
        headers: &HeaderMap,
        user: &User,
    ) -> Result<(), GatewayError> {
        if !user.is_ambient {
            return Ok(());
        }
        let is =
            |name: &HeaderName, value: &str| headers.get(name).is_some_and(|found| found == value);
        let is_foreign = match headers.get(header::ORIGIN) {
            Some(origin) => !Self::is_own(headers, origin) && self.allowed(headers).is_none(),
            // a link on another site leads here: a person sees the answer, and no script
            None => is(&FETCH_SITE, "cross-site") && !is(&FETCH_MODE, "navigate"),
        };
        if is_foreign {
            return Err(GatewayError::new(
                StatusCode::FORBIDDEN,
                "forbidden_origin",
                "pages of other sites may not use this session (LOG_GATEWAY_ORIGINS allows origins)",
            ));
        }
        Ok(())
    }

    /// Whether the origin is the host of the request.
    fn is_own(headers: &HeaderMap, origin: &HeaderValue) -> bool {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let origin = origin.to_str().ok();
        let origin = origin.and_then(|origin| origin.split_once("://"));
        host.is_some() && origin.map(|(_, host)| host) == host
    }

    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let is_allowed = self.origins.iter().any(|allowed| allowed == text);
        is_allowed.then(|| origin.clone())
    }

    /// Adds the CORS headers of a response.
    pub(in crate::gateway) fn mark(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        // caches must not mix responses to different origins
        answer.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.allowed(asked) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let yes = HeaderValue::from_static("true");
            answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }
}

/// The name in a `Host` header, without port.
fn host_name(value: &HeaderValue) -> Option<String> {
    let authority: Authority = value.to_str().ok()?.parse().ok()?;
    Some(authority.host().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::session::user::Rights;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    fn user(is_ambient: bool) -> User {
        User {
            id: "ann".to_owned(),
            rights: Rights::Own(Vec::new()),
            remaining: None,
            is_ambient,
            session: None,
        }
    }

    #[test]
    fn another_site_cannot_use_the_credentials_of_a_browser() {
        let origins = ["https://panel.example".to_owned()];
        let rules = OriginRules::new(IpAddr::from([192, 0, 2, 1]), &[], &origins);
        let host = ("host", "logs.example");
        for (extra, is_allowed) in [
            (&[][..], true),
            (&[("origin", "https://logs.example")], true),
            (&[("origin", "https://panel.example")], true),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                ],
                true,
            ),
        ] {
            let asked = headers(&[&[host], extra].concat());
            let found = rules.check_origin(&asked, &user(true)).is_ok();
            assert_eq!(found, is_allowed, "{extra:?}");
            // a token that a script sends itself is no such credential
            assert!(rules.check_origin(&asked, &user(false)).is_ok());
        }
    }

    #[test]
    fn on_loopback_other_host_names_are_refused() {
        let rules = OriginRules::new(
            IpAddr::from([127, 0, 0, 1]),
            &["logs.example".to_owned()],
            &[],
        );
        let allows = |pairs: &[(&'static str, &'static str)]| {
            rules.check_host(&headers(pairs), None).is_ok()
        };
        assert!(allows(&[("host", "localhost:8688")]));
        assert!(allows(&[("host", "127.0.0.1")]));
        assert!(allows(&[("host", "logs.example")]));
        assert!(!allows(&[("host", "evil.example")]));
        assert!(!allows(&[]));
        let target = "evil.example".parse().expect("a host");
        let asked = headers(&[("host", "localhost")]);
        assert!(rules.check_host(&asked, Some(&target)).is_err());
    }
}
