//! All records that match a filter, as a file, streamed page by page from one view in constant memory.

use crate::query::{self, Cursor, Direction, Filter, Order, PageRequest};
use crate::record::StoredRecord;
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::encoding::{ContentEncoding, EncodedStream};
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse, take_single};
use crate::server::limits::shares::FairPermit;
use crate::server::records::ScopedView;
use crate::server::wire;
use crate::time::Micros;
use std::sync::Arc;
use tokio::sync::mpsc;
use warp::http::header::{self, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// Records of the first page; the size of later ones follows from [`PAGE_BYTES`].
const FIRST_ROWS: usize = 16;

/// Larger pages are not faster.
const ROWS_MAX: usize = 1_000;

/// Target size of a page: large enough to be worth a turn at the gate, small enough for memory.
const PAGE_BYTES: usize = 256 * 1024;

/// The format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExportFormat {
    /// Lines of text for people.
    Log,
    /// One JSON object per line.
    Jsonl,
    /// RFC 4180, with a header line.
    Csv,
}

impl ExportFormat {
    fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            None | Some("log") => Ok(Self::Log),
            Some("jsonl") => Ok(Self::Jsonl),
            Some("csv") => Ok(Self::Csv),
            Some(other) => Err(ApiError::parameter(
                "invalid_format",
                "format",
                format!("format must be one of log, jsonl, csv; got {other:?}"),
            )),
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Log => "text/plain; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Log | Self::Jsonl => "",
            Self::Csv => "id,timestamp,source,level,message,metadata\r\n",
        }
    }

    fn write(self, out: &mut Vec<u8>, record: &StoredRecord) {
        match self {
            Self::Log => write_line(out, record),
            Self::Jsonl => {
                wire::write_entry(out, record);
                out.push(b'\n');
            }
            Self::Csv => write_csv_with(out, record, write_visible),
        }
    }
}

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
        view: app.records.of(principal).now(),
        request: PageRequest {
            filter,
            cursor: None,
            direction: Direction::Forward,
            limit: FIRST_ROWS,
            order: Order::Id,
            around: None,
        },
        format,
        stream: EncodedStream::new(encoding),
        sender,
        _share: share,
    };
    tokio::spawn(export.run());
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
    /// The view of the whole export: records that arrive later are not in the file.
    view: ScopedView,
    request: PageRequest,
    format: ExportFormat,
    stream: EncodedStream,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    _share: FairPermit,
}

impl Export {
    /// Runs until the file is complete or the client has disconnected. After a failure the body is truncated, which
    /// the client notices.
    async fn run(mut self) {
        self.stream.write(self.format.head().as_bytes());
        match self.pages().await {
            Ok(true) => {
                let rest = Bytes::from(self.stream.finish());
                let _ = self.sender.send(Ok(rest)).await;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!("an export failed: {error}");
                let _ = self.sender.send(Err(error)).await;
            }
        }
    }

    /// Writes all pages, and sends them except the last. Returns false if the client has disconnected.
    async fn pages(&mut self) -> Result<bool, ApiError> {
        let mut page = self.read().await?;
        loop {
            let (entries, next) = page;
            let rows = entries.len();
            let is_last = next.is_none();
            self.request.cursor = next;
            // a second core reads the next page while this one is written
            let (text, following) = tokio::join!(self.text(entries), async {
                if is_last {
                    None
                } else {
                    Some(self.read().await)
                }
            });
            let text = text?;
            self.stream.write(&text);
            self.request.limit = next_rows(rows, text.len(), self.request.limit);
            let Some(following) = following else {
                return Ok(true);
            };
            let chunk = Bytes::from(self.stream.take());
            let mut stopping = self.app.stopping.clone();
            let is_sent = tokio::select! {
                sent = self.sender.send(Ok(chunk)) => sent.is_ok(),
                _ = stopping.wait_for(|stopping| *stopping) => false,
            };
            if !is_sent {
                return Ok(false);
            }
            page = following?;
        }
    }

    /// Reads the next page.
    async fn read(&self) -> Result<ExportPage, ApiError> {
        let (view, request) = (self.view.clone(), self.request.clone());
        let page = self.app.gate.run_stream(&self.principal, move |budget| {
            let page = view.page(request, budget)?;
            Ok::<_, ApiError>((page.entries, page.next_cursor))
        });
        page.await?
    }

    /// Writes records in the format of the file.
    async fn text(&self, entries: Vec<StoredRecord>) -> Result<Vec<u8>, ApiError> {
        let format = self.format;
        let text = self.app.gate.run_stream(&self.principal, move |_| {
            let mut text = Vec::new();
            for record in &entries {
                format.write(&mut text, record);
            }
            text
        });
        text.await
    }
}

/// The records of a page, and the cursor of the one after it.
type ExportPage = (Vec<StoredRecord>, Option<Cursor>);

/// The number of records of the next page, to reach about [`PAGE_BYTES`]. It at most doubles, as the next records may be longer.
fn next_rows(rows: usize, bytes: usize, before: usize) -> usize {
    let fitting = (PAGE_BYTES * rows.max(1)) / bytes.max(1);
    fitting.clamp(1, (before * 2).min(ROWS_MAX))
}

/// `2026-02-17T14:30:15.123456Z warn  docker:web: text`. Further lines of a message are indented to keep records distinct. Control
/// characters are escaped, as the file may be printed to a terminal.
fn write_line(out: &mut Vec<u8>, stored: &StoredRecord) {
    use std::io::Write as _;
    let record = &stored.record;
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "{} {:<5} {}: ",
        record.timestamp, record.level, record.source
    );
    for letter in record.message.trim_end_matches('\n').chars() {
        match letter {
            '\n' => out.extend_from_slice(b"\n    "),
            letter => write_visible(out, letter),
        }
    }
    out.push(b'\n');
}

