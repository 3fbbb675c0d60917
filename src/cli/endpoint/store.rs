//! The folder of a store, read without its lock: it may be a copy, a snapshot, or a store that a server writes to.

use super::event::{FollowEvent, FollowStart, PAGE_ROWS};
use super::lists::{ListPage, RunRow, SourceRow};
use super::question::JsonQuestion;
use crate::cli::bundle;
use crate::cli::failure::{self, Failure};
use crate::cli::parameters::{Parameters, refused};
use crate::disk::{Disk, RealDisk};
use crate::pipeline::error_chain;
use crate::query::{
    self, Budget, Cursor, Direction, Filter, Histogram, Limits, Order, Page, PageRequest,
    RunsQuery, SourcesQuery,
};
use crate::record::{Id, StoredRecord};
use crate::server::{PATTERNS, VALUES, history_body, keys_body, patterns_body, values_body};
use crate::store::{self, Reader, StoreHistory, View};
use crate::time::Micros;
use crate::triage;
use serde::Serialize;
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How often a folder is checked for new records: quick enough for a person.
const POLL: Duration = Duration::from_millis(50);
/// Opening a folder reads its whole active file, so the next check waits this many times as long.
const REST_FACTOR: u32 = 4;

/// A store that is read from its folder.
#[derive(Debug)]
pub(in crate::cli) struct StoreBackend {
    root: PathBuf,
    view: View,
    budget: Budget,
}

impl StoreBackend {
    pub(super) fn open(root: &Path) -> Result<Self, Failure> {
        let view = if bundle::is_bundle(root) {
            bundle::open_bundle(root)?.view()
        } else {
            view(root)?
        };
        Ok(Self {
            root: root.to_owned(),
            view,
            budget: Budget::default(),
        })
    }

    pub(super) fn page(&mut self, parameters: &Parameters) -> Result<Page, Failure> {
        let limits = Limits {
            limit_default: PAGE_ROWS,
            limit_max: usize::MAX,
        };
        let mut request = query::parse_page(parameters, &limits, Micros::now()).map_err(refused)?;
        request.filter = self.in_boot(request.filter)?;
        query::page(&self.view, &request, &self.budget).map_err(unreadable)
    }

    /// The filter with the span of its boot.
    fn in_boot(&self, filter: Filter) -> Result<Filter, Failure> {
        filter
            .resolved(&self.view, &self.budget)
            .map_err(unreadable)
    }

    pub(super) fn answer(
        &mut self,
        question: JsonQuestion,
        parameters: &Parameters,
    ) -> Result<serde_json::Value, Failure> {
        let body = self.body(question, parameters)?;
        serde_json::from_slice(&body)
            .map_err(|error| Failure::failed(format!("cannot print the answer: {error}")))
    }

