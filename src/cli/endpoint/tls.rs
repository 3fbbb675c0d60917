//! Encryption of the connection to a server: which certificates are trusted.

use super::http::Url;
use crate::cli::failure::Failure;
use crate::http_client::client_config;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;

/// The TLS configuration for `url`, with the authorities of a file or those of the system; `None` for http.
pub(super) fn connector(
    url: &Url,
    cacert: Option<&String>,
) -> Result<Option<Arc<ClientConfig>>, Failure> {
    if !url.origin.is_encrypted {
        return match cacert {
            None => Ok(None),
            Some(_) => Err(Failure::usage(format!(
                "--cacert applies only to https, but the server is {}",
                url.shown()
            ))),
        };
    }
    let config = client_config(cacert.map(Path::new)).map_err(|error| {
        let option = cacert.map_or_else(String::new, |file| format!("--cacert {file}: "));
        Failure::failed(format!("{option}{error}"))
    })?;
    Ok(Some(config))
}
