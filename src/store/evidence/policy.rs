//! The choice of evidence: which records remain when rows or bytes push a segment out of the store.
//!
//! A pure function of a few facts about each row, so that the policy can be read and tested without a file.

use crate::record::{Level, Source};
use crate::store::format::layout::Degree;
use std::collections::{BTreeMap, BTreeSet};

/// The key of metadata that marks a problem. Any record that has it is evidence.
pub(in crate::store) const PROBLEM_KEY: &str = "problem";
/// The key of metadata that names the run of a captured command.
pub(in crate::store) const RUN_KEY: &str = "run_id";
/// The key of metadata that tells what happened to a run.
pub(in crate::store) const EVENT_KEY: &str = "event_type";

/// What the policy knows about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct EvidenceRow {
    pub(in crate::store) id: u64,
    /// Index in the list of sources.
    pub(in crate::store) source: usize,
    pub(in crate::store) level: Level,
    pub(in crate::store) is_problem: bool,
    /// The run that it belongs to, by a number of the caller, and its part in it.
    pub(in crate::store) run: Option<(usize, RunPart)>,
}

/// The part of a record in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum RunPart {
    Start,
    End { success: bool },
    Line,
}

/// What the policy knows about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct EvidenceSource {
    pub(in crate::store) class: SourceClass,
    /// How many of its newest rows remain, whatever they are.
    pub(in crate::store) newest: u64,
}

/// What a source tells by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum SourceClass {
    /// cloud-init: how the machine was made.
    Provisioning,
    /// Events: source `event:`.
    Events,
    Other,
}

impl SourceClass {
    pub(in crate::store) fn of(source: &Source) -> Self {
        let name = source.as_str();
        match name.split_once(':').map_or(name, |(kind, _)| kind) {
            "cloud-init" => Self::Provisioning,
            "event" => Self::Events,
            _ => Self::Other,
        }
    }
}

/// The maximum numbers of rows that remain of a segment, beside starts and ends of runs, and the newest rows of each source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Bounds {
    /// Of each source of provisioning.
    provisioning: usize,
    /// Of each source of events.
    events: usize,
    /// Problems of each source.
    problems: usize,
    /// Warnings and errors of each source.
    errors: usize,
    /// Warnings and errors of all sources.
    all_errors: usize,
    /// First lines of each run that did not succeed.
    first_lines: usize,
    /// Its last lines.
    last_lines: usize,
    /// Whether runs that succeeded keep lines, too.
    successful_runs: bool,
}

impl Bounds {
    /// The bounds for a segment that was not thinned before.
    pub(in crate::store) fn first(degree: Degree) -> Self {
        match degree {
            Degree::Evidence => Self {
                provisioning: 5_000,
                events: 2_000,
                problems: 2_000,
                errors: 200,
                all_errors: 4_000,
                first_lines: 20,
                last_lines: 50,
                successful_runs: false,
            },
            Degree::Essence => Self {
                provisioning: 1_000,
                events: 200,
                problems: 500,
                errors: 10,
                all_errors: 200,
                first_lines: 5,
                last_lines: 10,
                successful_runs: false,
            },
        }
    }

    /// The bounds when segments of one degree are merged: each was within the bounds when it was thinned.
    pub(in crate::store) fn merge() -> Self {
        Self {
            provisioning: usize::MAX,
            events: usize::MAX,
            problems: usize::MAX,
            errors: usize::MAX,
            all_errors: usize::MAX,
            first_lines: usize::MAX / 2,
            last_lines: usize::MAX / 2,
            successful_runs: false,
        }
    }

    /// The bounds for a copy for people: problems, runs, provisioning and events are whole, the rest is as in [`Degree::Evidence`].
    pub(in crate::store) fn copy() -> Self {
        Self {
            provisioning: usize::MAX,
            events: usize::MAX,
            problems: usize::MAX,
            first_lines: usize::MAX / 2,
            last_lines: usize::MAX / 2,
            successful_runs: true,
            ..Self::first(Degree::Evidence)
        }
    }
}

