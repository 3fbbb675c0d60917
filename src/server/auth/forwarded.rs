//! The address of a client behind trusted proxies (`LOG_API_TRUSTED_PROXIES`, `X-Forwarded-For`).

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use warp::http::header::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address or the network of trusted proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads `10.0.0.1`, `10.0.0.0/8` or `fd00::/8`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse().ok().or_else(address)?;
        Some(Self(network))
    }

    /// Whether an address is in it.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// The client's address: the last one in the chain that is not a trusted proxy. Each proxy appends the address of its client, so
/// everything to the left of an untrusted address may be forged. If an entry is not an address, the address of the proxy that passed
/// it on is used.
pub(in crate::server) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let entries = values
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries {
        let Some(address) = address(entry) else {
            return client;
        };
        client = address;
        if !is_trusted(client) {
            return client;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::header::HeaderValue;

    fn found(peer: &str, lines: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let networks = trusted
            .iter()
            .map(|text| Network::parse(text).expect("a network"));
        let networks: Vec<_> = networks.collect();
        let peer = peer.parse().expect("an address");
        client(peer, &headers, &networks).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let said = &["192.0.2.7"];
        assert_eq!(found("127.0.0.1", said, &[]), "127.0.0.1");
        assert_eq!(found("127.0.0.1", said, &["127.0.0.0/8"]), "192.0.2.7");
        assert_eq!(found("127.0.0.1", said, &["127.0.0.1"]), "192.0.2.7");
        assert_eq!(found("10.0.0.1", said, &["127.0.0.1"]), "10.0.0.1");
        assert_eq!(found("::ffff:127.0.0.1", said, &["127.0.0.1"]), "192.0.2.7");
        assert_eq!(found("127.0.0.1", &[], &["127.0.0.1"]), "127.0.0.1");
    }

    #[test]
    fn entries_written_by_the_client_are_not_believed() {
        let trusted = &["127.0.0.1", "10.0.0.0/8"];
        for lines in [
            &["1.1.1.1, 192.0.2.7"][..],
            &["1.1.1.1,192.0.2.7"],
            &["1.1.1.1", "192.0.2.7"],
            &["nonsense, 192.0.2.7, 10.1.1.1"],
            &["1.1.1.1, 192.0.2.7:4711", "10.1.1.1"],
            &[", , 192.0.2.7"],
        ] {
            assert_eq!(found("127.0.0.1", lines, trusted), "192.0.2.7", "{lines:?}");
        }
    }

    #[test]
    fn invalid_entry_yields_the_proxy_that_passed_it_on() {
        let trusted = &["127.0.0.1", "10.0.0.0/8"];
        for (line, expected) in [
            ("unknown", "127.0.0.1"),
            ("192.0.2.7, unknown, 10.1.1.1", "10.1.1.1"),
            ("", "127.0.0.1"),
            ("192.0.2.7,", "127.0.0.1"),
            ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("999.1.1.1", "127.0.0.1"),
        ] {
            assert_eq!(found("127.0.0.1", &[line], trusted), expected, "{line:?}");
        }
    }

    #[test]
    fn network_is_an_address_with_or_without_prefix_length() {
        for text in ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"] {
            assert!(Network::parse(text).is_some(), "{text}");
        }
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0", "*", "10.0.0.1:80"] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }
}
