//! `GET /api/logs`: records of several nodes in order of time.
//!
//! Each node is asked for a few records first. Only nodes whose records all made it onto the page are asked for more, so a page over a
//! thousand nodes costs little more than its own size.

use crate::gateway::across::ask::{AskError, NodesReport, ask, clones, deadline};
use crate::gateway::across::branch::{self, Branch, RowKey};
use crate::gateway::across::cursor::FleetCursor;
use crate::gateway::across::select::{NodeSelection, select};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::{GatewayRequest, take_one};
use crate::query::Direction;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

const LIMIT_DEFAULT: usize = 100;

/// Nodes allow this by default (`LOG_API_MAX_LIMIT`).
const LIMIT_MAX: usize = 500;

/// The first answer of a node has at least this number of records.
const BATCH_MIN: usize = 2;

/// Records of a page, as those of a node: long records make a page shorter.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// A page of a node, whose records may need six times as many bytes as JSON.
const NODE_PAGE_BYTES_MAX: usize = 6 * PAGE_BYTES_MAX + (1 << 20);

/// Records beyond the page are dropped when all together have more bytes.
const HELD_BYTES_MAX: usize = 32 << 20;

/// Warnings of nodes that an answer repeats.
const WARNINGS_MAX: usize = 20;

/// What a page is asked for.
struct FleetPage {
    limit: usize,
    direction: Direction,
    cursor: Option<FleetCursor>,
}

impl FleetPage {
    /// Removes the parameters of a page.
    fn take(
        parameters: &mut Vec<(String, String)>,
        secret: &[u8; 32],
    ) -> Result<Self, GatewayError> {
        let limit = match take_one(parameters, "limit")? {
            None => LIMIT_DEFAULT,
            Some(text) => limit(&text)?,
        };
        let direction = match take_one(parameters, "direction")?.as_deref() {
            None | Some("backward") => Direction::Backward,
            Some("forward") => Direction::Forward,
            Some(_) => {
                return Err(GatewayError::parameter(
                    "invalid_direction",
                    "direction must be backward or forward",
                ));
            }
        };
        if take_one(parameters, "order")?.is_some_and(|order| order != "time") {
            return Err(GatewayError::parameter(
                "invalid_order",
                "records of several nodes are in order of time: order must be time",
            ));
        }
        for name in ["around", "scope"] {
            if take_one(parameters, name)?.is_some() {
                return Err(GatewayError::parameter(
                    "conflicting_parameters",
                    format!("{name} concerns one node: ask /api/nodes/ID/logs"),
                ));
            }
        }
        let cursor = take_one(parameters, "cursor")?;
        let cursor = cursor.map(|text| {
            FleetCursor::verify(&text, secret).ok_or_else(|| {
                GatewayError::parameter(
                    "invalid_cursor",
                    "cursor must be one that an earlier page gave as nextCursor or prevCursor",
                )
            })
        });
        Ok(Self {
            limit,
            direction,
            cursor: cursor.transpose()?,
        })
    }

    /// How many records each of `nodes` is asked for at first.
    fn first_batch(&self, nodes: usize) -> usize {
        let share = (2 * self.limit).div_ceil(nodes.max(1));
        share.clamp(BATCH_MIN.min(self.limit), self.limit)
    }
}

fn limit(text: &str) -> Result<usize, GatewayError> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=LIMIT_MAX).contains(number))
        .ok_or_else(|| {
            GatewayError::parameter(
                "invalid_limit",
                format!("limit must be a number from 1 to {LIMIT_MAX}; got {text:?}"),
            )
        })
}

/// `GET /api/logs`
pub(in crate::gateway) async fn page(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let mut selection = select(app, request)?;
    let keys = app.keys.set();
    let asked = FleetPage::take(&mut selection.parameters, keys.secret())?;
    let mut report = NodesReport::new(&selection);
    let branches = selection.targets.iter().map(|target| {
        let cursor = asked.cursor.as_ref();
        let next = cursor.map(|cursor| cursor.of_node(target.id()).to_string());
        Branch::new(target.clone(), next)
    });
    let mut merge = NodeMerge {
        app,
        selection: &selection,
        asked: &asked,
        branches: branches.collect(),
        deadline: deadline(app),
    };
    merge.read(&mut report).await;
    report.check(app)?;
    let body = merge.body(&report, keys.secret());
    Ok(reply::bytes("application/json", body))
}

/// A page while it is read.
struct NodeMerge<'m> {
    app: &'m Arc<GatewayApp>,
    selection: &'m NodeSelection,
    asked: &'m FleetPage,
    branches: Vec<Branch>,
    deadline: Instant,
}

