//! Secrets that earlier records of a source have left open, and their effect on the next record.

use super::announced::Announcements;
use super::keys::OpenKeys;
use super::parts::OpenLines;
use super::saved;
use super::saved::SavedSecrets;
use crate::record::Position;
use crate::record::Positions;
use crate::record::Record;
use crate::record::Source;
use crate::redact::edit::Edit;
use crate::redact::scan::RecordScan;
use crate::redact::scan::SecretName;
use std::collections::BTreeSet;

/// Secrets that earlier records have left open.
#[derive(Debug, Clone, Default)]
pub(in crate::redact) struct OpenSecrets {
    keys: OpenKeys,
    lines: OpenLines,
    announcements: Announcements,
    /// Sources whose state may have changed since it was last saved.
    changed: BTreeSet<Source>,
}

impl OpenSecrets {
    /// Whether a secret is open in a source.
    pub(in crate::redact) fn holds(&self, source: &Source) -> bool {
        self.keys.get(source).is_some()
            || self.announcements.get(source).is_some()
            || self.lines.has(source)
    }

    fn saved(&self, source: &Source) -> SavedSecrets {
        SavedSecrets {
            key: self.keys.get(source).cloned(),
            announcement: self.announcements.get(source),
            lines: self.lines.get(source),
        }
    }

    /// Notes how a record is stored. `was_open` says whether anything was open in its source before it.
    pub(in crate::redact) fn stored(&mut self, record: &Record, was_open: bool) {
        self.lines.stored(&record.message);
        if was_open || self.holds(&record.source) {
            self.changed.insert(record.source.clone());
        }
    }

    /// Continues where an earlier redactor was, according to the positions of a store.
    pub(in crate::redact) fn restore(&mut self, positions: &Positions) {
        for (origin, value) in positions {
            let source = origin.strip_prefix(saved::ORIGIN);
            if let Some(source) = source.and_then(|source| source.parse::<Source>().ok()) {
                self.restore_source(&source, SavedSecrets::decoded(value));
            }
        }
    }

    /// The state of each source that has changed since the last call.
    pub(in crate::redact) fn changes(&mut self) -> Vec<Position> {
        self.changed.extend(self.keys.given_up.drain(..));
        self.changed.extend(self.lines.given_up.drain(..));
        self.changed.extend(self.announcements.given_up.drain(..));
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed
            .map(|source| Position {
                origin: format!("{}{source}", saved::ORIGIN),
                value: self.saved(&source).encoded(),
            })
            .collect()
    }

    fn restore_source(&mut self, source: &Source, saved: SavedSecrets) {
        if let Some(key) = saved.key {
            self.keys.keep(source, key);
        }
        if let Some(announcement) = saved.announcement {
            self.announcements.keep(source, announcement);
        }
        for line in saved.lines {
            self.lines.restore(source, line);
        }
    }

    /// The secrets of this message that earlier records reveal.
    pub(in crate::redact) fn known(&mut self, scan: &RecordScan<'_>, record: &Record) -> Vec<Edit> {
        let mut known = self.known_of_lines(scan, &record.source, &record.message);
        if let Some(around) = self.lines.around(record) {
            known.extend(scan.edits_between(&around.before, &record.message, around.continues));
            if around.hidden > 0
                && let Some(rule) = scan.announced()
            {
                known.push(Edit::bare(rule, 0..around.hidden));
            }
        }
        known
    }

    /// The secrets that earlier whole lines reveal.
    pub(in crate::redact) fn known_of_lines(
        &mut self,
        scan: &RecordScan<'_>,
        source: &Source,
        message: &str,
    ) -> Vec<Edit> {
        let mut known = self.known_of_key(scan, source, message);
        if let Some(rule) = scan.announced() {
            let is_secret = |name: &str| scan.name(name, false).is_some_and(SecretName::is_certain);
            let secrets = self.announcements.secrets(source, message, is_secret);
            known.extend(secrets.into_iter().map(|range| Edit::bare(rule, range)));
        }
        known
    }

    /// The parts of a private key that began in an earlier record.
    fn known_of_key(&mut self, scan: &RecordScan<'_>, source: &Source, message: &str) -> Vec<Edit> {
        let Some(rule) = scan.private_key() else {
            return Vec::new();
        };
        let parts = self.keys.parts(source, message).into_iter();
        parts.map(|range| Edit::bare(rule, range)).collect()
    }
}
