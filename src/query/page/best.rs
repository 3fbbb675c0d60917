//! The best hits of all blocks so far.

use crate::query::page::block_hits::{BlockHit, BlockHits};
use crate::query::page::carried::ByRank;
use crate::query::scan::rank::Rank;
use crate::query::scan::run::Sink;

/// A row that matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) rank: Rank,
    pub(super) row: u32,
    /// Index in [`Best::blocks`].
    pub(super) block: u32,
}

/// The best hits so far.
pub(super) struct Best {
    pub(super) size: usize,
    /// Best first.
    pub(super) hits: Vec<Hit>,
    /// Segment and block of every block with a hit, in the order of their arrival.
    pub(super) blocks: Vec<(usize, usize)>,
    /// Records of some hits.
    pub(super) carried: ByRank,
}

impl Best {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            hits: Vec::new(),
            blocks: Vec::new(),
            carried: ByRank::new(),
        }
    }

    /// Adds the hits of another block.
    fn merge(&mut self, hits: &[BlockHit], place: (usize, usize)) {
        let Ok(block) = u32::try_from(self.blocks.len()) else {
            return;
        };
        self.blocks.push(place);
        let known = std::mem::take(&mut self.hits);
        let room = self.size.min(known.len() + hits.len());
        self.hits.reserve_exact(room);
        let (mut of_known, mut of_block) = (0, 0);
        // which list comes next is nearly random: without a branch this takes half the time
        for _ in 0..room {
            let old = known.get(of_known).copied().unwrap_or(Hit::NONE);
            let new = hits.get(of_block).map_or(Hit::NONE, |(rank, row)| Hit {
                rank: *rank,
                row: *row,
                block,
            });
            let is_new = new.rank > old.rank;
            self.hits.push(if is_new { new } else { old });
            of_block += usize::from(is_new);
            of_known += usize::from(!is_new);
        }
    }
}

impl Hit {
    /// Comes after all others.
    const NONE: Self = Self {
        rank: Rank::LEAST,
        row: 0,
        block: 0,
    };
}

impl Sink<BlockHits> for Best {
    fn wants(&self, bound: Rank) -> bool {
        self.floor().is_none_or(|floor| bound > floor)
    }

    fn take(&mut self, mut found: BlockHits) {
        if found.hits.is_empty() {
            return;
        }
        self.merge(&found.hits, found.place);
        self.carried.append(&mut found.carried);
        if let Some(floor) = self.floor() {
            self.carried = self.carried.split_off(&floor);
        }
    }

    fn floor(&self) -> Option<Rank> {
        let worst = self.hits.last().map(|hit| hit.rank);
        worst.filter(|_| self.hits.len() >= self.size)
    }
}
