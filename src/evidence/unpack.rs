//! Opens a bundle. It may have been changed or made by anybody: names, kinds, sizes and hashes of all files are checked, and only the
//! files of the store are written, to a new folder.

use super::error::BundleError;
use super::folder::TemporaryFolder;
use super::manifest::{MANIFEST, Manifest};
use super::writer::HashedReader;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tar::EntryType;
use zstd::stream::read::Decoder;

/// The first bytes of a file that zstd compressed (RFC 8878).
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Memory for decompression, as a power of 2: 8 MiB. Bundles need 2 MiB.
const WINDOW_LOG_MAX: u32 = 23;
/// The maximum size of the manifest.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;
const NAME_BYTES_MAX: usize = 200;

/// The bounds of a bundle that is opened. `Default` has several times the size of the largest bundle by default.
#[derive(Debug, Clone, Copy)]
pub struct BundleLimits {
    /// The maximum size of all files in bytes.
    pub bytes_max: u64,
    /// The maximum number of files.
    pub files_max: usize,
}

impl Default for BundleLimits {
    fn default() -> Self {
        Self {
            bytes_max: 2 << 30,
            files_max: 20_000,
        }
    }
}

/// A bundle that was opened.
#[derive(Debug)]
pub struct UnpackedBundle {
    /// What it has.
    pub manifest: Manifest,
    folder: TemporaryFolder,
}

impl UnpackedBundle {
    /// The folder of its store; `None` if the bundle has no records.
    #[must_use]
    pub fn store(&self) -> Option<PathBuf> {
        let path = self.folder.path().join("store");
        path.is_dir().then_some(path)
    }

    /// The folder that is removed when this value is dropped.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Whether a file looks like a bundle: a regular file that zstd compressed.
#[must_use]
pub fn is_bundle(path: &Path) -> bool {
    let mut magic = [0; 4];
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut magic))
            .is_ok()
        && magic == ZSTD_MAGIC
}

/// Opens a bundle: checks all files against the manifest, and writes those of the store to a new folder in `parent`.
///
/// # Errors
/// [`BundleError`] if it cannot be read, is not a bundle, or exceeds the limits. Nothing is left in `parent` then.
pub fn unpack(
    path: &Path,
    parent: &Path,
    limits: &BundleLimits,
) -> Result<UnpackedBundle, BundleError> {
    let file = File::open(path).map_err(BundleError::io("open the bundle"))?;
    read_bundle(BufReader::new(file), parent, limits)
}

pub(super) fn read_bundle(
    archive: impl io::BufRead,
    parent: &Path,
    limits: &BundleLimits,
) -> Result<UnpackedBundle, BundleError> {
    let damaged = || BundleError::io("read the archive");
    let mut decoder = Decoder::with_buffer(archive).map_err(damaged())?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(damaged())?;
    read_archive(decoder, parent, limits)
}

/// Reads the archive of a bundle.
pub(super) fn read_archive(
    content: impl Read,
    parent: &Path,
    limits: &BundleLimits,
) -> Result<UnpackedBundle, BundleError> {
    let damaged = || BundleError::io("read the archive");
    // The bound also holds for what is between the files.
    let bytes_max = limits.bytes_max;
    let bounded = Bounded {
        content,
        left: bytes_max,
    };
    let mut archive = tar::Archive::new(bounded);
    let folder =
        TemporaryFolder::new(parent).map_err(BundleError::io("create a temporary folder"))?;
    let mut found = BTreeMap::new();
    let mut manifest = None;
    let too_large = |error: io::Error| match error.kind() {
        ErrorKind::FileTooLarge => BundleError::TooLarge {
            what: "the size of the archive",
            max: bytes_max,
        },
        _ => damaged()(error),
    };
    // Raw entries: extensions such as long names and links are entries of their own, and refused.
    for entry in archive.entries().map_err(too_large)?.raw(true) {
        let mut entry = entry.map_err(too_large)?;
        let name = name_of(&entry.path_bytes())?;
        if manifest.is_some() {
            return Err(BundleError::NoManifest);
        }
        check_kind(entry.header().entry_type(), &name)?;
        if name == MANIFEST {
            manifest = Some(read_manifest(&mut entry).map_err(too_large)?);
            continue;
        }
        if found.len() >= limits.files_max {
            return Err(BundleError::TooLarge {
                what: "the number of files",
                max: limits.files_max as u64,
            });
        }
        if found.contains_key(&name) {
            return Err(BundleError::Twice { name });
        }
        let file = write_file(&mut entry, &name, folder.path()).map_err(too_large)?;
        found.insert(name, file);
    }
    let manifest = manifest.ok_or(BundleError::NoManifest)?;
    let manifest = Manifest::parse(&manifest)?;
    check(&manifest, found)?;
    Ok(UnpackedBundle { manifest, folder })
}

