//! What identifies the file of a segment.

/// Identifies the file of a segment by its address. An active file has another segment in each view, and the same of this: what is known
/// of the blocks that do not change any more is kept by it.
#[derive(Debug, Default)]
pub(crate) struct SegmentFile;
