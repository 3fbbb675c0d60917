//! Which paths of a node the gateway passes on.

/// Endpoints of a node by the first part of their path. All of them only read; sessions and the page are the gateway's own.
const PASSED_ON: [&str; 9] = [
    "boots",
    "events",
    "logs",
    "loki",
    "metrics",
    "openapi.json",
    "problems",
    "readyz",
    "runs",
];

/// The live tail.
const TAIL: &str = "logs/tail";

/// The list of problems, which clients may follow.
const PROBLEMS: &str = "problems";

/// The API of Loki, whose parameters may come as a form.
const LOKI: &str = "loki/";

/// A path of a node that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct NodePath(String);

impl NodePath {
    /// `None` for a path that is not passed on. The path is compared and sent as it came: nothing in it may mean another one for the
    /// node.
    pub(in crate::gateway) fn parse(rest: &str) -> Option<Self> {
        let first = rest.split('/').next()?;
        if !PASSED_ON.contains(&first) {
            return None;
        }
        let is_plain = |segment: &str| {
            let lower = segment.to_ascii_lowercase();
            let is_dots = matches!(&*lower.replace("%2e", "."), "." | "..");
            let hides_a_separator = ["%2f", "%5c", "%00"]
                .iter()
                .any(|code| lower.contains(code));
            !segment.is_empty() && !is_dots && !hides_a_separator && !segment.contains('\\')
        };
        rest.split('/').all(is_plain).then(|| Self(rest.to_owned()))
    }

    /// Whether it is the live tail, which is followed event by event.
    pub(in crate::gateway) fn is_tail(&self) -> bool {
        self.0 == TAIL
    }

    /// Whether it is the list of problems, which may be followed event by event as well.
    pub(in crate::gateway) fn is_problems(&self) -> bool {
        self.0 == PROBLEMS
    }

    /// Path and query for the node.
    pub(in crate::gateway) fn target(&self, query: &str) -> String {
        let path = &self.0;
        if query.is_empty() {
            format!("/{path}")
        } else {
            format!("/{path}?{query}")
        }
    }
}

/// Whether the parameters of a path of a node may come as a form.
pub(in crate::gateway) fn takes_form(rest: &str) -> bool {
    rest.starts_with(LOKI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_endpoints_that_read_are_passed_on() {
        for path in [
            "logs",
            "logs/tail",
            "logs/12",
            "runs/01kj",
            "problems",
            "boots",
            "events",
            "loki/api/v1/label/a%20b/values",
        ] {
            assert!(NodePath::parse(path).is_some(), "{path}");
        }
        for path in [
            "",
            "session",
            "ui/app.js",
            "healthz/",
            "logs/",
            "logs//12",
            "logs/../session",
            "logs/%2e%2E/session",
            "logs/..%2fsession",
            "logs/%2fsession",
            "logs\\..\\session",
            "logs/a%5cb",
            "logs/a%00",
            "Logs",
        ] {
            assert_eq!(NodePath::parse(path), None, "{path}");
        }
        let path = NodePath::parse("logs").expect("a path");
        assert_eq!(path.target(""), "/logs");
        assert_eq!(path.target("limit=1"), "/logs?limit=1");
    }
}
