//! The read API of e2b: logs of a sandbox, as its client programs ask for them.

use super::machine::MachineSize;
use super::sandbox::{self, KnownSandbox};
use crate::events::EventLog;
use crate::query::{
    Budget, Case, Direction, Expression, Filter, LevelSet, Order, PageRequest, Search,
};
use crate::record::{Level, StoredRecord};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, take_single};
use crate::server::records::{Records, ScopedView};
use crate::time::Micros;
use serde_json::{Map, Value, json};
use warp::reply::Response;

/// The maximum and the default number of lines.
pub(in crate::server) const LIMIT_MAX: usize = 1_000;
/// The maximum length of a searched text.
pub(in crate::server) const SEARCH_CHARS_MAX: usize = 256;
/// Older lines are not returned, and a window is no longer.
const WINDOW_MICROS: i64 = 7 * 86_400_000_000;
const MILLI: i64 = 1_000;

/// `GET /v2/sandboxes/{id}/logs`
pub(in crate::server) async fn logs(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let asked = LogsQuery::of_v2(request, Micros::now())?;
    let id = id.to_owned();
    respond::json(app, principal, request, move |view, budget| {
        let lines = asked.lines(&view, &id, budget)?;
        let logs: Vec<_> = lines.iter().map(entry).collect();
        Ok(json!({ "logs": logs }).to_string().into_bytes())
    })
    .await
}

/// `GET /sandboxes/{id}/logs`, which the command line of e2b follows by asking for `start` one millisecond after the last line.
pub(in crate::server) async fn logs_v1(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let asked = LogsQuery::of_v1(request, Micros::now())?;
    let id = id.to_owned();
    respond::json(app, principal, request, move |view, budget| {
        let lines = asked.lines(&view, &id, budget)?;
        let plain = lines.iter().map(
            |line| json!({"timestamp": line.record.timestamp.to_string(), "line": raw_line(line)}),
        );
        let (logs, entries): (Vec<_>, Vec<_>) =
            (plain.collect(), lines.iter().map(entry).collect());
        Ok(json!({"logs": logs, "logEntries": entries})
            .to_string()
            .into_bytes())
    })
    .await
}

/// `GET /sandboxes/{id}`, by which a client learns whether the sandbox still runs.
pub(in crate::server) async fn sandbox(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let (id, events) = (id.to_owned(), app.events.as_ref().map(EventLog::reader));
    let who = principal.clone();
    respond::json(app, principal, request, move |view, budget| {
        let events = events.map(|reader| Records::view_of(&reader, &who));
        let known = KnownSandbox::find(&view, events.as_ref(), &id, budget)?;
        let state = if known.is_running {
            "running"
        } else {
            "paused"
        };
        // those of the machine, as the sandbox has no others
        let size = MachineSize::now();
        Ok(json!({
            "sandboxID": id, "templateID": "unknown", "clientID": "vmlog", "state": state,
            "startedAt": known.oldest.record.timestamp.to_string(),
            "endAt": known.newest.record.timestamp.to_string(),
            "cpuCount": size.processors, "memoryMB": size.memory_mib, "diskSizeMB": size.disk_mib,
            "envdVersion": "0.0.0",
        })
        .to_string()
        .into_bytes())
    })
    .await
}

/// Which lines.
struct LogsQuery {
    direction: Direction,
    start: Micros,
    end: Micros,
    limit: usize,
    level: Option<Level>,
    search: Option<Search>,
    pid: Option<u64>,
}

impl LogsQuery {
    fn of_v2(request: &ApiRequest, now: Micros) -> Result<Self, ApiError> {
        let mut given = request.parameters.clone();
        let cursor = millis(&mut given, "cursor", "invalid_cursor")?;
        let direction = match take_single(&mut given, "direction")?.as_deref() {
            None | Some("backward") => Direction::Backward,
            Some("forward") => Direction::Forward,
            Some(other) => {
                let message = format!("direction must be one of forward, backward; got {other:?}");
                return Err(ApiError::parameter(
                    "invalid_direction",
                    "direction",
                    message,
                ));
            }
        };
        let oldest = now.plus(-WINDOW_MICROS);
        let (start, end) = match (direction, cursor) {
            (Direction::Backward, cursor) => {
                let end = cursor.map_or(now, |cursor| cursor.plus(MILLI));
                (end.plus(-WINDOW_MICROS), end)
            }
            (Direction::Forward, cursor) => {
                let start = cursor.unwrap_or(oldest);
                (start, start.plus(WINDOW_MICROS))
            }
        };
        Ok(Self {
            direction,
            start: start.max(oldest),
            end: end.max(oldest),
            limit: limit(&mut given)?,
            level: level(&mut given)?,
            search: search(&mut given)?,
            pid: pid(&mut given)?,
        })
    }

    fn of_v1(request: &ApiRequest, now: Micros) -> Result<Self, ApiError> {
        let mut given = request.parameters.clone();
        let oldest = now.plus(-WINDOW_MICROS);
        let start = millis(&mut given, "start", "invalid_start")?.unwrap_or(oldest);
        // more lines of this millisecond may come, and a client that has seen one of them asks only for later ones
        let whole = Micros::new(now.get().div_euclid(MILLI) * MILLI);
        Ok(Self {
            direction: Direction::Forward,
            start: start.max(oldest),
            end: whole,
            limit: limit(&mut given)?,
            level: None,
            search: None,
            pid: None,
        })
    }

