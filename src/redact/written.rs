//! The word lists of `format-spec/redaction.md`, for the tests that compare them with the code.

/// The specification.
pub(super) const SPEC: &str = include_str!("../../format-spec/redaction.md");

/// The words below a title of the specification, on one line.
pub(super) fn written(title: &str) -> String {
    let rest = SPEC.split_once(title).unwrap().1;
    let block = rest.split("```").nth(1).unwrap();
    block
        .strip_prefix("text\n")
        .unwrap()
        .trim()
        .replace('\n', " ")
}
