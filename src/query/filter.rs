//! Which records a request asks for: an expression, and the records that the client may see at all.

use crate::query::boot_selector::BootSelector;
use crate::query::condition::Condition;
use crate::query::expression::cover::Cover;
use crate::query::expression::levels::LevelSet;
use crate::query::expression::source_pattern::SourcePattern;
use crate::query::expression::time_range::TimeRange;
use crate::query::expression::{Expression, is_of_kind};
use crate::query::text::search::Search;
use crate::record::{Level, Source, StoredRecord};
use crate::time::Micros;
use std::sync::OnceLock;

/// Which records a request asks for; `Default` is all. Every part narrows: a record matches when it matches each part.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    included: Vec<SourcePattern>,
    excluded: Vec<SourcePattern>,
    /// The sources that may be seen: one of each list must match.
    narrowings: Vec<Vec<SourcePattern>>,
    levels: LevelSet,
    times: TimeRange,
    pid: Option<u64>,
    /// The boot, until its span is known: no record matches before.
    boot: Option<BootSelector>,
    others: Vec<Expression>,
    /// Suggestions for an empty answer.
    doubts: Vec<String>,
    /// All of it as one expression, made when it is first needed.
    expression: OnceLock<Expression>,
}

impl Filter {
    /// These sources too; the first call leaves out all others.
    #[must_use]
    pub fn with_source(self, pattern: SourcePattern) -> Self {
        self.changed(|filter| filter.included.push(pattern))
    }

    /// Never these sources.
    #[must_use]
    pub fn without_source(self, pattern: SourcePattern) -> Self {
        self.changed(|filter| filter.excluded.push(pattern))
    }

    /// Only these levels.
    #[must_use]
    pub fn with_levels(self, levels: LevelSet) -> Self {
        self.changed(|filter| filter.levels = filter.levels.and(levels))
    }

    /// Only records of this time or later.
    #[must_use]
    pub fn with_start(self, start: Micros) -> Self {
        self.changed(|filter| filter.times.start = Some(start))
    }

    /// Only records before this time.
    #[must_use]
    pub fn with_end(self, end: Micros) -> Self {
        self.changed(|filter| filter.times.end = Some(end))
    }

    /// Only records whose message or metadata holds this.
    #[must_use]
    pub fn with_search(self, search: Search) -> Self {
        self.with_expression(Expression::anywhere(search))
    }

    /// Only records that match this.
    #[must_use]
    pub fn with_expression(self, expression: Expression) -> Self {
        self.changed(|filter| filter.others.push(expression))
    }

    /// Only metadata that matches `condition`, in addition to earlier conditions.
    #[must_use]
    pub fn with_condition(self, condition: &Condition) -> Self {
        let expression = condition.expression();
        self.changed(|filter| {
            filter.doubts.extend(condition.doubt());
            filter.others.push(expression);
        })
    }

    /// Only output of the process `pid`. Output has no level of its own: the level rules are ignored then.
    #[must_use]
    pub fn with_pid(self, pid: u64) -> Self {
        self.changed(|filter| filter.pid = Some(pid))
    }

    /// Only records of a boot. [`Filter::resolved`](Self::resolved) finds its span.
    #[must_use]
    pub fn with_boot(self, boot: BootSelector) -> Self {
        self.changed(|filter| filter.boot = Some(boot))
    }

    /// The boot that was asked for, until its span is known.
    pub(super) fn boot(&self) -> Option<&BootSelector> {
        self.boot.as_ref()
    }

    /// The filter with the times of its boot in place of the boot; `None` if there is no such boot.
    pub(super) fn with_span_of_boot(
        self,
        selector: &BootSelector,
        times: Option<TimeRange>,
    ) -> Self {
        self.changed(|filter| {
            filter.boot = None;
            if times.is_none() {
                filter
                    .doubts
                    .push(format!("no boot {selector}; GET /boots lists the boots"));
            }
            let expression = times.map_or_else(Expression::nothing, Expression::Time);
            filter.others.push(expression);
        })
    }

    /// The access rights alone.
    #[must_use]
    pub fn rights(&self) -> Self {
        self.narrowings_only()
    }

    /// The times outside of which no record matches.
    #[must_use]
    pub fn times(&self) -> TimeRange {
        self.time_bounds()
    }

    /// Narrows to sources that one of `patterns` matches, whatever the request asks for: how access rights reach every query.
    /// Without a pattern no record is left.
    #[must_use]
    pub fn narrowed_to(self, patterns: Vec<SourcePattern>) -> Self {
        self.changed(|filter| filter.narrowings.push(patterns))
    }

