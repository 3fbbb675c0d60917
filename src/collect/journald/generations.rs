//! Runs of containers. A container that is restarted, or recreated under the same name, keeps its source, and a
//! record of vmlog reports the new run.

use crate::collect::journald::entry::Generation;
use crate::collect::own::own_record;
use crate::collect::tail::mark::digest;
use crate::record::{Level, Metadata, Record};
use serde::{Deserialize, Serialize};

/// Maximum number of containers whose last run is remembered, the most recently heard ones. Each takes a few words of
/// the position.
const KNOWN_MAX: usize = 64;

/// The metadata that the record of a new run copies from its first record.
const KEPT: [&str; 4] = [
    "container_id",
    "container_id_full",
    "container_name",
    "machine_id",
];

/// The last two runs of a container, as digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownContainer {
    name: u64,
    current: ContainerRun,
    previous: Option<ContainerRun>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ContainerRun {
    id: u64,
    number: u64,
}

/// The runs of all containers.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    /// Each container with its origin; the most recently heard one is last.
    known: Vec<(String, KnownContainer)>,
}

/// Why a run differs from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Restarted,
    Recreated,
}

impl Generations {
    /// Restores the saved state of a container of `origin`.
    pub(crate) fn restore(&mut self, origin: &str, known: KnownContainer) {
        if self.known.len() >= KNOWN_MAX {
            self.known.remove(0);
        }
        self.known.push((origin.to_owned(), known));
    }

    /// The state of the containers of `origin`, for saving.
    pub(crate) fn of(&self, origin: &str) -> impl Iterator<Item = KnownContainer> {
        let of_origin = self.known.iter().filter(move |(other, _)| other == origin);
        of_origin.map(|(_, known)| *known)
    }

    /// Records a message of a run and returns the change, if any. The last lines of a run may arrive after the first
    /// ones of the next: they are not a change.
    pub(crate) fn observe(&mut self, origin: &str, generation: &Generation<'_>) -> Option<Change> {
        let user = generation.user.unwrap_or_default();
        let name = digest(&[user, b"/", generation.container].concat());
        let run = ContainerRun {
            id: digest(generation.id),
            number: digest(generation.run),
        };
        let is_same =
            |(other, known): &(String, KnownContainer)| known.name == name && other == origin;
        let Some(at) = self.known.iter().position(is_same) else {
            let known = KnownContainer {
                name,
                current: run,
                previous: None,
            };
            self.restore(origin, known);
            return None;
        };
        let (origin, mut known) = self.known.remove(at);
        let before = known.current;
        let is_new = before != run && known.previous != Some(run);
        if is_new {
            known.previous = Some(before);
            known.current = run;
        }
        self.known.push((origin, known));
        is_new.then_some(if before.id == run.id {
            Change::Restarted
        } else {
            Change::Recreated
        })
    }
}

impl Change {
    /// The report of a change, placed before `first`, the first record of the new run.
    pub(crate) fn record(self, first: &Record) -> Record {
        let kept = KEPT.into_iter().filter_map(|key| {
            let value = first.metadata.get(key)?;
            Some((key.into(), value.clone()))
        });
        let mut metadata = Metadata::of_pairs(kept.collect());
        let (event, what) = match self {
            Self::Restarted => ("container_restarted", "started again"),
            Self::Recreated => ("container_recreated", "recreated"),
        };
        metadata.insert("source", first.source.as_str());
        let name = first.metadata.get("container_name");
        let name = name.and_then(serde_json::Value::as_str).unwrap_or_default();
        let message = format!("container {name} was {what}");
        Record {
            timestamp: first.timestamp,
            ..own_record(Level::Info, event, message, metadata)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation<'a>(container: &'a str, id: &'a str, run: &'a str) -> Generation<'a> {
        Generation {
            container: container.as_bytes(),
            user: None,
            id: id.as_bytes(),
            run: run.as_bytes(),
        }
    }

    #[test]
    fn reports_a_new_run_once() {
        let mut known = Generations::default();
        let observe =
            |known: &mut Generations, id, run| known.observe("o", &generation("web", id, run));
        assert_eq!(observe(&mut known, "a", "1"), None, "the first run");
        assert_eq!(observe(&mut known, "a", "1"), None);
        assert_eq!(observe(&mut known, "a", "2"), Some(Change::Restarted));
        assert_eq!(observe(&mut known, "a", "1"), None, "a late line");
        assert_eq!(observe(&mut known, "a", "2"), None);
        assert_eq!(observe(&mut known, "b", "2"), Some(Change::Recreated));
        let other = generation("web", "b", "3");
        assert_eq!(known.observe("another origin", &other), None);
        let of_user = Generation {
            user: Some(b"1000"),
            ..generation("web", "b", "9")
        };
        assert_eq!(known.observe("o", &of_user), None, "another container");

        let saved: Vec<KnownContainer> = known.of("o").collect();
        let mut restarted = Generations::default();
        for saved in saved {
            restarted.restore("o", saved);
        }
        assert_eq!(observe(&mut restarted, "b", "2"), None);
        assert_eq!(observe(&mut restarted, "c", "1"), Some(Change::Recreated));
    }

    #[test]
    fn remembers_a_bounded_number_of_containers() {
        let mut known = Generations::default();
        for number in 0..1_000 {
            let name = format!("c{number}");
            known.observe("o", &generation("often", "a", "1"));
            known.observe("o", &generation(&name, "a", "1"));
            assert!(known.known.len() <= KNOWN_MAX);
        }
        let again = generation("often", "a", "2");
        assert_eq!(known.observe("o", &again), Some(Change::Restarted));
    }
}
