//! All records that match a filter, as a file, streamed batch by batch from one view in bounded memory.

mod text;

pub(crate) use text::write_csv;

use crate::query::{self, Filter, RecordBatch, RecordStream};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::encoding::{ContentEncoding, EncodedStream};
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse, take_single};
use crate::server::limits::shares::FairPermit;
use crate::tasks;
use crate::time::Micros;
use std::sync::Arc;
use text::ExportFormat;
use tokio::sync::mpsc;
use warp::http::header::{self, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// The size of the first batch: it is at the client soon. Each later one is twice as large, up to [`BATCH_BYTES`].
const FIRST_BYTES: usize = 8 * 1024;

/// The size of a batch: large enough to be worth two turns at the gate, small enough for memory. One is read while the one before is
/// written, and the text of two more waits for the client.
const BATCH_BYTES: usize = 512 * 1024;

/// Refuses what [`export`] would refuse; returns the warnings of the filter.
pub(in crate::server) async fn check(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Vec<String>, ApiError> {
    let parsed = parse(app, principal, request, Micros::now()).await?;
    Ok(parsed.warnings)
}

/// The parameters of an export.
struct ExportRequest {
    filter: Filter,
    format: ExportFormat,
    warnings: Vec<String>,
}

async fn parse(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
    now: Micros,
) -> Result<ExportRequest, ApiError> {
    let parameters = request.parameters.clone();
    let view = app.records.of(principal).now();
    // The filter is compiled within the turn, because a regex takes time and memory too.
    let parsed = app.gate.run(principal, move |budget| {
        let (filter, rest) = query::parse_filter(&parameters, now)?;
        let filter = view.in_boot(filter, budget)?;
        let warnings = view.warnings(&filter, budget)?;
        Ok::<_, ApiError>((filter, rest, warnings))
    });
    let (filter, mut rest, warnings) = parsed.await??;
    let format = ExportFormat::parse(take_single(&mut rest, "format")?.as_deref())?;
    refuse(&rest)?;
    Ok(ExportRequest {
        filter,
        format,
        warnings,
    })
}

/// `GET /logs/export`
pub(in crate::server) async fn export(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let now = Micros::now();
    let ExportRequest {
        filter,
        format,
        warnings,
    } = parse(app, principal, request, now).await?;
    let share = app.exports.take(principal.id).ok_or_else(|| {
        let message = "too many exports of this client are running";
        ApiError::too_many("too_many_exports", message, 10)
    })?;
    let encoding = ContentEncoding::asked_by(&request.headers);
    let (sender, chunks) = mpsc::channel(1);
    let export = Export {
        app: Arc::clone(app),
        principal: principal.clone(),
        format,
        sender,
        _share: share,
    };
    // The view of the whole export: records that arrive later are not in the file.
    let records = app.records.of(principal).now().stream(filter);
    let stream = EncodedStream::new(encoding);
    tasks::spawn(export.run(records, stream));
    let mut response = reply::streamed(format.content_type(), chunks);
    encoding.mark(&mut response);
    respond::set_warnings(&mut response, &warnings);
    if let Some(name) = file_name(format, now) {
        reply::set(response.headers_mut(), header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// `vmlog-20260217T143015Z.log`
fn file_name(format: ExportFormat, now: Micros) -> Option<HeaderValue> {
    let time = now.to_string();
    let seconds = time.split('.').next()?.replace(['-', ':'], "");
    let extension = format.extension();
    format!("attachment; filename=\"vmlog-{seconds}Z.{extension}\"")
        .parse()
        .ok()
}

/// A running export.
struct Export {
    app: Arc<App>,
    principal: Principal,
    format: ExportFormat,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    _share: FairPermit,
}

impl Export {
    /// Runs until the file is complete or the client has disconnected. After a failure the body is truncated, which
    /// the client notices.
    async fn run(self, records: RecordStream, mut stream: EncodedStream) {
        stream.write(self.format.head().as_bytes());
        match self.send_all(records, stream).await {
            Ok(Some(stream)) => {
                let rest = Bytes::from(stream.finish());
                let _ = self.sender.send(Ok(rest)).await;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("an export failed: {error}");
                let _ = self.sender.send(Err(error)).await;
            }
        }
    }

    /// Sends all records except those that remain in the stream. Returns `None` if the client has disconnected.
    async fn send_all(
        &self,
        records: RecordStream,
        mut stream: EncodedStream,
    ) -> Result<Option<EncodedStream>, ApiError> {
        let mut bytes_max = FIRST_BYTES;
        let mut read = self.read(records, bytes_max).await?;
        loop {
            let (records, batch) = read;
            bytes_max = (bytes_max * 2).min(BATCH_BYTES);
            if batch.is_last() {
                return self.write(stream, batch).await.map(Some);
            }
            // a second core reads the next batch while this one is written
            let (written, following) =
                tokio::join!(self.write(stream, batch), self.read(records, bytes_max));
            stream = written?;
            let chunk = Bytes::from(stream.take());
            if !chunk.is_empty() && !self.send(chunk).await {
                return Ok(None);
            }
            read = following?;
        }
    }

    /// Returns false if the client has disconnected, or the server is stopping.
    async fn send(&self, chunk: Bytes) -> bool {
        let mut stopping = self.app.stopping.clone();
        tokio::select! {
            sent = self.sender.send(Ok(chunk)) => sent.is_ok(),
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }

    /// Reads the next records.
    async fn read(
        &self,
        mut records: RecordStream,
        bytes_max: usize,
    ) -> Result<(RecordStream, RecordBatch), ApiError> {
        let read = self.app.gate.run_stream(&self.principal, move |budget| {
            let batch = records.next_batch(bytes_max, budget)?;
            Ok::<_, ApiError>((records, batch))
        });
        read.await?
    }

    /// Writes records in the format of the file. Those with damaged metadata are left out.
    async fn write(
        &self,
        mut stream: EncodedStream,
        batch: RecordBatch,
    ) -> Result<EncodedStream, ApiError> {
        let format = self.format;
        let write = move |_: &_| {
            stream.write_with(|text| {
                for record in batch.iter() {
                    // After an error nothing is appended.
                    let _ = format.write(text, &record);
                }
            });
            stream
        };
        self.app.gate.run_stream(&self.principal, write).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_contains_the_time() {
        let name =
            file_name(ExportFormat::Csv, Micros::new(1_771_338_615_123_456)).expect("a value");
        assert_eq!(name, "attachment; filename=\"vmlog-20260217T143015Z.csv\"");
    }
}