/// A name of at most three parts of letters, digits and `. _ -`, none of which begins with a dot.
fn name_of(bytes: &[u8]) -> Result<String, BundleError> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
    };
    let is_name = text.len() <= NAME_BYTES_MAX
        && text.split('/').count() <= 3
        && text.split('/').all(is_part);
    if is_name {
        Ok(text)
    } else {
        let found = text.chars().take(NAME_BYTES_MAX).collect();
        Err(BundleError::Name { found })
    }
}

fn check_kind(kind: EntryType, name: &str) -> Result<(), BundleError> {
    let found = match kind {
        EntryType::Regular => return Ok(()),
        EntryType::Symlink | EntryType::Link => "a link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::Directory => "a folder",
        _ => "an extension of the format",
    };
    let name = name.to_owned();
    Err(BundleError::Kind { name, found })
}

fn read_manifest(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    entry.take(MANIFEST_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}

/// Size and hash of a file of the archive.
type FileFacts = (u64, String);

/// Reads a file; one of the store is also written.
fn write_file(entry: &mut impl Read, name: &str, folder: &Path) -> io::Result<FileFacts> {
    let mut hashed = HashedReader::new(entry);
    let bytes = match name.strip_prefix("store/") {
        Some(_) => {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            io::copy(&mut hashed, &mut file)?
        }
        None => io::copy(&mut hashed, &mut io::sink())?,
    };
    Ok((bytes, hashed.finish()))
}

/// Compares the files of the archive with those of the manifest.
fn check(manifest: &Manifest, mut found: BTreeMap<String, FileFacts>) -> Result<(), BundleError> {
    for part in manifest.parts.iter().filter(|part| part.ok) {
        let name = part.path.clone();
        let Some((bytes, sha256)) = found.remove(&name) else {
            return Err(BundleError::Missing { name });
        };
        if part.bytes != Some(bytes) {
            return Err(BundleError::Changed { name, what: "size" });
        }
        if part.sha256.as_deref() != Some(sha256.as_str()) {
            return Err(BundleError::Changed {
                name,
                what: "sha256",
            });
        }
    }
    match found.pop_first() {
        Some((name, _)) => Err(BundleError::Unlisted { name }),
        None => Ok(()),
    }
}

/// Ends with an error after a number of bytes.
struct Bounded<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.left = self
            .left
            .checked_sub(length as u64)
            .ok_or(ErrorKind::FileTooLarge)?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::io::Cursor;
    use tar::{Builder, Header};

    /// Files of an archive: names as they are in the headers, kind and content.
    type Files<'a> = Vec<(&'a str, EntryType, Vec<u8>)>;

    fn archive(files: &Files<'_>) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, content) in files {
            let mut header = Header::new_ustar();
            // The methods of the builder refuse such names.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, &content[..]).unwrap();
        }
        zstd::encode_all(&builder.into_inner().unwrap()[..], 1).unwrap()
    }

    fn regular<'a>(name: &'a str, content: &str) -> (&'a str, EntryType, Vec<u8>) {
        (name, EntryType::Regular, content.as_bytes().to_vec())
    }

    fn manifest(parts: &Value) -> (&'static str, EntryType, Vec<u8>) {
        let text = json!({
            "format": "vmlog-evidence", "version": 1, "written_by": "vmlog", "created": "", "host": "h",
            "window": {}, "bytes_max": 1, "seconds_max": 1,
            "records": {"kept": 0, "left_out": 0, "not_read": 0},
            "parts": parts,
        });
        (MANIFEST, EntryType::Regular, text.to_string().into_bytes())
    }

    const SHA256_OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    fn part(name: &str) -> Value {
        json!({"path": name, "ok": true, "bytes": 1, "sha256": SHA256_OF_A})
    }

    fn opened(files: &Files<'_>) -> Result<(UnpackedBundle, tempfile::TempDir), String> {
        opened_bytes(&archive(files))
    }

    /// A bundle that is refused leaves nothing behind.
    fn opened_bytes(bytes: &[u8]) -> Result<(UnpackedBundle, tempfile::TempDir), String> {
        let parent = tempfile::tempdir().unwrap();
        let limits = BundleLimits {
            bytes_max: 1 << 20,
            files_max: 3,
        };
        let read = read_bundle(Cursor::new(bytes), parent.path(), &limits);
        let read = read.map_err(|error| {
            let source = std::error::Error::source(&error);
            match source {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            }
        });
        if read.is_err() {
            assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        }
        Ok((read?, parent))
    }

    fn refused(files: &Files<'_>) -> String {
        opened(files).unwrap_err()
    }

    #[test]
    fn a_good_bundle_is_opened_and_only_its_store_is_written() {
        let parts = json!([part("store/STORE"), part("system/uptime.txt"), {"path": "x", "ok": false, "reason": "no"}]);
        let files = vec![
            regular("store/STORE", "a"),
            regular("system/uptime.txt", "a"),
            manifest(&parts),
        ];
        let (bundle, _parent) = opened(&files).unwrap();
        assert_eq!(bundle.manifest.gaps().collect::<Vec<_>>(), [("x", "no")]);
        assert_eq!(
            fs::read(bundle.store().unwrap().join("STORE")).unwrap(),
            b"a"
        );
        assert!(!bundle.folder().join("system").exists());
        let path = bundle.folder().to_owned();
        drop(bundle);
        assert!(!path.exists());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "/etc/passwd",
            "../up",
            "store/../../up",
            "store//x",
            "store/.hidden",
            "",
            "a/b/c/d",
            "store/x\u{7f}",
            "store/\u{e9}",
            "a\\b",
            "store/",
        ] {
            let error = refused(&vec![regular(name, "a"), manifest(&json!([]))]);
            assert!(error.ends_with("is not a name in a bundle: expected letters, digits and . _ - with / between them"), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        for (kind, found) in [
            (EntryType::Symlink, "a link"),
            (EntryType::Link, "a link"),
            (EntryType::Char, "a device"),
            (EntryType::Block, "a device"),
            (EntryType::Fifo, "a pipe"),
            (EntryType::Directory, "a folder"),
            (EntryType::GNULongName, "an extension of the format"),
            (EntryType::XHeader, "an extension of the format"),
            (EntryType::GNUSparse, "an extension of the format"),
        ] {
            let error = refused(&vec![
                ("store/x", kind, b"store/y".to_vec()),
                manifest(&json!([])),
            ]);
            assert_eq!(
                error,
                format!("store/x: expected a regular file, found {found}"),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn archive_and_manifest_must_agree() {
        let one = || regular("store/a", "a");
        for (files, error) in [
            (
                vec![one()],
                "the last file of the archive is not manifest.json",
            ),
            (
                vec![manifest(&json!([])), one()],
                "the last file of the archive is not manifest.json",
            ),
            (
                vec![one(), one(), manifest(&json!([part("store/a")]))],
                "store/a is in the archive twice",
            ),
            (
                vec![manifest(&json!([part("store/a")]))],
                "store/a is in the manifest, but not in the archive",
            ),
            (
                vec![one(), manifest(&json!([]))],
                "store/a is in the archive, but not in the manifest",
            ),
            (
                vec![regular("store/a", "b"), manifest(&json!([part("store/a")]))],
                "store/a was changed: its sha256 is not the one in the manifest",
            ),
            (
                vec![
                    regular("store/a", "aa"),
                    manifest(&json!([part("store/a")])),
                ],
                "store/a was changed: its size is not the one in the manifest",
            ),
            (
                vec![regular(MANIFEST, "{}")],
                "manifest.json cannot be read: missing field `format` at line 1 column 2",
            ),
            (
                vec![regular(
                    MANIFEST,
                    r#"{"format": "vmlog-evidence", "version": 2}"#,
                )],
                "the bundle has version 2 of the format, this program knows version 1: use a newer vmlog",
            ),
            (
                vec![regular(MANIFEST, r#"{"format": "other", "version": 1}"#)],
                "manifest.json cannot be read: expected format \"vmlog-evidence\", found \"other\"",
            ),
        ] {
            assert_eq!(refused(&files), error);
        }
    }

    #[test]
    fn bombs_are_refused_early() {
        let zeros = |name| (name, EntryType::Regular, vec![0; 700 << 10]);
        let error = refused(&vec![zeros("a"), zeros("b"), manifest(&json!([]))]);
        assert_eq!(error, "the size of the archive exceeds 1048576");
        // Also of what only claims to be a file.
        let small = |name| regular(name, "a");
        let error = refused(&vec![
            small("a"),
            small("b"),
            small("c"),
            small("d"),
            manifest(&json!([])),
        ]);
        assert_eq!(error, "the number of files exceeds 3");
        let zip_bomb = zstd::encode_all(io::repeat(0).take(1 << 30), 1).unwrap();
        let error = opened_bytes(&zip_bomb).unwrap_err();
        assert!(
            error.contains("manifest.json") || error.contains("exceeds"),
            "{error}"
        );
    }

    #[test]
    fn every_beginning_of_a_bundle_is_an_error() {
        let parts = json!([part("store/a")]);
        let whole = archive(&vec![regular("store/a", "a"), manifest(&parts)]);
        assert!(opened_bytes(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(opened_bytes(&whole[..length]).is_err(), "{length}");
        }
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            let _ = opened_bytes(&changed);
        }
        assert!(opened_bytes(b"not an archive").is_err());
    }
}