    fn body(&self, question: JsonQuestion, parameters: &Parameters) -> Result<Vec<u8>, Failure> {
        let (view, budget, now) = (&self.view, &self.budget, Micros::now());
        match question {
            JsonQuestion::Problems => {
                let parsed = triage::parse_problems(parameters, now).map_err(refused)?;
                let mut wanted = parsed.0;
                wanted.filter = self.in_boot(wanted.filter)?;
                json_of(triage::problems(view, &wanted, budget))
            }
            JsonQuestion::Boots => {
                let boots_max = triage::parse_boots(parameters).map_err(refused)?;
                json_of(triage::boots(view, &Filter::default(), boots_max, budget))
            }
            JsonQuestion::Compare => {
                let mut wanted = triage::parse_compare(parameters, now).map_err(refused)?;
                wanted.filter = self.in_boot(wanted.filter)?;
                json_of(triage::compare(view, &wanted, budget))
            }
            JsonQuestion::Fields => {
                let parsed = query::parse_fields(parameters, &VALUES, now).map_err(refused)?;
                let (filter, key, limit) = parsed;
                let filter = self.in_boot(filter)?;
                match key {
                    Some(key) => query::field_values(view, &filter, &key, limit, budget)
                        .map(|found| values_body(&key, &found)),
                    None => query::field_keys(view, &filter, limit, budget)
                        .map(|found| keys_body(&found)),
                }
                .map_err(unreadable)
            }
            JsonQuestion::Patterns => {
                let mut wanted =
                    query::parse_patterns(parameters, &PATTERNS, now).map_err(refused)?;
                wanted.filter = self.in_boot(wanted.filter)?;
                let found = query::patterns(view, &wanted, budget).map_err(unreadable)?;
                Ok(patterns_body(&found))
            }
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn history(&self) -> serde_json::Value {
        history_body(&StoreHistory::of(&self.view))
    }

    pub(super) fn sources(
        &mut self,
        parameters: &Parameters,
    ) -> Result<ListPage<SourceRow>, Failure> {
        let (filter, rest) = query::parse_filter(parameters, Micros::now()).map_err(refused)?;
        let wanted = SourcesQuery {
            filter: self.in_boot(filter)?,
            cursor: cursor(&rest)?,
            limit: PAGE_ROWS,
        };
        let page = query::sources_page(&self.view, &wanted, &self.budget).map_err(unreadable)?;
        Ok(ListPage {
            rows: page.counts.sources.iter().map(SourceRow::from).collect(),
            next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
            warnings: page.counts.warnings,
        })
    }

    pub(super) fn runs(&mut self, parameters: &Parameters) -> Result<ListPage<RunRow>, Failure> {
        let (filter, rest) = query::parse_filter(parameters, Micros::now()).map_err(refused)?;
        let value = |name: &str| rest.iter().find(|(found, _)| found == name);
        let wanted = RunsQuery {
            filter,
            success: value("success").map(|(_, value)| value == "true"),
            cursor: cursor(&rest)?,
            limit: value("limit")
                .and_then(|(_, value)| value.parse().ok())
                .unwrap_or(PAGE_ROWS),
        };
        let page = query::runs(&self.view, &wanted, &self.budget).map_err(unreadable)?;
        Ok(ListPage {
            rows: page.runs.iter().map(RunRow::from).collect(),
            next_cursor: page.next_cursor.map(|cursor| cursor.to_string()),
            warnings: page.warnings,
        })
    }

    pub(super) fn run(&mut self, id: &str) -> Result<Option<RunRow>, Failure> {
        let (filter, _) = query::parse_filter(&[], Micros::now()).map_err(refused)?;
        let run = query::run(&self.view, &filter, id, &self.budget).map_err(unreadable)?;
        Ok(run.as_ref().map(RunRow::from))
    }

    pub(super) fn values(&mut self, key: &str) -> Result<Vec<(String, u64)>, Failure> {
        let (filter, _) = query::parse_filter(&[], Micros::now()).map_err(refused)?;
        let found = query::field_values(&self.view, &filter, key, PAGE_ROWS, &self.budget);
        found.map(|found| found.values).map_err(unreadable)
    }

    pub(super) fn histogram(&mut self, parameters: &Parameters) -> Result<Histogram, Failure> {
        let mut request = query::parse_histogram(parameters, Micros::now()).map_err(refused)?;
        request.filter = self.in_boot(request.filter)?;
        query::histogram(&self.view, &request, &self.budget).map_err(unreadable)
    }

    pub(super) fn export(
        &mut self,
        parameters: &Parameters,
        take: &mut dyn FnMut(StoredRecord) -> Result<bool, Failure>,
    ) -> Result<u64, Failure> {
        let (filter, _) = query::parse_filter(parameters, Micros::now()).map_err(refused)?;
        let filter = self.in_boot(filter)?;
        failure::warn(&self.warnings(&filter)?);
        let mut request = forward(filter, None);
        let mut unreadable_rows = 0;
        loop {
            let page = query::page(&self.view, &request, &self.budget).map_err(unreadable)?;
            unreadable_rows += page.unreadable;
            for record in page.entries {
                if !take(record)? {
                    return Ok(unreadable_rows);
                }
            }
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                return Ok(unreadable_rows);
            }
        }
    }

    fn warnings(&self, filter: &Filter) -> Result<Vec<String>, Failure> {
        query::filter_warnings(&self.view, filter, &self.budget).map_err(unreadable)
    }

    pub(super) fn follow(
        &mut self,
        parameters: &Parameters,
        begin: FollowStart,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        if bundle::is_bundle(&self.root) {
            return Err(Failure::usage(
                "a bundle of evidence has no new records; use `vmlog query --store`",
            ));
        }
        let (filter, _) = query::parse_filter(parameters, Micros::now()).map_err(refused)?;
        let filter = self.in_boot(filter)?;
        let mut state = state(&self.root)?;
        self.view = view(&self.root)?;
        let warnings = self.warnings(&filter)?;
        if !warnings.is_empty() && !take(FollowEvent::Warnings(warnings))? {
            return Ok(());
        }
        let mut after = match begin {
            FollowStart::After(id) => id,
            FollowStart::Newest(count) => match self.newest(&filter, count, take)? {
                None => return Ok(()),
                Some(()) => self.end(),
            },
        };
        let mut pause = POLL;
        loop {
            if !self.show_after(&filter, after, take)? || !take(FollowEvent::Idle)? {
                return Ok(());
            }
            after = after.max(self.end());
            let Some(next) = self.wait(&state, pause, take)? else {
                return Ok(());
            };
            state = next;
            let opened_at = Instant::now();
            self.view = view(&self.root)?;
            pause = POLL.max(opened_at.elapsed() * REST_FACTOR);
        }
    }

    /// Shows the last `count` matching records, oldest first. `None` if `take` has enough.
    fn newest(
        &self,
        filter: &Filter,
        count: usize,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<Option<()>, Failure> {
        let mut newest = vec![];
        let mut cursor = None;
        while newest.len() < count {
            let request = PageRequest {
                filter: filter.clone(),
                cursor,
                direction: Direction::Backward,
                limit: count - newest.len(),
                order: Order::Id,
                around: None,
            };
            let page = query::page(&self.view, &request, &self.budget).map_err(unreadable)?;
            newest.extend(page.entries);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        for record in newest.into_iter().rev() {
            if !take(FollowEvent::Record(record))? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Shows all records after `after`. Returns `false` if the reader has enough.
    fn show_after(
        &self,
        filter: &Filter,
        after: Id,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let mut cursor = Some(Cursor::Id(after));
        while cursor.is_some() {
            let request = forward(filter.clone(), cursor);
            let page = query::page(&self.view, &request, &self.budget).map_err(unreadable)?;
            if page.truncated && !take(FollowEvent::Gap(None))? {
                return Ok(false);
            }
            for record in page.entries {
                if !take(FollowEvent::Record(record))? {
                    return Ok(false);
                }
            }
            cursor = page.next_cursor;
        }
        Ok(true)
    }

    /// The ID of the last record.
    fn end(&self) -> Id {
        Id(self.view.ids().end.saturating_sub(1))
    }

    /// Waits until the folder has changed, and returns its new state; `None` if the reader has enough.
    fn wait(
        &self,
        before: &FolderSnapshot,
        pause: Duration,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<Option<FolderSnapshot>, Failure> {
        loop {
            thread::sleep(pause);
            let now = state(&self.root)?;
            if now != *before {
                return Ok(Some(now));
            }
            if !take(FollowEvent::Idle)? {
                return Ok(None);
            }
        }
    }
}

fn json_of(answer: Result<impl Serialize, query::Error>) -> Result<Vec<u8>, Failure> {
    let answer = answer.map_err(unreadable)?;
    serde_json::to_vec(&answer)
        .map_err(|error| Failure::failed(format!("cannot print the answer: {error}")))
}

/// The cursor among the parameters of a list.
fn cursor<C: FromStr<Err: Display>>(parameters: &Parameters) -> Result<Option<C>, Failure> {
    let found = parameters.iter().find(|(name, _)| name == "cursor");
    let parsed = found.map(|(_, text)| text.parse()).transpose();
    parsed.map_err(|error: C::Err| Failure::usage(format!("cursor: {error}")))
}

fn forward(filter: Filter, cursor: Option<Cursor>) -> PageRequest {
    PageRequest {
        filter,
        cursor,
        direction: Direction::Forward,
        limit: PAGE_ROWS,
        order: Order::Id,
        around: None,
    }
}

/// Lengths and names of a store's files: as long as they stay the same, there are no new records.
type FolderSnapshot = Vec<(u64, OsString)>;

fn state(root: &Path) -> Result<FolderSnapshot, Failure> {
    let names = RealDisk.list(root).map_err(|error| cannot(root, &error))?;
    // Other files never change; sealing or deleting one changes the list of names.
    let length = |name: &OsString| {
        if name.as_encoded_bytes().ends_with(b".open") {
            RealDisk.open(&root.join(name))?.length()
        } else {
            io::Result::Ok(0)
        }
    };
    let of_name = |name: OsString| (length(&name).unwrap_or_default(), name);
    let mut state: FolderSnapshot = names.into_iter().map(of_name).collect();
    state.sort();
    Ok(state)
}

fn view(root: &Path) -> Result<View, Failure> {
    let opened = if is_segment_file(root) {
        Reader::open_file(&RealDisk, root)
    } else {
        Reader::open_read_only(Arc::new(RealDisk), root)
    };
    match opened {
        Ok(reader) => Ok(reader.view()),
        Err(error) => Err(cannot(root, &error)),
    }
}

/// Whether a path is a segment file rather than a folder.
pub(in crate::cli) fn is_segment_file(path: &Path) -> bool {
    RealDisk.list(path).is_err() && store::is_segment(&RealDisk, path)
}

/// The suggestion if there is no store.
const MISSING: &str =
    "; start `vmlog serve`, or name another store with --store or a server with --url";

/// The failure to read a store: the reason, and a suggestion.
pub(in crate::cli) fn cannot(root: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    let remedy = match error.downcast_ref::<store::Error>() {
        Some(store::Error::NotAStore { .. }) => MISSING,
        Some(store::Error::Io { source, .. }) => match source.kind() {
            io::ErrorKind::NotFound => MISSING,
            io::ErrorKind::PermissionDenied => {
                "; run as the user that the server runs as, or ask the server with --url"
            }
            _ => "",
        },
        Some(store::Error::Corrupt { .. }) => {
            "; `vmlog repair` copies the readable records into a new store"
        }
        _ => "",
    };
    let place = root.display().to_string();
    let reason = error_chain(error);
    // Most errors name the folder themselves.
    let reason = reason
        .strip_prefix(&format!("{place}: "))
        .unwrap_or(&reason);
    Failure::failed(format!("cannot read the store {place}: {reason}{remedy}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn unreadable(error: query::Error) -> Failure {
    Failure::failed(format!("cannot read the store: {}", error_chain(&error)))
}
