//! Sources that do not respond: a file on an unreachable server, a failing disk. Such a read cannot be cancelled. It is reported once when
//! it takes too long, and again when it returns.

use crate::collect;
use crate::record::{Level, Metadata, Record};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The running call of a collector.
#[derive(Debug, Default)]
pub(super) struct SourceCall(Mutex<Option<Asked>>);

#[derive(Debug)]
struct Asked {
    since: Instant,
    is_reported: bool,
}

impl SourceCall {
    /// Notes the start of a call.
    pub(super) fn begin(&self) {
        *self.asked() = Some(Asked {
            since: Instant::now(),
            is_reported: false,
        });
    }

    /// Notes the end of a call, and returns its duration if it was reported as overdue.
    pub(super) fn end(&self) -> Option<Duration> {
        let asked = self.asked().take()?;
        asked.is_reported.then(|| asked.since.elapsed())
    }

    /// The duration of the call, once it is at least `timeout`. Each call is returned once.
    pub(super) fn overdue(&self, timeout: Duration) -> Option<Duration> {
        let mut asked = self.asked();
        let asked = asked.as_mut().filter(|asked| !asked.is_reported)?;
        let since = asked.since.elapsed();
        asked.is_reported = since >= timeout;
        asked.is_reported.then_some(since)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports a collector whose source does not respond.
pub(super) fn hangs(name: &str, since: Duration) -> Record {
    let seconds = since.as_secs();
    let text = format!(
        "collector {name} has been waiting for its source for {seconds} s: the others continue without it"
    );
    record(Level::Warn, "collector_hangs", name, text)
}

/// Reports that the source has responded after all.
pub(super) fn answers(name: &str, after: Duration) -> Record {
    let seconds = after.as_secs();
    let text = format!("collector {name} continues: its source responded after {seconds} s");
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
    fn reports_an_overdue_call_once_and_its_end_only_after_that() {
        let call = SourceCall::default();
        assert_eq!(call.overdue(Duration::ZERO), None, "no call is running");
        assert_eq!(call.end(), None);
        call.begin();
        assert_eq!(call.overdue(Duration::from_mins(1)), None, "not yet");
        assert_eq!(call.end(), None, "it was not reported");
        for _ in 0..2 {
            call.begin();
            assert!(call.overdue(Duration::ZERO).is_some());
            assert_eq!(call.overdue(Duration::ZERO), None, "once");
            assert!(call.end().is_some());
            assert_eq!(call.end(), None);
        }
    }
}