    fn filter(self, id: &str) -> Filter {
        let mut filter = sandbox::records(id)
            .with_start(self.start)
            .with_end(self.end);
        if let Some(level) = self.level {
            filter = filter.with_levels(LevelSet::at_least(level));
        }
        if let Some(pid) = self.pid {
            filter = filter.with_pid(pid);
        }
        match self.search {
            Some(search) => filter.with_expression(Expression::Message(search)),
            None => filter,
        }
    }

    /// The lines in the order of their times, or from the newest back. 404 for a sandbox without any record.
    fn lines(
        self,
        view: &ScopedView,
        id: &str,
        budget: &Budget,
    ) -> Result<Vec<StoredRecord>, ApiError> {
        let (direction, limit) = (self.direction, self.limit);
        let mut asked = PageRequest {
            filter: self.filter(id),
            cursor: None,
            direction,
            limit: limit.max(1),
            order: Order::Time,
            around: None,
        };
        let mut lines = Vec::new();
        loop {
            let page = view.page(asked.clone(), budget)?;
            lines.extend(page.entries);
            match page.next_cursor {
                Some(next) if lines.len() < limit && !budget.cancel.is_cancelled() => {
                    asked.cursor = Some(next);
                    asked.limit = limit - lines.len();
                }
                _ => break,
            }
        }
        if lines.is_empty() {
            KnownSandbox::find(view, None, id, budget)?;
        }
        lines.truncate(limit);
        Ok(lines)
    }
}

fn millis(
    given: &mut Vec<(String, String)>,
    name: &'static str,
    code: &'static str,
) -> Result<Option<Micros>, ApiError> {
    let Some(text) = take_single(given, name)? else {
        return Ok(None);
    };
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number
        .and_then(|number| number.checked_mul(MILLI))
        .map(|micros| Some(Micros::new(micros)))
        .ok_or_else(|| {
            let message = format!("{name} must be milliseconds since 1970; got {text:?}");
            ApiError::parameter(code, name, message)
        })
}

fn limit(given: &mut Vec<(String, String)>) -> Result<usize, ApiError> {
    let Some(text) = take_single(given, "limit")? else {
        return Ok(LIMIT_MAX);
    };
    let limit = text.parse().ok().filter(|limit| *limit <= LIMIT_MAX);
    limit.ok_or_else(|| {
        let message = format!("limit must be a number from 0 to {LIMIT_MAX}; got {text:?}");
        ApiError::parameter("invalid_limit", "limit", message)
    })
}

fn level(given: &mut Vec<(String, String)>) -> Result<Option<Level>, ApiError> {
    let Some(text) = take_single(given, "level")? else {
        return Ok(None);
    };
    let level = Level::ALL.into_iter().find(|level| level.as_str() == text);
    level.map(Some).ok_or_else(|| {
        let message = format!("level must be one of debug, info, warn, error; got {text:?}");
        ApiError::parameter("invalid_level", "level", message)
    })
}

/// The process whose output alone is wanted, at any level: a number of 32 bits.
fn pid(given: &mut Vec<(String, String)>) -> Result<Option<u64>, ApiError> {
    let Some(text) = take_single(given, "pid")? else {
        return Ok(None);
    };
    let pid = text.parse::<i32>().ok();
    pid.and_then(|pid| u64::try_from(pid).ok())
        .map(Some)
        .ok_or_else(|| {
            let message = format!("pid must be the number of a process; got {text:?}");
            ApiError::parameter("invalid_pid", "pid", message)
        })
}

fn search(given: &mut Vec<(String, String)>) -> Result<Option<Search>, ApiError> {
    let Some(text) = take_single(given, "search")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() <= SEARCH_CHARS_MAX {
        return Ok(Some(Search::text(&text, Case::Sensitive)));
    }
    let message = format!("search must have at most {SEARCH_CHARS_MAX} characters");
    Err(ApiError::parameter("invalid_search", "search", message))
}

/// A line as the service stores it, which the command line of e2b parses: a JSON object of the fields with `level` and `message`.
fn raw_line(line: &StoredRecord) -> String {
    let mut entry = entry(line);
    let mut raw = match entry["fields"].take() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for name in ["level", "message"] {
        raw.insert(name.to_owned(), entry[name].take());
    }
    Value::Object(raw).to_string()
}

/// A structured line. All fields are texts.
fn entry(line: &StoredRecord) -> Value {
    let record = &line.record;
    let mut fields = Map::new();
    for (key, value) in record.metadata.iter() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        fields.insert(key.to_owned(), text.into());
    }
    let is_output = record.metadata.get("stream").is_some();
    let logger = if is_output {
        "process"
    } else {
        record.source.as_str()
    };
    fields.insert("logger".to_owned(), logger.into());
    json!({"timestamp": record.timestamp.to_string(), "level": record.level.as_str(), "message": record.message, "fields": fields})
}
