//! The two backends of queries: the folder of a store, and a running server. Both accept the same parameters and
//! return the same results.

mod event;
mod event_parser;
mod http;
mod lists;
mod question;
mod server;
mod store;
mod tls;
mod token;
mod wire;

use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, long};
use crate::cli::settings::{data_dir, variable};
use crate::query::{Histogram, Page};
use crate::record::StoredRecord;
use clap::{Arg, ArgMatches};
pub(super) use event::{FollowEvent, FollowStart, PAGE_ROWS};
use http::Url;
pub(super) use lists::{ListPage, RunRow, SourceRow};
pub(super) use question::JsonQuestion;
pub(super) use server::ServerBackend;
use std::path::Path;
use store::StoreBackend;
pub(super) use store::{cannot, is_segment_file};

/// A store or a server that is queried.
#[derive(Debug)]
pub(super) enum Backend {
    Store(StoreBackend),
    Server(ServerBackend),
}

/// The arguments that say which server.
pub(super) fn server_arguments() -> [Arg; 3] {
    [
        long(
            "url",
            "URL",
            "The server, such as http://127.0.0.1:8687 [VMLOG_URL; default: the one of this machine]",
        ),
        long(
            "cacert",
            "FILE",
            "Trust the server's certificate by the authorities of this PEM file [default: those of the system]",
        ),
        long(
            "token-file",
            "FILE",
            "The server's access token [VMLOG_TOKEN_FILE; the token itself: VMLOG_TOKEN or LOG_API_TOKEN]",
        ),
    ]
}

/// The arguments that select the backend.
pub(super) fn arguments() -> [Arg; 4] {
    [
        long(
            "store",
            "DIR",
            "Read this store, even while a server writes to it, or this bundle of evidence [default: the one of this machine, LOG_DATA_DIR/store]",
        ),
        long("url", "URL", "Query this server, such as http://127.0.0.1:8687 [VMLOG_URL]").conflicts_with("store"),
        long("cacert", "FILE", "Verify the server's certificate with the authorities in this PEM file [default: those of the system]")
            .conflicts_with("store"),
        long(
            "token-file",
            "FILE",
            "The server's access token [VMLOG_TOKEN_FILE; the token itself: VMLOG_TOKEN or LOG_API_TOKEN]",
        )
        .conflicts_with("store"),
    ]
}

impl Backend {
    /// Opens the store or server that the arguments name; by default the store of this machine.
    pub(super) fn open(matches: &ArgMatches) -> Result<Self, Failure> {
        if let Some(folder) = matches.get_one::<String>("store") {
            return StoreBackend::open(Path::new(folder)).map(Self::Store);
        }
        let url = matches.get_one::<String>("url").cloned();
        match url.or_else(|| variable("VMLOG_URL")) {
            None => StoreBackend::open(&data_dir()?.join("store")).map(Self::Store),
            Some(text) => Self::of_server(matches, &text),
        }
    }

    /// The server at an address, with the token and authorities that the arguments name.
    pub(super) fn of_server(matches: &ArgMatches, address: &str) -> Result<Self, Failure> {
        Self::server_at(matches, address).map(Self::Server)
    }

    /// The server that the arguments name by its address, if they do.
    pub(super) fn named_server(matches: &ArgMatches) -> Result<Option<ServerBackend>, Failure> {
        let url = matches.get_one::<String>("url").cloned();
        let Some(url) = url.or_else(|| variable("VMLOG_URL")) else {
            return Ok(None);
        };
        Self::server_at(matches, &url).map(Some)
    }

    /// The server at an address.
    pub(super) fn server_at(matches: &ArgMatches, address: &str) -> Result<ServerBackend, Failure> {
        let url = Url::parse(address)?;
        let token = token::find(matches, &url)?;
        let tls = tls::connector(&url, matches.get_one::<String>("cacert"))?;
        ServerBackend::new(url, token, tls)
    }

    /// One page.
    pub(super) fn page(&mut self, parameters: &Parameters) -> Result<Page, Failure> {
        match self {
            Self::Store(store) => store.page(parameters),
            Self::Server(server) => server.page(parameters),
        }
    }

    /// A page of sources with their counts, in order of name.
    pub(super) fn sources(
        &mut self,
        parameters: &Parameters,
    ) -> Result<ListPage<SourceRow>, Failure> {
        match self {
            Self::Store(store) => store.sources(parameters),
            Self::Server(server) => server.sources(parameters),
        }
    }

    /// A page of runs, newest first. The parameters are those of `GET /runs`.
    pub(super) fn runs(&mut self, parameters: &Parameters) -> Result<ListPage<RunRow>, Failure> {
        match self {
            Self::Store(store) => store.runs(parameters),
            Self::Server(server) => server.runs(parameters),
        }
    }

    /// The run with this ID.
    pub(super) fn run(&mut self, id: &str) -> Result<Option<RunRow>, Failure> {
        match self {
            Self::Store(store) => store.run(id),
            Self::Server(server) => server.run(id),
        }
    }

    /// The answer of an endpoint, in the names of the API.
    pub(super) fn answer(
        &mut self,
        question: JsonQuestion,
        parameters: &Parameters,
    ) -> Result<serde_json::Value, Failure> {
        match self {
            Self::Store(store) => store.answer(question, parameters),
            Self::Server(server) => server.answer(question, parameters),
        }
    }

    /// The most frequent values of a metadata key.
    pub(super) fn values(&mut self, key: &str) -> Result<Vec<(String, u64)>, Failure> {
        match self {
            Self::Store(store) => store.values(key),
            Self::Server(server) => server.values(key),
        }
    }

    /// The state of the server as `GET /readyz` gives it; `None` for a store.
    pub(super) fn readiness(&mut self) -> Result<Option<serde_json::Value>, Failure> {
        match self {
            Self::Store(_) => Ok(None),
            Self::Server(server) => server.readiness().map(Some),
        }
    }

    /// How far back a store reaches; a server says it in its readiness.
    pub(super) fn history(&self) -> Option<serde_json::Value> {
        match self {
            Self::Store(store) => Some(store.history()),
            Self::Server(_) => None,
        }
    }

    /// The folder of the store, or the URL of the server.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Store(store) => store.root().display().to_string(),
            Self::Server(server) => server.address(),
        }
    }

    /// Counts over time.
    pub(super) fn histogram(&mut self, parameters: &Parameters) -> Result<Histogram, Failure> {
        match self {
            Self::Store(store) => store.histogram(parameters),
            Self::Server(server) => server.histogram(parameters),
        }
    }

    /// Exports all matching records, oldest first, until `take` returns that it has enough. Returns how many could
    /// not be read.
    pub(super) fn export(
        &mut self,
        parameters: &Parameters,
        take: &mut dyn FnMut(StoredRecord) -> Result<bool, Failure>,
    ) -> Result<u64, Failure> {
        match self {
            Self::Store(store) => store.export(parameters, take),
            Self::Server(server) => server.export(parameters, take).map(|()| 0),
        }
    }

    /// Follows new records until `take` returns that it has enough.
    pub(super) fn follow(
        &mut self,
        parameters: &Parameters,
        begin: FollowStart,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Store(store) => store.follow(parameters, begin, take),
            Self::Server(server) => server.follow(parameters, begin, take),
        }
    }
}
