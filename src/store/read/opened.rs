//! Opening a sealed file.

use super::cache::Cache;
use super::sealed::SealedSegment;
use super::segment::Segment;
use crate::mapped::Mapped;
use crate::store::error::Error;
use crate::store::format::footer::{self, Ends, Facts};
use crate::time::Micros;
use std::path::Path;
use std::sync::Arc;

/// A sealed file and the part of its footer that is not about blocks.
#[derive(Debug)]
pub(in crate::store) struct OpenedSegment {
    pub(in crate::store) segment: Segment,
    /// When the file was created; `None` if its header is damaged.
    pub(in crate::store) begun: Option<Micros>,
    pub(in crate::store) facts: Facts,
    /// Damage that loses no record.
    pub(in crate::store) damage: Vec<Error>,
}

/// Reads the footer of a sealed file.
pub(in crate::store) fn open(
    path: &Path,
    map: Mapped,
    cache: &Arc<Cache>,
) -> Result<OpenedSegment, Error> {
    let Ends {
        begun,
        thinning,
        footer,
        damage,
    } = footer::find(path, &map)?;
    let (ids, sources, facts) = (
        footer.ids.clone(),
        footer.sources.clone(),
        footer.facts.clone(),
    );
    let sealed = SealedSegment::new(path, map, footer, cache);
    Ok(OpenedSegment {
        segment: Segment::sealed(ids, sources, sealed, thinning),
        begun,
        facts,
        damage,
    })
}
