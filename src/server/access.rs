//! Who may come in: the token that every request carries, and the `Host` under which a server on loopback answers.

use super::Options;
use super::error::ApiError;
use super::request::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::net::IpAddr;
use subtle::ConstantTimeEq as _;
use warp::http::StatusCode;
use warp::http::header::{self, HeaderMap, HeaderValue};
use warp::http::uri::Authority;

/// Cookies of one host are shared by all its ports, so each port's name ends in its number.
const COOKIE_PREFIX: &str = "vmlog_token";

/// The checks before any handler.
#[derive(Debug)]
pub(super) struct Door {
    token: Option<Secret>,
    hosts: Hosts,
}

/// A token whose text never reaches a log.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Under which names the server may be addressed.
#[derive(Debug)]
enum Hosts {
    /// Reachable from elsewhere under names that we cannot know; the token alone decides.
    Any,
    /// On loopback: only the machine's own names and these. A page of another site whose name an attacker points at
    /// 127.0.0.1 (DNS rebinding) is "same origin" to the browser, but still sends its own name here.
    Loopback(Vec<String>),
}

impl Door {
    /// The door of a server that listens on `address`.
    pub(super) fn new(options: &Options, address: IpAddr) -> Self {
        let hosts = if address.is_loopback() {
            Hosts::Loopback(options.hosts.clone())
        } else {
            Hosts::Any
        };
        Self {
            token: options.token.clone().map(Secret),
            hosts,
        }
    }

    /// 403 for a request that was addressed to somebody else.
    pub(super) fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Hosts::Loopback(extra) = &self.hosts else {
            return Ok(());
        };
        let mut given = headers.get_all(header::HOST).iter();
        let allowed = match (given.next().map(host_name), given.next()) {
            (Some(Some(name)), None) => {
                is_loopback_name(&name) || extra.iter().any(|host| host.eq_ignore_ascii_case(&name))
            }
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden_host",
            "this server answers on localhost only",
        ))
    }

    /// 401 unless a header, a parameter or a cookie holds the token. A wrong one does not hide a right one after it: a proxy
    /// may send its own `Authorization`.
    pub(super) fn check_token(&self, request: &Request) -> Result<(), ApiError> {
        let bearer = request
            .header(&header::AUTHORIZATION)
            .and_then(bearer_token)
            .is_some_and(|token| self.is_token(token));
        if bearer || self.has_query_token(request) || self.has_cookie(&request.headers) {
            return Ok(());
        }
        Err(ApiError::unauthorized())
    }

    /// Whether the address itself holds the token.
    pub(super) fn has_query_token(&self, request: &Request) -> bool {
        request
            .query_token
            .as_deref()
            .is_some_and(|token| self.is_token(token))
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .filter(|(name, _)| name.starts_with(COOKIE_PREFIX))
            .filter_map(|(_, value)| URL_SAFE_NO_PAD.decode(value).ok())
            .filter_map(|token| String::from_utf8(token).ok())
            .any(|token| self.is_token(&token))
    }

    /// Compares in a time that tells nothing of where the texts differ. Where no token is set, every one will do.
    fn is_token(&self, given: &str) -> bool {
        self.token.as_ref().is_none_or(|Secret(token)| {
            !token.is_empty() && bool::from(token.as_bytes().ct_eq(given.as_bytes()))
        })
    }

    /// Whether anybody may come in.
    pub(super) fn is_open(&self) -> bool {
        self.token.is_none()
    }
}

/// The cookie that stands for the token from now on: out of reach for scripts, never sent from another site. It holds base64,
/// because a token may contain what a cookie may not.
pub(super) fn cookie(headers: &HeaderMap, token: &str) -> Option<HeaderValue> {
    let port = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok()?.port_u16())
        .map(|port| format!("_{port}"))
        .unwrap_or_default();
    let value = URL_SAFE_NO_PAD.encode(token);
    format!("{COOKIE_PREFIX}{port}={value}; Path=/; HttpOnly; SameSite=Strict")
        .parse()
        .ok()
}

/// The scheme's name has no case.
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

/// The name in a `Host` header, without port.
fn host_name(value: &HeaderValue) -> Option<String> {
    let authority: Authority = value.to_str().ok()?.parse().ok()?;
    Some(authority.host().to_owned())
}

fn is_loopback_name(name: &str) -> bool {
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request::tests::request;

    fn door(token: Option<&str>, address: &str) -> Door {
        let options = Options {
            token: token.map(str::to_owned),
            hosts: vec!["vm.example".to_owned()],
            ..Options::default()
        };
        Door::new(&options, address.parse().expect("an address"))
    }

    fn enters(target: &str, headers: &[(&'static str, &str)]) -> bool {
        door(Some("s3cret"), "127.0.0.1")
            .check_token(&request(target, headers))
            .is_ok()
    }

    #[test]
    fn the_token_is_taken_from_header_query_and_cookie() {
        let cookie = "a=b; vmlog_token_8687=czNjcmV0";
        assert!(enters("/logs", &[("authorization", "Bearer s3cret")]));
        assert!(enters("/logs", &[("authorization", "bearer  s3cret")]));
        assert!(enters("/logs?token=s3cret", &[]));
        assert!(enters("/logs", &[("cookie", cookie)]));
    }

    #[test]
    fn a_wrong_token_does_not_hide_a_right_one() {
        let wrong = ("authorization", "Bearer other");
        assert!(enters("/logs?token=s3cret", &[wrong]));
        let cookie = ("cookie", "vmlog_token=czNjcmV0");
        assert!(enters("/logs?token=other", &[wrong, cookie]));
        assert!(enters(
            "/logs",
            &[
                ("authorization", "Basic dTpw"),
                ("cookie", "vmlog_token=xx; vmlog_token_1=czNjcmV0")
            ]
        ));
    }

    #[test]
    fn without_a_token_nobody_comes_in() {
        for headers in [
            &[][..],
            &[("authorization", "s3cret")],
            &[("authorization", "Bearer s3cre")],
            &[("authorization", "Bearer s3cret2")],
            &[("authorization", "Bearer ")],
            &[("cookie", "vmlog_token=s3cret")],
            &[("cookie", "other=czNjcmV0")],
        ] {
            assert!(!enters("/logs", headers), "{headers:?}");
        }
        assert!(!enters("/logs?token=", &[]));
        let request = request("/logs?token=", &[("authorization", "Bearer ")]);
        assert!(door(Some(""), "127.0.0.1").check_token(&request).is_err());
    }

    #[test]
    fn the_cookie_is_for_this_port_and_no_script() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:8687"));
        let cookie = cookie(&headers, "s3cret").expect("a header value");
        assert_eq!(
            cookie,
            "vmlog_token_8687=czNjcmV0; Path=/; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn on_loopback_only_its_own_names_are_answered() {
        let door = door(None, "127.0.0.1");
        let check = |hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append("host", HeaderValue::from_static(host));
            }
            door.check_host(&headers).is_ok()
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
    fn elsewhere_any_name_will_do() {
        assert!(
            door(Some("x"), "0.0.0.0")
                .check_host(&HeaderMap::new())
                .is_ok()
        );
    }

    #[test]
    fn a_token_is_not_printed() {
        assert!(!format!("{:?}", door(Some("s3cret"), "::1")).contains("s3cret"));
    }
}
