//! The state of an active file after the frames so far. The content stays in the file.

use super::active::{ActiveFile, ActiveSegment};
use super::group::Group;
use super::weights::{RowWeight, Weights};
use crate::record::{Position, Positions, Source};
use crate::store::format::batch::{BatchColumns, Damage, Dictionary};
use crate::store::format::payload::{BatchPayload, FramePayload};
use crate::store::format::stream::StreamPlace;
use std::ops::Range;
use std::sync::Arc;

/// The state of an active file after the frames so far.
#[derive(Debug)]
pub(in crate::store) struct ActiveIndex {
    /// The id that the next record gets.
    pub(in crate::store) next_id: u64,
    pub(in crate::store) low_water: u64,
    pub(in crate::store) positions: Positions,
    pub(in crate::store) dictionary: Dictionary,
    /// Whether there was a state frame: without it positions are missing.
    pub(in crate::store) has_state: bool,
    first_id: u64,
    raw_length: u64,
    weights: Weights,
    groups: Vec<Arc<Group>>,
}

impl ActiveIndex {
    /// The state of a file without frames.
    pub(in crate::store) fn new(first_id: u64) -> Self {
        Self {
            next_id: first_id,
            low_water: 0,
            positions: Positions::new(),
            dictionary: Dictionary::default(),
            has_state: false,
            first_id,
            raw_length: 0,
            weights: Weights::default(),
            groups: vec![],
        }
    }

    pub(in crate::store) fn rows(&self) -> u64 {
        self.weights.rows()
    }

    pub(in crate::store) fn first_id(&self) -> u64 {
        self.first_id
    }

    /// The size of all batches, uncompressed.
    pub(in crate::store) fn raw_length(&self) -> u64 {
        self.raw_length
    }

    pub(in crate::store) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Adds a frame that was read from these bytes of the file.
    pub(in crate::store) fn replay(
        &mut self,
        payload: &FramePayload<'_>,
        bytes: Range<u64>,
    ) -> Result<(), Damage> {
        match payload {
            FramePayload::Batch(payload) => {
                let batch = &payload.columns;
                // Ids are missing if a frame was lost; they are not used again.
                let is_gap = batch.first_id != self.next_id;
                if batch.first_id < self.next_id
                    || batch.first_id - self.next_id > ID_GAP_MAX
                    || is_gap && payload.stream == StreamPlace::Later
                {
                    return Err(Damage("batch first id"));
                }
                check_rows(batch)?;
                for (number, source) in &batch.names {
                    self.dictionary.learn(*number, source)?;
                }
                self.add_batch(payload, bytes);
            }
            FramePayload::State(low_water, positions) => {
                self.low_water = self.low_water.max(*low_water);
                self.positions.clear();
                self.apply(positions);
                self.has_state = true;
            }
            FramePayload::LowWater(low_water) => {
                self.low_water = self.low_water.max(*low_water);
            }
        }
        Ok(())
    }

    /// Adds a batch whose sources are in the dictionary already.
    pub(in crate::store) fn add_batch(&mut self, payload: &BatchPayload<'_>, bytes: Range<u64>) {
        let batch = &payload.columns;
        self.next_id = batch.ids().end;
        self.raw_length += payload.raw_length;
        self.apply(&batch.positions);
        let lengths = batch.message_lengths().zip(batch.metadata_lengths());
        for (source, (message, metadata)) in batch.sources().zip(lengths) {
            self.weights.add(RowWeight {
                source,
                bytes: u64::from(message) + u64::from(metadata),
            });
        }
        let Some(group) = Group::new(payload, bytes) else {
            return;
        };
        let joins = match payload.stream {
            StreamPlace::First => false,
            StreamPlace::Apart => self.can_extend(batch.first_id),
            // It cannot be read apart from the stream.
            StreamPlace::Later => true,
        };
        let group = if let Some(open) = self.groups.pop_if(|_| joins) {
            open.extended(&group)
        } else {
            self.skip();
            group
        };
        self.groups.push(Arc::new(group));
    }

    /// Whether the last group takes a batch that begins with this id.
    pub(in crate::store) fn can_extend(&self, first_id: u64) -> bool {
        let follows = |last: &Arc<Group>| !last.is_full && last.summary.ids.end == first_id;
        self.groups.last().is_some_and(follows)
    }

    /// The next frame does not follow directly on the last one: it begins another group.
    pub(in crate::store) fn skip(&mut self) {
        if let Some(open) = self.groups.pop_if(|group| !group.is_full) {
            let mut group = open.as_ref().clone();
            group.is_full = true;
            self.groups.push(Arc::new(group));
        }
    }

    fn apply(&mut self, positions: &[Position]) {
        for Position { origin, value } in positions {
            match value {
                Some(value) => self.positions.insert(origin.clone(), value.clone()),
                None => self.positions.remove(origin),
            };
        }
    }

    /// The present state for readers.
    pub(in crate::store) fn snapshot(
        &self,
        file: &ActiveFile,
    ) -> (Arc<Vec<Source>>, ActiveSegment) {
        let segment = ActiveSegment::new(file.clone(), self.groups.clone());
        (Arc::clone(self.dictionary.names()), segment)
    }
}

/// Checks that the numbers in the rows of a batch are valid.
fn check_rows(batch: &BatchColumns<'_>) -> Result<(), Damage> {
    let named = |number| {
        batch
            .names
            .binary_search_by_key(&number, |(number, _)| *number)
    };
    if batch.sources().any(|source| named(source).is_err()) {
        return Err(Damage("row sources"));
    }
    if batch.levels().any(|level| level.is_none()) {
        return Err(Damage("levels"));
    }
    if batch.messages().any(|message| message.is_none()) {
        return Err(Damage("message lengths"));
    }
    Ok(())
}

/// More ids than a frame can have records: a greater gap cannot be a loss.
const ID_GAP_MAX: u64 = 1 << 40;
