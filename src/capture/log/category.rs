//! Determines the category of a failure from the last lines of the output.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The category of a failure, which tells what to check first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A dependency is not installed or cannot be resolved.
    Dependency,
    /// Another process uses the port.
    PortConflict,
    /// An operation was not permitted.
    Permission,
    /// The input is wrong: syntax, options, values, code that does not compile.
    Validation,
    /// A service did not start or respond in time.
    StartupTimeout,
    /// The environment: disk, memory, network, files, variables.
    Environment,
    /// The process was killed, or crashed.
    ProcessCrash,
    /// The output does not show the cause.
    Unknown,
}

impl Category {
    /// The name of the category, equal everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dependency => "dependency",
            Self::PortConflict => "port_conflict",
            Self::Permission => "permission",
            Self::Validation => "validation",
            Self::StartupTimeout => "startup_timeout",
            Self::Environment => "environment",
            Self::ProcessCrash => "process_crash",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a command failed, from its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitFailure {
    Code(i32),
    Signal,
}

/// Phrases that name the cause. They are searched in lower case, anywhere in a line.
const CAUSES: &[(Category, &[&str])] = &[
    (
        Category::PortConflict,
        &[
            "address already in use",
            "address in use",
            "eaddrinuse",
            "port is already allocated",
            "port is already in use",
            "ports are not available",
            "port already in use",
        ],
    ),
    (
        Category::Permission,
        &[
            "permission denied",
            "permissionerror",
            "eacces",
            "eperm",
            "operation not permitted",
            "access denied",
            "access is denied",
            "are you root",
            "must be run as root",
            "must be root",
        ],
    ),
    (
        Category::Dependency,
        &[
            "modulenotfounderror",
            "no module named",
            "cannot find module",
            "cannot find package",
            "err_module_not_found",
            "module not found",
            "importerror",
            "command not found",
            "executable file not found",
            "eresolve",
            "unable to resolve dependency",
            "could not resolve dependenc",
            "no matching distribution found",
            "could not find a version that satisfies",
            "unable to locate package",
            "has no installation candidate",
            "unmet dependencies",
            "error while loading shared libraries",
            "unresolved import",
            "classnotfoundexception",
            "noclassdeffounderror",
            "no required module provides package",
            "could not find gem",
            "no such package",
        ],
    ),
    (
        Category::Validation,
        &[
            "syntaxerror",
            "syntax error",
            "indentationerror",
            "unexpected token",
            "parse error",
            "parsing error",
            "could not compile",
            "compilation failed",
            "validationerror",
            "validation failed",
            "invalid json",
            "invalid yaml",
            "invalid option",
            "illegal option",
            "invalid choice",
            "unrecognized option",
            "unrecognized argument",
            "unknown option",
            "unknown flag",
            "unexpected argument",
        ],
    ),
    (
        Category::StartupTimeout,
        &[
            "timed out",
            "etimedout",
            "timeouterror",
            "timeout exceeded",
            "timeout expired",
            "timeout waiting",
            "deadline exceeded",
            "did not become ready",
        ],
    ),
    (
        Category::Environment,
        &[
            "no space left on device",
            "enospc",
            "disk quota exceeded",
            "read-only file system",
            "cannot allocate memory",
            "out of memory",
            "enomem",
            "too many open files",
            "emfile",
            "temporary failure in name resolution",
            "name or service not known",
            "could not resolve host",
            "network is unreachable",
            "connection refused",
            "econnrefused",
            "enotfound",
            "environment variable",
            "unbound variable",
            "exec format error",
        ],
    ),
];

/// Phrases that often accompany a more specific cause: they count only if no cause was found.
const SYMPTOMS: &[(Category, &[&str])] = &[
    (
        Category::ProcessCrash,
        &[
            "segmentation fault",
            "core dumped",
            "traceback (most recent call last)",
            "panicked at",
            "panic:",
            "unhandled",
            "uncaught",
            "exception in thread",
            "assertion failed",
        ],
    ),
    (
        Category::Environment,
        &["no such file or directory", "enoent"],
    ),
];

/// Exit codes of a shell for a command that was not found or cannot be run, and of `timeout`.
const TELLING_CODES: [(i32, Category); 3] = [
    (127, Category::Dependency),
    (126, Category::Permission),
    (124, Category::StartupTimeout),
];

/// The category of a failure. `outputs` are the last lines of each stream, oldest line first, the most informative
/// stream first. The cause nearest to the end wins; a command that was killed counts as crashed, whatever its output
/// says.
pub(crate) fn classify<'a, L>(failure: ExitFailure, outputs: &[L]) -> Category
where
    L: IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator> + Clone,
{
    let ExitFailure::Code(code) = failure else {
        return Category::ProcessCrash;
    };
    let telling = TELLING_CODES.iter().find(|(known, _)| *known == code);
    newest_match(outputs, CAUSES)
        .or(telling.map(|&(_, category)| category))
        .or_else(|| newest_match(outputs, SYMPTOMS))
        .unwrap_or(Category::Unknown)
}

fn newest_match<'a, L>(outputs: &[L], table: &[(Category, &[&str])]) -> Option<Category>
where
    L: IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator> + Clone,
{
    let of_stream = |lines: &L| {
        let mut newest_first = lines.clone().into_iter().rev();
        newest_first.find_map(|line| of_line(line, table))
    };
    outputs.iter().find_map(of_stream)
}

fn of_line(line: &str, table: &[(Category, &[&str])]) -> Option<Category> {
    let line = line.to_ascii_lowercase();
    let named = |phrases: &[&str]| phrases.iter().any(|phrase| line.contains(phrase));
    let (category, _) = table.iter().find(|(_, phrases)| named(phrases))?;
    Some(*category)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32, stderr: &[&str], stdout: &[&str]) -> Category {
        let outputs = [stderr, stdout].map(|lines| lines.iter().copied());
        classify(ExitFailure::Code(code), &outputs)
    }

