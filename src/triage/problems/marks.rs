//! Marked records of each segment, kept from question to question. A sealed segment never changes, and an active one only grows, so that a
//! page that asks again reads what was appended since.

use crate::query::{
    Budget, Direction, Error, Expression, FieldCondition, FieldTest, Filter, Visit, has_candidates,
    visit,
};
use crate::store::{Segment, View};
use crate::triage::detect::PROBLEM;
use crate::triage::kind::ProblemKind;
use crate::triage::problems::group::{self, ProblemMark};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// Memory of all marks: of ten thousand records that report a problem. Segments that have more are read for each question.
const BYTES_MAX: usize = 4 << 20;
/// What a mark takes beside its texts.
const MARK_BYTES: usize = size_of::<ProblemMark>() + 3 * size_of::<usize>();
/// What a segment takes beside its marks.
const SEGMENT_BYTES: usize = 128;

/// Records that report a problem.
#[must_use]
pub fn marked() -> Expression {
    Expression::Field(FieldCondition::new(PROBLEM, FieldTest::Exists))
}

/// Records that report a problem of one of these kinds, or of any.
fn marked_as(kinds: &[ProblemKind]) -> Expression {
    if kinds.is_empty() {
        return marked();
    }
    let of_kind = |kind: &ProblemKind| {
        let is_kind = FieldTest::Equals(kind.as_str().into());
        Expression::Field(FieldCondition::new(PROBLEM, is_kind))
    };
    Expression::Any(kinds.iter().map(of_kind).collect())
}

/// Marks that were read before. Clones share one state.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownMarks(Arc<Mutex<MarksBySegment>>);

#[derive(Debug, Default)]
struct MarksBySegment {
    /// By the first ID of the segment.
    segments: HashMap<u64, SegmentMarks, RandomState>,
    bytes: usize,
}

/// The marks of a segment.
#[derive(Debug, Clone)]
struct SegmentMarks {
    /// The sealed segment. Another one may have the same first ID: one that compaction or thinning wrote.
    sealed: Option<Weak<Segment>>,
    /// All records below this ID were read.
    read_to: u64,
    marks: Vec<Arc<ProblemMark>>,
    bytes: usize,
}

impl KnownMarks {
    /// Calls `take` with the marks of these kinds that match a filter; no kinds are all. Returns whether the budget ended the search, so that
    /// marks are missing.
    pub(super) fn each(
        &self,
        view: &View,
        filter: &Filter,
        kinds: &[ProblemKind],
        budget: &Budget,
        mut take: impl FnMut(Arc<ProblemMark>) + Send,
    ) -> Result<bool, Error> {
        if filter.reads_texts() {
            let filter = filter.clone().with_expression(marked_as(kinds));
            let visited = visit_marks(view, &filter, budget, take)?;
            return Ok(visited.is_partial);
        }
        let mut take_wanted = |mark: Arc<ProblemMark>| {
            let is_wanted = view.ids().contains(&mark.id.0)
                && (kinds.is_empty() || kinds.contains(&mark.kind))
                && filter.matches_columns(&mark.source, mark.level, mark.time) == Some(true);
            if is_wanted {
                take(mark);
            }
        };
        let begun = Instant::now();
        let mut left = budget.clone();
        let (mut is_partial, mut is_spent) = (false, false);
        for segment in view.segments().iter().rev() {
            let found = self.get(view, segment);
            let known = found.iter().flat_map(|found| &found.marks);
            known.cloned().for_each(&mut take_wanted);
            let visible_end = segment.ids().end.min(view.ids().end);
            let is_whole = found.as_ref().is_some_and(|it| it.read_to >= visible_end);
            let alone = View::of_segment(segment, view.ids());
            if is_whole || !has_candidates(&alone, filter, budget) {
                continue;
            }
            if is_spent {
                is_partial = true;
                continue;
            }
            let read = self.read_rest(view, segment, found, &left, &mut take_wanted)?;
            is_partial |= read.is_partial;
            left.rows_max = left.rows_max.saturating_sub(read.scanned);
            left.time_max = budget.time_max.saturating_sub(begun.elapsed());
            is_spent = read.is_partial || left.rows_max == 0 || left.time_max.is_zero();
        }
        Ok(is_partial)
    }

