//! Subcommands that work on the folder of a store.

pub(super) mod compact;
pub(super) mod folder;
pub(super) mod inspect;
pub(super) mod repair;
pub(super) mod snapshot;
pub(super) mod verify;