/// Chooses the rows that remain, as indexes in `rows`. `rows` ascend by id; rows that are no candidates may be missing.
pub(in crate::store) fn choose(
    rows: &[EvidenceRow],
    sources: &[EvidenceSource],
    bounds: &Bounds,
) -> BTreeSet<usize> {
    let mut chosen = BTreeSet::new();
    let mut by_source: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        by_source.entry(row.source).or_default().push(index);
    }
    let is = |index: &usize, test: fn(&EvidenceRow) -> bool| rows.get(*index).is_some_and(test);
    let is_severe = |row: &EvidenceRow| row.level >= Level::Warn;
    let noisy = by_source
        .values()
        .filter(|of_source| of_source.iter().any(|index| is(index, is_severe)));
    let share = (bounds.all_errors / noisy.count().max(1)).max(ERRORS_SHARE_MIN);
    for (source, of_source) in &by_source {
        let Some(known) = sources.get(*source) else {
            continue;
        };
        let class_bound = match known.class {
            SourceClass::Provisioning => bounds.provisioning,
            SourceClass::Events => bounds.events,
            SourceClass::Other => 0,
        };
        chosen.extend(ends(of_source, class_bound / 2, class_bound.div_ceil(2)));
        let newest = usize::try_from(known.newest).unwrap_or(usize::MAX);
        chosen.extend(ends(of_source, 0, newest));
        let errors = bounds.errors.min(share);
        let severe: Vec<_> = of_source
            .iter()
            .copied()
            .filter(|index| is(index, is_severe))
            .collect();
        chosen.extend(ends(&severe, errors / 2, errors.div_ceil(2)));
        let problems: Vec<_> = of_source
            .iter()
            .copied()
            .filter(|index| is(index, |row| row.is_problem))
            .collect();
        chosen.extend(ends(
            &problems,
            bounds.problems / 2,
            bounds.problems.div_ceil(2),
        ));
    }
    choose_runs(rows, bounds, &mut chosen);
    chosen
}

/// Chooses starts and ends of runs, and lines of those that did not succeed as far as it is known.
fn choose_runs(rows: &[EvidenceRow], bounds: &Bounds, chosen: &mut BTreeSet<usize>) {
    let mut runs: BTreeMap<usize, (Vec<usize>, bool)> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let Some((run, part)) = row.run else {
            continue;
        };
        let (lines, success) = runs.entry(run).or_default();
        match part {
            RunPart::Line => lines.push(index),
            RunPart::Start => {
                chosen.insert(index);
            }
            RunPart::End { success: ended } => {
                chosen.insert(index);
                *success = ended;
            }
        }
    }
    let is_wanted = |success: bool| bounds.successful_runs || !success;
    for (lines, _) in runs.values().filter(|(_, success)| is_wanted(*success)) {
        chosen.extend(ends(lines, bounds.first_lines, bounds.last_lines));
    }
}

/// The first and the last of a list.
fn ends(all: &[usize], first: usize, last: usize) -> impl Iterator<Item = usize> {
    let last_at = all.len().saturating_sub(last);
    let first = all.get(..first.min(last_at)).unwrap_or_default();
    let last = all.get(last_at..).unwrap_or_default();
    first.iter().chain(last).copied()
}

