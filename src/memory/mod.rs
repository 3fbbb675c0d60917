//! Memory of the static binary: the allocation of large blocks, and the functions that musl does slowly.

#[cfg(target_arch = "x86_64")]
mod copying;
mod large_blocks;

#[cfg(target_env = "musl")]
pub(crate) use large_blocks::LargeBlocks;
