//! The access token for a server.

use super::http::Url;
use crate::cli::failure::Failure;
use crate::cli::files::read_text;
use crate::cli::settings::{data_dir, variable};
use crate::server::access_token;
use clap::ArgMatches;
use std::path::Path;

/// The token for a server: an explicitly given one takes precedence. The token of this machine's own server is not
/// sent to other servers.
pub(super) fn find(matches: &ArgMatches, url: &Url) -> Result<Option<String>, Failure> {
    if let Some(file) = matches.get_one::<String>("token-file") {
        return read_token(Path::new(file)).map(Some);
    }
    if let Some(token) = url.token.clone().or_else(|| variable("VMLOG_TOKEN")) {
        return Ok(Some(token));
    }
    if let Some(file) = variable("VMLOG_TOKEN_FILE") {
        return read_token(Path::new(&file)).map(Some);
    }
    let is_private = url.origin.is_encrypted || url.is_loopback();
    match variable("LOG_API_TOKEN") {
        Some(token) if is_private => return Ok(Some(token)),
        Some(_) => notice!(
            "LOG_API_TOKEN is not sent to {}, because the connection is not encrypted; use https, or set VMLOG_TOKEN to send it anyway",
            url.shown()
        ),
        None => {}
    }
    if !url.is_loopback() {
        return Ok(None);
    }
    let own = data_dir().ok().map(|dir| dir.join(access_token::FILE_NAME));
    Ok(own.and_then(|path| read_token(&path).ok()))
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let text = read_text(path, TOKEN_BYTES_MAX).map_err(|error| {
        Failure::failed(format!(
            "cannot read the token in {}: {error}",
            path.display()
        ))
    })?;
    Ok(text.trim().to_owned())
}

/// A token has up to 512 characters; a file may have blanks around it.
const TOKEN_BYTES_MAX: u64 = 4096;
