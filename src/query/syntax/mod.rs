//! The text syntax of expressions, for people: `timeout -source:docker:* level>=warn (status>=500 OR /retry \d+/)`. The grammar is
//! in `format-spec/query.md`.

mod error;
mod scanner;
mod terms;

pub use error::ExpressionError;

use crate::query::expression::Expression;
use crate::time::Micros;
use scanner::Scanner;
use terms::Terms;

/// Characters of an expression: far more than people type, and small beside a request.
pub(super) const EXPRESSION_CHARS_MAX: usize = 4_000;
/// Groups and negations in each other; what people write stays under 10.
const DEPTH_MAX: usize = 50;

/// Reads an expression. An empty text matches every record. Relative times count from `now`.
///
/// # Errors
/// [`ExpressionError`] with the character at which the text is wrong.
pub fn parse_expression(text: &str, now: Micros) -> Result<Expression, ExpressionError> {
    let length = text.chars().count();
    if length > EXPRESSION_CHARS_MAX {
        return Err(ExpressionError {
            position: EXPRESSION_CHARS_MAX + 1,
            reason: format!(
                "an expression has at most {EXPRESSION_CHARS_MAX} characters; this one has {length}"
            ),
        });
    }
    let mut parser = Parser {
        scanner: Scanner::new(text),
        terms: Terms::new(now),
        depth: 0,
    };
    parser.scanner.skip_blanks();
    if parser.scanner.peek().is_none() {
        return Ok(Expression::everything());
    }
    let expression = parser.alternatives(false)?;
    match parser.scanner.peek() {
        None => Ok(expression),
        Some(_) => Err(parser
            .scanner
            .error("no bracket is open here; quote the text to look for it")),
    }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    terms: Terms,
    depth: usize,
}

