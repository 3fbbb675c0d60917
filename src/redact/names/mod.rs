//! Names of secrets and the values that belong to them.

mod beside;
mod continued;
mod gap;
mod harmless;
mod judge;
mod label;
mod link;
mod memo;
mod pair;
mod strength;
mod suffix;

pub(super) use judge::spares_field;
pub(super) use link::value_key_length;
pub(super) use memo::NameMemo;
pub(super) use pair::{Reach, RequiredLink, pair};
pub(super) use strength::{Strength, strength_of};
pub(super) use suffix::{ends, may_end};
