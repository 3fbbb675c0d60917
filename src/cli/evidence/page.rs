//! `vmlog open BUNDLE`: serves the page of a bundle on this machine, to its user only, until it is stopped.

use crate::cli::bundle::open_bundle;
use crate::cli::failure::Failure;
use crate::cli::serve::{failed, runtime, signals};
use crate::live::Live;
use crate::record::Id;
use crate::server::{self, ServerOptions, ServerState};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::SignalKind;

/// Serves until SIGTERM or SIGINT. Nothing can be written: a bundle has no collectors, and its events cannot be added to.
pub(in crate::cli) fn serve(path: &Path) -> Result<(), Failure> {
    let reader = open_bundle(path)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed("cannot listen"))?;
    listener
        .set_nonblocking(true)
        .map_err(failed("cannot listen"))?;
    let address = listener.local_addr().map_err(failed("cannot listen"))?;
    let token = token()?;
    let announced = format!("vmlog: open http://{address}/?token={token}");
    let options = ServerOptions {
        token: Some(token),
        ..ServerOptions::default()
    };
    let live = Live::new(0, Id(reader.view().ids().end));
    let state = ServerState {
        reader,
        live: live.clone(),
        events: None,
        options: Arc::new(options),
    };
    let runtime = runtime().map_err(failed("cannot start the server"))?;
    runtime.block_on(async move {
        let mut terminate = signals(SignalKind::terminate())?;
        let mut interrupt = signals(SignalKind::interrupt())?;
        let listener =
            tokio::net::TcpListener::from_std(listener).map_err(failed("cannot listen"))?;
        // A closed standard output does not stop a server.
        let _ = writeln!(io::stdout(), "{announced}").and_then(|()| io::stdout().flush());
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            live.close();
        };
        server::run(listener, state, stop)
            .await
            .map_err(failed("cannot serve"))
    })
}

/// A random token: other users of this machine must not read the bundle.
fn token() -> Result<String, Failure> {
    let mut random = [0; 24];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::failed(format!("cannot make a token: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
