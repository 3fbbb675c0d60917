//! Texts to look for: plain or as a regex, in one message or in all messages of a block.

pub(super) mod literals;
mod rarity;
pub(super) mod search;
mod weight;
