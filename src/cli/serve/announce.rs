//! The line with the address, and the server's own log.

use crate::cli::terminal::wants_colour;
use crate::config::Config;
use crate::server;
use rustix::fs::fstat;
use std::env;
use std::io;
use std::io::{IsTerminal, Write};
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;

/// Starts the log on standard error: one line per record, without a time if the journal adds one.
pub(in crate::cli) fn start_log() {
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_writer(io::stderr)
        // A record that cannot be written would be reported on standard error, by a panic if that is closed.
        .log_internal_errors(false)
        .with_ansi(wants_colour(&io::stderr()))
        .with_target(false);
    if is_journal(&io::stderr()) {
        builder.without_time().init();
    } else {
        builder.init();
    }
}

/// Prints the address to open. It contains the token only on a terminal: a pipe, a file or the journal may be stored
/// and read by others, so it gets the path of the token file instead.
pub(super) fn address(listener: &TcpListener, options: &server::ServerOptions, config: &Config) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let scheme = if options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let line = match (&config.api_token, &options.token) {
        (None, Some(token)) if io::stdout().is_terminal() => {
            format!("{scheme}://{address}/?token={token}")
        }
        (None, _) => {
            let path = config.data_dir.join(server::access_token::FILE_NAME);
            format!("{scheme}://{address}/ (the token is in {})", path.display())
        }
        (Some(_), _) => format!("{scheme}://{address}/ (the token is LOG_API_TOKEN)"),
    };
    // A closed standard output does not stop a server.
    let _ = writeln!(io::stdout(), "vmlog: open {line}").and_then(|()| io::stdout().flush());
}

/// systemd names the journal's socket in `JOURNAL_STREAM` as `device:inode` (systemd.exec(5)).
fn is_journal(stream: &impl std::os::fd::AsFd) -> bool {
    let Ok(stat) = fstat(stream) else {
        return false;
    };
    env::var("JOURNAL_STREAM")
        .is_ok_and(|named| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}