/// Each source keeps some errors, however many sources there are.
const ERRORS_SHARE_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: EvidenceSource = EvidenceSource {
        class: SourceClass::Other,
        newest: 0,
    };

    fn row(id: u64, source: usize, level: Level) -> EvidenceRow {
        EvidenceRow {
            id,
            source,
            level,
            is_problem: false,
            run: None,
        }
    }

    fn ids(rows: &[EvidenceRow], sources: &[EvidenceSource], bounds: Bounds) -> Vec<u64> {
        let chosen = choose(rows, sources, &bounds);
        chosen.into_iter().map(|index| rows[index].id).collect()
    }

    fn first() -> Bounds {
        Bounds::first(Degree::Evidence)
    }

    #[test]
    fn keeps_provisioning_and_events_but_no_chatter() {
        let sources = ["cloud-init", "event:disk", "docker:web"];
        let sources = sources.map(|name| EvidenceSource {
            class: SourceClass::of(&name.parse().unwrap()),
            newest: 0,
        });
        let rows: Vec<_> = (0..9)
            .map(|id| row(id, usize::try_from(id % 3).unwrap(), Level::Info))
            .collect();
        assert_eq!(ids(&rows, &sources, first()), [0, 1, 3, 4, 6, 7]);
    }

    #[test]
    fn keeps_the_newest_of_a_source_as_many_as_asked() {
        let rows: Vec<_> = (0..10).map(|id| row(id, 0, Level::Info)).collect();
        let sources = [EvidenceSource { newest: 3, ..OTHER }];
        assert_eq!(ids(&rows, &sources, first()), [7, 8, 9]);
        assert!(ids(&rows, &[OTHER], first()).is_empty());
    }

    #[test]
    fn errors_are_bounded_by_source_and_by_segment() {
        let rows: Vec<_> = (0..1000).map(|id| row(id, 0, Level::Error)).collect();
        let kept = ids(&rows, &[OTHER], first());
        assert_eq!(kept.len(), 200);
        assert_eq!((kept[99], kept[100]), (99, 900), "the first and the last");
        let sources = vec![OTHER; 400];
        let rows: Vec<_> = (0..40_000)
            .map(|id| row(id, usize::try_from(id % 400).unwrap(), Level::Warn))
            .collect();
        assert_eq!(ids(&rows, &sources, first()).len(), 4_000);
        let merged = ids(&rows, &sources, Bounds::merge());
        assert_eq!(merged.len(), rows.len(), "bounded before");
    }

    #[test]
    fn problems_are_kept_whatever_their_level() {
        let mut rows: Vec<_> = (0..4).map(|id| row(id, 0, Level::Debug)).collect();
        rows[2].is_problem = true;
        assert_eq!(ids(&rows, &[OTHER], first()), [2]);
    }

    /// A run of `count` records, whose end is there if `end` is given.
    fn run(number: usize, from: u64, count: u64, end: Option<bool>) -> Vec<EvidenceRow> {
        let last = from + count - 1;
        let part = |id| match end {
            _ if id == from => RunPart::Start,
            Some(success) if id == last => RunPart::End { success },
            _ => RunPart::Line,
        };
        let rows = (from..=last).map(|id| EvidenceRow {
            run: Some((number, part(id))),
            ..row(id, 0, Level::Info)
        });
        rows.collect()
    }

    #[test]
    fn runs_keep_both_ends_and_lines_unless_they_succeeded() {
        let good = run(0, 0, 500, Some(true));
        assert_eq!(ids(&good, &[OTHER], first()), [0, 499]);
        let failed = run(0, 0, 500, Some(false));
        let kept = ids(&failed, &[OTHER], first());
        assert_eq!(kept.len(), 1 + 20 + 50 + 1);
        assert!(kept.contains(&20) && !kept.contains(&21) && kept.contains(&449));
        let running = run(0, 0, 500, None);
        assert_eq!(ids(&running, &[OTHER], first()).len(), 1 + 20 + 50);
        let mut two = run(0, 0, 3, Some(true));
        two.extend(run(1, 3, 3, Some(false)));
        assert_eq!(ids(&two, &[OTHER], first()), [0, 2, 3, 4, 5]);
    }

    #[test]
    fn essence_is_a_part_of_the_evidence() {
        let mut rows = run(0, 0, 500, Some(false));
        rows.extend((500..900).map(|id| row(id, 0, Level::Error)));
        let evidence: BTreeSet<_> = ids(&rows, &[OTHER], first()).into_iter().collect();
        let essence = ids(&rows, &[OTHER], Bounds::first(Degree::Essence));
        assert!(essence.len() < evidence.len() / 5);
        assert!(essence.iter().all(|id| evidence.contains(id)));
        assert!(essence.contains(&0) && essence.contains(&499));
    }

    #[test]
    fn choosing_again_from_what_was_chosen_changes_nothing() {
        let mut rows = run(0, 0, 500, Some(false));
        rows.extend((500..900).map(|id| row(id, 0, Level::Error)));
        let chosen = choose(&rows, &[OTHER], &first());
        let kept: Vec<_> = chosen.iter().map(|index| rows[*index].clone()).collect();
        assert_eq!(choose(&kept, &[OTHER], &first()).len(), kept.len());
        assert_eq!(choose(&kept, &[OTHER], &Bounds::merge()).len(), kept.len());
    }
}
