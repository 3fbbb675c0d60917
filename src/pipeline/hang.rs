//! Sources that do not answer: a file on a server that is gone, a disk that is dying. Nobody can call off such a read, but it is
//! told, once when it has lasted too long, and again when it comes back.

use crate::collect;
use crate::record::{Level, Metadata, Record};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a collector is asked at the moment.
#[derive(Debug, Default)]
pub(super) struct SourceCall(Mutex<Option<Asked>>);

#[derive(Debug)]
struct Asked {
    since: Instant,
    is_told: bool,
}

impl SourceCall {
    /// The collector is asked now.
    pub(super) fn begin(&self) {
        *self.asked() = Some(Asked {
            since: Instant::now(),
            is_told: false,
        });
    }

    /// It has answered; says after how long, if that was told to take too long.
    pub(super) fn end(&self) -> Option<Duration> {
        let asked = self.asked().take()?;
        asked.is_told.then(|| asked.since.elapsed())
    }

    /// How long it has been asked, once when that is `patience` or more.
    pub(super) fn overdue(&self, patience: Duration) -> Option<Duration> {
        let mut asked = self.asked();
        let asked = asked.as_mut().filter(|asked| !asked.is_told)?;
        let since = asked.since.elapsed();
        asked.is_told = since >= patience;
        asked.is_told.then_some(since)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of a collector that does not answer.
pub(super) fn hangs(name: &str, since: Duration) -> Record {
    let seconds = since.as_secs();
    let text = format!(
        "collector {name} has been waiting for its source for {seconds} s: the others go on without it"
    );
    record(Level::Warn, "collector_hangs", name, text)
}

/// Tells that it has answered after all.
pub(super) fn answers(name: &str, after: Duration) -> Record {
    let seconds = after.as_secs();
    let text = format!("collector {name} goes on: its source answered after {seconds} s");
    record(Level::Info, "collector_answers", name, text)
}

fn record(level: Level, event_type: &str, name: &str, text: String) -> Record {
    let mut metadata = Metadata::new();
    metadata.insert("collector", name);
    collect::own_record(level, event_type, text, metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_once_and_its_end_only_then() {
        let call = SourceCall::default();
        assert_eq!(call.overdue(Duration::ZERO), None, "nobody is asked");
        assert_eq!(call.end(), None);
        call.begin();
        assert_eq!(call.overdue(Duration::from_mins(1)), None, "not yet");
        assert_eq!(call.end(), None, "nobody was told");
        for _ in 0..2 {
            call.begin();
            assert!(call.overdue(Duration::ZERO).is_some());
            assert_eq!(call.overdue(Duration::ZERO), None, "once");
            assert!(call.end().is_some());
            assert_eq!(call.end(), None);
        }
    }
}
