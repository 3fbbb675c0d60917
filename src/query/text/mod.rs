//! Texts to look for: plain or as a regex, in one message or in all messages of a block.

pub(super) mod literals;
pub(super) mod mask;
mod rarity;
pub(super) mod search;
pub(super) mod template;
mod weight;
