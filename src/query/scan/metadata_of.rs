//! The metadata of a block, wherever it is.

use crate::query::scan::cache::BlockColumns;
use crate::store::MetadataColumn;
use std::ops::Deref;
use std::sync::Arc;

/// A column of metadata, cached or just read.
#[derive(Debug, Clone)]
pub(in crate::query) enum MetadataOf {
    Cached(Arc<BlockColumns>),
    Read(Arc<MetadataColumn>),
}

impl Deref for MetadataOf {
    type Target = MetadataColumn;

    fn deref(&self) -> &MetadataColumn {
        match self {
            Self::Cached(columns) => &columns.metadata,
            Self::Read(column) => column,
        }
    }
}
