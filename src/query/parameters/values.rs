//! Readers of single values.

use super::error::{ParameterError, QUOTED_CHARS_MAX, choice, error, quoted};
use crate::query::boot_selector::BootSelector;
use crate::query::condition::Condition;
use crate::query::cursor::Cursor;
use crate::query::expression::Expression;
use crate::query::expression::levels::LevelSet;
use crate::query::expression::source_pattern::SourcePattern;
use crate::query::histogram::Grouping;
use crate::query::page::request::{Around, Scope};
use crate::query::scan::rank::{Direction, Order};
use crate::query::syntax::parse_expression;
use crate::query::text::search::Case;
use crate::query::text::template::Template;
use crate::record::{Id, Level};
use crate::time::Micros;

/// Characters of a search: what people paste, and small beside a request.
const SEARCH_CHARS_MAX: usize = 1000;

/// Characters of a template: the longest that a message has.
const PATTERN_CHARS_MAX: usize = 4_000;

/// Where a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SearchIn {
    /// In the message and in the values of the metadata.
    #[default]
    All,
    /// In the message.
    Message,
}

/// Patterns of sources, and whether each excludes.
pub(super) fn sources(value: &str) -> Result<Vec<(bool, SourcePattern)>, ParameterError> {
    let read = |text: &String| {
        let (excluded, pattern) = match text.strip_prefix('-') {
            Some(pattern) => (true, pattern),
            None => (false, text.as_str()),
        };
        if pattern.is_empty() {
            let message = format!(
                "source must be names or prefixes such as system:ssh, docker: or -docker:noisy; got {}",
                quoted(value)
            );
            return Err(error("invalid_source", "source", message));
        }
        Ok((excluded, SourcePattern::parse(pattern)))
    };
    split_sources(value).iter().map(read).collect()
}

/// Splits at commas; `\,` is a comma in a name.
pub(super) fn split_sources(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, parts.last_mut()) {
            ('\\', Some(part)) if chars.next_if_eq(&',').is_some() => part.push(','),
            (',', _) => parts.push(String::new()),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    parts
}

pub(super) fn condition(value: &str) -> Result<Condition, ParameterError> {
    Condition::parse(value).ok_or_else(|| {
        let message = format!(
            "where must be KEY=VALUE, KEY!=VALUE or -KEY=VALUE, with * at the end of VALUE for a prefix; got {}",
            quoted(value)
        );
        error("invalid_where", "where", message)
    })
}

pub(super) fn level(code: &'static str, name: &str, value: &str) -> Result<Level, ParameterError> {
    let short: String = value.chars().take(QUOTED_CHARS_MAX).collect();
    short
        .parse::<Level>()
        .map_err(|wrong| error(code, name, wrong.to_string()))
}

pub(super) fn levels(value: &str) -> Result<LevelSet, ParameterError> {
    value
        .split(',')
        .map(|word| level("invalid_levels", "levels", word))
        .collect()
}

pub(super) fn time(
    code: &'static str,
    name: &str,
    value: &str,
    now: Micros,
) -> Result<Micros, ParameterError> {
    Micros::parse(value, now).map_err(|_| {
        let message = format!(
            "{name} must be a time such as 2026-02-17T14:30:00Z, 2026-02-17 14:30, -15m or seconds since 1970; got {}",
            quoted(value)
        );
        error(code, name, message)
    })
}

pub(super) fn boot(value: &str) -> Result<BootSelector, ParameterError> {
    value.parse::<BootSelector>().map_err(|_| {
        let message = format!(
            "boot must be 0 for the last boot, -1 for the one before it, or the ID of a boot; got {}",
            quoted(value)
        );
        error("invalid_boot", "boot", message)
    })
}

pub(super) fn pid(value: &str) -> Result<u64, ParameterError> {
    digits(value).ok_or_else(|| {
        let message = format!("pid must be the number of a process; got {}", quoted(value));
        error("invalid_pid", "pid", message)
    })
}

pub(super) fn search_text(value: &str) -> Result<String, ParameterError> {
    let length = value.chars().count();
    if length > SEARCH_CHARS_MAX {
        let message = format!("search must be at most {SEARCH_CHARS_MAX} characters; got {length}");
        return Err(error("invalid_search", "search", message));
    }
    Ok(value.to_owned())
}

