//! Shared parts of the tests: random data, doubles, stores, tokens and the program.

pub(crate) mod double;
pub(crate) mod program;
pub(crate) mod question;
pub(crate) mod seeded;
pub(crate) mod stores;
pub(crate) mod tokens;
