//! Evaluates the residue of an expression over the columns of a block.

use crate::query::expression::{Expression, is_of_kind};
use crate::query::scan::need::MetadataNeed;
use crate::query::scan::residue::Residue;
use crate::query::scan::rows::Rows;
use crate::query::text::search::SearchScratch;
use crate::record::{Metadata, Source};
use crate::store::Error;

/// Keeps the rows that match `residue`. `name` gives a source of the segment by its number.
pub(in crate::query) fn evaluate(
    residue: &Residue<'_>,
    rows: &mut Rows<'_>,
    names: &[Source],
    scratch: &mut SearchScratch,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    if residue.is_of_metadata() {
        return evaluate_metadata(residue, rows, scratch);
    }
    match residue {
        Residue::Everything => Ok(()),
        Residue::Nothing => {
            rows.keep_only(Vec::new());
            Ok(())
        }
        Residue::All(parts) => evaluate_all(parts, rows, names, scratch),
        Residue::Any(parts) => evaluate_any(parts, rows, names, scratch),
        Residue::Not(part) => {
            let before = rows.clone_kept();
            evaluate(part, rows, names, scratch)?;
            rows.complement_within(before);
            Ok(())
        }
        Residue::Leaf(leaf) => evaluate_leaf(leaf, rows, names, scratch),
    }
}

/// Keeps the rows whose metadata matches.
fn evaluate_metadata(
    residue: &Residue<'_>,
    rows: &mut Rows<'_>,
    scratch: &mut SearchScratch,
) -> Result<(), Error> {
    let key = match residue {
        Residue::Leaf(Expression::Values(search)) => search.values_key(),
        _ => None,
    };
    rows.retain_known(key, |rows| {
        rows.retain_metadata(
            &MetadataNeed::of(residue),
            |metadata| matches_metadata(residue, metadata),
            scratch,
        )
    })
}

/// Each part narrows what the cheaper ones left. The parts that only the metadata decides are evaluated together, so that each
/// metadata is decoded once.
fn evaluate_all(
    parts: &[Residue<'_>],
    rows: &mut Rows<'_>,
    names: &[Source],
    scratch: &mut SearchScratch,
) -> Result<(), Error> {
    let (of_metadata, others) = by_cost(parts);
    for part in others {
        evaluate(part, rows, names, scratch)?;
        if rows.is_empty() {
            return Ok(());
        }
    }
    match of_metadata.as_slice() {
        [] => return Ok(()),
        [part] => return evaluate_metadata(part, rows, scratch),
        _ => {}
    }
    let needs = of_metadata.iter().map(|part| MetadataNeed::of(part));
    rows.retain_metadata(
        &MetadataNeed::All(needs.collect()),
        |metadata| {
            let mut parts = of_metadata.iter();
            parts.all(|part| matches_metadata(part, metadata))
        },
        scratch,
    )
}

/// Each part looks only at rows that no cheaper one has matched.
fn evaluate_any(
    parts: &[Residue<'_>],
    rows: &mut Rows<'_>,
    names: &[Source],
    scratch: &mut SearchScratch,
) -> Result<(), Error> {
    let (of_metadata, others) = by_cost(parts);
    let mut open = rows.clone_kept();
    let mut matched: Vec<u32> = Vec::new();
    for part in others {
        rows.set_kept(open.clone());
        evaluate(part, rows, names, scratch)?;
        let found = rows.indexes();
        if !found.is_empty() {
            rows.complement_within(open);
            open = rows.clone_kept();
            matched = merged(&matched, &found);
        }
        if open.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
    }
    rows.set_kept(open);
    if !of_metadata.is_empty() && !rows.is_empty() {
        if let [part] = of_metadata.as_slice() {
            evaluate_metadata(part, rows, scratch)?;
        } else {
            let needs = of_metadata.iter().map(|part| MetadataNeed::of(part));
            rows.retain_metadata(
                &MetadataNeed::Any(needs.collect()),
                |metadata| {
                    let mut parts = of_metadata.iter();
                    parts.any(|part| matches_metadata(part, metadata))
                },
                scratch,
            )?;
        }
        matched = merged(&matched, &rows.indexes());
    }
    rows.keep_only(matched);
    Ok(())
}

/// The parts that only the metadata decides, and the others, the cheapest first.
fn by_cost<'p, 'e>(parts: &'p [Residue<'e>]) -> (Vec<&'p Residue<'e>>, Vec<&'p Residue<'e>>) {
    let (of_metadata, mut others): (Vec<_>, Vec<_>) =
        parts.iter().partition(|part| part.is_of_metadata());
    others.sort_by_key(|part| part.cost());
    (of_metadata, others)
}

fn evaluate_leaf(
    leaf: &Expression,
    rows: &mut Rows<'_>,
    names: &[Source],
    scratch: &mut SearchScratch,
) -> Result<(), Error> {
    let by_name = |matches: &dyn Fn(&Source) -> bool, source: u32| {
        names.get(source as usize).is_some_and(matches)
    };
    match leaf {
        Expression::Source(pattern) => {
            rows.retain_sources(|source| by_name(&|name: &Source| pattern.matches(name), source))
        }
        Expression::Kind(kind) => {
            rows.retain_sources(|source| by_name(&|name: &Source| is_of_kind(name, kind), source))
        }
        Expression::Level(levels) => rows.retain_levels(|level| levels.contains(level)),
        Expression::Time(range) => rows.retain_times(|time| range.contains(time)),
        Expression::Message(search) => rows.retain_found(search, scratch),
        Expression::Pattern(template) => {
            if let Some(needle) = template.needle() {
                rows.retain_found(needle, scratch)?;
            }
            rows.retain_messages(|message| template.matches(message))
        }
        // these are no leaves, or only the metadata decides
        _ => Ok(()),
    }
}

fn matches_metadata(residue: &Residue<'_>, metadata: &Metadata) -> bool {
    match residue {
        Residue::Nothing => false,
        Residue::Everything => true,
        Residue::All(parts) => parts.iter().all(|part| matches_metadata(part, metadata)),
        Residue::Any(parts) => parts.iter().any(|part| matches_metadata(part, metadata)),
        Residue::Not(part) => !matches_metadata(part, metadata),
        Residue::Leaf(leaf) => leaf.matches_metadata(metadata),
    }
}

/// Both of two ascending lists without a common number, as one.
fn merged(a: &[u32], b: &[u32]) -> Vec<u32> {
    if a.is_empty() {
        return b.to_vec();
    }
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
        let next = if left < right { a.next() } else { b.next() };
        merged.extend(next);
    }
    merged.extend(a);
    merged.extend(b);
    merged
}
