//! The part of a merged page that one node gives: its next records, as far as they have been read.

use crate::gateway::across::select::Target;
use crate::gateway::node::client::NodeAnswer;
use crate::gateway::node::fault::NodeFault;
use crate::query::{Cursor, Direction};
use crate::record::Id;
use crate::time::Micros;
use hyper::header::HeaderMap;
use serde::Deserialize;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A record of a node, as the node wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct NodeRecord {
    pub(in crate::gateway) time: Micros,
    pub(in crate::gateway) id: u64,
    /// A JSON object.
    pub(in crate::gateway) text: String,
}

/// The place of a record: time, place of the node, id.
pub(in crate::gateway) type RowKey = (Micros, usize, u64);

/// A record whose text was dropped to save memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct DroppedRow {
    pub(in crate::gateway) time: Micros,
    pub(in crate::gateway) id: u64,
    pub(in crate::gateway) bytes: usize,
}

/// A page of a node.
#[derive(Debug)]
pub(in crate::gateway) struct NodePage {
    pub(in crate::gateway) rows: Vec<NodeRecord>,
    pub(in crate::gateway) next: Option<String>,
    pub(in crate::gateway) store: Option<String>,
    pub(in crate::gateway) is_truncated: bool,
    pub(in crate::gateway) unreadable: u64,
    pub(in crate::gateway) warnings: Vec<String>,
}

/// The records of one node that a merged page may take.
#[derive(Debug)]
pub(in crate::gateway) struct Branch {
    pub(in crate::gateway) target: Target,
    /// In the direction of the page.
    pub(in crate::gateway) rows: Vec<NodeRecord>,
    /// Where the node continues; `None` before the first page of a request without a cursor.
    pub(in crate::gateway) next: Option<String>,
    /// Where `rows` begin.
    start: Option<String>,
    /// The first record, if it and all others were dropped.
    pub(in crate::gateway) dropped: Option<DroppedRow>,
    /// The node has no more.
    pub(in crate::gateway) is_done: bool,
    pub(in crate::gateway) is_failed: bool,
    pub(in crate::gateway) store: Option<String>,
    pub(in crate::gateway) is_truncated: bool,
    pub(in crate::gateway) unreadable: u64,
    pub(in crate::gateway) warnings: Vec<String>,
}

impl Branch {
    pub(in crate::gateway) fn new(target: Target, next: Option<String>) -> Self {
        Self {
            target,
            rows: Vec::new(),
            start: next.clone(),
            next,
            dropped: None,
            is_done: false,
            is_failed: false,
            store: None,
            is_truncated: false,
            unreadable: 0,
            warnings: Vec::new(),
        }
    }

    /// Adds a page. Records that are not in order, or a page that leads nowhere, are no answer of a node.
    pub(in crate::gateway) fn add(
        &mut self,
        page: NodePage,
        direction: Direction,
    ) -> Result<(), NodeFault> {
        let broken = |why: &str| Err(NodeFault::Broken(why.to_owned()));
        if page.rows.is_empty() && page.next.is_some() && page.next == self.next {
            return broken("its page leads to itself");
        }
        for row in page.rows {
            let is_in_order = self.rows.last().is_none_or(|last| {
                let order = (row.time, row.id).cmp(&(last.time, last.id));
                order == after(direction)
            });
            if !is_in_order {
                return broken("its records are not in order of time");
            }
            self.rows.push(row);
        }
        self.dropped = None;
        self.is_done = page.next.is_none();
        self.next = page.next;
        self.is_truncated |= page.is_truncated;
        self.unreadable += page.unreadable;
        if self.store.is_none() {
            self.store = page.store;
            self.warnings = page.warnings;
        }
        Ok(())
    }

    /// Takes the branch out of the page: nothing of it is shown.
    pub(in crate::gateway) fn fail(&mut self) {
        self.is_failed = true;
        self.dropped = None;
        self.rows.clear();
    }

    /// Drops all but the first `kept` records; the node is asked for them again if they are needed after all.
    pub(in crate::gateway) fn keep(&mut self, kept: usize) {
        if kept >= self.rows.len() {
            return;
        }
        self.is_done = false;
        let first = self.rows.first().map(|row| DroppedRow {
            time: row.time,
            id: row.id,
            bytes: row.text.len(),
        });
        self.rows.truncate(kept);
        if let Some(last) = self.rows.last() {
            self.next = Some(Cursor::Time(last.time, Id(last.id)).to_string());
        } else {
            self.dropped = first;
            self.next.clone_from(&self.start);
        }
    }
}

/// How a record compares with the one before it.
pub(in crate::gateway) fn after(direction: Direction) -> Ordering {
    match direction {
        Direction::Forward => Ordering::Greater,
        Direction::Backward => Ordering::Less,
    }
}

#[derive(Deserialize)]
struct RowHead<'t> {
    #[serde(borrow)]
    id: Cow<'t, str>,
    #[serde(borrow)]
    timestamp: Cow<'t, str>,
}

/// Reads a page of lines.
pub(in crate::gateway) fn read(answer: NodeAnswer) -> Result<NodePage, NodeFault> {
    let text = String::from_utf8(answer.body);
    let text = text.map_err(|_| NodeFault::Broken("its page is not UTF-8".to_owned()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(NodeFault::Broken("its page is cut off".to_owned()));
    }
    let header = |name: &str| header(&answer.headers, name);
    let warnings = header("x-vmlog-warnings").and_then(|text| serde_json::from_str(text).ok());
    let unreadable = header("x-vmlog-unreadable").and_then(|text| text.parse().ok());
    Ok(NodePage {
        rows: text.lines().map(row).collect::<Result<_, _>>()?,
        next: header("x-next-cursor").map(str::to_owned),
        is_truncated: header("x-vmlog-truncated").is_some(),
        unreadable: unreadable.unwrap_or_default(),
        warnings: warnings.unwrap_or_default(),
        store: answer.store,
    })
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn row(line: &str) -> Result<NodeRecord, NodeFault> {
    let broken = || NodeFault::Broken("its page has a line that is not a record".to_owned());
    let head: RowHead<'_> = serde_json::from_str(line).map_err(|_| broken())?;
    if !line.starts_with("{\"") {
        return Err(broken());
    }
    Ok(NodeRecord {
        time: Micros::parse(&head.timestamp, Micros::new(0)).map_err(|_| broken())?,
        id: head.id.parse().map_err(|_| broken())?,
        text: line.to_owned(),
    })
}
