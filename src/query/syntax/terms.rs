//! Single terms of an expression: texts, and conditions on a key.

use super::error::ExpressionError;
use super::scanner::{Operator, Pieces, Scanner};
use crate::query::expression::Expression;
use crate::query::expression::field::{FieldCondition, FieldTest};
use crate::query::expression::levels::LevelSet;
use crate::query::expression::quantity::{Comparison, Quantity};
use crate::query::expression::source_pattern::SourcePattern;
use crate::query::expression::time_range::TimeRange;
use crate::query::text::search::{Case, Search, SearchError};
use crate::record::Level;
use crate::time::Micros;

/// Terms of one expression: each costs every row that is looked at.
pub(super) const TERMS_MAX: usize = 100;
/// Regexes of one expression: each may take some MiB.
pub(super) const REGEXES_MAX: usize = 4;

/// Reads terms and counts them.
#[derive(Debug)]
pub(super) struct Terms {
    now: Micros,
    count: usize,
    regexes: usize,
}

/// A value after an operator.
enum Given {
    Exactly(String),
    Word(Pieces),
    Regex(String),
}

impl Given {
    /// The next phrase, regex or word.
    fn read(scanner: &mut Scanner<'_>, in_group: bool) -> Result<Self, ExpressionError> {
        if scanner.peek() == Some('"') {
            return scanner.phrase().map(Given::Exactly);
        }
        match scanner.regex() {
            Some(regex) => Ok(Given::Regex(regex)),
            None => scanner.word(in_group).map(Given::Word),
        }
    }

    /// The text, if it has neither stars nor slashes.
    fn plain(&self) -> Option<&str> {
        match self {
            Self::Exactly(text) => Some(text),
            Self::Word(pieces) => match pieces.as_slice() {
                [text] => Some(text),
                _ => None,
            },
            Self::Regex(_) => None,
        }
    }
}

impl Terms {
    pub(super) fn new(now: Micros) -> Self {
        Self {
            now,
            count: 0,
            regexes: 0,
        }
    }

    /// The next term, which is there.
    pub(super) fn term(
        &mut self,
        scanner: &mut Scanner<'_>,
        in_group: bool,
    ) -> Result<Expression, ExpressionError> {
        self.count(scanner)?;
        let start = *scanner;
        if let Some((key, operator)) = scanner.key() {
            return self.condition(&key, operator, scanner, start, in_group);
        }
        match Given::read(scanner, in_group)? {
            Given::Exactly(text) => Ok(anywhere(&text)),
            Given::Regex(regex) => {
                let search = self.regex(&regex, Case::Insensitive, &start)?;
                Ok(Expression::anywhere(search))
            }
            Given::Word(pieces) => self.words(&pieces, &start),
        }
    }

    fn count(&mut self, scanner: &Scanner<'_>) -> Result<(), ExpressionError> {
        self.count += 1;
        if self.count > TERMS_MAX {
            return Err(scanner.error(format!("an expression has at most {TERMS_MAX} terms")));
        }
        Ok(())
    }

    /// A word matches anywhere, so that stars at its ends say nothing; within it, a star is any text without blanks.
    fn words(
        &mut self,
        pieces: &Pieces,
        start: &Scanner<'_>,
    ) -> Result<Expression, ExpressionError> {
        let texts: Vec<&String> = pieces.iter().filter(|piece| !piece.is_empty()).collect();
        match texts.as_slice() {
            [] => Ok(Expression::everything()),
            [text] => Ok(anywhere(text)),
            texts => {
                let texts: Vec<String> = texts.iter().map(|it| regex_syntax::escape(it)).collect();
                let search = self.regex(&texts.join(r"\S*"), Case::Insensitive, start)?;
                Ok(Expression::anywhere(search))
            }
        }
    }

