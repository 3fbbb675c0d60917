//! The filter of a request while its parameters are read.

use super::error::{ParameterError, error};
use super::values::{
    SearchIn, boot, case, condition, expression, level, levels, pattern, pid, search_in,
    search_text, sources, split_sources, switch, time,
};
use crate::query::expression::Expression;
use crate::query::expression::levels::LevelSet;
use crate::query::filter::Filter;
use crate::query::text::search::{Case, Search};
use crate::time::Micros;

/// Sources and conditions of one filter: each is evaluated for every row.
const REPEATS_MAX: usize = 100;

/// The parameters that were given so far.
#[derive(Default)]
pub(super) struct Seen(Vec<String>);

impl Seen {
    pub(super) fn once(&mut self, name: &str) -> Result<(), ParameterError> {
        if self.0.iter().any(|seen| seen == name) {
            return Err(error(
                "repeated_parameter",
                name,
                format!("{name} may be given only once"),
            ));
        }
        self.0.push(name.to_owned());
        Ok(())
    }
}

/// A filter that is being read.
#[derive(Default)]
pub(super) struct Draft {
    seen: Seen,
    repeats: usize,
    filter: Filter,
    start: Option<Micros>,
    end: Option<Micros>,
    search: String,
    search_in: SearchIn,
    case: Case,
    regex: bool,
    invert: bool,
}

impl Draft {
    /// Reads a parameter if it belongs to the filter.
    pub(super) fn take(
        &mut self,
        name: &str,
        value: &str,
        now: Micros,
    ) -> Result<bool, ParameterError> {
        match name {
            "source" => self.add_sources(value)?,
            "where" => {
                let condition = condition(value)?;
                self.narrow(|filter| filter.with_condition(&condition));
            }
            "level" => {
                let minimum = level("invalid_level", name, value)?;
                self.narrow(|filter| filter.with_levels(LevelSet::at_least(minimum)));
            }
            "levels" => {
                let levels = levels(value)?;
                self.narrow(|filter| filter.with_levels(levels));
            }
            "start" => self.start = Some(time("invalid_start", name, value, now)?),
            "end" => self.end = Some(time("invalid_end", name, value, now)?),
            "boot" => {
                let boot = boot(value)?;
                self.narrow(|filter| filter.with_boot(boot));
            }
            "pid" => {
                let pid = pid(value)?;
                self.narrow(|filter| filter.with_pid(pid));
            }
            "q" => {
                let expression = expression(value, now)?;
                self.narrow(|filter| filter.with_expression(expression));
            }
            "pattern" | "pattern.exclude" => {
                let pattern = pattern(name, value)?;
                let expression = match name {
                    "pattern" => pattern,
                    _ => pattern.negated(),
                };
                self.narrow(|filter| filter.with_expression(expression));
            }
            "search" => self.search = search_text(value)?,
            "search.in" => self.search_in = search_in(value)?,
            "case" => self.case = case(value)?,
            "regex" => self.regex = switch("invalid_regex", name, value)?,
            "invert" => self.invert = switch("invalid_invert", name, value)?,
            _ => return Ok(false),
        }
        match name {
            "source" => self.repeat(name, split_sources(value).len())?,
            "where" | "pattern" | "pattern.exclude" => self.repeat(name, 1)?,
            _ => self.seen.once(name)?,
        }
        Ok(true)
    }

    fn narrow(&mut self, narrow: impl FnOnce(Filter) -> Filter) {
        self.filter = narrow(std::mem::take(&mut self.filter));
    }

    fn add_sources(&mut self, value: &str) -> Result<(), ParameterError> {
        for (excluded, pattern) in sources(value)? {
            self.narrow(|filter| {
                if excluded {
                    filter.without_source(pattern)
                } else {
                    filter.with_source(pattern)
                }
            });
        }
        Ok(())
    }

    fn repeat(&mut self, name: &str, times: usize) -> Result<(), ParameterError> {
        self.repeats += times;
        if self.repeats <= REPEATS_MAX {
            return Ok(());
        }
        let message = format!("source and where may be given {REPEATS_MAX} times at most");
        Err(error("too_many_parameters", name, message))
    }

    pub(super) fn finish(mut self) -> Result<Filter, ParameterError> {
        if let (Some(start), Some(end)) = (self.start, self.end)
            && end < start
        {
            let message = format!("end must not be before start; got {start} to {end}");
            return Err(error("invalid_end", "end", message));
        }
        let search = self.search()?;
        let (start, end) = (self.start, self.end);
        self.narrow(|filter| start.into_iter().fold(filter, Filter::with_start));
        self.narrow(|filter| end.into_iter().fold(filter, Filter::with_end));
        self.narrow(|filter| search.into_iter().fold(filter, Filter::with_expression));
        Ok(self.filter)
    }

    /// An empty search is none: forms send their empty fields.
    fn search(&self) -> Result<Option<Expression>, ParameterError> {
        if self.search.is_empty() {
            return Ok(None);
        }
        let search = if self.regex {
            Search::regex(&self.search, self.case)
                .map_err(|wrong| error("invalid_search", "search", wrong.to_string()))?
        } else {
            Search::text(&self.search, self.case)
        };
        let found = match self.search_in {
            SearchIn::All => Expression::anywhere(search),
            SearchIn::Message => Expression::Message(search),
        };
        Ok(Some(if self.invert { found.negated() } else { found }))
    }
}
