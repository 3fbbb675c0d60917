//! Label filters: conditions on the labels of a line, and the labels that `drop` and `keep` select.

use super::ip::IpRange;
use crate::logql::ast::{FilterQuantity, LabelChoice, LabelFilter, NumberComparison};
use crate::logql::error::LogqlError;
use crate::logql::labels::{ERROR, ERROR_DETAILS, Label, Labels};
use crate::logql::matching::ValueMatcher;
use crate::logql::units;

const ERROR_NAME: &str = "LabelFilterErr";

/// A compiled label filter.
#[derive(Debug, Clone)]
pub(in crate::logql) enum LabelTest {
    Text(String, ValueMatcher),
    Number(String, NumberComparison, FilterQuantity),
    Ip {
        name: String,
        is_negative: bool,
        range: IpRange,
    },
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl LabelTest {
    pub(in crate::logql) fn new(filter: &LabelFilter) -> Result<Self, LogqlError> {
        Ok(match filter {
            LabelFilter::Text(matcher) => {
                Self::Text(matcher.name.clone(), ValueMatcher::new(matcher)?)
            }
            LabelFilter::Number {
                name,
                comparison,
                quantity,
            } => Self::Number(name.clone(), *comparison, *quantity),
            LabelFilter::Ip {
                name,
                is_negative,
                text,
            } => Self::Ip {
                name: name.clone(),
                is_negative: *is_negative,
                range: IpRange::new(text)?,
            },
            LabelFilter::And(left, right) => {
                Self::And(Box::new(Self::new(left)?), Box::new(Self::new(right)?))
            }
            LabelFilter::Or(left, right) => {
                Self::Or(Box::new(Self::new(left)?), Box::new(Self::new(right)?))
            }
        })
    }

    /// Whether the labels match. A value that cannot be parsed keeps the line and notes the error.
    pub(in crate::logql) fn matches(&self, labels: &mut Labels<'_>) -> bool {
        match self {
            Self::Text(name, matcher) => matcher.matches(labels.get(name).unwrap_or_default()),
            Self::Number(name, comparison, quantity) => {
                compare(labels, name, *comparison, *quantity)
            }
            Self::Ip {
                name,
                is_negative,
                range,
            } => {
                // Only comparisons of texts can drop a line with an error.
                labels.has_error()
                    || labels
                        .get(name)
                        .is_some_and(|value| range.is_in(value) != *is_negative)
            }
            Self::And(left, right) => left.matches(labels) && right.matches(labels),
            Self::Or(left, right) => left.matches(labels) || right.matches(labels),
        }
    }

    /// Adds the names of the labels that it looks at.
    pub(in crate::logql) fn add_names(&self, names: &mut Vec<String>) {
        match self {
            Self::Text(name, _) | Self::Number(name, ..) | Self::Ip { name, .. } => {
                names.push(name.clone());
            }
            Self::And(left, right) | Self::Or(left, right) => {
                left.add_names(names);
                right.add_names(names);
            }
        }
    }
}

fn compare(
    labels: &mut Labels<'_>,
    name: &str,
    comparison: NumberComparison,
    quantity: FilterQuantity,
) -> bool {
    if labels.has_error() {
        return true;
    }
    let Some(value) = labels.get(name) else {
        return false;
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a duration is compared as a floating point number"
    )]
    let (read, wanted) = match quantity {
        FilterQuantity::Number(wanted) => (value.parse().ok(), wanted),
        FilterQuantity::Duration(nanos) => (units::duration_value(value), nanos as f64),
        FilterQuantity::Bytes(wanted) => (units::bytes_value(value), wanted),
    };
    let Some(number) = read else {
        let details = match quantity {
            FilterQuantity::Number(_) => {
                format!("strconv.ParseFloat: parsing \"{value}\": invalid syntax")
            }
            FilterQuantity::Duration(_) => format!("time: invalid duration \"{value}\""),
            FilterQuantity::Bytes(_) => format!("invalid size \"{value}\""),
        };
        labels.set_error(ERROR_NAME, details);
        return true;
    };
    comparison.holds(number, wanted)
}

/// A label that `drop` or `keep` names.
#[derive(Debug, Clone)]
pub(super) struct ChosenLabel {
    name: String,
    matcher: Option<ValueMatcher>,
}

impl ChosenLabel {
    pub(super) fn new(choice: &LabelChoice) -> Result<Self, LogqlError> {
        Ok(match choice {
            LabelChoice::Name(name) => Self {
                name: name.clone(),
                matcher: None,
            },
            LabelChoice::Matcher(matcher) => Self {
                name: matcher.name.clone(),
                matcher: Some(ValueMatcher::new(matcher)?),
            },
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn chooses(&self, label: &Label<'_>) -> bool {
        let matches = |matcher: &ValueMatcher| matcher.matches(&label.value);
        self.name == label.name && self.matcher.as_ref().is_none_or(matches)
    }
}

/// Removes the selected labels.
pub(super) fn drop_chosen(labels: &mut Labels<'_>, chosen: &[ChosenLabel]) {
    labels.retain(|label| !chosen.iter().any(|choice| choice.chooses(label)));
}

/// Removes all other labels, except those of an error.
pub(super) fn keep_chosen(labels: &mut Labels<'_>, chosen: &[ChosenLabel]) {
    labels.retain(|label| {
        let is_special = label.name == ERROR || label.name == ERROR_DETAILS;
        is_special || chosen.iter().any(|choice| choice.chooses(label))
    });
}
