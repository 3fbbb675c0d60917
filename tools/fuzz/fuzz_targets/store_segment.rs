//! Arbitrary bytes must not break the reader of sealed segments.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| vmlog::store::fuzz::segment(data));
