//! The project itself: its architecture, its style and its licences.

pub(crate) mod architecture;
pub(crate) mod examples;
pub(crate) mod files;
pub(crate) mod imports;
pub(crate) mod licences;
pub(crate) mod tidy;
