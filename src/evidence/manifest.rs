//! The manifest of a bundle: what it is, and every part of it.

use super::error::BundleError;
use serde::{Deserialize, Serialize};

/// The name of the manifest in the archive. It is the last file, because it has the hashes of all others.
pub(super) const MANIFEST: &str = "manifest.json";
/// The value of `format`.
pub(super) const FORMAT: &str = "vmlog-evidence";
/// The version of the format.
pub(super) const VERSION: u64 = 1;

/// Says what a bundle has, and what is missing in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Always `vmlog-evidence`.
    pub format: String,
    /// The version of the format: 1.
    pub version: u64,
    /// The version of the program that wrote it.
    pub written_by: String,
    /// When it was begun, in RFC 3339.
    pub created: String,
    /// The name of the machine.
    pub host: String,
    /// The boot of the machine, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The times of the records.
    pub window: BundleWindow,
    /// The maximum sum of the sizes of all parts in bytes.
    pub bytes_max: u64,
    /// The maximum time in seconds until all parts were collected.
    pub seconds_max: u64,
    /// The records in `store/`.
    pub records: CopiedRecords,
    /// All parts, in the order of the archive; those without a file have a reason.
    pub parts: Vec<PartEntry>,
}

/// A span of time; an end that is absent is open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BundleWindow {
    /// From this time on, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Up to this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// How many records were copied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CopiedRecords {
    /// Records in the bundle.
    pub kept: u64,
    /// Records of the window that thinning left out.
    pub left_out: u64,
    /// Older records that were not read because a bound was reached; some may be of other times.
    pub not_read: u64,
    /// The bound that ended the copy: `bytes` or `time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Damage in the store: these records are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
}

/// A part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartEntry {
    /// Its name in the archive.
    pub path: String,
    /// Whether it is there.
    pub ok: bool,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The SHA-256 of its content, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why it is not there, or not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PartEntry {
    /// A part without a file.
    pub(super) fn failed(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ok: false,
            bytes: None,
            sha256: None,
            reason: Some(reason.into()),
        }
    }
}

impl Manifest {
    /// Reads a manifest. Unknown keys are ignored.
    pub(super) fn parse(text: &[u8]) -> Result<Self, BundleError> {
        /// What every version has.
        #[derive(Deserialize)]
        struct ManifestVersion {
            format: String,
            version: u64,
        }
        let wrong = |error: serde_json::Error| BundleError::Manifest {
            why: error.to_string(),
        };
        let beginning: ManifestVersion = serde_json::from_slice(text).map_err(wrong)?;
        if beginning.format != FORMAT {
            return Err(BundleError::Manifest {
                why: format!("expected format {FORMAT:?}, found {:?}", beginning.format),
            });
        }
        if beginning.version != VERSION {
            let found = beginning.version;
            return Err(BundleError::Version { found });
        }
        serde_json::from_slice(text).map_err(wrong)
    }

    /// Parts that are missing or not complete, with the reason.
    pub fn gaps(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.parts.iter();
        parts.filter_map(|part| Some((part.path.as_str(), part.reason.as_deref()?)))
    }
}