    fn condition(
        &mut self,
        key: &str,
        operator: Operator,
        scanner: &mut Scanner<'_>,
        start: Scanner<'_>,
        in_group: bool,
    ) -> Result<Expression, ExpressionError> {
        if operator != Operator::Colon || scanner.peek() != Some('(') {
            let at = *scanner;
            let given = Given::read(scanner, in_group)?;
            return self.compared(key, operator, &given, &at);
        }
        scanner.take("(");
        let mut found = Expression::nothing();
        loop {
            scanner.skip_blanks();
            scanner.take_keyword("OR");
            scanner.skip_blanks();
            match scanner.peek() {
                None => return Err(start.error("the bracket is not closed")),
                Some(')') => break,
                Some(_) => {}
            }
            self.count(scanner)?;
            let at = *scanner;
            let given = Given::read(scanner, true)?;
            found = found.or(self.compared(key, operator, &given, &at)?);
        }
        if matches!(&found, Expression::Any(parts) if parts.is_empty()) {
            return Err(scanner.error("a value is missing before the bracket"));
        }
        scanner.take(")");
        Ok(found)
    }

    fn compared(
        &mut self,
        key: &str,
        operator: Operator,
        given: &Given,
        at: &Scanner<'_>,
    ) -> Result<Expression, ExpressionError> {
        match key {
            "level" => level(operator, given, at),
            "time" => self.time(operator, given, at),
            "source" => equality(operator, source(given, at)?, key, at),
            "kind" => {
                let kind = given.plain().ok_or_else(|| {
                    at.error("a kind is the name of a source up to its colon, such as docker")
                })?;
                equality(operator, Expression::Kind(kind.into()), key, at)
            }
            "message" => {
                let search = self.message(given, at)?;
                equality(operator, Expression::Message(search), key, at)
            }
            key => self.field(key, operator, given, at),
        }
    }

    fn field(
        &mut self,
        key: &str,
        operator: Operator,
        given: &Given,
        at: &Scanner<'_>,
    ) -> Result<Expression, ExpressionError> {
        let field = |test| Expression::Field(FieldCondition::new(key, test));
        let comparison = match operator {
            Operator::Less => Comparison::Less,
            Operator::LessOrEqual => Comparison::LessOrEqual,
            Operator::Greater => Comparison::Greater,
            Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
            Operator::Colon | Operator::Equal => return Ok(field(self.test(given, at)?)),
            Operator::NotEqual => {
                let equal = field(self.test(given, at)?);
                return Ok(field(FieldTest::Exists).and(equal.negated()));
            }
        };
        let quantity = given.plain().and_then(Quantity::parse).ok_or_else(|| {
            at.error(format!(
                "{key} can be compared with a number, a duration (250ms, 1h30m) or a size (10KiB); quote the text to look for it"
            ))
        })?;
        Ok(field(FieldTest::Compare(comparison, quantity)))
    }

    fn test(&mut self, given: &Given, at: &Scanner<'_>) -> Result<FieldTest, ExpressionError> {
        Ok(match given {
            Given::Exactly(text) => FieldTest::Equals(text.as_str().into()),
            Given::Regex(regex) => FieldTest::Contains(self.regex(regex, Case::Insensitive, at)?),
            Given::Word(pieces) => match pieces.as_slice() {
                [text] => FieldTest::Equals(text.as_str().into()),
                [prefix, rest] if rest.is_empty() && prefix.is_empty() => FieldTest::Exists,
                [prefix, rest] if rest.is_empty() => FieldTest::Prefix(prefix.as_str().into()),
                pieces => {
                    let pieces: Vec<String> =
                        pieces.iter().map(|it| regex_syntax::escape(it)).collect();
                    let whole = format!("(?s)^{}$", pieces.join(".*"));
                    FieldTest::Contains(self.regex(&whole, Case::Sensitive, at)?)
                }
            },
        })
    }

    fn message(&mut self, given: &Given, at: &Scanner<'_>) -> Result<Search, ExpressionError> {
        match given {
            Given::Exactly(text) => Ok(Search::text(text, Case::Insensitive)),
            Given::Regex(regex) => self.regex(regex, Case::Insensitive, at),
            Given::Word(pieces) => {
                let texts: Vec<&String> = pieces.iter().filter(|it| !it.is_empty()).collect();
                match texts.as_slice() {
                    [] => Ok(Search::text("", Case::Insensitive)),
                    [text] => Ok(Search::text(text, Case::Insensitive)),
                    texts => {
                        let texts: Vec<String> =
                            texts.iter().map(|it| regex_syntax::escape(it)).collect();
                        self.regex(&texts.join(r"\S*"), Case::Insensitive, at)
                    }
                }
            }
        }
    }

