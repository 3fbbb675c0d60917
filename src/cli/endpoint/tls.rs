//! Encryption of the connection to a server: whose certificates are trusted.

use super::http::Url;
use crate::cli::failure::Failure;
use crate::server::authorities;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What encrypts a connection to `url`, with the authorities of a file or those of the system; nothing for http.
pub(super) fn connector(
    url: &Url,
    cacert: Option<&String>,
) -> Result<Option<Arc<ClientConfig>>, Failure> {
    if !url.is_encrypted {
        return match cacert {
            None => Ok(None),
            Some(_) => Err(Failure::usage(format!(
                "--cacert: only https is encrypted, and the server is {}",
                url.shown()
            ))),
        };
    }
    let trusted = authorities(cacert.map(PathBuf::from).as_ref()).map_err(|error| {
        let option = cacert.map_or_else(String::new, |file| format!("--cacert {file}: "));
        Failure::failed(format!("{option}{error}"))
    })?;
    let mut roots = RootCertStore::empty();
    // the system's list may hold some that this program cannot use
    roots.add_parsable_certificates(trusted);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::failed(format!("TLS cannot be used: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}
