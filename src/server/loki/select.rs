//! The records that a log query can match: its selector and first line filters as a filter, so that footers and
//! bitmaps exclude blocks.

use super::labels;
use crate::logql::{LineCondition, LineText, LogPipeline, LogQuery};
use crate::query::{Case, Expression, Filter, LevelSet, Search, SourcePattern};
use crate::record::Level;
use crate::server::records::ScopedView;
use crate::time::Micros;

/// The records of a query in a period; `None` if there are none.
pub(super) fn filter(
    view: &ScopedView,
    pipeline: &LogPipeline,
    query: &LogQuery,
    from_nanos: i64,
    to_nanos: i64,
) -> Option<Filter> {
    let sources = view.source_names();
    let mut levels = Vec::new();
    let mut selected = Vec::new();
    for source in &sources {
        let before = levels.len();
        let of_source = Level::ALL.into_iter();
        levels.extend(
            of_source
                .filter(|level| pipeline.selects(&labels::of_stream(view.node(), source, *level))),
        );
        if levels.len() > before {
            selected.push(source);
        }
    }
    if selected.is_empty() {
        return None;
    }
    let mut filter = Filter::default().with_levels(levels.into_iter().collect::<LevelSet>());
    if selected.len() < sources.len() {
        for source in &selected {
            filter = filter.with_source(SourcePattern::exact(source.as_str()));
        }
    }
    Some(within(with_search(filter, query), from_nanos, to_nanos))
}

/// The future records that a query matches, whose sources are not known yet.
pub(super) fn live_filter(query: &LogQuery) -> Filter {
    with_search(Filter::default(), query)
}

/// Adds the line filters, as far as they search for texts.
fn with_search(filter: Filter, query: &LogQuery) -> Filter {
    let (conditions, _) = query.line_conditions();
    let expressions = conditions.iter().filter_map(expression);
    expressions.fold(filter, Filter::with_expression)
}

/// Whether all line filters of a query are part of the filter derived from it.
pub(super) fn holds_line_filters(query: &LogQuery) -> bool {
    let (conditions, are_all) = query.line_conditions();
    are_all
        && conditions
            .iter()
            .all(|condition| expression(condition).is_some())
}

/// A line filter as a condition on messages; `None` for a regular expression that is too large for a search.
fn expression(condition: &LineCondition) -> Option<Expression> {
    let search = |text: &LineText| match text {
        LineText::Plain(text) => Some(Search::text(text, Case::Sensitive)),
        LineText::Regex(regex) => Search::regex(regex, Case::Sensitive).ok(),
    };
    let texts = condition.texts.iter();
    let any: Option<Vec<_>> = texts
        .map(|text| search(text).map(Expression::Message))
        .collect();
    let any = match any?.as_slice() {
        [one] => one.clone(),
        several => Expression::Any(several.to_vec()),
    };
    Some(if condition.is_negative {
        any.negated()
    } else {
        any
    })
}

/// Restricts a filter to a range of nanoseconds, rounded outwards to microseconds.
fn within(filter: Filter, from_nanos: i64, to_nanos: i64) -> Filter {
    let end = to_nanos.div_euclid(1_000).saturating_add(1);
    filter
        .with_start(Micros::new(from_nanos.div_euclid(1_000)))
        .with_end(Micros::new(end))
}
