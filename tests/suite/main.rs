//! One binary for everything that is tested from outside a module.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "a test's numbers are small, and it reads best in one piece"
)]

mod architecture;
mod collect;
mod collect_journal;
mod collectors;
mod command_doctor;
mod command_line;
mod command_query;
mod command_store;
mod crash;
mod damage;
mod double;
mod exec;
mod format;
mod http;
mod http_access;
mod http_client;
mod http_hostile;
mod http_server;
mod http_tail;
mod http_tls;
mod journal;
mod journal_command;
mod journal_damage;
mod journal_installed;
mod journal_oversized;
mod kill;
mod licences;
mod live;
mod media;
mod program;
mod query;
mod query_pages;
mod question;
mod recovery;
mod redact;
mod redact_attacks;
mod redact_kinds;
mod redact_linear;
mod redact_restart;
mod redact_whole;
mod retention;
mod runs;
mod safety;
mod seeded;
mod serve;
mod sources;
mod store;
mod store_whole;
mod stores;
mod tidy;
mod tokens;