    /// Reads the newest sealed segment of a view that is not known yet, or, if there is none, what was appended to the active one. Returns
    /// whether there may be another sealed one: not if there is no room for its marks, or the budget ended the search.
    pub(super) fn read_ahead(&self, view: &View, budget: &Budget) -> Result<bool, Error> {
        let mut segments = view.segments().iter().rev();
        let unknown = segments.find(|it| it.is_sealed() && self.get(view, it).is_none());
        if let Some(segment) = unknown {
            self.read_rest(view, segment, None, budget, &mut |_| {})?;
            return Ok(self.get(view, segment).is_some());
        }
        if let Some(active) = view.segments().last().filter(|it| !it.is_sealed()) {
            let found = self.get(view, active);
            self.read_rest(view, active, found, budget, &mut |_| {})?;
        }
        Ok(false)
    }

    /// Reads the records of a segment that are not known, and keeps their marks if none is missing and there is room for them.
    fn read_rest(
        &self,
        view: &View,
        segment: &Arc<Segment>,
        found: Option<SegmentMarks>,
        budget: &Budget,
        take: &mut (impl FnMut(Arc<ProblemMark>) + Send),
    ) -> Result<Visit, Error> {
        let ids = segment.ids();
        let end = if segment.is_sealed() {
            // it is read once for all views
            ids.end
        } else {
            ids.end.min(view.ids().end)
        };
        let mut known = found.unwrap_or_else(|| SegmentMarks {
            sealed: segment.is_sealed().then(|| Arc::downgrade(segment)),
            read_to: ids.start,
            marks: Vec::new(),
            bytes: SEGMENT_BYTES,
        });
        let rest = View::of_segment(segment, known.read_to..end);
        let filter = Filter::default().with_expression(marked());
        let visited = visit_marks(&rest, &filter, budget, |mark| {
            known.bytes += MARK_BYTES + mark.text_bytes();
            if known.bytes <= BYTES_MAX {
                known.marks.push(Arc::clone(&mark));
            } else {
                known.marks.clear();
            }
            take(mark);
        })?;
        if !visited.is_partial && visited.unreadable == 0 && known.bytes <= BYTES_MAX {
            known.read_to = end;
            self.lock().put(view, ids.start, known);
        }
        Ok(visited)
    }

    /// What is known of a segment of a view.
    fn get(&self, view: &View, segment: &Arc<Segment>) -> Option<SegmentMarks> {
        let known = self.lock();
        let found = known.segments.get(&segment.ids().start)?;
        found.is_of(view, segment).then(|| found.clone())
    }