    /// The whole filter as one expression, access rights included.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        self.expression.get_or_init(|| self.lowered())
    }

    /// Whether a record matches.
    #[must_use]
    pub fn matches(&self, record: &StoredRecord) -> bool {
        self.expression().matches(&record.record)
    }

    /// Whether a record of this source, level and time matches; `None` if its texts decide, which is never so unless
    /// [`reads_texts`](Self::reads_texts).
    #[must_use]
    pub fn matches_columns(&self, source: &Source, level: Level, time: Micros) -> Option<bool> {
        self.expression().matches_columns(source, level, time)
    }

    /// Whether access rights leave out records.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        !self.narrowings.is_empty()
    }

    /// Whether texts of a record are read, which may take milliseconds for each; all else takes nanoseconds.
    #[must_use]
    pub fn reads_texts(&self) -> bool {
        let mut reads = false;
        self.expression().each_leaf(&mut |leaf| {
            let of_message = matches!(leaf, Expression::Message(_) | Expression::Pattern(_));
            let is_text = of_message || leaf.is_of_metadata();
            reads |= is_text;
        });
        reads
    }

    /// Where the filter looks for texts: `message`, `metadata`, both or neither. A condition on one key is no such search.
    #[must_use]
    pub fn searched(&self) -> Vec<&'static str> {
        let (mut message, mut metadata) = (false, false);
        self.expression().each_leaf(&mut |leaf| {
            message |= matches!(leaf, Expression::Message(_));
            metadata |= matches!(leaf, Expression::Values(_));
        });
        let places = [("message", message), ("metadata", metadata)];
        let searched = places.into_iter().filter(|(_, is_searched)| *is_searched);
        searched.map(|(name, _)| name).collect()
    }

    /// The access rights alone.
    pub(super) fn narrowings_only(&self) -> Self {
        Self {
            narrowings: self.narrowings.clone(),
            ..Self::default()
        }
    }

    /// The sources alone: those that are asked for and may be seen.
    pub(super) fn sources_only(&self) -> Self {
        Self {
            included: self.included.clone(),
            excluded: self.excluded.clone(),
            narrowings: self.narrowings.clone(),
            ..Self::default()
        }
    }

    /// The range outside of which no record matches.
    pub(super) fn time_bounds(&self) -> TimeRange {
        self.expression().time_bounds()
    }

    /// Patterns of sources that were asked for.
    pub(super) fn wanted_sources(&self) -> Vec<&SourcePattern> {
        let mut patterns: Vec<&SourcePattern> = self.included.iter().collect();
        for expression in &self.others {
            expression.each_wanted_leaf(&mut |leaf| {
                if let Expression::Source(pattern) = leaf {
                    patterns.push(pattern);
                }
            });
        }
        patterns
    }

    /// Suggestions for an empty answer.
    pub(super) fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// How many records of a source match, of which the earliest and the latest have these times.
    pub(super) fn cover_of_source(
        &self,
        source: &Source,
        (earliest, latest): (Micros, Micros),
    ) -> Cover {
        self.expression().cover(&|leaf| match leaf {
            Expression::Source(pattern) => Cover::of(pattern.matches(source)),
            Expression::Kind(kind) => Cover::of(is_of_kind(source, kind)),
            Expression::Time(range) => range.cover(earliest, latest),
            _ => Cover::Some,
        })
    }

    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self.expression = OnceLock::new();
        self
    }

    fn lowered(&self) -> Expression {
        let any_of = |patterns: &[SourcePattern]| match patterns {
            [pattern] => Expression::Source(pattern.clone()),
            patterns => Expression::Any(patterns.iter().cloned().map(Expression::Source).collect()),
        };
        let mut parts: Vec<Expression> = self.narrowings.iter().map(|it| any_of(it)).collect();
        if !self.included.is_empty() {
            parts.push(any_of(&self.included));
        }
        if !self.excluded.is_empty() {
            parts.push(any_of(&self.excluded).negated());
        }
        match self.pid {
            Some(pid) => parts.push(Expression::Output(pid)),
            None if self.levels == LevelSet::ALL => {}
            None => parts.push(Expression::Level(self.levels)),
        }
        if self.boot.is_some() {
            parts.push(Expression::nothing());
        }
        if self.times != TimeRange::default() {
            parts.push(Expression::Time(self.times));
        }
        let others = self.others.iter().cloned();
        others.fold(Expression::All(parts), Expression::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Case;
    use crate::record::Level;
    use crate::record::{Id, Record};
    use serde_json::json;

    fn record(level: Level) -> StoredRecord {
        StoredRecord {
            id: Id(1),
            record: Record {
                timestamp: Micros::new(100),
                source: "docker:web".parse().unwrap(),
                level,
                message: "GET /index 200".to_owned(),
                metadata: serde_json::from_value(
                    json!({"event_type": "process_output", "pid": 42, "unit": "a"}),
                )
                .unwrap(),
            },
        }
    }

    #[test]
    fn every_part_narrows() {
        let info = record(Level::Info);
        let all = Filter::default();
        assert!(all.matches(&info));
        assert!(
            !all.clone()
                .with_source(SourcePattern::parse("system:"))
                .matches(&info)
        );
        assert!(
            !all.clone()
                .without_source(SourcePattern::parse("docker:"))
                .matches(&info)
        );
        assert!(
            !all.clone()
                .with_levels(LevelSet::at_least(Level::Warn))
                .matches(&info)
        );
        let search = Search::text("POST", Case::Insensitive);
        assert!(!all.clone().with_search(search).matches(&info));
        let condition = Condition::parse("unit=b").unwrap();
        assert!(!all.clone().with_condition(&condition).matches(&info));
        assert!(!all.narrowed_to(Vec::new()).matches(&info));
    }

    #[test]
    fn start_is_included_and_end_is_not() {
        let info = record(Level::Info);
        let at = |start, end| {
            let range = Filter::default().with_start(Micros::new(start));
            range.with_end(Micros::new(end)).matches(&info)
        };
        assert!(at(100, 101));
        assert!(!at(99, 100));
        assert!(!at(101, 200));
    }

    #[test]
    fn a_pid_sets_the_level_aside() {
        let output = record(Level::Debug);
        let errors = Filter::default().with_levels(LevelSet::at_least(Level::Error));
        assert!(!errors.matches(&output));
        assert!(errors.clone().with_pid(42).matches(&output));
        assert!(!errors.with_pid(43).matches(&output));
    }
}
