//! One record by its id.

use crate::query::error::Error;
use crate::record::{Id, StoredRecord};
use crate::store::View;

/// One record; `None` if it was pruned or does not exist yet. Access rights are not checked here: see `Filter::matches`.
///
/// # Errors
/// [`Error`] if the store cannot be read, or if a block that may hold the record is damaged.
pub fn record(view: &View, id: Id) -> Result<Option<StoredRecord>, Error> {
    let Id(number) = id;
    if !view.ids().contains(&number) {
        return Ok(None);
    }
    let mut damage = None;
    let segments = view.segments().iter();
    for segment in segments.filter(|segment| segment.ids().contains(&number)) {
        let blocks = (0..segment.block_count()).map(|index| segment.block(index));
        for block in blocks.filter(|block| block.summary().ids.contains(&number)) {
            match block.ids().map(|ids| ids.binary_search(&number)) {
                Ok(Ok(row)) => return Ok(block.records(&[row])?.pop()),
                Ok(Err(_)) => {}
                // the record may be in another block
                Err(error) => damage = Some(error),
            }
        }
    }
    damage.map_or(Ok(None), |error| Err(error.into()))
}
