//! Arbitrary bytes must not make the reader of bundles write anything outside its folder, or leave anything in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

/// In memory if possible: each input has a folder of its own.
static PARENT: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let parent = parent.join(format!("vmlog-fuzz-evidence-{}", std::process::id()));
    std::fs::create_dir_all(&parent).expect("a folder");
    parent
});

fuzz_target!(|data: &[u8]| vmlog::evidence::fuzz::bundle(data, &PARENT));
