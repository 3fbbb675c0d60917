//! The settings of the gateway, checked.

use super::{Error, RawSettings, needs, tls_files, value};
use crate::gateway::{ForwardAuth, GatewayOptions, GatewayToken, SessionOptions};
use crate::server::{KeySource, NodeAuth};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The settings of `vmlog gateway`, checked.
#[derive(Debug, Clone)]
pub(crate) struct GatewayConfig {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The certificate and its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// The rest, without the certificate.
    pub(crate) options: GatewayOptions,
}

impl GatewayConfig {
    /// The folder of the gateway.
    pub(crate) fn directory(raw: &RawSettings) -> Result<PathBuf, Error> {
        match raw.optional("LOG_GATEWAY_DIR", value::path)? {
            Some(directory) => Ok(directory),
            None => Ok(raw.data_dir()?.join("gateway")),
        }
    }

    /// Checks all settings of the gateway.
    pub(crate) fn check(raw: &RawSettings) -> Result<Self, Error> {
        raw.refuse_unknown()?;
        let directory = Self::directory(raw)?;
        let token = |name| Ok::<_, Error>(raw.optional(name, value::token)?.map(GatewayToken));
        let options = GatewayOptions {
            registry: registry(raw)?,
            registry_token: token("LOG_GATEWAY_REGISTRY_TOKEN")?,
            authorities: raw.optional("LOG_GATEWAY_CA", value::path)?,
            directory,
            issuer: raw.read("LOG_GATEWAY_ISSUER", value::issuer)?,
            key_lifetime: raw.duration("LOG_GATEWAY_KEY_LIFETIME")?,
            token: token("LOG_GATEWAY_TOKEN")?,
            sessions: sessions(raw)?,
            forward_auth: forward_auth(raw)?,
            admins: value::list(raw.text("LOG_GATEWAY_ADMINS")),
            hosts: value::list(raw.text("LOG_GATEWAY_HOSTS")),
            origins: raw.read("LOG_GATEWAY_ORIGINS", value::origins)?,
            frame_ancestors: raw.read("LOG_GATEWAY_FRAME_ANCESTORS", value::origins)?,
            tls: None,
            rate: raw.small("LOG_GATEWAY_RATE")?,
            burst: raw.small("LOG_GATEWAY_BURST")?,
            connections_max: raw.count("LOG_GATEWAY_MAX_CONNECTIONS")?,
            tails_max: raw.count("LOG_GATEWAY_MAX_TAILS")?,
            node_timeout: raw.duration("LOG_GATEWAY_NODE_TIMEOUT")?,
            nodes_at_once: raw.count("LOG_GATEWAY_NODES_AT_ONCE")?,
            access_log: raw.read("LOG_GATEWAY_ACCESS_LOG", value::switch)?,
        };
        Ok(Self {
            listen: raw.read("LOG_GATEWAY_LISTEN", value::address)?,
            tls: tls_files(raw, "LOG_GATEWAY_TLS_CERT", "LOG_GATEWAY_TLS_KEY")?,
            options,
        })
    }
}

/// The list of nodes, if there is one.
fn registry(raw: &RawSettings) -> Result<Option<KeySource>, Error> {
    let registry = raw.optional("LOG_GATEWAY_REGISTRY", value::keys)?;
    let has_token = !raw.text("LOG_GATEWAY_REGISTRY_TOKEN").is_empty();
    if registry.is_none() && has_token {
        return Err(needs("LOG_GATEWAY_REGISTRY_TOKEN", "LOG_GATEWAY_REGISTRY"));
    }
    Ok(registry)
}

