//! Redacts the metadata of a record.

mod clean;
mod object;
mod rule_list;
mod scrub;
mod withheld;
mod words;

pub(super) use clean::CleanTexts;
pub(super) use rule_list::add_rules;
pub(super) use scrub::{replace_raw, scrub};
pub(super) use withheld::{mark, withhold};
pub(super) use words::Words;