    fn lock(&self) -> MutexGuard<'_, MarksBySegment> {
        // a panic elsewhere leaves the map intact
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentMarks {
    fn is_of(&self, view: &View, segment: &Arc<Segment>) -> bool {
        if let Some(sealed) = &self.sealed {
            return std::ptr::eq(sealed.as_ptr(), Arc::as_ptr(segment));
        }
        // an older view has fewer records
        let end = segment.ids().end.min(view.ids().end);
        !segment.is_sealed() && self.read_to <= end
    }
}

impl MarksBySegment {
    fn put(&mut self, view: &View, first_id: u64, known: SegmentMarks) {
        if self.bytes + known.bytes > BYTES_MAX {
            // drop what other segments have replaced
            let is_here = |first_id: u64, known: &SegmentMarks| {
                let mut segments = view.segments().iter();
                segments.any(|it| it.ids().start == first_id && known.is_of(view, it))
            };
            self.segments
                .retain(|first_id, known| is_here(*first_id, known));
            self.bytes = self.segments.values().map(|known| known.bytes).sum();
        }
        if let Some(before) = self.segments.remove(&first_id) {
            self.bytes -= before.bytes;
        }
        // those that are known stay: to drop the oldest would read all of them again for each question
        if self.bytes + known.bytes <= BYTES_MAX {
            self.bytes += known.bytes;
            self.segments.insert(first_id, known);
        }
    }
}

/// Calls `take` with the mark of each record that matches.
fn visit_marks(
    view: &View,
    filter: &Filter,
    budget: &Budget,
    mut take: impl FnMut(Arc<ProblemMark>) + Send,
) -> Result<Visit, Error> {
    visit(
        view,
        filter,
        Direction::Backward,
        budget,
        group::marks_of,
        |marks| {
            marks.into_iter().map(Arc::new).for_each(&mut take);
            ControlFlow::Continue(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::query::{Limits, parse_page};
    use crate::record::{Level, Record};
    use crate::redact::{RedactOptions, Redacted, Redactor};
    use crate::store::{Options, Store, SyncPolicy};
    use crate::time::Micros;
    use crate::triage::problems::{KnownProblems, ProblemsQuery, problems, problems_known};
    use proptest::prelude::*;
    use proptest::sample::select;
    use std::time::Duration;

    const START: i64 = 1_794_268_800_000_000;
    const SECOND: i64 = 1_000_000;

    #[derive(Debug, Clone)]
    enum Step {
        Append(u8),
        Seal,
        Maintain,
        Compact,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..60_u8).prop_map(Step::Append),
            2 => Just(Step::Seal),
            3 => Just(Step::Maintain),
            1 => Just(Step::Compact),
        ]
    }

    /// What is asked for: filters that marks answer by themselves, and those that look at texts.
    fn question() -> impl Strategy<Value = &'static str> {
        select(vec![
            "",
            "level=error",
            "source=system:web",
            "source=-docker:api",
            "start=2026-11-10T00:01:00Z",
            "end=2026-11-10T00:01:00Z",
            "q=level:warn OR source:docker:*",
            "q=-level:error",
            "search=7",
        ])
    }

    struct TestStore {
        store: Store,
        redactor: Redactor,
        next: u64,
        _folder: tempfile::TempDir,
    }

    impl TestStore {
        fn new(rows_max: u64, kept_bytes_max: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let options = Options {
                rows_max,
                segment_rows: 40,
                age_max: Duration::from_hours(24 * 365 * 100),
                sync: SyncPolicy::Off,
                free_percent_min: 0,
                free_bytes_min: 0,
                kept_bytes_max,
                kept_rows_per_source: 2,
                ..Options::default()
            };
            let (store, _) = Store::open(Arc::new(RealDisk), folder.path(), options).unwrap();
            Self {
                store,
                redactor: Redactor::new(&RedactOptions::default()).unwrap(),
                next: 0,
                _folder: folder,
            }
        }

        fn apply(&mut self, step: &Step) {
            match step {
                Step::Append(count) => {
                    let records: Vec<_> = (0..*count).map(|_| self.record()).collect();
                    self.store.append(&records, &[]).unwrap();
                }
                Step::Seal => self.store.seal().unwrap(),
                Step::Maintain => {
                    self.store.maintain(Micros::now()).unwrap();
                }
                Step::Compact => {
                    self.store.compact().unwrap();
                }
            }
        }

        /// One record in five is marked.
        fn record(&mut self) -> Redacted {
            const KINDS: [&str; 4] = ["unit_failed", "oom_kill", "restart_loop", "dns_failure"];
            const SOURCES: [&str; 3] = ["system:web", "docker:api", "system:kernel"];
            let number = self.next;
            self.next += 1;
            let scattered = usize::try_from(number.wrapping_mul(2_654_435_761) >> 7).unwrap();
            let mut record = Record {
                timestamp: Micros::new(START + i64::try_from(number).unwrap() * SECOND),
                source: SOURCES[scattered % 3].parse().unwrap(),
                level: Level::ALL[scattered / 3 % 4],
                message: format!("line {number}"),
                metadata: crate::record::Metadata::new(),
            };
            if number.is_multiple_of(5) {
                record.metadata.insert(PROBLEM, KINDS[scattered / 5 % 4]);
                let subject = format!("{}.service", scattered % 7);
                record.metadata.insert("problem_subject", subject);
            }
            self.redactor.redact(record)
        }
    }

    fn ask(text: &str, kinds: &[&str]) -> ProblemsQuery {
        let pairs: Vec<_> = text.split_once('=').into_iter().collect();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let request = parse_page(&pairs, &Limits::default(), Micros::new(START)).unwrap();
        ProblemsQuery {
            filter: request.filter,
            kinds: kinds.iter().map(|kind| kind.parse().unwrap()).collect(),
            limit: 100,
            // causes are looked for again after some time only
            with_causes: false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn answers_are_the_same_with_what_is_known(
            steps in prop::collection::vec((step(), question(), any::<bool>()), 1..24),
            rows_max in select(vec![100, 250, 100_000]),
            kept_bytes_max in select(vec![0, 1 << 20]),
        ) {
            let mut test = TestStore::new(rows_max, kept_bytes_max);
            let known = KnownProblems::default();
            let reader = test.store.reader();
            let mut views = vec![];
            for (step, question, is_of_kinds) in steps {
                test.apply(&step);
                views.push(reader.view());
                // an older view, whose client is slow, is asked as well
                for view in views.iter().rev().take(2) {
                    let kinds: &[&str] = if is_of_kinds { &["oom_kill", "unit_failed"] } else { &[] };
                    let query = ask(question, kinds);
                    let expected = problems(view, &query, &Budget::default()).unwrap();
                    let found = problems_known(view, &query, &Budget::default(), &known).unwrap();
                    prop_assert_eq!(found, expected, "{} after {:?}", question, step);
                }
            }
        }
    }

    #[test]
    fn segments_that_are_known_are_not_read_again() {
        let mut test = TestStore::new(100_000, 0);
        (0..10).for_each(|_| test.apply(&Step::Append(50)));
        test.apply(&Step::Seal);
        test.apply(&Step::Append(30));
        let reader = test.store.reader();
        let known = KnownMarks::default();
        let count = |budget: &Budget| {
            let mut count = 0;
            let filter = Filter::default();
            let marks = known.each(&reader.view(), &filter, &[], budget, |_| count += 1);
            (count, marks.unwrap())
        };
        let spent = Budget {
            rows_max: 0,
            ..Budget::default()
        };
        let (_, is_partial) = count(&spent);
        assert!(is_partial, "nothing is known");
        assert_eq!(count(&Budget::default()), (106, false));
        assert_eq!(count(&spent), (106, false), "all is known");
        test.apply(&Step::Append(20));
        assert_eq!(count(&Budget::default()), (110, false));
        test.apply(&Step::Append(5));
        let (found, is_partial) = count(&spent);
        assert_eq!(
            (found, is_partial),
            (111, false),
            "one block is always read"
        );
    }

    #[test]
    fn what_was_read_ahead_is_not_read_for_a_question() {
        let mut test = TestStore::new(100_000, 0);
        (0..10).for_each(|_| test.apply(&Step::Append(50)));
        test.apply(&Step::Seal);
        test.apply(&Step::Append(30));
        let view = test.store.reader().view();
        let known = KnownMarks::default();
        while known.read_ahead(&view, &Budget::default()).unwrap() {}
        let spent = Budget {
            rows_max: 0,
            ..Budget::default()
        };
        let mut count = 0;
        let take = |_| count += 1;
        let is_partial = known.each(&view, &Filter::default(), &[], &spent, take);
        assert!(!is_partial.unwrap());
        assert_eq!(count, 106);
    }

    #[test]
    fn memory_of_marks_is_bounded() {
        let mut known = MarksBySegment::default();
        let mut test = TestStore::new(100_000, 0);
        test.apply(&Step::Append(1));
        let view = test.store.reader().view();
        let marks = |bytes| SegmentMarks {
            sealed: None,
            read_to: 2,
            marks: vec![],
            bytes,
        };
        known.put(&view, 1, marks(BYTES_MAX / 2));
        known.put(&view, 7, marks(BYTES_MAX / 2));
        assert_eq!(known.bytes, BYTES_MAX);
        known.put(&view, 9, marks(BYTES_MAX));
        assert_eq!(
            known.bytes,
            BYTES_MAX / 2,
            "7 is no segment of the view, and 9 too large"
        );
        assert!(known.segments.contains_key(&1));
        known.put(&view, 1, marks(BYTES_MAX));
        assert_eq!(known.bytes, BYTES_MAX, "it replaces the former");
    }
}
