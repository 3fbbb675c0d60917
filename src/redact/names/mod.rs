//! Names of secrets and the values that belong to them.

mod beside;
mod harmless;
mod judge;
mod link;
mod memo;
mod pair;
mod strength;

pub(super) use judge::spares_field;
pub(super) use link::value_key_length;
pub(super) use memo::NameMemo;
pub(super) use pair::{Reach, RequiredLink, ends, may_end, pair};
pub(super) use strength::{Strength, strength_of};
