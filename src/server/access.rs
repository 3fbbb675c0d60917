//! Who may come in, and what they may see: the token that every request carries, in its header, its address or its cookie.

use super::Options;
use super::error::ApiError;
use super::node::{self, Nodes};
use super::request::Request;
use super::scope::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use warp::http::header::{self, HeaderMap, HeaderValue};
use warp::http::uri::Authority;

/// Cookies of one host are shared by all its ports, so each port's name ends in its number.
const COOKIE_PREFIX: &str = "vmlog_token";

/// Cookies that are looked at: more servers than one machine has, and each may cost the check of a signature.
pub(super) const COOKIES_MAX: usize = 8;

/// Somebody who has shown a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    /// What the token lets him see.
    pub(super) scope: Scope,
    /// How long the token still holds; `None` for ever.
    pub(super) remaining: Option<Duration>,
}

impl Asker {
    /// Sees everything for ever.
    const OWNER: Self = Self {
        scope: Scope::Everything,
        remaining: None,
    };

    /// Somebody who has shown nothing, and sees nothing of the log.
    pub(super) fn nobody() -> Self {
        Self {
            scope: Scope::Only(Vec::new()),
            remaining: None,
        }
    }

    /// 403 for an answer that is of the whole machine, and so for no workspace.
    pub(super) fn require_everything(&self) -> Result<(), ApiError> {
        match self.scope {
            Scope::Everything => Ok(()),
            Scope::Only(_) => Err(ApiError::not_for_workspaces()),
        }
    }
}

/// The check before any handler.
#[derive(Debug)]
pub(super) struct Door {
    token: Option<Secret>,
    nodes: Option<Nodes>,
}

/// A token whose text never reaches a log.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Door {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            token: options.token.clone().map(Secret),
            nodes: options.node_auth.clone().map(Nodes::new),
        }
    }

    /// 401 unless a header, a parameter or a cookie holds a token. A wrong one does not hide a right one after it: a proxy
    /// may send its own `Authorization`.
    pub(super) async fn admit(&self, request: &Request) -> Result<Asker, ApiError> {
        if self.is_open() {
            return Ok(Asker::OWNER);
        }
        let bearer = request
            .header(&header::AUTHORIZATION)
            .and_then(bearer_token);
        let headers = &request.headers;
        let query = request.query_token.as_deref();
        for token in bearer.into_iter().chain(query) {
            if let Some(asker) = self.holder(token, headers).await {
                return Ok(asker);
            }
        }
        for token in cookie_tokens(headers) {
            if let Some(asker) = self.holder(&token, headers).await {
                return Ok(asker);
            }
        }
        Err(ApiError::unauthorized())
    }

    /// Who the address itself says that it is.
    pub(super) async fn query_holder(&self, request: &Request) -> Option<Asker> {
        let token = request.query_token.as_deref()?;
        self.holder(token, &request.headers).await
    }

    async fn holder(&self, token: &str, headers: &HeaderMap) -> Option<Asker> {
        if self.is_token(token) {
            return Some(Asker::OWNER);
        }
        let nodes = self.nodes.as_ref()?;
        let node = headers.get(node::NODE_HEADER).map(HeaderValue::as_bytes);
        match nodes.holder(token, node).await {
            Ok(asker) => Some(asker),
            Err(refusal) => {
                tracing::debug!("an access token was refused: {refusal}");
                None
            }
        }
    }

    /// Compares in a time that tells nothing of where the texts differ.
    fn is_token(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|Secret(token)| {
            !token.is_empty() && bool::from(token.as_bytes().ct_eq(given.as_bytes()))
        })
    }

    /// Whether anybody may come in.
    pub(super) fn is_open(&self) -> bool {
        self.token.is_none() && self.nodes.is_none()
    }
}

fn cookie_tokens(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| name.starts_with(COOKIE_PREFIX))
        .take(COOKIES_MAX)
        .filter_map(|(_, value)| URL_SAFE_NO_PAD.decode(value).ok())
        .filter_map(|token| String::from_utf8(token).ok())
}

