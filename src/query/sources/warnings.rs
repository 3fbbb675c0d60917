//! Probable reasons for an empty answer: an unknown source, a start in the future, a condition in the syntax of another language.

use crate::query::error::Error;
use crate::query::filter::Filter;
use crate::query::scan::budget::Budget;
use crate::query::sources::count::count_sources;
use crate::store::View;
use crate::time::Micros;

/// The maximum number of patterns to warn about: more than people type, and each is compared with every source.
const PATTERNS_MAX: usize = 10;
/// The maximum edit distance of a suggestion.
const TYPOS_MAX: usize = 2;
/// Longer names get no suggestion: a comparison takes time proportional to the product of the lengths.
const COMPARED_CHARS_MAX: usize = 64;

/// What the author of a filter should know about it: sources that no record has, a start in the future, conditions with an operator
/// of another language. Only sources that the filter's narrowings show are named.
pub fn filter_warnings(
    view: &View,
    filter: &Filter,
    budget: &Budget,
) -> Result<Vec<String>, Error> {
    of_empty(view, filter, budget)
}

/// Warnings about a request without results. Only sources that the client may see are named.
pub(in crate::query) fn of_empty(
    view: &View,
    filter: &Filter,
    budget: &Budget,
) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    if let Some(start) = filter
        .time_bounds()
        .start
        .filter(|start| *start > Micros::now())
    {
        warnings.push(format!("start is in the future: {start}"));
    }
    warnings.extend(filter.doubts().iter().cloned());
    let wanted = filter.wanted_sources();
    if wanted.is_empty() {
        return Ok(warnings);
    }
    let known = count_sources(view, &filter.narrowings_only(), budget)?;
    if known.is_partial {
        return Ok(warnings);
    }
    let known = known.sources;
    let unknown = wanted.into_iter();
    // `*` matches every source, and a new store has none
    let unknown = unknown.filter(|pattern| {
        !pattern.text().is_empty() && !known.iter().any(|one| pattern.matches(&one.source))
    });
    for pattern in unknown.take(PATTERNS_MAX) {
        let names = known.iter().map(|one| one.source.as_str());
        let suggestion = suggestion(pattern.text(), &names);
        let suggestion =
            suggestion.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        warnings.push(format!("no source `{pattern}`{suggestion}"));
    }
    Ok(warnings)
}

/// The source, or kind of sources, that `word` probably names.
fn suggestion<'a>(word: &str, names: &(impl Iterator<Item = &'a str> + Clone)) -> Option<String> {
    let word = word.trim_end_matches(':').to_lowercase();
    if word.is_empty() {
        return None;
    }
    let kind_of = |name: &'a str| name.split_once(':').map(|(kind, _)| kind);
    let kinds = || names.clone().filter_map(kind_of);
    let is_word = |text: &&str| text.to_lowercase() == word;
    let after_kind = |name: &str| {
        let (_, rest) = name.split_once(':')?;
        let rest = rest.to_lowercase();
        Some(rest.strip_suffix(".service").unwrap_or(&rest).to_owned())
    };
    let as_kind = |kind: &str| format!("{kind}:");
    let by_kind = || kinds().find(is_word).map(as_kind);
    let by_case = || names.clone().find(is_word).map(str::to_owned);
    let by_rest = || {
        names
            .clone()
            .find(|name| after_kind(name).as_deref() == Some(&*word))
            .map(str::to_owned)
    };
    let by_typo = || {
        let close = |name: &&str| distance(&name.to_lowercase(), &word);
        let best = names.clone().min_by_key(close);
        best.filter(|name| close(name) <= TYPOS_MAX)
            .map(str::to_owned)
    };
    let kind_by_typo = || kinds().find(|kind| distance(kind, &word) == 1).map(as_kind);
    by_kind()
        .or_else(by_case)
        .or_else(by_rest)
        .or_else(kind_by_typo)
        .or_else(by_typo)
}

/// The edit distance (Levenshtein); the maximum for texts that are too long to compare.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().max(b.len()) > COMPARED_CHARS_MAX || a.len().abs_diff(b.len()) > TYPOS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, from) in a.iter().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let change = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = change.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_kind_the_case_the_rest_and_the_near_name() {
        let names = [
            "docker:web",
            "docker:db",
            "system:ssh.service",
            "cloud-init",
            "file:App",
        ];
        let suggested = |word: &str| suggestion(word, &names.into_iter());
        assert_eq!(suggested("docker").as_deref(), Some("docker:"));
        assert_eq!(suggested("Docker:").as_deref(), Some("docker:"));
        assert_eq!(suggested("dcker:").as_deref(), Some("docker:"));
        assert_eq!(suggested("file:app").as_deref(), Some("file:App"));
        assert_eq!(suggested("ssh").as_deref(), Some("system:ssh.service"));
        assert_eq!(suggested("web").as_deref(), Some("docker:web"));
        assert_eq!(suggested("docker:wbe").as_deref(), Some("docker:web"));
        assert_eq!(suggested("cloudinit").as_deref(), Some("cloud-init"));
        assert_eq!(suggested("kernel"), None);
        assert_eq!(suggested(""), None);
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("kitten", "kitten"), 0);
        assert_eq!(distance("web", "wbe"), 2);
        assert_eq!(distance("docker", "dcker"), 1);
        assert_eq!(distance("a", "abcd"), usize::MAX);
        assert_eq!(distance(&"x".repeat(65), &"x".repeat(65)), usize::MAX);
    }
}
