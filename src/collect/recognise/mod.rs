//! What a line of any source says of itself: its level, its time, its fields, and whether it continues the line before.
//! One place for all collectors; the rules are listed in `format-spec/recognition.md`.

#![allow(dead_code, reason = "x")]
pub(crate) mod continued;
pub(crate) mod level;
mod rules;
pub(crate) mod stamp;
