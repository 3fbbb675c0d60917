//! The allocator of the static binary: a bench built for musl (`--target x86_64-unknown-linux-musl`) measures the
//! binary that users run.

#[cfg(all(target_env = "musl", target_arch = "x86_64"))]
#[path = "../src/memory.rs"]
mod memory;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
