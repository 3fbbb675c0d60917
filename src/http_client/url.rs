//! Server URLs.

use hyper::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use std::fmt;
use std::net::IpAddr;

/// The server of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// A name or an address; an IPv6 address in brackets.
    pub(crate) host: String,
    /// The port; 80 or 443 if the URL names none.
    pub(crate) port: u16,
    /// Whether the scheme is `https`.
    pub(crate) is_encrypted: bool,
}

impl Origin {
    /// Returns `None` unless the scheme is `http` or `https` and a host is named.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let is_encrypted = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let default = if is_encrypted { 443 } else { 80 };
        Some(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(default),
            is_encrypted,
        })
    }
}

/// Host and port, as in the header `Host`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Whether a name in a URL or a `Host` header always refers to this machine.
pub(crate) fn is_this_machine(name: &str) -> bool {
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether the response of a URL cannot be forged in transit: it is https, or http on this machine.
pub(crate) fn is_trusted_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    // A reader may take `http://localhost@elsewhere/` for a URL of this machine.
    let Some(authority) = uri.authority().filter(|name| !name.as_str().contains('@')) else {
        return false;
    };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_this_machine(authority.host()),
        _ => false,
    }
}

/// Everything except the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name or a value, percent-encoded for the query of a URL.
pub(crate) fn query_encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_has_the_port_of_its_scheme_by_default() {
        let origin = |text: &str| Origin::of(&text.parse().expect("a URI"));
        let shown = |text: &str| origin(text).expect("an origin").to_string();
        assert_eq!(shown("https://logs/a?b"), "logs:443");
        assert_eq!(shown("http://[::1]:8687/"), "[::1]:8687");
        assert_eq!(shown("http://logs"), "logs:80");
        for text in ["ftp://logs/", "/logs", "logs:80"] {
            assert_eq!(origin(text), None, "{text}");
        }
    }

    #[test]
    fn query_encoding_keeps_unreserved_characters_only() {
        let encoded = query_encoded("a b&c=\u{e9}/-._~").to_string();
        assert_eq!(encoded, "a%20b%26c%3D%C3%A9%2F-._~");
    }
}
