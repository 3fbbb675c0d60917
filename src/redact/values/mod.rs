//! What a value is: where it ends, and whether it looks like a secret.

pub(super) mod code;
pub(super) mod elsewhere;
pub(super) mod extent;
pub(super) mod memo;
pub(super) mod prose;
pub(super) mod segments;
pub(super) mod space;
pub(super) mod worth;