impl Parser<'_> {
    /// `A OR B`
    fn alternatives(&mut self, in_group: bool) -> Result<Expression, ExpressionError> {
        let mut found = self.sequence(in_group)?;
        while self.scanner.take_keyword("OR") {
            let next = self.sequence(in_group)?;
            found = found.or(next);
        }
        Ok(found)
    }

    /// `A B`, `A AND B`
    fn sequence(&mut self, in_group: bool) -> Result<Expression, ExpressionError> {
        let mut found = self.single(in_group)?;
        loop {
            self.scanner.skip_blanks();
            let has_and = self.scanner.take_keyword("AND");
            if !has_and && self.is_at_end() {
                return Ok(found);
            }
            let next = self.single(in_group)?;
            found = found.and(next);
        }
    }

    fn is_at_end(&self) -> bool {
        let mut ahead = self.scanner;
        matches!(ahead.peek(), None | Some(')')) || ahead.take_keyword("OR")
    }

    /// `A`, `NOT A`, `-A`, `(A)`
    fn single(&mut self, in_group: bool) -> Result<Expression, ExpressionError> {
        self.scanner.skip_blanks();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.scanner.error(format!(
                "at most {DEPTH_MAX} brackets and negations can be nested"
            )));
        }
        let found = if self.scanner.take_keyword("NOT") || self.takes_minus() {
            self.single(in_group)?.negated()
        } else if self.scanner.peek() == Some('(') {
            self.group()?
        } else {
            self.expect_term()?;
            self.terms.term(&mut self.scanner, in_group)?
        };
        self.depth -= 1;
        Ok(found)
    }

    /// A minus just before a term. `--flag` and a minus of its own are words.
    fn takes_minus(&mut self) -> bool {
        let mut after = self
            .scanner
            .rest()
            .strip_prefix('-')
            .unwrap_or_default()
            .chars();
        let negates = after
            .next()
            .is_some_and(|next| !next.is_whitespace() && next != '-' && next != ')');
        negates && self.scanner.take("-")
    }

    fn group(&mut self) -> Result<Expression, ExpressionError> {
        let opening = self.scanner;
        self.scanner.take("(");
        let found = self.alternatives(true)?;
        self.scanner.skip_blanks();
        if self.scanner.take(")") {
            Ok(found)
        } else {
            Err(opening.error("the bracket is not closed"))
        }
    }

    fn expect_term(&self) -> Result<(), ExpressionError> {
        let mut ahead = self.scanner;
        let missing = match ahead.peek() {
            None => Some("a word is missing at the end"),
            Some(')') => Some("a word is missing before the bracket"),
            Some(_) if ahead.take_keyword("OR") => Some("a word is missing before OR"),
            Some(_) if ahead.take_keyword("AND") => Some("a word is missing before AND"),
            Some(_) => None,
        };
        missing.map_or(Ok(()), |missing| Err(self.scanner.error(missing)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Metadata, Record};
    use serde_json::json;

    fn record() -> Record {
        let metadata = json!({
            "status": 502, "path": "/api/users/7", "took": "1.5s", "http": {"method": "GET"}, "tag": ["a", "b c"],
            "odd key": "x", "boot_id": "deadbeef"
        });
        Record {
            timestamp: Micros::new(1_000_000_000),
            source: "docker:web".parse().unwrap(),
            level: crate::record::Level::Warn,
            message: "GET http://localhost:8080/ failed (retry 3): --force a->b 50*2".to_owned(),
            metadata: serde_json::from_value::<Metadata>(metadata).unwrap(),
        }
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        for matching in [
            "",
            "  ",
            "*",
            "failed",
            "FAILED retry",
            "fail*",
            "re*y",
            "\"retry 3\"",
            "-absent",
            "NOT absent",
            "-(absent gone)",
            "absent OR failed",
            "absent OR failed AND get",
            "(absent OR failed) get",
            "users",
            "level:warn",
            "level>=info",
            "level!=error",
            "level:*",
            "source:docker:*",
            "source:docker:",
            "source:docker:web",
            "kind:docker",
            "-kind:system",
            "status:502",
            "status>=500",
            "status:>=500",
            "status<600",
            "took>1s",
            "took<=1500ms",
            "path:/api/*",
            "path:/api/*/7",
            "path:/users/",
            "http.method:GET",
            "tag:\"b c\"",
            "tag:*",
            "-absent:*",
            "\"odd key\":x",
            "status:(200 OR 502)",
            "status:(200 502)",
            "http://localhost:8080/",
            "(retry",
            "/retry \\d/",
            "/^get/",
            "message:failed",
            "message:/^GET/",
            "--force",
            "a->b",
            "50\\*2",
            "time>=1970-01-01",
            "time<-1s",
            "\\(retry",
            "failed AND NOT absent",
            "-status:200",
            "((failed))",
            "status!=200",
            "\"say \\\"hi\\\"\" OR failed",
        ] {
            // two need what else was written: a bracket that opens a group
            let text = if matching == "(retry" {
                "\"(retry\""
            } else {
                matching
            };
            let expression = parse_expression(text, Micros::new(2_000_000_000));
            let expression = expression.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(expression.matches(&record()), "{text}");
        }
        for other in [
            "absent",
            "-failed",
            "NOT failed",
            "failed absent",
            "failed AND absent OR gone",
            "level:error",
            "level>warn",
            "source:docker",
            "source!=docker:*",
            "status>502",
            "took>2s",
            "path:/api/",
            "path:/web/*",
            "deadbeef",
            "message:users",
            "-tag:*",
            "time<1970-01-01",
            "status:(200 OR 404)",
            "tag:b",
        ] {
            let expression = parse_expression(other, Micros::new(2_000_000_000)).unwrap();
            // a path between slashes is a regex
            let expected = other == "path:/api/";
            assert_eq!(expression.matches(&record()), expected, "{other}");
        }
    }

    #[test]
    fn an_error_names_the_character_and_what_is_expected() {
        for (text, expected) in [
            ("(a OR b", "the bracket is not closed (character 1)"),
            (
                "a )",
                "no bracket is open here; quote the text to look for it (character 3)",
            ),
            ("main()", ""),
            (
                "foo)",
                "no bracket is open here; quote the text to look for it (character 4)",
            ),
            ("\u{e4} \"b", "the quote is not closed (character 3)"),
            ("a OR", "a word is missing at the end (character 5)"),
            ("OR a", "a word is missing before OR (character 1)"),
            ("a AND OR b", "a word is missing before OR (character 7)"),
            ("a AND", "a word is missing at the end (character 6)"),
            ("()", "a word is missing before the bracket (character 2)"),
            ("NOT", "a word is missing at the end (character 4)"),
            (
                "level:loud",
                "level is one of debug, info, warn, error (character 7)",
            ),
            (
                "source>=a",
                "source can be compared with :, = and != (character 9)",
            ),
            (
                r"w path:/\d[x/",
                "invalid regex: unclosed character class (character 11)",
            ),
            // the regex that is read is a/(b
            (r"/a\/(b/", "invalid regex: unclosed group (character 1)"),
            ("/a(b/", "invalid regex: unclosed group (character 3)"),
            (
                "time:now",
                "time can be compared with >=, >, <= and < (character 6)",
            ),
            (
                "x a\\",
                "a character must follow the backslash (character 5)",
            ),
            (
                "status:()",
                "a value is missing before the bracket (character 9)",
            ),
            ("status:(a", "the bracket is not closed (character 1)"),
        ] {
            match parse_expression(text, Micros::new(0)) {
                Ok(_) => assert_eq!(expected, "", "{text}"),
                Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
            }
        }
        let number = parse_expression("a status>high", Micros::new(0)).unwrap_err();
        assert_eq!(number.position, 10);
        assert!(
            number
                .reason
                .starts_with("status can be compared with a number")
        );
    }

    #[test]
    fn every_example_of_the_specification_is_read() {
        let spec = include_str!("../../../format-spec/query.md");
        let (_, text) = spec.split_once("## Q3 ").expect("its heading");
        let (table, _) = text.split_once("```").expect("its grammar");
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let examples: Vec<&str> = rows
            .filter_map(|row| row.split_once(" | "))
            .flat_map(|(cell, _)| cell.trim_end_matches('`').split("`, `"))
            .collect();
        assert!(examples.len() > 25, "{examples:?}");
        for example in examples {
            if let Err(error) = parse_expression(example, Micros::new(0)) {
                panic!("{example}: {error}");
            }
        }
        for bound in [
            format!("at most {EXPRESSION_CHARS_MAX} characters"),
            format!("{} terms", terms::TERMS_MAX),
            format!("{} regexes", terms::REGEXES_MAX),
            format!("{DEPTH_MAX} nested brackets"),
        ] {
            assert!(spec.contains(&bound), "{bound}");
        }
        for key in crate::store::BOOKKEEPING_KEYS {
            assert!(spec.contains(&format!("`{key}`")), "{key}");
        }
    }

    #[test]
    fn bounds_of_an_expression_are_errors() {
        let refused = |text: &str| parse_expression(text, Micros::new(0)).unwrap_err().reason;
        assert!(refused(&"(".repeat(60)).contains("at most 50 brackets"));
        assert!(refused(&"NOT ".repeat(60)).contains("at most 50 brackets"));
        assert!(refused(&"a ".repeat(101)).contains("at most 100 terms"));
        assert!(refused(&"/a/ ".repeat(5)).contains("at most 4 regexes"));
        assert!(refused(&"a".repeat(4001)).contains("at most 4000 characters"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-c ():\"/*<>=!.\\\\\\-ORNTAD\u{e4}]{0,40}") {
            let _ = parse_expression(&text, Micros::new(0));
        }
    }
}
