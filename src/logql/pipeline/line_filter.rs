//! Line filters: texts that a line must contain, or must not.

use super::ip::IpRange;
use super::pattern::GapPattern;
use crate::logql::ast::{LineFilter, LineOp, LineTest};
use crate::logql::error::LogqlError;
use crate::logql::matching::{self, GoRegex};
use memchr::memmem::Finder;

/// A compiled line filter.
#[derive(Debug, Clone)]
pub(super) struct LineMatcher {
    is_negative: bool,
    tests: Vec<CompiledTest>,
}

#[derive(Debug, Clone)]
enum CompiledTest {
    Contains(Box<Finder<'static>>),
    Regex(GoRegex),
    Pattern(GapPattern),
    Ip(IpRange),
}

impl LineMatcher {
    pub(super) fn new(filter: &LineFilter) -> Result<Self, LogqlError> {
        let tests = filter.tests.iter().map(|test| compiled(filter.op, test));
        Ok(Self {
            is_negative: filter.op.is_negative(),
            tests: tests.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let found = self.tests.iter().any(|test| match test {
            CompiledTest::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            CompiledTest::Regex(pattern) => pattern.is_match(text.as_bytes()),
            CompiledTest::Pattern(pattern) => pattern.is_match(text),
            CompiledTest::Ip(range) => range.is_in(text),
        });
        found != self.is_negative
    }
}

fn compiled(op: LineOp, test: &LineTest) -> Result<CompiledTest, LogqlError> {
    if test.is_ip {
        let is_allowed = matches!(op, LineOp::Contains | LineOp::ContainsNot);
        return if is_allowed {
            IpRange::new(&test.text).map(CompiledTest::Ip)
        } else {
            let message = format!("ip: invalid operation {}", op.name());
            Err(LogqlError::meaning(test.text.at, message))
        };
    }
    Ok(match op {
        LineOp::Contains | LineOp::ContainsNot => {
            CompiledTest::Contains(Box::new(Finder::new(&test.text.value).into_owned()))
        }
        LineOp::Regex | LineOp::NotRegex => CompiledTest::Regex(matching::compile(&test.text)?),
        LineOp::Pattern | LineOp::NotPattern => {
            CompiledTest::Pattern(GapPattern::filtering(&test.text)?)
        }
    })
}
