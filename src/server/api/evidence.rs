//! `POST /evidence`: a bundle of records and facts, streamed while it is made. `format-spec/evidence.md` describes it.

use crate::evidence::{BundleError, BundleOptions, BundleSources, write_bundle};
use crate::query;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse};
use crate::time::Micros;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::Arc;
use std::thread;
use tokio::sync::mpsc;
use warp::http::header::{self, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// Large enough that a chunk is worth a wake-up.
const CHUNK_BYTES: usize = 64 << 10;

/// Another bundle is finished within about this time.
const RETRY_AFTER_S: u32 = 10;

/// `POST /evidence`
pub(in crate::server) fn create(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let log = app.records.whole(principal)?;
    let options = app.options.evidence.as_ref();
    let options = options.ok_or_else(ApiError::no_evidence)?;
    let now = Micros::now();
    let mut rest = request.parameters.clone();
    let times = rest.extract_if(.., |(name, _)| matches!(name.as_str(), "start" | "end"));
    let times: Vec<_> = times.collect();
    refuse(&rest)?;
    let (filter, _) = query::parse_filter(&times, now)?;
    let window = filter.times();
    let options = BundleOptions {
        since: window.start,
        until: window.end.map(|end| end.plus(-1)),
        ..options.clone()
    };
    let events = app.events.as_ref().map(|events| events.reader().view());
    let sources = BundleSources {
        log: Ok(log),
        events: events.ok_or_else(|| "no events are kept here".to_owned()),
    };
    let permit = Arc::clone(&app.bundles).try_acquire_owned().map_err(|_| {
        let message = "another bundle of evidence is being made";
        ApiError::unavailable("busy", message, RETRY_AFTER_S)
    })?;
    let (sender, chunks) = mpsc::channel(1);
    let name = file_name(&options.host, now);
    let write = move || {
        let _permit = permit;
        let out = BufWriter::with_capacity(CHUNK_BYTES, ChunkWriter(sender.clone()));
        if let Err(error) = write_bundle(&options, &sources, out)
            && !is_gone(&error)
        {
            tracing::error!("a bundle of evidence was not made: {error}");
            // The client may have gone.
            let _ = sender.blocking_send(Err(ApiError::internal()));
        }
    };
    // A thread of its own: it may wait for commands and for the client, longer than other blocking work may.
    let started = thread::Builder::new()
        .name("evidence".to_owned())
        .spawn(write);
    started.map_err(|_| ApiError::unavailable("busy", "there is no thread left", 1))?;
    let mut response = reply::streamed("application/zstd", chunks);
    if let Some(name) = name {
        reply::set(response.headers_mut(), header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// `vmlog-evidence-HOST-20260217T143015Z.tar.zst`
fn file_name(host: &str, now: Micros) -> Option<HeaderValue> {
    let time = now.to_string();
    let seconds = time.split('.').next()?.replace(['-', ':'], "");
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let host: String = host.chars().filter(is_plain).take(64).collect();
    let name = format!("attachment; filename=\"vmlog-evidence-{host}-{seconds}Z.tar.zst\"");
    name.parse().ok()
}

fn is_gone(error: &BundleError) -> bool {
    matches!(error, BundleError::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}

/// Sends what is written to the body of a response, and waits for the client.
struct ChunkWriter(mpsc::Sender<Result<Bytes, ApiError>>);

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