impl NodeMerge<'_> {
    /// Reads until the first records of all nodes together are known. A node that fails contributes nothing, also not what it gave
    /// before: a page contains all of its time span of every node that is not named as failed.
    async fn read(&mut self, report: &mut NodesReport) {
        let first = self.asked.first_batch(self.branches.len());
        let mut wanted: Vec<(usize, usize)> = (0..self.branches.len())
            .map(|index| (index, first))
            .collect();
        while !wanted.is_empty() {
            self.fetch(&wanted, report).await;
            self.leave_out_clones(report);
            self.trim();
            wanted = self.unfinished();
        }
    }

    /// Asks nodes for this number of further records.
    async fn fetch(&mut self, wanted: &[(usize, usize)], report: &mut NodesReport) {
        let mut asked_for = BTreeMap::new();
        let calls = wanted.iter().filter_map(|(index, count)| {
            let branch = self.branches.get(*index)?;
            let mut parameters = self.selection.parameters.clone();
            let mut set = |name: &str, value: &str| {
                parameters.push((name.to_owned(), value.to_owned()));
            };
            set("order", "time");
            let count = (*count).min(branch.target.node.page_max());
            asked_for.insert(*index, count);
            set("limit", &count.to_string());
            set("direction", word_of(self.asked.direction));
            if let Some(next) = &branch.next {
                set("cursor", next);
            }
            let mut headers = HeaderMap::new();
            let lines = HeaderValue::from_static("application/x-ndjson");
            headers.insert(ACCEPT, lines);
            let target = &branch.target;
            Some((
                *index,
                self.selection.call(target, "/logs", &parameters, headers),
            ))
        });
        let calls: Vec<_> = calls.collect();
        let (app, direction) = (self.app, self.asked.direction);
        let (branches, limit) = (&mut self.branches, self.asked.limit);
        let mut held = bytes_of(branches);
        let (bytes, deadline) = (NODE_PAGE_BYTES_MAX, self.deadline);
        ask(
            app,
            self.selection,
            calls,
            bytes,
            deadline,
            branch::read,
            |index, result| {
                let Some(branch) = branches.get_mut(index) else {
                    return;
                };
                let added = result.and_then(|page| {
                    held += page.rows.iter().map(|row| row.text.len()).sum::<usize>();
                    branch.add(page, direction).map_err(AskError::Fault)
                });
                // a node that allows less than the gateway assumed is asked again for what it allows
                let allowed = branch.target.node.page_max();
                let is_less = asked_for.get(&index).is_some_and(|count| allowed < *count);
                if matches!(added, Err(AskError::Invalid(_))) && is_less {
                    return;
                }
                if let Err(error) = added {
                    report.fail(branch.target.id(), error);
                    branch.fail();
                }
                if held > HELD_BYTES_MAX {
                    let page = first_keys(branches, direction, limit);
                    keep(branches, &page);
                    held = bytes_of(branches);
                }
            },
        )
        .await;
    }

    /// Takes nodes out that are copies of each other: the same record would be there twice.
    fn leave_out_clones(&mut self, report: &mut NodesReport) {
        let stores = self.branches.iter().map(|branch| branch.store.as_deref());
        for index in clones(stores) {
            if let Some(branch) = self.branches.get_mut(index) {
                branch.fail();
                report.fail(branch.target.id(), NodeFault::Cloned.into());
            }
        }
    }

    /// The places of the records on the page, as far as they are known.
    fn page(&self) -> Vec<RowKey> {
        first_keys(&self.branches, self.asked.direction, self.asked.limit)
    }

    /// Drops records beyond the page.
    fn trim(&mut self) {
        let page = self.page();
        if page.len() == self.asked.limit {
            keep(&mut self.branches, &page);
        }
    }

    /// The nodes that may have more records on the page, and how many each is asked for.
    fn unfinished(&self) -> Vec<(usize, usize)> {
        let page = self.page();
        let is_full = is_full(&self.branches, &page, self.asked.limit);
        let last = page.last().filter(|_| is_full).copied();
        let after = branch::after(self.asked.direction);
        let branches = self.branches.iter().enumerate();
        let open = branches.filter(|(index, branch)| {
            let is_before = match (branch.rows.last(), branch.dropped, last) {
                // a record after the last one that is known may still be before the last one of the page
                (Some(row), _, Some(last)) => last.cmp(&(row.time, *index, row.id)) == after,
                // it may itself be on the page
                (None, Some(row), Some(last)) => (row.time, *index, row.id).cmp(&last) != after,
                _ => true,
            };
            let is_filled = branch.rows.len() >= self.asked.limit;
            !branch.is_failed && !branch.is_done && is_before && !is_filled
        });
        open.map(|(index, branch)| {
            let have = branch.rows.len();
            let more = (2 * have).max(4 * BATCH_MIN);
            (index, more.min(self.asked.limit))
        })
        .collect()
    }

    fn body(&self, report: &NodesReport, secret: &[u8; 32]) -> Vec<u8> {
        let page = self.page();
        let cursor = |key: Option<&RowKey>| -> Value {
            let cursor = key.and_then(|(time, index, id)| {
                let node = self.branches.get(*index)?.target.id().to_owned();
                let cursor = FleetCursor {
                    time: *time,
                    node,
                    id: *id,
                };
                Some(cursor.sign(secret))
            });
            cursor.into()
        };
        let live = || self.branches.iter().filter(|branch| !branch.is_failed);
        let held: usize = live().map(|branch| branch.rows.len()).sum();
        let has_more = held > page.len() || live().any(|branch| !branch.is_done);
        let warnings = live().flat_map(|branch| {
            let id = branch.target.id();
            branch
                .warnings
                .iter()
                .map(move |text| format!("{id}: {text}"))
        });
        let tail = json!({
            "nextCursor": if has_more { cursor(page.last()) } else { Value::Null },
            "prevCursor": cursor(page.first()),
            "hasMore": has_more,
            "truncated": live().any(|branch| branch.is_truncated),
            "unreadable": live().map(|branch| branch.unreadable).sum::<u64>(),
            "warnings": warnings.take(WARNINGS_MAX).collect::<Vec<_>>(),
            "nodes": report.json(),
        });
        let mut out = b"{\"entries\":[".to_vec();
        let mut taken = vec![0_usize; self.branches.len()];
        for (place, (_, index, _)) in page.iter().enumerate() {
            let (Some(branch), Some(taken)) = (self.branches.get(*index), taken.get_mut(*index))
            else {
                continue;
            };
            let Some(row) = branch.rows.get(*taken) else {
                continue;
            };
            *taken += 1;
            if place > 0 {
                out.push(b',');
            }
            write_entry(&mut out, branch.target.id(), &row.text);
        }
        out.extend_from_slice(b"],");
        let tail = tail.to_string();
        out.extend_from_slice(tail.trim_start_matches('{').as_bytes());
        out
    }
}