    #[test]
    fn real_messages_are_distinguished() {
        for (category, line) in [
            (
                Category::PortConflict,
                "OSError: [Errno 98] Address already in use",
            ),
            (
                Category::PortConflict,
                "Error: listen EADDRINUSE: address already in use :::3000",
            ),
            (
                Category::Dependency,
                "ModuleNotFoundError: No module named 'flask'",
            ),
            (Category::Dependency, "npm ERR! code ERESOLVE"),
            (Category::Dependency, "sh: 1: npm: command not found"),
            (
                Category::Permission,
                "mkdir: cannot create directory '/x': Permission denied",
            ),
            (Category::Validation, "  SyntaxError: invalid syntax"),
            (
                Category::Validation,
                "error: could not compile `app` (bin \"app\")",
            ),
            (
                Category::StartupTimeout,
                "curl: (28) Connection timed out after 5001 milliseconds",
            ),
            (
                Category::Environment,
                "write /var/lib/x: no space left on device",
            ),
            (Category::Environment, "bash: API_URL: unbound variable"),
            (
                Category::Environment,
                "cat: /etc/nothing: No such file or directory",
            ),
            (
                Category::ProcessCrash,
                "thread 'main' panicked at src/main.rs:3:5:",
            ),
            (Category::Unknown, "it did not work"),
        ] {
            assert_eq!(of(1, &[line], &[]), category, "{line}");
        }
    }

    #[test]
    fn the_cause_nearest_the_end_wins() {
        let lines = [
            "connection refused, trying again",
            "Permission denied",
            "giving up",
        ];
        assert_eq!(of(1, &lines, &[]), Category::Permission);
        assert_eq!(
            of(1, &["giving up"], &lines),
            Category::Permission,
            "the other stream is read too"
        );
        assert_eq!(
            of(1, &["timed out"], &lines),
            Category::StartupTimeout,
            "standard error first"
        );
    }

    #[test]
    fn a_cause_takes_precedence_over_a_symptom() {
        let lines = [
            "ImportError: x",
            "Traceback (most recent call last):",
            "somewhere",
        ];
        assert_eq!(of(1, &lines, &[]), Category::Dependency);
    }

    #[test]
    fn the_exit_code_decides_if_the_output_does_not() {
        assert_eq!(of(127, &[], &[]), Category::Dependency);
        assert_eq!(of(126, &[], &[]), Category::Permission);
        assert_eq!(of(124, &[], &[]), Category::StartupTimeout);
        assert_eq!(of(3, &[], &[]), Category::Unknown);
        let said = [["Permission denied"]];
        assert_eq!(classify(ExitFailure::Signal, &said), Category::ProcessCrash);
    }

    #[test]
    fn every_category_has_one_word() {
        for category in [
            Category::Dependency,
            Category::PortConflict,
            Category::Permission,
            Category::Validation,
            Category::StartupTimeout,
            Category::Environment,
            Category::ProcessCrash,
            Category::Unknown,
        ] {
            assert_eq!(serde_json::to_value(category).unwrap(), category.as_str());
            assert_eq!(category.to_string(), category.as_str());
        }
    }

    #[test]
    fn phrases_are_lower_case() {
        for (_, phrases) in CAUSES.iter().chain(SYMPTOMS) {
            assert!(
                phrases
                    .iter()
                    .all(|phrase| phrase.to_ascii_lowercase() == *phrase)
            );
        }
    }
}
