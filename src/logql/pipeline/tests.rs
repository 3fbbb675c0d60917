//! Pipelines on lines.

use super::*;
use crate::logql::ast::Expr;
use crate::logql::labels::LabelKind;
use crate::logql::parse::parse;

/// The line and its labels after the stages; `None` if the line is dropped.
fn ran(stages: &str, text: &str, is_taken_apart: bool) -> Option<(String, Vec<(String, String)>)> {
    let query = format!("{{source=\"web\"}} {stages}");
    let Expr::Log(query) = parse(&query).unwrap_or_else(|error| panic!("{query}: {error}")) else {
        panic!("{query} is a log query");
    };
    let pipeline = LogPipeline::new(&query).unwrap_or_else(|error| panic!("{stages}: {error}"));
    let mut labels = Labels::default();
    labels.push(LabelKind::Stream, "source", "web");
    labels.push(LabelKind::Stream, "level", "info");
    labels.push(LabelKind::Metadata, "pid", "7");
    let mut line = PipelineLine {
        timestamp_nanos: 1,
        text: text.into(),
        labels,
        is_taken_apart,
    };
    assert!(pipeline.selects(&line.labels));
    let kept = pipeline.run(&mut line);
    let mut labels: Vec<_> = line
        .labels
        .iter()
        .filter(|label| label.kind == LabelKind::Parsed)
        .map(|label| (label.name.to_string(), label.value.to_string()))
        .collect();
    labels.sort();
    kept.then(|| (line.text.into_owned(), labels))
}

fn parsed(stages: &str, text: &str) -> String {
    let (_, labels) =
        ran(stages, text, false).unwrap_or_else(|| panic!("{stages} leaves out {text}"));
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    labels.join(" ")
}

fn keeps(stages: &str, text: &str) -> bool {
    ran(stages, text, false).is_some()
}

#[test]
fn line_filters_take_alternatives() {
    assert!(keeps("|= \"a\" or \"b\"", "xb") && !keeps("|= \"a\" or \"b\"", "x"));
    assert!(!keeps("!= \"a\" or \"b\"", "xb") && keeps("!= \"a\" or \"b\"", "x"));
    assert!(keeps("|~ `(?i)ERR\\d`", "err5") && !keeps("!~ `e.r`", "err"));
    assert!(keeps("|= ip(\"10.0.0.0/8\")", "from 10.2.3.4") && !keeps("|= \"A\"", "a"));
    assert!(
        keeps("|> \"<_> took <_>\"", "it took 5") && !keeps("!> \"<_> took <_>\"", "it took 5")
    );
}

