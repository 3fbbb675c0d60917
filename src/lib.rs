//! vmlog: what happened on this VM. One static binary reads the systemd journal natively, tails
//! files, redacts secrets, stores everything in its own append-only store and serves it. This crate is
//! the binary and the library that it is made of.
//!
//! A complete program: records are redacted and stored, and then found again.
//!
#![cfg_attr(feature = "store", doc = "```")]
#![cfg_attr(not(feature = "store"), doc = "```ignore")]
//! use std::sync::Arc;
//! use vmlog::disk::RealDisk;
//! use vmlog::query::{Budget, Limits, page, parse_page};
//! use vmlog::record::{Level, Metadata, Record, Source};
//! use vmlog::redact::{RedactOptions, Redactor};
//! use vmlog::store::{Options, Store};
//! use vmlog::time::Micros;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let folder = tempfile::tempdir()?;
//!     let (mut store, _) = Store::open(Arc::new(RealDisk), folder.path(), Options::default())?;
//!
//!     // The store accepts redacted records only.
//!     let mut redactor = Redactor::new(&RedactOptions::default())?;
//!     let record = Record {
//!         timestamp: Micros::now(),
//!         source: Source::new("file", "app"),
//!         level: Level::Error,
//!         message: "login failed for ann, password=hunter22".to_owned(),
//!         metadata: Metadata::new(),
//!     };
//!     store.append(&[redactor.redact(record)], &[])?;
//!
//!     // The parameters are those of `GET /logs`.
//!     let parameters = [("search".to_owned(), "login failed".to_owned())];
//!     let request = parse_page(&parameters, &Limits::default(), Micros::now())?;
//!     let found = page(&store.reader().view(), &request, &Budget::default())?;
//!     assert_eq!(found.entries.len(), 1);
//!     assert!(!found.entries[0].record.message.contains("hunter22"));
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | Feature | Modules | Dependencies |
//! |---|---|---|
//! | `journal` | `journal`: reads journal files, follows them, verifies them | 23 crates, no async runtime |
//! | `store` | `record`, `time`, `redact`, `store`, `query`, `disk`, `mapped` | 38 crates, no async runtime |
//! | `app` (default) | all of them, `collect`, `capture`, `events`, `evidence`, `live`, `mcp`, `triage`, `server`, `gateway`, program `vmlog` | all |
//!
//! A program that only reads journals asks for
//! `vmlog = { version = "0.1", default-features = false, features = ["journal"] }`. Runnable programs
//! are in `tests/examples`: read a journal, follow one, search a copied store, write to a store, redact a
//! line, embed the server.
//!
//! This page is the architecture document. The formats that outlive a process are specified in
//! `format-spec/`.
//!
//! # Data flow
//!
//! ```text
//! journal files -+
//! files, runs    +- collect --> Record --> redact --> Redacted --> store --+--> live --> SSE
//! cloud-init    -+              the one type          append only          +--> query --> pages
//! ```
//!
//! Many sources narrow to one type, `record::Record`; all later steps use only this type.
//!
//! # Modules
//!
//! A module uses only modules above it here; `tests/suite/project/architecture.rs` holds the exact table.
//!
//! ```text
//! memory    allocator, memcpy and memcmp of the static binary, in place of musl's; used by the program, not by the library
//! bytes     checked little-endian reading; errors name what was read and where
//! mapped    read-only maps of our own immutable files; `unsafe` is only here and in memory
//! opening   opening files that other programs write: regular files, through trusted links
//! disk      files as the store uses them; doubles that crash and fail for tests
//! time      microseconds UTC; the one parser of times; zones
//! record    Record, Level, Source, Metadata, Position: the common type
//! redact    Record -> Redacted: the only way to create what the store accepts
//! capture   runs commands unchanged, and stores their output in a log per run
//! journal   native journald files; a library of its own, independent of Record
//! collect   sources -> Record + Position
//! store     frames, sealed column segments, retention, views
//! query     filters, pages, cursors, counts over a view
//! logql     LogQL: parser, pipelines over lines, metric queries
//! triage    what went wrong: problems and their causes, boots, comparison of two windows
//! evidence  one file for the moment before a machine is destroyed: records, facts, a manifest; opening it
//! mcp       tools for AI agents over a log
//! events    what happened, in a store of its own, and back into the log as records
//! live      ring of the newest records, fan-out to subscribers
//! pipeline  collect -> redact -> append -> live: threads, batches, supervision
//! tasks     futures and blocking work for the async runtime, compiled once for all their types
//! http_client  the only HTTP client: TLS, limited waits and bodies
//! server    HTTP: access, pages, SSE, the browser page
//! gateway   one address for many machines: registry, sessions, tokens, answers of one node and of several
//! config    the table of settings; environment and flags, checked
//! cli       the subcommands
//! ```
//!
//! # Rules
//!
//! - `Store::append` takes `redact::Redacted`, and only `redact` makes one: what was not scrubbed
//!   cannot reach the disk.
//! - Records and the position that says they were read are one write. After a crash a source is read
//!   again from exactly the last record kept: nothing is lost, nothing is there twice.
//! - A record's id is its place in the order of arrival, and the same number everywhere: page cursor,
//!   SSE id, permalink.
//! - Foreign files change under us, so bytes of a journal are copied out and then checked. Our own
//!   sealed files never change, so they are mapped.
//! - The core is synchronous and plain; an async runtime appears in `pipeline`, `server`, `gateway` and `cli`.
//! - Only `config` and `cli` read environment, arguments and terminal.
//! - `server` knows no collector: what collectors have to say arrives as records of source
//!   `system:vmlog`.
//! - Every queue is bounded, and its declaration says what happens when it is full: collectors wait,
//!   a slow tail client receives a report of the records that it missed.
//!
//! # What is public
//!
//! `journal` reads journald files; `store` and `query` open a store and ask it; `redact` makes
//! what a store accepts; `record` and `time` are what these speak of; `disk` and `mapped` are
//! where a store lives, so that another place can be given; `collect`, `capture`, `events`, `live`,
//! `triage` and `server` are there for programs that embed the flow, `gateway` for those that serve many
//! machines. The program itself is `cli::main`.

