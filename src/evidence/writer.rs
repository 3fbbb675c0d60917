//! Collects the parts of a bundle within its bounds, and writes the archive.

use super::error::BundleError;
use super::facts::{self, FactPlaces};
use super::folder::TemporaryFolder;
use super::manifest::{
    BundleWindow, CopiedRecords, FORMAT, MANIFEST, Manifest, PartEntry, VERSION,
};
use super::records::{self, RecordText};
use crate::disk::{Disk, RealDisk};
use crate::query;
use crate::redact::{RedactOptions, Redactor};
use crate::store::{self, CopyBound, EvidenceWindow, View, copy_evidence};
use crate::time::Micros;
use ring::digest::{Context, SHA256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zstd::stream::write::Encoder;

/// How many of the newest records of each source are in a bundle, as `LOG_STORE_KEEP_ROWS` has by default.
const NEWEST_PER_SOURCE: u64 = 1_000;
/// The share of the time that each list of records may take.
const TEXT_SHARE: u32 = 10;
/// What the manifest and the headers of the archive need.
const RESERVED_BYTES: u64 = 128 << 10;
/// The level of compression: of segments, which are compressed already, nothing is left to gain.
const COMPRESSION_LEVEL: i32 = 3;

/// The bounds of a bundle, and where it is made.
#[derive(Debug, Clone)]
pub struct BundleOptions {
    /// From this time on; the start of this boot if it is absent.
    pub since: Option<Micros>,
    /// Up to this time; now if it is absent.
    pub until: Option<Micros>,
    /// The maximum sum of the sizes of all parts in bytes (`LOG_EVIDENCE_MAX_BYTES`).
    pub bytes_max: u64,
    /// The maximum time until all parts are collected.
    pub time_max: Duration,
    /// The rules that facts are redacted with; records were redacted when they were stored.
    pub redact: RedactOptions,
    /// Folders for temporary files, the preferred one first; another one is used if a disk is full.
    pub scratch: Vec<PathBuf>,
    /// Where facts are found.
    pub places: FactPlaces,
    /// The name of the machine.
    pub host: String,
    /// The boot of the machine, if it is known.
    pub boot_id: Option<String>,
}

/// The time in which a bundle is collected: shorter than the time that systems give a machine before they destroy it.
pub const TIME_MAX: Duration = Duration::from_secs(30);

/// The records for a bundle.
#[derive(Debug, Clone)]
pub struct BundleSources {
    /// The log, or why it cannot be read.
    pub log: Result<View, String>,
    /// The events, or why they cannot be read.
    pub events: Result<View, String>,
}

/// Collects all parts and writes them to `out`. What cannot be collected is named in the manifest with the reason; only rules that are
/// not valid, and `out` itself, make it fail.
///
/// # Errors
/// [`BundleError::Redaction`], or [`BundleError::Io`] if `out` cannot be written.
pub fn write_bundle(
    options: &BundleOptions,
    sources: &BundleSources,
    out: impl Write,
) -> Result<Manifest, BundleError> {
    let redactor = Redactor::new(&options.redact).map_err(BundleError::Redaction)?;
    let (now, begun) = (Micros::now(), Instant::now());
    let mut encoder = Encoder::new(out, COMPRESSION_LEVEL).map_err(BundleError::io("compress"))?;
    let checked = encoder.include_checksum(true);
    checked.map_err(BundleError::io("compress"))?;
    let mut bundle = Bundle {
        archive: tar::Builder::new(encoder),
        room: options.bytes_max.saturating_sub(RESERVED_BYTES),
        parts: Vec::new(),
    };
    let deadline = begun + options.time_max;
    for fact in facts::collect(&options.places, &redactor, deadline) {
        bundle.text(fact.path, fact.text, fact.gap)?;
    }
    let until = options.until.unwrap_or(now);
    let text_max = options.time_max / TEXT_SHARE;
    let since = match (&sources.log, options.since) {
        (Ok(view), None) => records::begin_of_boot(view, text_max),
        (_, since) => since,
    };
    bundle.records(sources, (since, Some(until)), text_max, deadline)?;
    let window = EvidenceWindow {
        times: since.unwrap_or(Micros::MIN)..=until,
        newest_per_source: NEWEST_PER_SOURCE,
        bytes_max: bundle.room,
        deadline,
    };
    let copied = bundle.store(options, sources, &window)?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        written_by: concat!("vmlog ", env!("CARGO_PKG_VERSION")).to_owned(),
        created: now.to_string(),
        host: options.host.clone(),
        boot_id: options.boot_id.clone(),
        window: BundleWindow {
            since: since.map(|since| since.to_string()),
            until: Some(until.to_string()),
        },
        bytes_max: options.bytes_max,
        seconds_max: options.time_max.as_secs(),
        records: copied,
        parts: std::mem::take(&mut bundle.parts),
    };
    bundle.finish(&manifest)?;
    Ok(manifest)
}

