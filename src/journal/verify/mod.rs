//! Verifies a file against the format: checks every object and follows every reference.
//!
//! The walk over the objects keeps about as much memory for a DATA object as the object takes in the file. Only the
//! form of seals is checked: whether a seal is genuine can be verified only with the key, which a reader does not
//! have.

mod links;
mod objects;
mod span;

use super::figures::Figures;
use crate::journal::file::journal_file::JournalFile;
use crate::journal::file::payload::Inflater;
use crate::journal::format::error::Error;
use crate::journal::format::layout;
use crate::journal::stream::journal::Journal;
use objects::VerifiedObjects;
use std::path::PathBuf;

/// Maximum number of attempts for a file that grows while it is checked.
const ATTEMPTS: usize = 5;

/// The result of verifying a file.
#[derive(Debug)]
pub struct FileVerdict {
    /// The file.
    pub path: PathBuf,
    /// Whether it has seals, of which only the form was checked.
    pub sealed: bool,
    /// The first fault found.
    pub error: Option<Error>,
}

impl Journal {
    /// Verifies every file completely. Files that cannot be opened are among the verdicts.
    pub fn verify(&mut self) -> Vec<FileVerdict> {
        let mut verdicts = Vec::new();
        let mut inflater = Inflater::default();
        let limit = self.options.field_bytes_max;
        for member in &mut self.members {
            let was_open = member.file.is_open();
            let verified = verify(&mut member.file, &mut inflater, limit);
            member.file.release();
            if !was_open {
                member.file.close();
            }
            verdicts.push(FileVerdict {
                path: member.path.clone(),
                sealed: matches!(verified, Ok(true)),
                error: verified.err(),
            });
        }
        verdicts.extend(self.failed.iter().map(|failed| FileVerdict {
            path: failed.path.clone(),
            sealed: false,
            error: Some(failed.error.copied()),
        }));
        verdicts.sort_by(|a, b| a.path.cmp(&b.path));
        verdicts
    }
}

/// Verifies one file; returns whether it is sealed.
fn verify(file: &mut JournalFile, inflater: &mut Inflater, limit: usize) -> Result<bool, Error> {
    let mut attempt = 1;
    loop {
        file.release();
        file.refresh()?;
        let raw = file.raw_header()?;
        let figures = Figures::parse(PathBuf::new(), &raw)?;
        let mut parts = file.parts(inflater);
        let verified = VerifiedObjects::whole(&mut parts, &figures, limit)
            .and_then(|mut walk| links::check(&mut parts, &figures, &mut walk));
        let is_still = attempt >= ATTEMPTS || file.raw_header()? == raw;
        if verified.is_ok() || is_still {
            let sealed = figures.compatible_flags & layout::COMPATIBLE_SEALED != 0;
            return verified.map(|()| sealed);
        }
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::stream::options::JournalOptions;
    use std::path::Path;

    fn verdict(bytes: &[u8]) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.journal");
        std::fs::write(&path, bytes).unwrap();
        let mut journal = Journal::open(JournalOptions {
            files: vec![path],
            ..JournalOptions::default()
        });
        let [verdict] = journal.verify().try_into().unwrap();
        verdict.error.map(|error| error.to_string())
    }

    fn fixtures() -> Vec<(String, Vec<u8>)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal");
        let names = std::fs::read_dir(root).unwrap();
        let mut all: Vec<_> = names
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "journal"))
            .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn sound_files_pass() {
        let fixtures = fixtures();
        assert!(fixtures.len() >= 6);
        for (name, bytes) in fixtures {
            assert_eq!(verdict(&bytes), None, "{name}");
        }
    }

    /// Bytes that no check can cover: reserved ones, the machine, padding, and links that systemd uses only as hints.
    #[test]
    fn nearly_every_flipped_bit_fails() {
        for (name, bytes) in fixtures().into_iter().take(2) {
            let (mut flips, mut found) = (0, 0);
            for at in (300..bytes.len()).step_by(47).filter(|at| bytes[*at] != 0) {
                let mut flipped = bytes.clone();
                flipped[at] ^= 4;
                flips += 1;
                found += usize::from(verdict(&flipped).is_some());
            }
            assert!(flips > 50, "{name}: {flips}");
            assert!(found * 100 >= flips * 80, "{name}: {found} of {flips}");
        }
    }

    #[test]
    fn faults_are_reported_with_their_offset() {
        let (_, bytes) = fixtures().swap_remove(0);
        let mut cases = Vec::new();
        let mut changed = |at: usize, byte: u8| {
            let mut changed = bytes.clone();
            changed[at] ^= byte;
            cases.extend(verdict(&changed));
        };
        changed(152, 1);
        changed(136, 8);
        changed(160, 1);
        changed(208, 1);
        assert_eq!(cases.len(), 4, "{cases:?}");
        for (case, what) in cases.iter().zip([
            "number of entries at offset 152",
            "tail object offset at offset 136",
            "tail entry seqnum at offset 160",
            "number of data objects at offset 208",
        ]) {
            assert!(case.starts_with(what), "{case}");
        }
    }
}
