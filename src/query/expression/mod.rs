//! The filter model: a tree of conditions on a record. Request parameters, `where`, the text syntax of people and other query
//! languages all become such a tree; pages, counts and tails evaluate nothing else.

pub(super) mod cover;
pub(super) mod field;
pub(super) mod levels;
mod metadata;
pub(super) mod positions;
pub(super) mod quantity;
pub(super) mod source_pattern;
pub(super) mod time_range;
pub(super) mod values;

use crate::query::text::search::Search;
use crate::query::text::template::Template;
use crate::record::{Level, Record, Source};
use crate::time::Micros;
use cover::Cover;
use field::FieldCondition;
use levels::LevelSet;
use source_pattern::SourcePattern;
use time_range::TimeRange;

/// A condition on a record.
#[derive(Debug, Clone)]
pub enum Expression {
    /// Every one of these; of none, every record.
    All(Vec<Self>),
    /// At least one of these; of none, no record.
    Any(Vec<Self>),
    /// The records that this does not match.
    Not(Box<Self>),
    /// The source's name.
    Source(SourcePattern),
    /// The source's name up to its first colon: `docker`, `system`.
    Kind(Box<str>),
    /// The level.
    Level(LevelSet),
    /// The timestamp.
    Time(TimeRange),
    /// A text in the message.
    Message(Search),
    /// A message that a template matches, its variable parts masked.
    Pattern(Template),
    /// A text in any value of the metadata, except under the bookkeeping keys.
    Values(Search),
    /// The value under one key of the metadata.
    Field(FieldCondition),
    /// Output of the process with this id.
    Output(u64),
}

impl Expression {
    /// Matches every record.
    #[must_use]
    pub const fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Matches no record.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::Any(Vec::new())
    }

    /// A text in the message or in any value of the metadata.
    #[must_use]
    pub fn anywhere(search: Search) -> Self {
        Self::Any(vec![Self::Message(search.clone()), Self::Values(search)])
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(mut parts), Self::All(others)) => {
                parts.extend(others);
                Self::All(parts)
            }
            (Self::All(parts), other) if parts.is_empty() => other,
            (Self::All(mut parts), other) => {
                parts.push(other);
                Self::All(parts)
            }
            (part, Self::All(others)) if others.is_empty() => part,
            (part, other) => Self::All(vec![part, other]),
        }
    }

    /// At least one of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any(mut parts), Self::Any(others)) => {
                parts.extend(others);
                Self::Any(parts)
            }
            (Self::Any(parts), other) if parts.is_empty() => other,
            (Self::Any(mut parts), other) => {
                parts.push(other);
                Self::Any(parts)
            }
            (part, other) => Self::Any(vec![part, other]),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether a record matches.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Not(part) => !part.matches(record),
            Self::Source(pattern) => pattern.matches(&record.source),
            Self::Kind(kind) => is_of_kind(&record.source, kind),
            Self::Level(levels) => levels.contains(record.level),
            Self::Time(range) => range.contains(record.timestamp),
            Self::Message(search) => search.matches(&record.message),
            Self::Pattern(template) => template.matches(&record.message),
            Self::Values(_) | Self::Field(_) | Self::Output(_) => {
                self.matches_metadata(&record.metadata)
            }
        }
    }

    /// Whether a record of this source, level and time matches; `None` if its texts decide.
    pub(super) fn matches_columns(
        &self,
        source: &Source,
        level: Level,
        time: Micros,
    ) -> Option<bool> {
        let of_part = |part: &Self| part.matches_columns(source, level, time);
        match self {
            Self::All(parts) => all_of(parts.iter().map(of_part)),
            Self::Any(parts) => {
                let opposites = parts.iter().map(|part| of_part(part).map(|it| !it));
                all_of(opposites).map(|is_none| !is_none)
            }
            Self::Not(part) => of_part(part).map(|it| !it),
            Self::Source(pattern) => Some(pattern.matches(source)),
            Self::Kind(kind) => Some(is_of_kind(source, kind)),
            Self::Level(levels) => Some(levels.contains(level)),
            Self::Time(range) => Some(range.contains(time)),
            Self::Message(_)
            | Self::Pattern(_)
            | Self::Values(_)
            | Self::Field(_)
            | Self::Output(_) => None,
        }
    }

    /// The records that match at most, as far as their times decide: the times outside the range are those of no match.
    pub(super) fn time_bounds(&self) -> TimeRange {
        match self {
            Self::Time(range) => *range,
            Self::All(parts) => {
                let bounds = parts.iter().map(Self::time_bounds);
                bounds.fold(TimeRange::default(), TimeRange::intersection)
            }
            Self::Any(parts) => {
                let bounds = parts.iter().map(Self::time_bounds);
                bounds.reduce(TimeRange::hull).unwrap_or_default()
            }
            _ => TimeRange::default(),
        }
    }

    /// How many rows of a place match, where `of_leaf` knows it for each leaf.
    pub(super) fn cover(&self, of_leaf: &impl Fn(&Self) -> Cover) -> Cover {
        match self {
            Self::All(parts) => {
                let mut cover = Cover::All;
                for part in parts {
                    cover = cover.min(part.cover(of_leaf));
                    if cover == Cover::None {
                        break;
                    }
                }
                cover
            }
            Self::Any(parts) => {
                let mut cover = Cover::None;
                for part in parts {
                    cover = cover.max(part.cover(of_leaf));
                    if cover == Cover::All {
                        break;
                    }
                }
                cover
            }
            Self::Not(part) => part.cover(of_leaf).complement(),
            leaf => of_leaf(leaf),
        }
    }

    /// How many rows of a source match, by its name alone.
    pub(super) fn cover_of_source(&self, source: &Source) -> Cover {
        self.cover(&|leaf| match leaf {
            Self::Source(pattern) => Cover::of(pattern.matches(source)),
            Self::Kind(kind) => Cover::of(is_of_kind(source, kind)),
            _ => Cover::Some,
        })
    }

    /// Patterns of which a source matches one if any of its records match; `None` if there is no such list.
    pub(super) fn only_sources(&self) -> Option<Vec<&SourcePattern>> {
        match self {
            Self::Source(pattern) => Some(vec![pattern]),
            Self::All(parts) => parts.iter().find_map(Self::only_sources),
            Self::Any(parts) => {
                let each: Option<Vec<_>> = parts.iter().map(Self::only_sources).collect();
                Some(each?.concat())
            }
            _ => None,
        }
    }

    /// Calls `visit` with each leaf.
    pub(super) fn each_leaf<'e>(&'e self, visit: &mut impl FnMut(&'e Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.each_leaf(visit);
                }
            }
            Self::Not(part) => part.each_leaf(visit),
            leaf => visit(leaf),
        }
    }

    /// Calls `visit` with each leaf that is not negated.
    pub(super) fn each_wanted_leaf<'e>(&'e self, visit: &mut impl FnMut(&'e Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.each_wanted_leaf(visit);
                }
            }
            Self::Not(_) => {}
            leaf => visit(leaf),
        }
    }
}

/// Whether the part of the name before its first colon is `kind`.
pub(super) fn is_of_kind(source: &Source, kind: &str) -> bool {
    let name = source.as_str();
    name.split_once(':').map_or(name, |(found, _)| found) == kind
}
/// Whether all are true, as far as it is known: one that is false decides.
fn all_of(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for part in parts {
        match part {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}
