//! The grammar, tested with queries that Grafana's own grammar accepts or refuses.

use super::*;
use crate::logql::print;

const ACCEPTED: &str = include_str!("../../../tests/fixtures/logql/accepted.txt");
const REFUSED: &str = include_str!("../../../tests/fixtures/logql/refused.txt");

fn printed(query: &str) -> String {
    let parsed = parse_unchecked(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    print::line(&parsed)
}

#[test]
fn accepts_queries_of_grafanas_grammar_and_prints_them_uniformly() {
    for query in ACCEPTED.lines() {
        let line = printed(query);
        assert_eq!(printed(&line), line, "{query}");
        let pretty = print::pretty(&parse_unchecked(query).unwrap());
        assert_eq!(printed(&pretty), line, "{query}");
    }
}

#[test]
fn refuses_queries_that_grafanas_grammar_refuses() {
    for query in REFUSED.lines() {
        match parse_unchecked(query) {
            Ok(parsed) => panic!("{query} is read as {}", print::line(&parsed)),
            Err(error) => assert!(error.is_syntax(), "{query}: {error}"),
        }
    }
}

#[test]
fn accepts_further_queries_that_loki_accepts() {
    for (query, expected) in [
        ("{a=\"b\",}", "{a=\"b\"}"),
        ("{a=\"b\"} | c=\"d\" e>1", "{a=\"b\"} | c=\"d\" and e>1"),
        ("RATE({a=\"b\"}[1m])", "rate({a=\"b\"} [1m])"),
        ("{}", "{}"),
        (
            "avg_over_time(({a=\"b\"} | json | unwrap c)[1m])",
            "avg_over_time({a=\"b\"} | json | unwrap c [1m])",
        ),
    ] {
        assert_eq!(printed(query), expected);
    }
}

#[test]
fn long_and_deep_queries_are_refused() {
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(
        parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("input size too long")
    );
    let deep = format!("{}1{}", "(".repeat(60_000), ")".repeat(60_000));
    assert!(
        parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("levels deep")
    );
    let filters = format!(
        "{{a=\"b\"}} | {}c=\"d\"{}",
        "(".repeat(1_000),
        ")".repeat(1_000)
    );
    assert!(
        parse(&filters)
            .unwrap_err()
            .to_string()
            .contains("levels deep")
    );
    assert!(
        parse(&format!("1{}", "^1".repeat(30_000))).is_err(),
        "from the right"
    );
    assert!(parse(&format!("{{a=\"b\"}}{}", " | json".repeat(300))).is_err());
}

#[test]
fn invalid_combinations_are_refused() {
    for (query, reason) in [
        ("{a=~\".*\"}", "col 1: queries require at least one"),
        (
            "sum(rate({a!=\"b\"}[1m]))",
            "col 10: queries require at least one",
        ),
        (
            "quantile_over_time({a=\"b\"} | unwrap c [1m])",
            "parameter required for operation quantile_over_time",
        ),
        (
            "rate(5, {a=\"b\"}[1m])",
            "parameter 5 not supported for operation rate",
        ),
        (
            "count_over_time({a=\"b\"} | unwrap c [1m])",
            "invalid aggregation count_over_time with unwrap",
        ),
        (
            "sum_over_time({a=\"b\"}[1m])",
            "invalid aggregation sum_over_time without unwrap",
        ),
        (
            "rate({a=\"b\"}[1m]) by (c)",
            "grouping not allowed for rate aggregation",
        ),
        (
            "topk(rate({a=\"b\"}[1m]))",
            "parameter required for operation topk",
        ),
        ("topk(0, rate({a=\"b\"}[1m]))", "must be greater than 0"),
        (
            "sum(5, rate({a=\"b\"}[1m]))",
            "unsupported parameter for operation sum",
        ),
        (
            "sort(rate({a=\"b\"}[1m])) by (c)",
            "sort and sort_desc doesn't allow grouping",
        ),
        (
            "{a=\"b\"} + 1",
            "unexpected type for left leg of binary operation (+): *syntax.MatchersExpr",
        ),
        (
            "1 and rate({a=\"b\"}[1m])",
            "unexpected literal for left leg of logical/set binary operation (and)",
        ),
        ("rate({a=\"b\"}[0s])", "the range must be longer than 0"),
    ] {
        let error = parse(query).unwrap_err();
        assert!(
            !error.is_syntax() && error.to_string().contains(reason),
            "{query}: {error}"
        );
    }
}
