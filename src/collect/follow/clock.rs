//! The time of lines that do not state one: the nearest known time.

use crate::collect::tail::context::Age;
use crate::time::Micros;

/// Carries the newest time in a file forward to the lines after it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LineClock {
    known: Option<Micros>,
}

impl LineClock {
    pub(crate) fn new(known: Option<Micros>) -> Self {
        Self { known }
    }

    /// The newest time that a line has stated.
    pub(crate) fn known(self) -> Option<Micros> {
        self.known
    }

    /// The time of a line that states `stated` or nothing. Without a stated time, a line that was just written gets
    /// the current time; an older line gets the last stated time before it or, without one, the time of the last
    /// write to its file.
    pub(crate) fn time(&mut self, stated: Option<Micros>, age: Age) -> Micros {
        if stated.is_some() {
            self.known = stated;
        }
        match (stated, self.known) {
            (Some(stated), _) => stated,
            (None, Some(known)) if !age.is_live => known,
            (None, _) => age.guess(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_a_time_get_the_nearest_known_one() {
        let time = Micros::new;
        let history = Age {
            is_live: false,
            modified: time(9_000),
        };
        let mut clock = LineClock::default();
        assert_eq!(clock.time(None, history), time(9_000));
        assert_eq!(clock.time(Some(time(5)), history), time(5));
        assert_eq!(clock.time(None, history), time(5));
        let live = Age {
            is_live: true,
            modified: time(9_000),
        };
        assert_eq!(clock.time(Some(time(6)), live), time(6));
        let before = Micros::now();
        assert!(clock.time(None, live) >= before);
        assert_eq!(
            LineClock::new(clock.known()).time(None, history),
            time(6),
            "it can be carried over a restart"
        );
    }
}