/// Writes a character. Control characters and those that change the layout of text are escaped.
fn write_visible(out: &mut Vec<u8>, letter: char) {
    use std::io::Write as _;
    let mut buffer = [0; 4];
    match letter {
        '\t' => out.push(b'\t'),
        // Writing to a Vec cannot fail.
        letter if letter.is_control() => {
            let _ = write!(out, "\\x{:02x}", u32::from(letter));
        }
        letter if is_layout(letter) => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
        }
        letter => out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes()),
    }
}

/// Line and paragraph separators, and bidirectional marks.
fn is_layout(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Writes a record as a line of CSV. Texts are not changed, except those that a spreadsheet would take for a formula.
pub(crate) fn write_csv(out: &mut Vec<u8>, stored: &StoredRecord) {
    write_csv_with(out, stored, write_raw);
}

/// Writes one character of a field.
type WriteChar = fn(&mut Vec<u8>, char);

fn write_csv_with(out: &mut Vec<u8>, stored: &StoredRecord, write: WriteChar) {
    let record = &stored.record;
    let mut metadata = Vec::new();
    wire::write(&mut metadata, &record.metadata);
    let metadata = String::from_utf8_lossy(&metadata);
    let fields = [
        &stored.id.to_string(),
        &record.timestamp.to_string(),
        record.source.as_str(),
        record.level.as_str(),
        &record.message,
        &metadata,
    ];
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_field(out, field, write);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_raw(out: &mut Vec<u8>, letter: char) {
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A spreadsheet treats a text that starts with one of these, also after spaces, as a formula, and attackers can
/// write to logs. Programs that split quoted fields at line ends see each line as a field.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

fn write_field(out: &mut Vec<u8>, field: &str, write: WriteChar) {
    let is_formula = |line: &str| {
        line.trim_start_matches([' ', '\u{feff}'])
            .starts_with(FORMULA_STARTS)
    };
    let is_quoted = field.contains(['"', ',', '\n', '\r']) || is_formula(field);
    if is_quoted {
        out.push(b'"');
    }
    for line in field.split_inclusive(['\n', '\r']) {
        if is_formula(line) {
            out.push(b'\'');
        }
        for letter in line.chars() {
            match letter {
                '"' => out.extend_from_slice(b"\"\""),
                '\n' => out.push(b'\n'),
                letter => write(out, letter),
            }
        }
    }
    if is_quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Level, Metadata, Record};

    fn written(format: ExportFormat, message: &str) -> String {
        let mut metadata = Metadata::new();
        metadata.insert("unit", "a,\"b\"");
        let record = StoredRecord {
            id: Id(7),
            record: Record {
                timestamp: Micros::new(0),
                source: "docker:web".parse().expect("a source"),
                level: Level::Warn,
                message: message.to_owned(),
                metadata,
            },
        };
        let mut out = Vec::new();
        format.write(&mut out, &record);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn log_line_is_one_record_with_escaped_control_characters() {
        assert_eq!(
            written(ExportFormat::Log, "a\tb\n\u{1b}[31mc\r\n"),
            "1970-01-01T00:00:00.000000Z warn  docker:web: a\tb\n    \\x1b[31mc\\x0d\n"
        );
        assert_eq!(
            written(ExportFormat::Log, "a\u{202e}b\u{2028}c\u{9b}2J\u{2067}d"),
            "1970-01-01T00:00:00.000000Z warn  docker:web: a\\u{202e}b\\u{2028}c\\x9b2J\\u{2067}d\n"
        );
        assert_eq!(
            written(ExportFormat::Log, ""),
            "1970-01-01T00:00:00.000000Z warn  docker:web: \n"
        );
    }

    #[test]
    fn jsonl_record_is_one_line() {
        let line = written(ExportFormat::Jsonl, "a\nb\r");
        assert_eq!(line.matches(['\n', '\r']).count(), 1, "{line}");
        assert!(line.starts_with(r#"{"id":"7","timestamp":"1970-01-01T00:00:00.000000Z""#));
    }

    #[test]
    fn csv_quotes_and_escapes_fields() {
        let start = "7,1970-01-01T00:00:00.000000Z,docker:web,warn,";
        let end = ",\"{\"\"unit\"\":\"\"a,\\\"\"b\\\"\"\"\"}\"\r\n";
        for (message, field) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a\"b\n", "\"a\"\"b\n\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("  =1+1", "\"'  =1+1\""),
            ("a\n=1+1\r\n@b\r-c", "\"a\n'=1+1\\x0d\n'@b\\x0d'-c\""),
            ("\n=1+1", "\"\n'=1+1\""),
            ("\u{9b}31m\u{202e}", "\\x9b31m\\u{202e}"),
            ("-1", "\"'-1\""),
        ] {
            assert_eq!(
                written(ExportFormat::Csv, message),
                format!("{start}{field}{end}"),
                "{message:?}"
            );
        }
    }

    #[test]
    fn pages_grow_to_the_target_size() {
        assert_eq!(next_rows(16, 1_600, 16), 32);
        assert_eq!(next_rows(512, 51_200, 512), 1_000);
        assert_eq!(next_rows(16, 16 << 20, 16), 1, "megabytes a record");
        assert_eq!(next_rows(0, 0, 16), 32, "nothing found yet");
    }

    #[test]
    fn file_name_contains_the_time() {
        let name =
            file_name(ExportFormat::Csv, Micros::new(1_771_338_615_123_456)).expect("a value");
        assert_eq!(name, "attachment; filename=\"vmlog-20260217T143015Z.csv\"");
    }
}
