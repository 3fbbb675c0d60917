//! A cache of decoded columns: a client that reads page after page needs the same blocks again.

use super::columns::Columns;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The least recently used blocks are dropped when the bytes exceed a bound.
#[derive(Debug)]
pub(in crate::store) struct Cache {
    kept: Mutex<Kept>,
    bytes_max: usize,
    keys: AtomicU64,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(BYTES_MAX)
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// In order of use, the most recent last.
    blocks: VecDeque<(CacheKey, Arc<Columns>)>,
    bytes: usize,
}

/// The key of a sealed block is the number of its file and its offset; that of a group of an active file is its range.
pub(in crate::store) type CacheKey = (u64, u64);

impl Cache {
    pub(in crate::store) fn new(bytes_max: usize) -> Self {
        Self {
            kept: Mutex::default(),
            bytes_max,
            keys: AtomicU64::new(0),
        }
    }

    /// A number for another file whose blocks share the cache.
    pub(in crate::store) fn new_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// The columns of a block, decoded unless they are in the cache. Two readers may decode the same block at the same time.
    pub(in crate::store) fn columns<E>(
        &self,
        key: CacheKey,
        decode: impl FnOnce() -> Result<Columns, E>,
    ) -> Result<Arc<Columns>, E> {
        if let Some(kept) = self.kept().touch(key) {
            return Ok(kept);
        }
        let columns = Arc::new(decode()?);
        self.kept().add(key, &columns, self.bytes_max);
        Ok(columns)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn touch(&mut self, key: CacheKey) -> Option<Arc<Columns>> {
        let index = self.blocks.iter().position(|(kept, _)| *kept == key)?;
        let block = self.blocks.remove(index)?;
        let columns = Arc::clone(&block.1);
        self.blocks.push_back(block);
        Some(columns)
    }

    fn add(&mut self, key: CacheKey, columns: &Arc<Columns>, bytes_max: usize) {
        let bytes = columns.bytes();
        if bytes > bytes_max / 4 || self.touch(key).is_some() {
            return;
        }
        self.bytes += bytes;
        self.blocks.push_back((key, Arc::clone(columns)));
        while self.bytes > bytes_max {
            let Some((_, oldest)) = self.blocks.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes();
        }
    }
}

/// A page needs a block of each busy source: a dozen of half a megabyte each.
const BYTES_MAX: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(cache: &Cache, key: CacheKey, bytes: usize) -> bool {
        let mut decoded = false;
        let columns = || {
            decoded = true;
            Ok::<_, ()>(Columns::of_bytes(bytes))
        };
        assert_eq!(cache.columns(key, columns).unwrap().bytes(), bytes);
        decoded
    }

    #[test]
    fn keeps_recently_used_blocks_within_its_bound() {
        let cache = Cache::default();
        let quarter = BYTES_MAX / 4;
        for block in 0..4 {
            assert!(decode(&cache, (1, block), quarter));
        }
        assert!(!decode(&cache, (1, 0), quarter));
        assert!(decode(&cache, (2, 0), quarter), "another segment");
        assert!(!decode(&cache, (1, 0), quarter), "used lately");
        assert!(
            decode(&cache, (1, 1), quarter),
            "the one used first is gone"
        );
        assert!(cache.kept().bytes <= BYTES_MAX);
    }

    #[test]
    fn keeps_no_large_block_and_no_failure() {
        let cache = Cache::default();
        assert!(decode(&cache, (1, 0), BYTES_MAX));
        assert!(decode(&cache, (1, 0), BYTES_MAX));
        assert_eq!(cache.columns((1, 1), || Err(7)).unwrap_err(), 7);
        assert!(decode(&cache, (1, 1), 10));
    }
}
