//! Copying the evidence of a span of time into a new store, for a bundle that leaves the machine: bounded in bytes and in time, the newest
//! records first. The copy has an identity of its own, and the ids of the records.

use super::repair;
use super::snapshot;
use crate::disk::Disk;
use crate::record::Positions;
use crate::store::error::Error;
use crate::store::evidence::thinner::Thinner;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::format::footer::Facts;
use crate::store::format::layout::{Degree, Thinning};
use crate::store::read::reader::View;
use crate::store::read::segment::Segment;
use crate::store::write::append::{ActiveWriter, FrameWriter};
use crate::store::write::seal;
use crate::time::Micros;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Which records are copied, and the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceWindow {
    /// Their times, both ends included.
    pub times: RangeInclusive<Micros>,
    /// How many of the newest records of each source are copied, whatever they are.
    pub newest_per_source: u64,
    /// The maximum size of the segment files in bytes.
    pub bytes_max: u64,
    /// When the copy ends, complete or not.
    pub deadline: Instant,
}

/// What was copied.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EvidenceCopy {
    /// The number of records in the copy.
    pub records: u64,
    /// The number of records of these times that were looked at and are not evidence.
    pub left_out: u64,
    /// The number of older records that were not looked at because a bound was reached. Some may be of other times.
    pub not_read: u64,
    /// The bound that ended the copy.
    pub ended_by: Option<CopyBound>,
    /// The size of the segment files in bytes.
    pub bytes: u64,
    /// Damage in the store: these records are missing.
    pub damage: Vec<Error>,
}

/// A bound of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyBound {
    /// The maximum size.
    Bytes,
    /// The maximum time.
    Time,
}

/// Copies the evidence of a view to a new store at `to`, a new or empty folder. Problems, runs, provisioning and events are whole; of
/// other records remain warnings and errors, and the newest of each source, as when a store is thinned.
pub fn copy_evidence(
    disk: &Arc<dyn Disk>,
    view: &View,
    to: &Path,
    window: &EvidenceWindow,
) -> Result<EvidenceCopy, Error> {
    let target = snapshot::claim(disk, to)?;
    let identity = Identity::new().map_err(Error::io("make an id for", to))?;
    let mut copying = Copying {
        target: &target,
        identity: &identity,
        view,
        window,
        frames: FrameWriter::default(),
        copy: EvidenceCopy::default(),
    };
    let segments = view.segments();
    for (index, segment) in segments.iter().enumerate().rev() {
        let newer = segments.get(index + 1..).unwrap_or_default();
        copying.segment(segment, newer)?;
    }
    let (ids, none) = (view.ids(), Positions::new());
    ActiveWriter::create(&target, &identity, ids.end, ids.start, &none)?;
    target.write_identity(&identity)?;
    Ok(copying.copy)
}

struct Copying<'a> {
    target: &'a Directory,
    identity: &'a Identity,
    view: &'a View,
    window: &'a EvidenceWindow,
    frames: FrameWriter,
    copy: EvidenceCopy,
}

impl Copying<'_> {
    /// Copies the evidence of a segment, unless a bound was reached.
    fn segment(&mut self, segment: &Arc<Segment>, newer: &[Arc<Segment>]) -> Result<(), Error> {
        if self.copy.ended_by.is_some() {
            self.copy.not_read += segment.rows();
            return Ok(());
        }
        let times = self.window.times.clone();
        // The newest records of a source may be of later times than the window.
        let newer = newer.iter().filter(|newer| is_within(newer, &times));
        let newest_max = self.window.newest_per_source;
        let (input, ids) = (Arc::clone(segment), self.view.ids());
        let mut thinner = Thinner::copying(input, ids, times.clone(), newer, newest_max);
        loop {
            if Instant::now() >= self.window.deadline {
                self.end(CopyBound::Time, segment);
                return Ok(());
            }
            if thinner.step()?.is_none() {
                break;
            }
        }
        let records = thinner.take_records();
        let left_out = thinner.rows_in_times() - (records.len() as u64);
        self.copy.damage.extend(thinner.damage.take());
        if records.is_empty() {
            self.copy.left_out += left_out;
            return Ok(());
        }
        let ids = segment.ids();
        let (first_id, low_water) = (ids.start, self.view.ids().start);
        let (identity, positions) = (self.identity, Positions::new());
        let mut writer =
            ActiveWriter::create(self.target, identity, first_id, low_water, &positions)?;
        repair::rewrite(&mut self.frames, &mut writer, &records)?;
        writer.header.thinning = Some(Thinning {
            degree: Degree::Evidence,
            removed: left_out + segment.thinned(),
        });
        let facts = Facts {
            sealed: Micros::now(),
            low_water,
            positions,
        };
        seal::seal_whole(self.target, &writer, facts, Some(ids.end))?;
        self.target.remove(&writer.file.path)?;
        let path = self.target.sealed(first_id);
        let length = || self.target.disk.open(&path)?.length();
        let bytes = length().map_err(Error::io("open", &path))?;
        if self.copy.bytes + bytes > self.window.bytes_max {
            self.target.remove(&path)?;
            self.end(CopyBound::Bytes, segment);
            return Ok(());
        }
        self.copy.bytes += bytes;
        self.copy.records += records.len() as u64;
        self.copy.left_out += left_out;
        Ok(())
    }

    fn end(&mut self, bound: CopyBound, segment: &Segment) {
        self.copy.ended_by = Some(bound);
        self.copy.not_read += segment.rows();
    }
}

/// Whether all records of a segment are of these times.
fn is_within(segment: &Segment, times: &RangeInclusive<Micros>) -> bool {
    segment.blocks().all(|block| {
        let of_block = &block.summary().times;
        times.contains(of_block.start()) && times.contains(of_block.end())
    })
}
