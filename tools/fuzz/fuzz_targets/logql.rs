//! Arbitrary queries: each is refused, or printed to a text that is parsed to the same query, planned, and evaluated
//! on a few lines.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(query) = std::str::from_utf8(data) {
        vmlog::logql::fuzz::evaluate(query);
    }
});
