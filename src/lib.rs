//! vmlog: what happened on this VM. One static binary reads the systemd journal natively, tails
//! files, scrubs secrets, keeps everything in its own append-only store and serves it.
//!
//! This page is the architecture document. The formats that outlive a process are specified in
//! `format-spec/`.
//!
//! # The flow
//!
//! ```text
//! journal files -+
//! files, runs    +- collect --> Record --> redact --> Redacted --> store --+--> live --> SSE
//! cloud-init    -+              the one type          append only          +--> query --> pages
//! ```
//!
//! Many sources narrow to one type, [`record::Record`]; everything above the waist speaks only of it.
//!
//! # The house
//!
//! A module uses only modules above it here; `tests/suite/project/architecture.rs` holds the exact table.
//!
//! ```text
//! memory    memcpy and memcmp of the static binary, in place of musl's; belongs to the program, not to the library
//! bytes     checked little-endian reading; errors name what was read and where
//! mapped    read-only maps of our own immutable files; `unsafe` is here and in memory alone
//! opening   opening files that others write: regular ones, through trusted links
//! disk      files as the store uses them; doubles that crash and fail for tests
//! time      microseconds UTC; the one parser of times; zones
//! record    Record, Level, Source, Metadata, Position: the waist
//! redact    Record -> Redacted: the only maker of what the store accepts
//! capture   commands run as they are, and what they said kept in logs of their own
//! journal   native journald files; a library of its own, knows no Record
//! collect   sources -> Record + Position
//! store     frames, sealed column segments, retention, views
//! query     filters, pages, cursors, counts over a view
//! live      ring of the newest records, fan-out to subscribers
//! pipeline  collect -> redact -> append -> live: threads, batches, supervision
//! http_client  the one HTTP client: TLS, bounded waits and bodies
//! server    HTTP: access, pages, SSE, the browser page
//! config    the table of settings; environment and flags, checked
//! cli       the subcommands
//! ```
//!
//! # What holds it together
//!
//! - `Store::append` takes [`redact::Redacted`], and only `redact` makes one: what was not scrubbed
//!   cannot reach the disk.
//! - Records and the position that says they were read are one write. After a crash a source is read
//!   again from exactly the last record kept: nothing is lost, nothing is there twice.
//! - A record's id is its place in the order of arrival, and the same number everywhere: page cursor,
//!   SSE id, permalink.
//! - Foreign files change under us, so bytes of a journal are copied out and then checked. Our own
//!   sealed files never change, so they are mapped.
//! - The core is synchronous and plain; an async runtime appears in `pipeline`, `server` and `cli`.
//! - Only `config` and `cli` read environment, arguments and terminal.
//! - `server` knows no collector: what collectors have to say arrives as records of source
//!   `system:vmlog`.
//! - Every queue is bounded, and its declaration says what happens when it is full: collectors wait,
//!   a slow tail client is told what it missed.
//!
//! # What is public
//!
//! [`journal`] reads journald files; [`store`] and [`query`] open a store and ask it; [`redact`] makes
//! what a store accepts; [`record`] and [`time`] are what these speak of; [`disk`] and [`mapped`] are
//! where a store lives, so that another place can be given; [`collect`], [`capture`], [`live`] and
//! [`server`] are there for programs that embed the flow. The program itself is [`cli::main`].

mod bytes;
pub mod capture;
pub mod cli;
pub mod collect;
mod config;
pub mod disk;
mod http_client;
pub mod journal;
pub mod live;
pub mod mapped;
mod opening;
mod pipeline;
pub mod query;
pub mod record;
pub mod redact;
pub mod server;
pub mod store;
pub mod time;
