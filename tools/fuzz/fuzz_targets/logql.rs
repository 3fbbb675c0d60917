//! No query breaks LogQL: it is refused, or it is printed in a way that is read as the same, planned, and evaluated on a few lines.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(query) = std::str::from_utf8(data) {
        vmlog::logql::fuzz::evaluate(query);
    }
});
