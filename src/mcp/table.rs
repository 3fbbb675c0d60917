//! The tools and their arguments, from which the list of tools and the checks come.

use serde_json::{Map, Value, json};

/// The longest time that `tail` waits.
pub const TAIL_SECONDS_MAX: u64 = 30;

/// A tool.
#[derive(Debug)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it does, for the agent.
    pub description: &'static str,
    pub(super) arguments: &'static [Argument],
}

/// An argument of a tool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) kind: ArgumentKind,
    pub(super) is_required: bool,
    pub(super) description: &'static str,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum ArgumentKind {
    Text,
    /// From 1.
    Number {
        default: u64,
        max: u64,
    },
    Flag,
    Word(&'static [&'static str]),
}

const fn text(name: &'static str, description: &'static str) -> Argument {
    Argument {
        name,
        kind: ArgumentKind::Text,
        is_required: false,
        description,
    }
}

const fn number(name: &'static str, default: u64, max: u64, description: &'static str) -> Argument {
    Argument {
        kind: ArgumentKind::Number { default, max },
        ..text(name, description)
    }
}

const QUERY: Argument = text(
    "query",
    "Filter expression: words, \"phrases\", /regexes/, field=value, source:PREFIX*, level>=warn, AND, OR, -not",
);
const SOURCE: Argument = text(
    "source",
    "A source such as docker:web, or a prefix such as docker:*",
);
const LEVEL: Argument = Argument {
    kind: ArgumentKind::Word(&["debug", "info", "warn", "error"]),
    ..text("level", "This level or above")
};
const SINCE: Argument = text(
    "since",
    "Start time: RFC 3339, or relative such as -15m or -2h",
);
const UNTIL: Argument = text("until", "End time, in the same forms");
const SUCCESS: Argument = Argument {
    kind: ArgumentKind::Flag,
    ..text(
        "success",
        "true: only commands that succeeded, false: only those that failed",
    )
};
const RUN: Argument = Argument {
    is_required: true,
    ..text("id", "The ID of the run")
};
const WINDOW_A: Argument = Argument {
    is_required: true,
    ..text(
        "a",
        "The window to compare with: boot:-1, boot:ID, run:ID, or two times such as -2h..-1h",
    )
};
const WINDOW_B: Argument = Argument {
    is_required: true,
    ..text(
        "b",
        "The window of interest, such as boot:0, in the same forms",
    )
};
const ORDER: Argument = Argument {
    kind: ArgumentKind::Word(&["newest", "oldest"]),
    ..text("order", "Which records come first; newest by default")
};
const RECORD: Argument = Argument {
    is_required: true,
    ..number("id", 1, u64::MAX, "The ID of a record")
};

/// All tools.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "what_went_wrong",
        description: "Summary of trouble on this machine: problems with their causes, commands that failed, and groups of similar errors \
                      and warnings with their newest record. Start here.",
        arguments: &[SINCE, UNTIL, SOURCE],
    },
    Tool {
        name: "search",
        description: "Records of the log that match a filter.",
        arguments: &[
            QUERY,
            SOURCE,
            LEVEL,
            SINCE,
            UNTIL,
            ORDER,
            number("limit", 20, 50, "Maximum number of records"),
            text(
                "cursor",
                "The cursor of the answer before, for the next page",
            ),
        ],
    },
    Tool {
        name: "around",
        description: "The records before and after a record, of all sources.",
        arguments: &[RECORD, number("limit", 21, 51, "Maximum number of records")],
    },
    Tool {
        name: "runs",
        description: "Captured commands, newest first, with exit code and duration.",
        arguments: &[
            SUCCESS,
            SOURCE,
            number("limit", 10, 30, "Maximum number of runs"),
        ],
    },
    Tool {
        name: "run_output",
        description: "How a captured command ended, and the last lines of its output.",
        arguments: &[RUN, number("lines", 40, 100, "Maximum number of lines")],
    },
    Tool {
        name: "sources",
        description: "The sources of records on this machine, with counts by level.",
        arguments: &[SOURCE],
    },
    Tool {
        name: "patterns",
        description: "Groups of similar messages, the most frequent first; <*> marks the parts that differ.",
        arguments: &[
            QUERY,
            SOURCE,
            LEVEL,
            SINCE,
            UNTIL,
            number("limit", 15, 40, "Maximum number of patterns"),
        ],
    },
    Tool {
        name: "compare",
        description: "What is different between two windows of the log: patterns that are new, gone, more or less frequent. For example what \
                      is new since the last boot, or in a run that failed.",
        arguments: &[
            WINDOW_A,
            WINDOW_B,
            QUERY,
            SOURCE,
            LEVEL,
            number("limit", 20, 40, "Maximum number of patterns"),
        ],
    },
    Tool {
        name: "tail",
        description: "Waits, and returns the records that arrived meanwhile.",
        arguments: &[
            number("seconds", 5, TAIL_SECONDS_MAX, "How long to wait"),
            QUERY,
            SOURCE,
            LEVEL,
            number("limit", 20, 50, "Maximum number of records"),
        ],
    },
];

impl Tool {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        TOOLS.iter().find(|tool| tool.name == name)
    }

    /// The entry of `tools/list`.
    pub(super) fn listed(&self) -> Value {
        let properties: Map<String, Value> = self
            .arguments
            .iter()
            .map(|argument| (argument.name.to_owned(), argument.schema()))
            .collect();
        let required: Vec<_> = self
            .arguments
            .iter()
            .filter(|it| it.is_required)
            .map(|it| it.name)
            .collect();
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": {"type": "object", "properties": properties, "required": required, "additionalProperties": false},
            "annotations": {"readOnlyHint": true, "openWorldHint": false},
        })
    }
}

impl Argument {
    fn schema(&self) -> Value {
        let description = self.description;
        match self.kind {
            ArgumentKind::Text => json!({"type": "string", "description": description}),
            ArgumentKind::Flag => json!({"type": "boolean", "description": description}),
            ArgumentKind::Word(words) => {
                json!({"type": "string", "enum": words, "description": description})
            }
            ArgumentKind::Number { .. } if self.is_required => {
                json!({"type": "integer", "minimum": 1, "description": description})
            }
            ArgumentKind::Number { default, max } => {
                json!({"type": "integer", "minimum": 1, "maximum": max, "default": default, "description": description})
            }
        }
    }
}