#![cfg_attr(
    not(test),
    deny(
        clippy::print_stderr,
        clippy::print_stdout,
        reason = "they panic where nobody reads; the command line has `notice!`"
    )
)]

#[cfg_attr(
    not(feature = "app"),
    allow(dead_code, reason = "the smaller feature sets need a part of it")
)]
mod bytes;
#[cfg(feature = "app")]
pub mod capture;
#[cfg(feature = "app")]
pub mod cli;
#[cfg(feature = "app")]
pub mod collect;
#[cfg(feature = "app")]
mod config;
#[cfg(feature = "store")]
pub mod disk;
#[cfg(feature = "app")]
pub mod events;
#[cfg(feature = "app")]
pub mod evidence;
#[cfg(feature = "app")]
pub mod gateway;
#[cfg(feature = "app")]
mod http_client;
#[cfg(feature = "journal")]
pub mod journal;
#[cfg(feature = "app")]
pub mod live;
#[cfg(feature = "app")]
pub mod logql;
#[cfg(feature = "store")]
pub mod mapped;
#[cfg(feature = "app")]
pub mod mcp;
#[cfg_attr(
    not(feature = "app"),
    allow(dead_code, reason = "the smaller feature sets need a part of it")
)]
mod opening;
#[cfg(feature = "app")]
mod pipeline;
#[cfg(feature = "store")]
pub mod query;
#[cfg(feature = "store")]
pub mod record;
#[cfg(feature = "store")]
pub mod redact;
#[cfg(feature = "app")]
pub mod server;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "app")]
mod tasks;
#[cfg(feature = "store")]
pub mod time;
#[cfg(feature = "app")]
pub mod triage;
