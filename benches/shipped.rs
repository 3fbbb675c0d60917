//! The allocator of the static binary: a bench built for musl (`--target x86_64-unknown-linux-musl`) measures the
//! binary that users run.

#[cfg(target_env = "musl")]
#[path = "../src/memory/mod.rs"]
mod memory;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: memory::LargeBlocks<mimalloc::MiMalloc> = memory::LargeBlocks(mimalloc::MiMalloc);
