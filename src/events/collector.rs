//! Brings events into the log, exactly once.

use super::event_log::{DEDUPLICATION, DERIVED_MARK, EventLog};
use super::listing;
use crate::collect::{Batch, Collector, Error};
use crate::record::{Id, Position, Positions, Record};
use crate::time::Micros;
use std::io;
use std::time::{Duration, Instant};

/// Its name, also in positions.
const NAME: &str = "events";

/// A new log does not begin with the events of a whole year: they are in `GET /events`.
const OLD_EVENTS_MAX: u64 = 1_000;

/// The interval of the maintenance of the store of events.
const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// Brings events into the log.
#[derive(Debug)]
pub struct EventCollector {
    events: EventLog,
    /// The number of the last event that was brought.
    last: Id,
    maintained: Instant,
}

impl EventCollector {
    /// A collector that continues from these positions.
    #[must_use]
    pub fn open(events: EventLog, positions: &Positions) -> Self {
        let ids = events.reader().view().ids();
        let saved = positions.get(NAME);
        let saved =
            saved.and_then(|bytes| Some(u64::from_le_bytes(bytes.as_slice().try_into().ok()?)));
        // events that were replaced by older ones begin anew
        let saved = saved.filter(|last| *last < ids.end);
        let last = saved.unwrap_or_else(|| {
            let first = ids.start.max(ids.end.saturating_sub(OLD_EVENTS_MAX));
            first.saturating_sub(1)
        });
        Self {
            events,
            last: Id(last),
            maintained: Instant::now(),
        }
    }
}

impl Collector for EventCollector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let failed = |what: &str, error: &dyn std::error::Error| Error::Io {
            what: what.to_owned(),
            source: io::Error::other(error.to_string()),
        };
        if self.maintained.elapsed() >= MAINTENANCE_EVERY {
            self.maintained = Instant::now();
            let maintained = self.events.maintain();
            maintained.map_err(|error| failed("maintain the store of the events", &error))?;
        }
        let view = self.events.reader().view();
        let room = batch.records_max.saturating_sub(batch.records.len());
        let found = listing::after(&view, self.last, room.max(1));
        let found = found.map_err(|error| failed("read the store of the events", &error))?;
        if found.is_empty() {
            return Ok(());
        }
        for event in found {
            self.last = event.id;
            let mut record: Record = event.record;
            if record.metadata.contains_key(DERIVED_MARK) {
                continue;
            }
            record.metadata.remove(DEDUPLICATION);
            batch.records.push(record);
        }
        batch.reached.insert(NAME.to_owned(), Some(self.last.0));
        batch.positions.push(Position {
            origin: NAME.to_owned(),
            value: Some(self.last.0.to_le_bytes().to_vec()),
        });
        Ok(())
    }

    fn wait(&mut self, patience: Duration) {
        self.events
            .wait_beyond(self.last, patience.min(MAINTENANCE_EVERY));
    }

    fn parts(&mut self, _batch: &mut Batch) -> Result<Vec<Micros>, Error> {
        Ok(vec![Micros::MIN])
    }
}
