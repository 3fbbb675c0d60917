//! The part of an expression that a block's footer leaves open.

use crate::query::expression::cover::Cover;
use crate::query::expression::field::{FieldCondition, FieldTest};
use crate::query::expression::values::{OUTPUT_EVENT, key_needle};
use crate::query::expression::{Expression, is_of_kind};
use crate::record::Source;
use crate::store::{
    BOOKKEEPING_KEYS, Block, FieldIndex, FieldValuesAnywhere, IndexedValues, Segment, Summary,
};

/// What must still be evaluated for the rows of a block. Leaves that the footer decides are removed.
#[derive(Debug)]
pub(in crate::query) enum Residue<'e> {
    Nothing,
    Everything,
    /// Every one of two or more.
    All(Vec<Self>),
    /// At least one of two or more.
    Any(Vec<Self>),
    Not(Box<Self>),
    Leaf(&'e Expression),
}

/// What a footer says of a leaf without its indexes of texts. `name` gives a source of the segment by its number.
pub(in crate::query) fn footer_cover<'s>(
    leaf: &Expression,
    summary: &Summary,
    name: impl Fn(u32) -> Option<&'s Source>,
) -> Cover {
    let of_source = |matches: &dyn Fn(&Source) -> bool| {
        let source = summary.source.and_then(&name);
        source.map_or(Cover::Some, |source| Cover::of(matches(source)))
    };
    match leaf {
        Expression::Source(pattern) => of_source(&|source| pattern.matches(source)),
        Expression::Kind(kind) => of_source(&|source| is_of_kind(source, kind)),
        Expression::Level(levels) => levels.cover(&summary.levels),
        Expression::Time(range) => range.cover(*summary.times.start(), *summary.times.end()),
        _ => Cover::Some,
    }
}

/// What the indexes of a block say of a leaf that looks for texts.
pub(in crate::query) fn index_cover(leaf: &Expression, block: Block<'_>) -> Cover {
    match leaf {
        Expression::Message(search) => {
            Cover::possible(search.may_match(|text| block.may_contain(text)))
        }
        Expression::Pattern(template) => {
            Cover::possible(template.may_match(|text| block.may_contain(text)))
        }
        Expression::Values(search) => {
            Cover::possible(search.may_match(|text| block.values_may_contain(text)))
        }
        Expression::Field(condition) => field_cover(condition, block),
        Expression::Output(pid) => {
            let is_output = block.field("event_type").may_equal(OUTPUT_EVENT);
            Cover::possible(is_output && block.field("pid").may_equal(&pid.to_string()))
        }
        _ => Cover::Some,
    }
}

/// What the index of a whole segment says of a leaf that asks for fields: it can only rule out all rows.
pub(in crate::query) fn segment_cover(leaf: &Expression, segment: &Segment) -> Cover {
    let has = |key: &str, is_wanted: &dyn Fn(&IndexedValues<'_>) -> bool| {
        Cover::possible(match segment.field_values(key) {
            FieldValuesAnywhere::Unknown => true,
            FieldValuesAnywhere::Absent => false,
            FieldValuesAnywhere::Known(values) => is_wanted(&values),
        })
    };
    match leaf {
        Expression::Field(condition) => has(condition.key(), &|values| match condition.test() {
            FieldTest::Exists => true,
            FieldTest::Equals(value) => values.has(value),
            FieldTest::Contains(_) | FieldTest::Prefix(_) | FieldTest::Compare(..) => {
                values.iter().any(|value| condition.matches_text(value))
            }
        }),
        Expression::Output(pid) => {
            let is_output = has("event_type", &|values| values.has(OUTPUT_EVENT));
            is_output.min(has("pid", &|values| values.has(&pid.to_string())))
        }
        _ => Cover::Some,
    }
}

fn field_cover(condition: &FieldCondition, block: Block<'_>) -> Cover {
    let index = block.field(condition.key());
    if !index.may_exist() {
        return Cover::None;
    }
    let matches = |value: &str| condition.matches_text(value);
    // rows without the key do not match, and a row with several values may match by any of them
    if let FieldIndex::Listed(values) = &index
        && values.is_single()
        && values.rows() == block.summary().rows
        && values.values().all(|(value, _)| matches(value))
    {
        return Cover::All;
    }
    Cover::possible(match condition.test() {
        FieldTest::Exists => true,
        FieldTest::Equals(value) => index.may_equal(value),
        FieldTest::Contains(search) => {
            // scalars outside the bookkeeping keys are in the index of texts too, except null
            let is_searched = !BOOKKEEPING_KEYS.contains(&key_needle(condition.key()));
            let is_indexed = |text: &str| match &index {
                FieldIndex::Many(many) => {
                    is_searched && many.are_scalars() && !"null".contains(text)
                }
                _ => false,
            };
            let may_contain = |text: &str| {
                index.may_contain(text) && (!is_indexed(text) || block.values_may_contain(text))
            };
            index.may_match(matches) && search.may_match(may_contain)
        }
        FieldTest::Prefix(_) | FieldTest::Compare(..) => index.may_match(matches),
    })
}

impl<'e> Residue<'e> {
    /// The part of `expression` that `cover` does not decide.
    pub(in crate::query) fn of(
        expression: &'e Expression,
        cover: &impl Fn(&Expression) -> Cover,
    ) -> Self {
        match expression {
            Expression::All(parts) => {
                let mut left = Vec::new();
                for part in parts {
                    match Self::of(part, cover) {
                        Self::Everything => {}
                        Self::Nothing => return Self::Nothing,
                        part => left.push(part),
                    }
                }
                Self::joined(left, Self::Everything, Self::All)
            }
            Expression::Any(parts) => {
                let mut left = Vec::new();
                for part in parts {
                    match Self::of(part, cover) {
                        Self::Nothing => {}
                        Self::Everything => return Self::Everything,
                        part => left.push(part),
                    }
                }
                Self::joined(left, Self::Nothing, Self::Any)
            }
            Expression::Not(part) => match Self::of(part, cover) {
                Self::Nothing => Self::Everything,
                Self::Everything => Self::Nothing,
                part => Self::Not(Box::new(part)),
            },
            leaf => match cover(leaf) {
                Cover::None => Self::Nothing,
                Cover::All => Self::Everything,
                Cover::Some => Self::Leaf(leaf),
            },
        }
    }

    fn joined(mut left: Vec<Self>, of_none: Self, join: impl Fn(Vec<Self>) -> Self) -> Self {
        match left.len() {
            0 => of_none,
            1 => left.pop().unwrap_or(of_none),
            _ => join(left),
        }
    }

    /// The cost of evaluation: small columns, then messages, then metadata.
    pub(in crate::query) fn cost(&self) -> Cost {
        match self {
            Self::Nothing | Self::Everything => Cost::Column,
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().map(Self::cost).max().unwrap_or(Cost::Column)
            }
            Self::Not(part) => part.cost(),
            Self::Leaf(leaf) => match leaf {
                Expression::Message(_) | Expression::Pattern(_) => Cost::Message,
                leaf if leaf.is_of_metadata() => Cost::Metadata,
                _ => Cost::Column,
            },
        }
    }

    /// Whether only the metadata decides.
    pub(in crate::query) fn is_of_metadata(&self) -> bool {
        match self {
            Self::Nothing | Self::Everything => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_of_metadata),
            Self::Not(part) => part.is_of_metadata(),
            Self::Leaf(leaf) => leaf.is_of_metadata(),
        }
    }
}

/// The most expensive column that a residue needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::query) enum Cost {
    Column,
    Message,
    Metadata,
}