#[test]
fn parsers_set_labels() {
    assert_eq!(
        parsed("| json", r#"{"a":{"b":1},"level":"x"}"#),
        "a_b=1 level_extracted=x"
    );
    assert_eq!(
        parsed("| json x=\"a.b\", y=\"c[0]\"", r#"{"a":{"b":1},"c":[2]}"#),
        "x=1 y=2"
    );
    assert_eq!(parsed("| logfmt", "a=1 b=\"x y\" c="), "a=1 b=x y");
    assert_eq!(parsed("| logfmt --keep-empty", "a=1 c="), "a=1 c=");
    assert_eq!(parsed("| logfmt a, z=\"b\"", "a=1 b=2 c=3"), "a=1 z=2");
    assert_eq!(
        parsed("| regexp `(?P<m>\\w+) (?P<n>\\d+)`", "GET 12"),
        "m=GET n=12"
    );
    assert_eq!(parsed("| pattern \"<m> <n>\"", "GET 12"), "m=GET n=12");
    assert_eq!(parsed("| unpack", r#"{"a":"1","n":2,"_entry":"x"}"#), "a=1");
    assert_eq!(ran("| unpack", r#"{"_entry":"x"}"#, false).unwrap().0, "x");
}

#[test]
fn a_line_that_cannot_be_parsed_is_kept_with_the_error() {
    let expected =
        "__error__=JSONParserErr __error_details__=expecting json object(6), but it is not";
    assert_eq!(parsed("| json", "plain"), expected);
    assert_eq!(
        parsed("| json | drop __error__, __error_details__", "plain"),
        ""
    );
    assert!(
        !keeps("| json | __error__=\"\"", "plain") && keeps("| json | __error__!=\"\"", "plain")
    );
    assert!(keeps("| json | pid=\"7\"", "plain"), "metadata is visible");
    assert!(
        keeps("| json | status>=500", "plain"),
        "only comparisons of texts drop it"
    );
    assert!(parsed("| logfmt --strict", "=x").starts_with("__error__=LogfmtParserErr"));
}

#[test]
fn fields_of_a_line_parsed_before_are_labels() {
    let (_, labels) = ran("| json | pid>=7", "plain", true).unwrap();
    assert_eq!(labels, [("pid".to_owned(), "7".to_owned())]);
    assert!(ran("| logfmt | pid>7", "plain", true).is_none());
    let (_, labels) = ran("| json p=\"pid\"", "plain", true).unwrap();
    assert!(labels.contains(&("p".to_owned(), "7".to_owned())));
}

#[test]
fn label_filters_compare_texts_numbers_durations_sizes_and_addresses() {
    let line = r#"{"n":"5","d":"1.5s","s":"2 KB","ip":"10.1.1.1","w":"x"}"#;
    for filter in [
        "n=5",
        "n==5",
        "n!=4",
        "n>4 and n<6",
        "n>=5",
        "n<=5",
        "d>1s",
        "d<=1500ms",
        "s>1KB",
        "s=2KB",
        "ip=ip(\"10.0.0.0/8\")",
        "ip!=ip(\"11.0.0.0/8\")",
        "w=\"x\" or n=4",
        "(w=\"y\" or n=5) and w=\"x\"",
        "w=\"x\", n=5",
        "w=\"x\" n=5",
        "w=~\"x|y\"",
        "w!~\"y\"",
        "absent=\"\"",
        "n=4 or n=5 and w=\"x\"",
    ] {
        assert!(keeps(&format!("| json | {filter}"), line), "{filter}");
    }
    for filter in [
        "n=4",
        "n>5",
        "d>2s",
        "s>2KB",
        "absent>1",
        "ip=ip(\"11.0.0.0/8\")",
        "w=~\"xy?z\"",
        "absent=ip(\"::/0\")",
    ] {
        assert!(!keeps(&format!("| json | {filter}"), line), "{filter}");
    }
    let noted = parsed("| json | w>1 | keep w", line);
    assert!(noted.starts_with("__error__=LabelFilterErr"), "{noted}");
}

#[test]
fn lines_and_labels_are_formatted() {
    let (text, labels) = ran(
        "| json | line_format \"{{.a}}-{{.pid}}\" | label_format b=a, c=\"{{.pid}}!\" | drop pid",
        r#"{"a":1}"#,
        false,
    )
    .unwrap();
    assert_eq!(text, "1-7");
    assert_eq!(
        labels,
        [
            ("b".to_owned(), "1".to_owned()),
            ("c".to_owned(), "7!".to_owned())
        ]
    );
    assert!(
        parsed("| label_format a=\"{{ add .source 1 }}\"", "x")
            .starts_with("__error__=TemplateFormatErr")
    );
    assert_eq!(
        ran("| decolorize", "\u{1b}[31mred\u{1b}[0m", false)
            .unwrap()
            .0,
        "red"
    );
    assert_eq!(
        parsed("| json | keep a, b=\"3\"", r#"{"a":1,"b":2,"c":3}"#),
        "a=1"
    );
    assert_eq!(
        parsed("| json | drop a, b=\"3\"", r#"{"a":1,"b":2,"c":3}"#),
        "b=2 c=3"
    );
}

#[test]
fn invalid_stages_are_refused_with_their_place() {
    for (stages, reason) in [
        ("|~ \"(\"", "col 19: error parsing regexp"),
        (
            "| regexp \"x\"",
            "at least one named capture must be supplied",
        ),
        ("| pattern \"x\"", "at least one capture is required"),
        ("| line_format \"{{.a\"", "invalid line template"),
        ("| label_format a=b, a=c", "multiple label name 'a'"),
        (
            "| label_format __error__=b",
            "__error__ cannot be formatted",
        ),
        ("| json a=\"[\"", "cannot parse expression"),
        ("|= ip(\"x\")", "ip: invalid pattern"),
        ("|~ ip(\"::1\")", "ip: invalid operation"),
    ] {
        let text = format!("{{source=\"web\"}} {stages}");
        let Ok(Expr::Log(query)) = parse(&text) else {
            panic!("{text} is parsed");
        };
        let error = LogPipeline::new(&query)
            .unwrap_err()
            .located(&text)
            .to_string();
        assert!(error.contains(reason), "{error}");
    }
}