fn word_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Backward => "backward",
        Direction::Forward => "forward",
    }
}

/// Writes a record of a node with the name of the node, which has no character that JSON escapes.
pub(in crate::gateway) fn write_entry(out: &mut Vec<u8>, node: &str, record: &str) {
    out.extend_from_slice(b"{\"node\":\"");
    out.extend_from_slice(node.as_bytes());
    out.extend_from_slice(b"\",");
    out.extend_from_slice(record.strip_prefix('{').unwrap_or(record).as_bytes());
}

/// The first records of all branches, at most `limit` and as many as fit on a page. A record that was dropped counts: its branch is
/// read again if it is on the page.
fn first_keys(branches: &[Branch], direction: Direction, limit: usize) -> Vec<RowKey> {
    let mut keys: Vec<(RowKey, usize)> = branches
        .iter()
        .enumerate()
        .flat_map(|(index, branch)| {
            let rows = branch.rows.iter();
            let held = rows.map(move |row| ((row.time, index, row.id), row.text.len()));
            let dropped = branch.dropped.iter();
            held.chain(dropped.map(move |row| ((row.time, index, row.id), row.bytes)))
        })
        .collect();
    match direction {
        Direction::Forward => keys.sort_unstable_by_key(|(key, _)| *key),
        Direction::Backward => keys.sort_unstable_by(|(a, _), (b, _)| b.cmp(a)),
    }
    keys.truncate(limit);
    let mut bytes = 0;
    let fitting = keys.iter().take_while(|(_, length)| {
        bytes += length;
        bytes <= PAGE_BYTES_MAX
    });
    let fitting = fitting.count().max(1).min(keys.len());
    keys.truncate(fitting);
    keys.into_iter().map(|(key, _)| key).collect()
}

/// Whether no more records fit on the page.
fn is_full(branches: &[Branch], page: &[RowKey], limit: usize) -> bool {
    let known = |branch: &Branch| branch.rows.len() + usize::from(branch.dropped.is_some());
    page.len() >= limit || branches.iter().map(known).sum::<usize>() > page.len()
}

/// Drops records beyond the page. Of a branch with records on the page one more is kept, which shows that there is more.
fn keep(branches: &mut [Branch], page: &[RowKey]) {
    let mut counts = vec![0_usize; branches.len()];
    for (_, index, _) in page {
        if let Some(count) = counts.get_mut(*index) {
            *count += 1;
        }
    }
    for (branch, count) in branches.iter_mut().zip(counts) {
        branch.keep(if count == 0 { 0 } else { count + 1 });
    }
}

fn bytes_of(branches: &[Branch]) -> usize {
    let rows = branches.iter().flat_map(|branch| &branch.rows);
    rows.map(|row| row.text.len()).sum()
}
