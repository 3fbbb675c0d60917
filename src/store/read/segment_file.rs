//! What identifies the file of a segment.

/// Stands for the file of a segment. An active file has another segment in each view, and the same of this: what is known of the
/// blocks that do not change any more is kept by its address.
#[derive(Debug, Default)]
pub(crate) struct SegmentFile {
    /// Two of no size might have one address.
    _byte: u8,
}
