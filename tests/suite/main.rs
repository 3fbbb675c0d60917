//! One binary for all tests of the public interface.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "a test's numbers are small, and it reads best in one piece"
)]

mod collect;
mod command;
mod gateway;
mod http;
mod journal;
mod loki;
mod project;
mod query;
mod redact;
mod store;
mod support;
