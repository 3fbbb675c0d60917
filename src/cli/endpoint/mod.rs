//! Where records are asked for: the folder of a store, or a server that runs. Both answer the same parameters alike.

mod events;
mod http;
mod server;
mod store;
mod tls;
mod wire;

use super::Failure;
use super::question::{Parameters, long};
use crate::query::{Histogram, Page};
use crate::record::{Id, StoredRecord};
use crate::server::access_token;
use clap::{Arg, ArgMatches};
use http::Url;
use server::ServerEndpoint;
use std::env;
use std::path::{Path, PathBuf};
use store::StoreEndpoint;
pub(super) use store::{cannot, is_segment_file};

/// Records of one page: what a server gives at most unless it is set otherwise.
pub(super) const PAGE_ROWS: usize = 500;

/// Where records are asked for.
#[derive(Debug)]
pub(super) enum Endpoint {
    Store(StoreEndpoint),
    Server(ServerEndpoint),
}

/// What a follower sees.
#[derive(Debug)]
pub(super) enum Event {
    /// A record that matches the filter.
    Record(StoredRecord),
    /// Records that are gone before they could be shown; how many, where that is known.
    Gap(Option<u64>),
    /// Nothing now: what was shown so far should be seen.
    Idle,
    /// The server could not be reached for a while, or stopped.
    Lost(String),
    /// It answers again.
    Back,
}

/// Where following begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// With the newest so many.
    Newest(usize),
    /// Behind this record.
    After(Id),
}

/// The arguments that say where.
pub(super) fn arguments() -> [Arg; 4] {
    [
        long("store", "DIR", "Read this store, even while a server writes to it [default: the one of this machine, LOG_DATA_DIR/store]"),
        long("url", "URL", "Query this server, such as http://127.0.0.1:8687 [VMLOG_URL]").conflicts_with("store"),
        long("cacert", "FILE", "Trust the server's certificate by the authorities of this PEM file [default: those of the system]")
            .conflicts_with("store"),
        long(
            "token-file",
            "FILE",
            "The server's access token [VMLOG_TOKEN_FILE; the token itself: VMLOG_TOKEN or LOG_API_TOKEN]",
        )
        .conflicts_with("store"),
    ]
}

impl Endpoint {
    /// The one that was asked for; by default the store of this machine, at `data_dir`.
    pub(super) fn open(
        matches: &ArgMatches,
        data_dir: impl FnOnce() -> Result<PathBuf, Failure>,
    ) -> Result<Self, Failure> {
        if let Some(folder) = matches.get_one::<String>("store") {
            return StoreEndpoint::open(Path::new(folder)).map(Self::Store);
        }
        let url = matches.get_one::<String>("url").cloned();
        match url.or_else(|| variable("VMLOG_URL")) {
            None => StoreEndpoint::open(&data_dir()?.join("store")).map(Self::Store),
            Some(text) => {
                let url = Url::parse(&text)?;
                let token = token(matches, &url, data_dir)?;
                let tls = tls::connector(&url, matches.get_one::<String>("cacert"))?;
                ServerEndpoint::new(url, token, tls).map(Self::Server)
            }
        }
    }

    /// One page.
    pub(super) fn page(&mut self, parameters: &Parameters) -> Result<Page, Failure> {
        match self {
            Self::Store(store) => store.page(parameters),
            Self::Server(server) => server.page(parameters),
        }
    }

    /// Counts over time.
    pub(super) fn histogram(&mut self, parameters: &Parameters) -> Result<Histogram, Failure> {
        match self {
            Self::Store(store) => store.histogram(parameters),
            Self::Server(server) => server.histogram(parameters),
        }
    }

    /// Every record that matches the filter, oldest first, until `take` says that it has enough. Gives how many could not be read.
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

    /// Records as they come, until `take` says that it has enough.
    pub(super) fn follow(
        &mut self,
        parameters: &Parameters,
        begin: Begin,
        take: &mut dyn FnMut(Event) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Store(store) => store.follow(parameters, begin, take),
            Self::Server(server) => server.follow(parameters, begin, take),
        }
    }
}

/// The key to a server: what was said for it comes first; the one of this machine's own server is not sent elsewhere.
fn token(
    matches: &ArgMatches,
    url: &Url,
    data_dir: impl FnOnce() -> Result<PathBuf, Failure>,
) -> Result<Option<String>, Failure> {
    if let Some(file) = matches.get_one::<String>("token-file") {
        return read_token(Path::new(file)).map(Some);
    }
    if let Some(token) = url.token.clone().or_else(|| variable("VMLOG_TOKEN")) {
        return Ok(Some(token));
    }
    if let Some(file) = variable("VMLOG_TOKEN_FILE") {
        return read_token(Path::new(&file)).map(Some);
    }
    let is_private = url.is_encrypted || url.is_loopback();
    match variable("LOG_API_TOKEN") {
        Some(token) if is_private => return Ok(Some(token)),
        Some(_) => eprintln!(
            "vmlog: LOG_API_TOKEN is not sent to {}, as anybody on the way could read it; use https, or VMLOG_TOKEN to send it",
            url.shown()
        ),
        None => {}
    }
    if !url.is_loopback() {
        return Ok(None);
    }
    let own = data_dir().ok().map(|dir| dir.join(access_token::FILE_NAME));
    Ok(own.and_then(|path| read_token(&path).ok()))
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let text = super::files::read_text(path, TOKEN_BYTES_MAX).map_err(|error| {
        Failure::failed(format!(
            "cannot read the token in {}: {error}",
            path.display()
        ))
    })?;
    Ok(text.trim().to_owned())
}

/// A token is up to 512 characters; a file may have blanks around it.
const TOKEN_BYTES_MAX: u64 = 4096;

/// An empty variable counts as not set.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