/// The store that a list is of.
#[derive(Debug, Clone, Copy)]
enum RecordsOf {
    Log,
    Events,
}

/// Makes a list of records.
type ListRecords = fn(&View, records::Times, Duration) -> Result<RecordText, query::Error>;

/// The lists of records.
const LISTS: [(&str, RecordsOf, ListRecords); 4] = [
    ("problems.json", RecordsOf::Log, records::problems),
    ("boots.json", RecordsOf::Log, records::boots),
    ("runs.jsonl", RecordsOf::Log, records::runs),
    ("events.jsonl", RecordsOf::Events, records::events),
];

/// An archive that is being written.
struct Bundle<W: Write> {
    archive: tar::Builder<Encoder<'static, W>>,
    /// The rest of the maximum size.
    room: u64,
    parts: Vec<PartEntry>,
}

impl<W: Write> Bundle<W> {
    /// Adds a text, or names in the manifest why it is not there.
    fn text(
        &mut self,
        path: &str,
        text: Result<Vec<u8>, String>,
        gap: Option<String>,
    ) -> Result<(), BundleError> {
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                self.parts.push(PartEntry::failed(path, why));
                return Ok(());
            }
        };
        if text.len() as u64 > self.room {
            let why = format!("its {} bytes do not fit into the bundle", text.len());
            self.parts.push(PartEntry::failed(path, why));
            return Ok(());
        }
        self.file(path, text.len() as u64, &text[..], gap)
    }

    /// Adds the lists of records.
    fn records(
        &mut self,
        sources: &BundleSources,
        times: records::Times,
        time_max: Duration,
        deadline: Instant,
    ) -> Result<(), BundleError> {
        for (name, of, list) in LISTS {
            let view = match of {
                RecordsOf::Log => &sources.log,
                RecordsOf::Events => &sources.events,
            };
            let found = match view {
                Ok(_) if Instant::now() >= deadline => Err("there was no time left".to_owned()),
                Ok(view) => list(view, times, time_max).map_err(|error| error_chain(&error)),
                Err(why) => Err(why.clone()),
            };
            let (text, gap) = match found {
                Ok(found) => (Ok(found.text), found.gap),
                Err(why) => (Err(why), None),
            };
            self.text(name, text, gap)?;
        }
        Ok(())
    }

    /// Adds a file of a known length.
    fn file(
        &mut self,
        path: &str,
        length: u64,
        content: impl Read,
        reason: Option<String>,
    ) -> Result<(), BundleError> {
        let mut header = tar::Header::new_ustar();
        header.set_size(length);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(Micros::now().get() / 1_000_000).unwrap_or_default());
        let mut hashed = HashedReader::new(content);
        let appended = self.archive.append_data(&mut header, path, &mut hashed);
        appended.map_err(BundleError::io("write the bundle"))?;
        self.room = self.room.saturating_sub(length);
        self.parts.push(PartEntry {
            path: path.to_owned(),
            ok: true,
            bytes: Some(length),
            sha256: Some(hashed.finish()),
            reason,
        });
        Ok(())
    }

    /// Adds the records as a store. If a folder for temporary files has no room, the next one is tried.
    fn store(
        &mut self,
        options: &BundleOptions,
        sources: &BundleSources,
        window: &EvidenceWindow,
    ) -> Result<CopiedRecords, BundleError> {
        let view = match &sources.log {
            Ok(view) => view,
            Err(why) => {
                self.parts.push(PartEntry::failed("store/", why.as_str()));
                return Ok(CopiedRecords::default());
            }
        };
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let mut why = "there is no folder for temporary files".to_owned();
        for parent in &options.scratch {
            let copied = TemporaryFolder::new(parent)
                .map_err(|error| error.to_string())
                .and_then(|folder| {
                    let to = folder.path().join("store");
                    let copied = copy_evidence(&disk, view, &to, window);
                    let copied = copied.map_err(|error| error_chain(&error))?;
                    Ok((folder, to, copied))
                });
            match copied {
                Ok((_folder, root, copied)) => {
                    self.folder(&root)?;
                    return Ok(counts(&copied));
                }
                Err(error) => why = format!("{}: {error}", parent.display()),
            }
        }
        self.parts.push(PartEntry::failed("store/", why));
        Ok(CopiedRecords::default())
    }

    /// Adds the files of a store, whose sizes no longer change.
    fn folder(&mut self, root: &Path) -> Result<(), BundleError> {
        let read = || -> io::Result<BTreeMap<OsString, (File, u64)>> {
            let mut files = BTreeMap::new();
            for entry in fs::read_dir(root)? {
                let entry = entry?;
                let file = File::open(entry.path())?;
                let length = file.metadata()?.len();
                files.insert(entry.file_name(), (file, length));
            }
            Ok(files)
        };
        for (name, (file, length)) in read().map_err(BundleError::io("read the copied records"))? {
            let path = format!("store/{}", name.to_string_lossy());
            self.file(&path, length, file.take(length), None)?;
        }
        Ok(())
    }

    /// Adds the manifest and ends the archive.
    fn finish(mut self, manifest: &Manifest) -> Result<(), BundleError> {
        let mut text = serde_json::to_vec_pretty(manifest).unwrap_or_default();
        text.push(b'\n');
        self.file(MANIFEST, text.len() as u64, &text[..], None)?;
        let failed = || BundleError::io("write the bundle");
        let encoder = self.archive.into_inner().map_err(failed())?;
        let mut out = encoder.finish().map_err(failed())?;
        out.flush().map_err(failed())
    }
}

