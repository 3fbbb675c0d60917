//! `vmlog evidence`: writes a bundle; `vmlog open BUNDLE` serves one.

pub(super) mod create;
pub(super) mod page;