/// The cookie that stands for the token from now on: out of reach for scripts, never sent from another site, and over TLS never
/// without. It holds base64, because a token may contain what a cookie may not, and ends with its token.
pub(super) fn cookie(
    headers: &HeaderMap,
    token: &str,
    asker: &Asker,
    is_secure: bool,
) -> Option<HeaderValue> {
    let port = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok()?.port_u16())
        .map(|port| format!("_{port}"))
        .unwrap_or_default();
    let value = URL_SAFE_NO_PAD.encode(token);
    let age = asker
        .remaining
        .map(|left| format!("; Max-Age={}", left.as_secs()));
    let age = age.unwrap_or_default();
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{COOKIE_PREFIX}{port}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request::tests::request;

    fn door(token: &str) -> Door {
        Door::new(&Options {
            token: Some(token.to_owned()),
            ..Options::default()
        })
    }

    async fn enters(target: &str, headers: &[(&'static str, &str)]) -> bool {
        let request = request(target, headers);
        door("s3cret").admit(&request).await.is_ok()
    }

    #[tokio::test]
    async fn the_token_is_taken_from_header_query_and_cookie() {
        let cookie = "a=b; vmlog_token_8687=czNjcmV0";
        assert!(enters("/logs", &[("authorization", "Bearer s3cret")]).await);
        assert!(enters("/logs", &[("authorization", "bearer  s3cret")]).await);
        assert!(enters("/logs?token=s3cret", &[]).await);
        assert!(enters("/logs", &[("cookie", cookie)]).await);
    }

    #[tokio::test]
    async fn a_wrong_token_does_not_hide_a_right_one() {
        let wrong = ("authorization", "Bearer other");
        assert!(enters("/logs?token=s3cret", &[wrong]).await);
        let cookie = ("cookie", "vmlog_token=czNjcmV0");
        assert!(enters("/logs?token=other", &[wrong, cookie]).await);
        let cookies = ("cookie", "vmlog_token=xx; vmlog_token_1=czNjcmV0");
        assert!(enters("/logs", &[("authorization", "Basic dTpw"), cookies]).await);
    }

    #[tokio::test]
    async fn without_a_token_nobody_comes_in() {
        for headers in [
            &[][..],
            &[("authorization", "s3cret")],
            &[("authorization", "Bearer s3cre")],
            &[("authorization", "Bearer s3cret2")],
            &[("authorization", "Bearer ")],
            &[("cookie", "vmlog_token=s3cret")],
            &[("cookie", "other=czNjcmV0")],
        ] {
            assert!(!enters("/logs", headers).await, "{headers:?}");
        }
        assert!(!enters("/logs?token=", &[]).await);
        let request = request("/logs?token=", &[("authorization", "Bearer ")]);
        assert!(door("").admit(&request).await.is_err());
    }

    #[tokio::test]
    async fn no_more_cookies_are_looked_at_than_a_machine_has_servers() {
        let mut cookies = "vmlog_token=eHg; ".repeat(COOKIES_MAX - 1);
        cookies += "vmlog_token_1=czNjcmV0";
        assert!(enters("/logs", &[("cookie", &cookies)]).await);
        let cookies = format!("vmlog_token=eHg; {cookies}");
        assert!(!enters("/logs", &[("cookie", &cookies)]).await);
    }

    #[test]
    fn the_cookie_is_for_this_port_and_no_script() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:8687"));
        let plain = cookie(&headers, "s3cret", &Asker::OWNER, false).expect("a header value");
        assert_eq!(
            plain,
            "vmlog_token_8687=czNjcmV0; Path=/; HttpOnly; SameSite=Strict"
        );
        let asker = Asker {
            remaining: Some(Duration::from_secs(90)),
            ..Asker::OWNER
        };
        let secure = cookie(&headers, "s3cret", &asker, true).expect("a header value");
        assert_eq!(
            secure,
            "vmlog_token_8687=czNjcmV0; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=90"
        );
    }

    #[test]
    fn a_token_is_not_printed() {
        assert!(!format!("{:?}", door("s3cret")).contains("s3cret"));
    }
}