pub(super) fn case(value: &str) -> Result<Case, ParameterError> {
    match value {
        "sensitive" => Ok(Case::Sensitive),
        "insensitive" => Ok(Case::Insensitive),
        _ => Err(choice(
            "invalid_case",
            "case",
            "sensitive, insensitive",
            value,
        )),
    }
}

pub(super) fn switch(code: &'static str, name: &str, value: &str) -> Result<bool, ParameterError> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(choice(code, name, "true, false", value)),
    }
}

/// A number from 1 to `max`.
pub(super) fn bounded(
    code: &'static str,
    name: &str,
    value: &str,
    max: usize,
) -> Result<usize, ParameterError> {
    let message = match digits(value).and_then(|number| usize::try_from(number).ok()) {
        Some(number) if (1..=max).contains(&number) => return Ok(number),
        Some(number) if number > max => format!("{name} must be at most {max}; got {number}"),
        _ => format!(
            "{name} must be a number from 1 to {max}; got {}",
            quoted(value)
        ),
    };
    Err(error(code, name, message))
}

pub(super) fn cursor(value: &str) -> Result<Cursor, ParameterError> {
    value.parse().map_err(|wrong| {
        error(
            "invalid_cursor",
            "cursor",
            format!("{wrong}; got {}", quoted(value)),
        )
    })
}

pub(super) fn direction(value: &str) -> Result<Direction, ParameterError> {
    match value {
        "backward" => Ok(Direction::Backward),
        "forward" => Ok(Direction::Forward),
        _ => Err(choice(
            "invalid_direction",
            "direction",
            "backward, forward",
            value,
        )),
    }
}

pub(super) fn order(value: &str) -> Result<Order, ParameterError> {
    match value {
        "id" => Ok(Order::Id),
        "time" => Ok(Order::Time),
        _ => Err(choice("invalid_order", "order", "id, time", value)),
    }
}

pub(super) fn around(value: &str) -> Result<Around, ParameterError> {
    let id = digits(value).ok_or_else(|| {
        let message = format!("around must be the id of a record; got {}", quoted(value));
        error("invalid_around", "around", message)
    })?;
    Ok(Around {
        id: Id(id),
        scope: Scope::default(),
    })
}

pub(super) fn grouping(value: &str) -> Result<Grouping, ParameterError> {
    match value {
        "level" => Ok(Grouping::Level),
        "source" => Ok(Grouping::Source),
        _ => Err(choice("invalid_by", "by", "level, source", value)),
    }
}

pub(super) fn scope(value: &str) -> Result<Scope, ParameterError> {
    match value {
        "filter" => Ok(Scope::Filter),
        "source" => Ok(Scope::Source),
        _ => Err(choice("invalid_scope", "scope", "filter, source", value)),
    }
}

/// A number without sign or spaces, which `u64::from_str` would take.
pub(super) fn digits(value: &str) -> Option<u64> {
    value
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| value.parse().ok())?
}

pub(super) fn search_in(value: &str) -> Result<SearchIn, ParameterError> {
    match value {
        "all" => Ok(SearchIn::All),
        "message" => Ok(SearchIn::Message),
        _ => Err(choice(
            "invalid_search_in",
            "search.in",
            "all, message",
            value,
        )),
    }
}

pub(super) fn expression(value: &str, now: Micros) -> Result<Expression, ParameterError> {
    parse_expression(value, now)
        .map_err(|wrong| error("invalid_q", "q", format!("q is not understood: {wrong}")))
}

pub(super) fn pattern(name: &str, value: &str) -> Result<Expression, ParameterError> {
    if value.trim().is_empty() || value.chars().count() > PATTERN_CHARS_MAX {
        let message = format!(
            "{name} must be a template as /logs/patterns gives it, of at most {PATTERN_CHARS_MAX} characters; got {}",
            quoted(value)
        );
        return Err(error("invalid_pattern", name, message));
    }
    Ok(Expression::Pattern(Template::parse(value)))
}