fn counts(copied: &store::EvidenceCopy) -> CopiedRecords {
    CopiedRecords {
        kept: copied.records,
        left_out: copied.left_out,
        not_read: copied.not_read,
        ended_by: copied.ended_by.map(|bound| {
            let word = match bound {
                CopyBound::Bytes => "bytes",
                CopyBound::Time => "time",
            };
            word.to_owned()
        }),
        damage: copied
            .damage
            .iter()
            .map(|error| error_chain(error))
            .collect(),
    }
}

/// Hashes what is read.
pub(super) struct HashedReader<R> {
    content: R,
    hash: Context,
}

impl<R: Read> HashedReader<R> {
    pub(super) fn new(content: R) -> Self {
        Self {
            content,
            hash: Context::new(&SHA256),
        }
    }

    /// The hash of all that was read, in hexadecimal digits.
    pub(super) fn finish(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hash.finish().as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl<R: Read> Read for HashedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// The same, as a file that only its owner may read. It has its name when it is complete.
///
/// # Errors
/// As [`write_bundle`].
pub fn write_bundle_file(
    options: &BundleOptions,
    sources: &BundleSources,
    path: &Path,
) -> Result<Manifest, BundleError> {
    let failed = || BundleError::io("write the bundle");
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let create = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&part)
    };
    let file = create().map_err(failed())?;
    let written = write_bundle(options, sources, &file).and_then(|manifest| {
        let kept = file.sync_all().and_then(|()| fs::rename(&part, path));
        kept.map(|()| manifest).map_err(failed())
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&part);
    }
    written
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
