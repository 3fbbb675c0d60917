//! `vmlog gateway`: one address for many machines, until asked to stop; and the nodes that join it.

mod arguments;
mod join;

pub(super) use arguments::command;

use crate::cli::failure::Failure;
use crate::cli::serve;
use crate::cli::settings;
use crate::config::GatewayConfig;
use crate::gateway::{Gateway, GatewayOptions, GatewayToken};
use crate::opening;
use crate::server::{Tls, access_token};
use clap::ArgMatches;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use tokio::signal::unix::SignalKind;

/// Runs until SIGTERM or SIGINT, or one of the subcommands.
pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("token", arguments)) => return join::token(arguments),
        Some(("revoke", arguments)) => return join::revoke(arguments),
        _ => {}
    }
    let mut config = settings::gateway(matches)?;
    if let Some((certificate, key)) = &config.tls {
        let loaded = Tls::load(certificate, key);
        let what = "cannot use LOG_GATEWAY_TLS_CERT and LOG_GATEWAY_TLS_KEY";
        config.options.tls = Some(loaded.map_err(serve::failed(what))?);
    }
    opening::raise_descriptor_limit();
    let listener = serve::listen(config.listen, "--listen / LOG_GATEWAY_LISTEN")?;
    serve::start_log();
    let directory = &config.options.directory;
    let what = format!("cannot use {}", directory.display());
    access_token::make_private_directory(directory).map_err(serve::failed(&what))?;
    let makes_token = proves_nobody(&config.options);
    if makes_token {
        let made = access_token::load_or_make(directory).map_err(serve::failed(&what))?;
        config.options.token = Some(GatewayToken(made));
    }
    let runtime = serve::runtime().map_err(serve::failed("cannot start the gateway"))?;
    runtime.block_on(serve_until_asked(listener, config, makes_token))
}

/// Whether no setting says how a client proves who it is.
fn proves_nobody(options: &GatewayOptions) -> bool {
    options.token.is_none() && options.sessions.is_none() && options.forward_auth.is_none()
}

async fn serve_until_asked(
    listener: std::net::TcpListener,
    config: GatewayConfig,
    makes_token: bool,
) -> Result<(), Failure> {
    let mut terminate = serve::signals(SignalKind::terminate())?;
    let mut interrupt = serve::signals(SignalKind::interrupt())?;
    let listener =
        tokio::net::TcpListener::from_std(listener).map_err(serve::failed("cannot listen"))?;
    let address = listener
        .local_addr()
        .map_err(serve::failed("cannot listen"))?;
    let directory = config.options.directory.clone();
    let is_encrypted = config.options.tls.is_some();
    let what = format!("cannot use the keys in {}", directory.display());
    let opened = Gateway::open(config.options, address.ip()).await;
    let gateway = opened.map_err(serve::failed(&what))?;
    if let Some(problem) = gateway.registry_problem() {
        return Err(Failure::failed(format!(
            "cannot use the list of nodes (--registry / LOG_GATEWAY_REGISTRY): {problem}"
        )));
    }
    let token = makes_token.then(|| directory.join(access_token::FILE_NAME));
    let hint = match &token {
        Some(path) => format!(" (the token is in {})", path.display()),
        None => String::new(),
    };
    announce(address, is_encrypted, &hint);
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    gateway.serve(listener, shutdown).await;
    Ok(())
}

fn announce(address: SocketAddr, is_encrypted: bool, hint: &str) {
    let scheme = if is_encrypted { "https" } else { "http" };
    // a closed standard output does not stop a gateway
    let _ = writeln!(
        io::stdout(),
        "vmlog: the gateway listens on {scheme}://{address}/{hint}"
    )
    .and_then(|()| io::stdout().flush());
}