    fn regex(
        &mut self,
        regex: &str,
        case: Case,
        at: &Scanner<'_>,
    ) -> Result<Search, ExpressionError> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return Err(at.error(format!(
                "an expression has at most {REGEXES_MAX} regexes and words with a star inside"
            )));
        }
        Search::regex(regex, case).map_err(|error| match error {
            SearchError::Syntax { position, reason } => {
                at.error_in_regex(regex, position, format!("invalid regex: {reason}"))
            }
            SearchError::TooLarge => at.error("the regex is too large to run"),
        })
    }

    fn time(
        &self,
        operator: Operator,
        given: &Given,
        at: &Scanner<'_>,
    ) -> Result<Expression, ExpressionError> {
        let time = given
            .plain()
            .and_then(|text| Micros::parse(text, self.now).ok());
        let time = time.ok_or_else(|| {
            at.error(r#"expected a time such as -15m, 2026-02-17T14:30:00Z or "2026-02-17 14:30""#)
        })?;
        let from = |start: Micros| TimeRange {
            start: Some(start),
            end: None,
        };
        let until = |end: Micros| TimeRange {
            start: None,
            end: Some(end),
        };
        let range = match operator {
            Operator::GreaterOrEqual => from(time),
            Operator::Greater => from(time.plus(1)),
            Operator::Less => until(time),
            Operator::LessOrEqual => until(time.plus(1)),
            Operator::Colon | Operator::Equal | Operator::NotEqual => {
                return Err(at.error("time can be compared with >=, >, <= and <"));
            }
        };
        Ok(Expression::Time(range))
    }
}

fn anywhere(text: &str) -> Expression {
    Expression::anywhere(Search::text(text, Case::Insensitive))
}

fn equality(
    operator: Operator,
    equal: Expression,
    key: &str,
    at: &Scanner<'_>,
) -> Result<Expression, ExpressionError> {
    match operator {
        Operator::Colon | Operator::Equal => Ok(equal),
        Operator::NotEqual => Ok(equal.negated()),
        _ => Err(at.error(format!("{key} can be compared with :, = and !="))),
    }
}

fn source(given: &Given, at: &Scanner<'_>) -> Result<Expression, ExpressionError> {
    let pattern = match given {
        Given::Exactly(name) => Some(SourcePattern::exact(name)),
        Given::Word(pieces) => match pieces.as_slice() {
            [name] => Some(SourcePattern::parse(name)),
            [prefix, rest] if rest.is_empty() => Some(SourcePattern::prefix(prefix)),
            _ => None,
        },
        Given::Regex(_) => None,
    };
    let pattern = pattern.ok_or_else(|| {
        at.error("a source is a name or the beginning of names, such as system:ssh, docker: or docker:web*")
    })?;
    Ok(Expression::Source(pattern))
}

fn level(
    operator: Operator,
    given: &Given,
    at: &Scanner<'_>,
) -> Result<Expression, ExpressionError> {
    if let Given::Word(pieces) = given
        && pieces.iter().all(String::is_empty)
    {
        return equality(operator, Expression::everything(), "level", at);
    }
    let named = given.plain().map(str::parse::<Level>);
    let Some(Ok(named)) = named else {
        return Err(at.error("level is one of debug, info, warn, error"));
    };
    let is_wanted = |level: &Level| match operator {
        Operator::Colon | Operator::Equal => *level == named,
        Operator::NotEqual => *level != named,
        Operator::Less => *level < named,
        Operator::LessOrEqual => *level <= named,
        Operator::Greater => *level > named,
        Operator::GreaterOrEqual => *level >= named,
    };
    let levels: LevelSet = Level::ALL.into_iter().filter(is_wanted).collect();
    Ok(Expression::Level(levels))
}