/// Sessions are accepted if everything is set that they are checked against.
fn sessions(raw: &RawSettings) -> Result<Option<SessionOptions>, Error> {
    let keys = raw.optional("LOG_GATEWAY_SESSION_JWKS", value::keys)?;
    let issuer = raw.optional("LOG_GATEWAY_SESSION_ISSUER", value::issuer)?;
    let cookie = raw.optional("LOG_GATEWAY_SESSION_COOKIE", value::word)?;
    let Some(keys) = keys else {
        return match (issuer, cookie) {
            (Some(_), _) => Err(needs(
                "LOG_GATEWAY_SESSION_ISSUER",
                "LOG_GATEWAY_SESSION_JWKS",
            )),
            (_, Some(_)) => Err(needs(
                "LOG_GATEWAY_SESSION_COOKIE",
                "LOG_GATEWAY_SESSION_JWKS",
            )),
            (None, None) => Ok(None),
        };
    };
    let missing = needs("LOG_GATEWAY_SESSION_JWKS", "LOG_GATEWAY_SESSION_ISSUER");
    Ok(Some(SessionOptions {
        keys,
        issuer: issuer.ok_or(missing)?,
        audience: raw.read("LOG_GATEWAY_SESSION_AUDIENCE", value::word)?,
        cookie,
        user_claim: raw.read("LOG_GATEWAY_USER_CLAIM", value::word)?,
        nodes_claim: raw.optional("LOG_GATEWAY_NODES_CLAIM", value::word)?,
        keys_floor: NodeAuth::KEYS_FLOOR,
    }))
}

fn forward_auth(raw: &RawSettings) -> Result<Option<ForwardAuth>, Error> {
    let header = raw.optional("LOG_GATEWAY_USER_HEADER", |text| {
        value::word(text)?.parse().ok()
    })?;
    let proxies = raw.read("LOG_GATEWAY_TRUSTED_PROXIES", value::networks)?;
    Ok(header.map(|header| ForwardAuth { header, proxies }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::raw;

    fn check(settings: &[(&str, &str)]) -> Result<GatewayConfig, String> {
        GatewayConfig::check(&raw(settings)).map_err(|error| error.to_string())
    }

    const REGISTRY: (&str, &str) = ("LOG_GATEWAY_REGISTRY", "/etc/vmlog/nodes.json");

    #[test]
    fn nothing_must_be_set_and_the_list_of_nodes_may_be() {
        let config = check(&[REGISTRY]).expect("valid");
        assert!(config.options.registry.is_some());
        let config = check(&[]).expect("valid");
        assert!(config.options.registry.is_none());
        assert_eq!(config.listen.to_string(), "127.0.0.1:8688");
        let folder = &config.options.directory;
        assert_eq!(folder.to_str(), Some("/var/lib/vmlog/gateway"));
        assert!(config.options.sessions.is_none());
        assert!(config.options.forward_auth.is_none());
    }

    #[test]
    fn setting_without_effect_alone_is_refused() {
        for (name, missing) in [
            ("LOG_GATEWAY_SESSION_ISSUER", "LOG_GATEWAY_SESSION_JWKS"),
            ("LOG_GATEWAY_SESSION_JWKS", "LOG_GATEWAY_SESSION_ISSUER"),
            ("LOG_GATEWAY_SESSION_COOKIE", "LOG_GATEWAY_SESSION_JWKS"),
            ("LOG_GATEWAY_TLS_CERT", "LOG_GATEWAY_TLS_KEY"),
            ("LOG_GATEWAY_REGISTRY_TOKEN", "LOG_GATEWAY_REGISTRY"),
        ] {
            let error = check(&[(name, "abc")]).expect_err("refused");
            assert_eq!(
                error,
                format!("{name} has no effect alone: set {missing} as well")
            );
        }
        let error = check(&[REGISTRY, ("LOG_GATEWAY_USER_HEADER", "X User")]).expect_err("refused");
        assert!(error.contains("letters, digits"), "{error}");
        let error = check(&[REGISTRY, ("LOG_GATEWAY_LISTN", "x")]).expect_err("refused");
        assert!(
            error.contains("did you mean LOG_GATEWAY_LISTEN?"),
            "{error}"
        );
    }
}
