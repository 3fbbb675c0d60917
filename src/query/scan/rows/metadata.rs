//! Metadata of the rows of a block: read once, and decoded only where it may match.

use super::Rows;
use crate::query::expression::values;
use crate::query::scan::metadata_of::MetadataOf;
use crate::query::scan::need::MetadataNeed;
use crate::query::text::search::{SearchScratch, common};
use crate::record::Metadata;
use crate::store::Error;
use foldhash::fast::RandomState;
use memchr::memmem::Finder;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

impl Rows<'_> {
    /// Calls `take` with each different metadata that has `key`, and the number of kept rows that have this metadata.
    pub(in crate::query) fn each_metadata(
        &self,
        key: &str,
        take: impl FnMut(&Metadata, u64),
    ) -> Result<(), Error> {
        self.group_metadata(key, |count: &mut u64, _| *count += 1, take)
    }

    /// Calls `take` with each different metadata that has `key`, and the group that `add` built from its rows. Equal metadata is
    /// decoded once.
    pub(in crate::query) fn group_metadata<T: Default>(
        &self,
        key: &str,
        add: impl Fn(&mut T, u32),
        mut take: impl FnMut(&Metadata, T),
    ) -> Result<(), Error> {
        let metadata = self.metadata()?;
        let needle = Finder::new(values::key_needle(key));
        let mut groups: HashMap<&[u8], (u32, T), RandomState> = HashMap::default();
        for row in self.indexes() {
            let bytes = metadata.bytes(row as usize);
            if let Some((_, group)) = groups.get_mut(bytes) {
                add(group, row);
            } else if needle.find(bytes).is_some() {
                let mut group = T::default();
                add(&mut group, row);
                groups.insert(bytes, (row, group));
            }
        }
        for (row, group) in groups.into_values() {
            take(&metadata.get(row as usize)?, group);
        }
        Ok(())
    }

    /// Calls `take` with each different value under `key`, and the number of kept rows that have it; the same value may come again. Only
    /// this value of a row is decoded.
    pub(in crate::query) fn each_value(
        &self,
        key: &str,
        mut take: impl FnMut(&Value, u64),
    ) -> Result<(), Error> {
        let outer = values::key_needle(key);
        let is_read = self.metadata.is_some() || self.cached.is_some();
        // a path may lead into the value of another key
        if !is_read
            && outer == key
            && let Some(column) = self.block.values_of_key(key)?
        {
            let mut counts: HashMap<&[u8], u64, RandomState> = HashMap::default();
            for row in self.indexes() {
                let value = column.bytes(row as usize);
                if !value.is_empty() {
                    *counts.entry(value).or_default() += 1;
                }
            }
            for (bytes, rows) in counts {
                take(&column.decode(bytes)?, rows);
            }
            return Ok(());
        }
        let metadata = self.metadata()?;
        let mut counts: HashMap<(&[u8], bool), u64, RandomState> = HashMap::default();
        for row in self.indexes() {
            let row = row as usize;
            let own = metadata.value_bytes(row, key)?;
            let is_outer = own.is_empty() && outer != key;
            let value = if is_outer {
                metadata.value_bytes(row, outer)?
            } else {
                own
            };
            if !value.is_empty() {
                *counts.entry((value, is_outer)).or_default() += 1;
            }
        }
        let path = key.split('.').skip(1);
        for ((bytes, is_outer), rows) in counts {
            let value = metadata.decode_value(bytes)?;
            let mut value = Some(&value);
            if is_outer {
                value = path
                    .clone()
                    .fold(value, |value, part| value?.as_object()?.get(part));
            }
            if let Some(value) = value {
                take(value, rows);
            }
        }
        Ok(())
    }

    /// Keeps the rows whose metadata matches. Equal metadata is decoded once; metadata that cannot match is not decoded.
    pub(in crate::query) fn retain_metadata(
        &mut self,
        need: &MetadataNeed<'_>,
        matches: impl Fn(&Metadata) -> bool,
        scratch: &mut SearchScratch,
    ) -> Result<(), Error> {
        let Some(metadata) = self.metadata_where(|bytes| need.may_hold(bytes, scratch))? else {
            self.kept = Some(Vec::new());
            return Ok(());
        };
        let rows = match (need.rows(&metadata, scratch), &self.kept) {
            (Some(found), Some(kept)) => common(kept, &found),
            (Some(found), None) => found,
            (None, _) => self.indexes(),
        };
        let mut kept = Vec::new();
        if !rows.is_empty() && need.may_hold(metadata.all_bytes(), scratch) {
            let mut verdicts: HashMap<&[u8], bool, RandomState> = HashMap::default();
            for row in rows {
                let bytes = metadata.bytes(row as usize);
                let is_match = if let Some(verdict) = verdicts.get(bytes) {
                    *verdict
                } else {
                    let verdict =
                        need.may_hold(bytes, scratch) && matches(&metadata.get(row as usize)?);
                    verdicts.insert(bytes, verdict);
                    verdict
                };
                if is_match {
                    kept.push(row);
                }
            }
        }
        self.kept = Some(kept);
        if !self.is_empty() {
            self.metadata = Some(metadata);
        }
        Ok(())
    }

    fn metadata(&self) -> Result<MetadataOf, Error> {
        match (&self.metadata, &self.cached) {
            (Some(metadata), _) => Ok(metadata.clone()),
            (None, Some(cached)) => Ok(MetadataOf::Cached(Arc::clone(cached))),
            (None, None) => Ok(MetadataOf::Read(Arc::new(self.block.metadata()?))),
        }
    }

    /// The metadata; `None` if it was still to be read, and `may_hold` denies all of it.
    fn metadata_where(
        &self,
        may_hold: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<MetadataOf>, Error> {
        if self.metadata.is_some() || self.cached.is_some() {
            return self.metadata().map(Some);
        }
        let read = self.block.metadata_where(may_hold)?;
        Ok(read.map(|metadata| MetadataOf::Read(Arc::new(metadata))))
    }
}
