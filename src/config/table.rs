//! The table of settings: parsing, `--help` and SETTINGS.md are all derived from it.

use super::setting::{Setting, path, plain};
use super::value::ValueKind;
use crate::capture::Keep;
use crate::server::ForeignApi;

/// Prefixes of variables that only vmlog uses: a name with such a prefix that is not in the table is a typo.
pub(crate) const OWN_PREFIXES: &[&str] = &[
    "LOG_API_",
    "LOG_AUTH_",
    "LOG_CAPTURE_",
    "LOG_CLOUD_INIT_",
    "LOG_CORS_",
    "LOG_EVENTS_",
    "LOG_EVIDENCE_",
    "LOG_FOREIGN_",
    "LOG_GATEWAY_",
    "LOG_JOIN_",
    "LOG_JOURNAL_",
    "LOG_RECOGNITION_",
    "LOG_REDACT_",
    "LOG_STORE_",
    "LOG_STRUCTURED_",
    "LOG_TAIL_",
    "LOG_TIME_",
    "LOG_TLS_",
];

/// A century, in effect unlimited.
const CENTURY_S: u64 = 100 * 365 * 86_400;

/// The settings, in the order of `--help` and SETTINGS.md.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "LOG_DATA_DIR",
        flag: Some("data-dir"),
        default: "/var/lib/vmlog (root), $XDG_STATE_HOME/vmlog",
        kind: ValueKind::Path,
        meaning: "where the store and the access token are kept",
    },
    Setting {
        name: "LOG_LISTEN",
        flag: Some("listen"),
        default: "127.0.0.1:8687",
        kind: ValueKind::Address,
        meaning: "address of the API and the page; other than loopback needs LOG_API_TOKEN",
    },
    plain(
        "LOG_API_TOKEN",
        "made at the first start",
        ValueKind::Token,
        "access token that every request must send",
    ),
    Setting {
        name: "LOG_NODE_ID",
        flag: None,
        default: "",
        kind: ValueKind::Node,
        meaning: "name of this machine in tokens of a control plane, and of a gateway",
    },
    Setting {
        name: "LOG_AUTH_JWKS",
        flag: None,
        default: "",
        kind: ValueKind::Keys,
        meaning: "public keys of a control plane; tokens that it signs (RS256 or EdDSA) are accepted",
    },
    Setting {
        name: "LOG_AUTH_ISSUER",
        flag: None,
        default: "",
        kind: ValueKind::Issuer,
        meaning: "issuer of these tokens (`iss`)",
    },
    path(
        "LOG_AUTH_CA",
        "the system's",
        "certificate authorities (PEM) for LOG_AUTH_JWKS over https",
    ),
    Setting {
        name: "LOG_AUTH_WORKSPACE_SOURCES",
        flag: None,
        default: "devcontainer:{workspace},docker:{workspace},event:workspace/{workspace}",
        kind: ValueKind::WorkspaceSources,
        meaning: "sources visible to a workspace token; a trailing * matches a prefix",
    },
    Setting {
        name: "LOG_JOIN_GATEWAY",
        flag: Some("gateway"),
        default: "",
        kind: ValueKind::Gateway,
        meaning: "gateway to connect to, for a machine that accepts no connections; requests arrive over that connection",
    },
    plain(
        "LOG_JOIN_TOKEN",
        "",
        ValueKind::Token,
        "token of `vmlog gateway token` that lets this machine join the gateway once; a key replaces it",
    ),
    path("LOG_JOIN_TOKEN_FILE", "", "file with that token"),
    path(
        "LOG_JOIN_CA",
        "the system's",
        "the only certificate authorities (PEM) that the gateway's certificate may have",
    ),
    path(
        "LOG_TLS_CERT",
        "",
        "server certificate with its chain (PEM); reloaded when it changes",
    ),
    path(
        "LOG_TLS_KEY",
        "",
        "private key of the server certificate (PEM)",
    ),
    Setting {
        name: "LOG_CORS_ORIGINS",
        flag: None,
        default: "",
        kind: ValueKind::Origins,
        meaning: "origins of other sites whose pages may read the API with a token (CORS)",
    },
    Setting {
        name: "LOG_JOURNAL_DIRS",
        flag: Some("journal-dir"),
        default: "/var/log/journal,/run/log/journal",
        kind: ValueKind::Paths,
        meaning: "directories of the systemd journal",
    },
    plain(
        "LOG_JOURNAL_UNITS",
        "*",
        ValueKind::List,
        "units to keep; * matches any text, a leading ! excludes",
    ),
    plain(
        "LOG_JOURNAL_DOCKER",
        "true",
        ValueKind::Switch,
        "keep containers that log through Docker's journald driver",
    ),
    plain(
        "LOG_JOURNAL_NAMESPACES",
        "*",
        ValueKind::List,
        "namespaces of journald to read; * for all, default for the one without a name",
    ),
    Setting {
        name: "LOG_JOURNAL_LEVELS",
        flag: None,
        default: "0-3=error,4=warn,5-6=info,7=debug",
        kind: ValueKind::Levels,
        meaning: "the level of each syslog priority, by number or name",
    },
    Setting {
        name: "LOG_JOURNAL_SINCE",
        flag: None,
        default: "this boot and the one before, at most LOG_STORE_MAX_AGE",
        kind: ValueKind::Time,
        meaning: "how far back the first start reads the journal",
    },
    Setting {
        name: "LOG_JOURNAL_FIELD_MAX",
        flag: None,
        default: "1MiB",
        kind: ValueKind::Bytes {
            min: 64 << 10,
            max: 16 << 20,
        },
        meaning: "maximum size of one field of a journal entry, including the message; the record of a longer field states its length",
    },
    path(
        "LOG_CLOUD_INIT_PATH",
        "/var/log/cloud-init-output.log",
        "output of cloud-init",
    ),
    plain(
        "LOG_CLOUD_INIT_LOG",
        "true",
        ValueKind::Switch,
        "also read cloud-init.log, in the same folder",
    ),
    Setting {
        name: "LOG_FILES",
        flag: None,
        default: "",
        kind: ValueKind::Files,
        meaning: "more logs to follow, each as source file:NAME; PATH may be a folder or a pattern with *, ?, [a-z] and **",
    },
    path(
        "LOG_DOCKER_JSON_DIR",
        "/var/lib/docker/containers",
        "where Docker keeps containers that log through its json-file driver",
    ),
    path(
        "LOG_CRI_DIR",
        "/var/log/pods",
        "where kubelet keeps the logs of pods, each as source pod:NAMESPACE/WORKLOAD/CONTAINER; or a folder of links to them",
    ),
    path(
        "LOG_NERDCTL_DIR",
        "/var/lib/nerdctl",
        "where nerdctl keeps containers that log through its json-file driver",
    ),
    path(
        "LOG_PODMAN_DIR",
        "/var/lib/containers/storage/overlay-containers",
        "where Podman keeps containers that log through its k8s-file driver",
    ),
    plain(
        "LOG_STRUCTURED_SOURCES",
        "*",
        ValueKind::List,
        "sources (file:NAME, docker:NAME) whose JSON and logfmt lines are parsed; a leading ! excludes",
    ),
    Setting {
        name: "LOG_RECOGNITION_DISABLE",
        flag: None,
        default: "",
        kind: ValueKind::Rules,
        meaning: "rules for recognising levels, times and continued lines that are disabled, for one source or for all",
    },
    Setting {
        name: "LOG_TIME_ZONE",
        flag: None,
        default: "local",
        kind: ValueKind::Zone,
        meaning: "time zone of times in log lines that state none",
    },
    path(
        "LOG_SANDBOX_DIR",
        "",
        "folder of microsandbox whose captured output is read",
    ),
    path(
        "LOG_CAPTURE_DIR",
        "capture in LOG_DATA_DIR",
        "where `vmlog exec` and `vmlog pipe` store captured output for the server to read",
    ),
    path(
        "LOG_CAPTURE_SPOOL",
        "/var/spool/vmlog",
        "where commands of other users are captured, in one folder per user, for the server to read; created by the package",
    ),
    Setting {
        name: "LOG_CAPTURE_STREAMS",
        flag: None,
        default: "both",
        kind: ValueKind::Choice(&Keep::WORDS),
        meaning: "which output `vmlog exec` and `vmlog pipe` record by default (`--capture`); start and end are always recorded",
    },
    Setting {
        name: "LOG_CAPTURE_MAX_LINES",
        flag: None,
        default: "10000",
        kind: ValueKind::Number {
            min: 4,
            max: 100_000_000,
        },
        meaning: "maximum number of lines of one command that become records: three quarters from its beginning, the rest from its end",
    },
    Setting {
        name: "LOG_CAPTURE_MAX_BYTES",
        flag: None,
        default: "2MiB",
        kind: ValueKind::Bytes {
            min: 4 << 10,
            max: 256 << 20,
        },
        meaning: "maximum size of these lines; a quarter of it may be held in memory",
    },
    Setting {
        name: "LOG_STORE_MAX_ROWS",
        flag: None,
        default: "1000000",
        kind: ValueKind::Number {
            min: 1_000,
            max: 1_000_000_000,
        },
        meaning: "maximum number of records; of the oldest only evidence is kept",
    },
    Setting {
        name: "LOG_STORE_MAX_AGE",
        flag: None,
        default: "168h",
        kind: ValueKind::Duration {
            min_s: 60,
            max_s: CENTURY_S,
        },
        meaning: "age at which records are deleted, counted from their arrival",
    },
    Setting {
        name: "LOG_STORE_MAX_BYTES",
        flag: None,
        default: "512MiB",
        kind: ValueKind::Bytes {
            min: 1 << 20,
            max: 1 << 44,
        },
        meaning: "maximum size of the store on disk",
    },
    Setting {
        name: "LOG_STORE_PRUNE_INTERVAL",
        flag: None,
        default: "1h",
        kind: ValueKind::Duration {
            min_s: 1,
            max_s: 86_400,
        },
        meaning: "how often the age of records is checked; their number and size are checked at once",
    },
    Setting {
        name: "LOG_STORE_SEGMENT_ROWS",
        flag: None,
        default: "65536",
        kind: ValueKind::Number {
            min: 1_000,
            max: 1_000_000,
        },
        meaning: "number of records at which a segment is sealed; at most a quarter of LOG_STORE_MAX_ROWS",
    },
    Setting {
        name: "LOG_STORE_SEGMENT_BYTES",
        flag: None,
        default: "32MiB",
        kind: ValueKind::Bytes {
            min: 1 << 20,
            max: 1 << 30,
        },
        meaning: "size before compression at which a segment is sealed; at most an eighth of LOG_STORE_MAX_BYTES",
    },
    Setting {
        name: "LOG_STORE_MIN_FREE",
        flag: None,
        default: "5",
        kind: ValueKind::Number { min: 0, max: 50 },
        meaning: "percentage of the file system to keep free, at least 64 MiB: below it records are thinned or deleted, down to LOG_STORE_MIN_KEEP",
    },
    plain(
        "LOG_STORE_MIN_KEEP",
        "64MiB",
        ValueKind::ANY_BYTES,
        "size of the newest records that are kept even if disk space is low",
    ),
    plain(
        "LOG_STORE_KEEP_BYTES",
        "64MiB",
        ValueKind::ANY_BYTES,
        "maximum size of the evidence kept of records beyond LOG_STORE_MAX_ROWS and LOG_STORE_MAX_BYTES, apart from these; 0 keeps none",
    ),
    Setting {
        name: "LOG_STORE_KEEP_ROWS",
        flag: None,
        default: "1000",
        kind: ValueKind::Number {
            min: 0,
            max: 1_000_000,
        },
        meaning: "newest records of each source that are evidence",
    },
    Setting {
        name: "LOG_STORE_SYNC",
        flag: None,
        default: "interval",
        kind: ValueKind::Choice(&["batch", "interval", "off"]),
        meaning: "when stored records are synced, so that they survive a power loss",
    },
    Setting {
        name: "LOG_STORE_SYNC_INTERVAL",
        flag: None,
        default: "1s",
        kind: ValueKind::Duration {
            min_s: 1,
            max_s: 3_600,
        },
        meaning: "time between syncs when LOG_STORE_SYNC is interval",
    },
    Setting {
        name: "LOG_STORE_FLUSH_MS",
        flag: None,
        default: "100",
        kind: ValueKind::Number {
            min: 1,
            max: 10_000,
        },
        meaning: "maximum time that a record waits to be written; no wait during a live tail",
    },
    Setting {
        name: "LOG_STORE_MAX_SOURCES",
        flag: None,
        default: "5000",
        kind: ValueKind::Number {
            min: 10,
            max: 1_000_000,
        },
        meaning: "maximum number of distinct sources; records of further ones get the source system:vmlog-other-sources",
    },
    Setting {
        name: "LOG_STORE_FLUSH_RECORDS",
        flag: None,
        default: "100",
        kind: ValueKind::Number {
            min: 1,
            max: 10_000,
        },
        meaning: "number of waiting records that are written at once",
    },
    Setting {
        name: "LOG_EVENTS_MAX_ROWS",
        flag: None,
        default: "100000",
        kind: ValueKind::Number {
            min: 1,
            max: 10_000_000,
        },
        meaning: "maximum number of events; the oldest are deleted first",
    },
    Setting {
        name: "LOG_EVENTS_MAX_AGE",
        flag: None,
        default: "365d",
        kind: ValueKind::Duration {
            min_s: 1,
            max_s: CENTURY_S,
        },
        meaning: "how long events are kept",
    },
    Setting {
        name: "LOG_EVENTS_MAX_BYTES",
        flag: None,
        default: "128MiB",
        kind: ValueKind::Bytes {
            min: 1 << 20,
            max: 1 << 40,
        },
        meaning: "maximum size of the store of events",
    },
    plain(
        "LOG_EVENTS_TOKEN",
        "",
        ValueKind::Token,
        "a token that may only write events, for programs that must not read the log",
    ),
    Setting {
        name: "LOG_EVIDENCE_MAX_BYTES",
        flag: None,
        default: "64MiB",
        kind: ValueKind::Bytes {
            min: 1 << 20,
            max: 1 << 30,
        },
        meaning: "maximum size of a bundle of `vmlog evidence`: what a machine can send in its last minute",
    },
    Setting {
        name: "LOG_FOREIGN_APIS",
        flag: None,
        default: "",
        kind: ValueKind::Words(&ForeignApi::NAMES),
        meaning: "read APIs of other systems that are served too",
    },
    Setting {
        name: "LOG_TAIL_BUFFER_SIZE",
        flag: None,
        default: "5000",
        kind: ValueKind::Number {
            min: 1,
            max: 1_000_000,
        },
        meaning: "number of the newest records kept in memory for live tails, at most 4 MiB",
    },
    Setting {
        name: "LOG_TAIL_SEND_BUFFER",
        flag: None,
        default: "256",
        kind: ValueKind::Number {
            min: 1,
            max: 100_000,
        },
        meaning: "maximum number of records that wait for one slow tail client",
    },
    Setting {
        name: "LOG_TAIL_MAX_CONNECTIONS",
        flag: None,
        default: "5",
        kind: ValueKind::Number { min: 1, max: 1_000 },
        meaning: "maximum number of live tails; one control plane token may have half of them",
    },
    plain(
        "LOG_TAIL_END_WITH_TOKEN",
        "true",
        ValueKind::Switch,
        "end a live tail when its control plane token expires",
    ),
    Setting {
        name: "LOG_API_MAX_LIMIT",
        flag: None,
        default: "500",
        kind: ValueKind::Number {
            min: 1,
            max: 10_000,
        },
        meaning: "maximum number of records in one page",
    },
    Setting {
        name: "LOG_API_RATE",
        flag: None,
        default: "50",
        kind: ValueKind::Number {
            min: 0,
            max: 1_000_000,
        },
        meaning: "requests per second for each token, and a fifth of it for each address without one; 0 is unlimited",
    },
    Setting {
        name: "LOG_API_BURST",
        flag: None,
        default: "100",
        kind: ValueKind::Number {
            min: 1,
            max: 1_000_000,
        },
        meaning: "concurrent requests for each token, and a fifth of it for each address without one",
    },
    Setting {
        name: "LOG_API_MAX_CONNECTIONS",
        flag: None,
        default: "512",
        kind: ValueKind::Number {
            min: 8,
            max: 100_000,
        },
        meaning: "maximum number of connections; beyond it the one idle for the longest time is closed",
    },
    plain(
        "LOG_API_HOSTS",
        "",
        ValueKind::List,
        "host names that a proxy in front of a loopback server sends",
    ),
    plain(
        "LOG_API_TRUSTED_PROXIES",
        "",
        ValueKind::Networks,
        "proxies whose X-Forwarded-For names the client; requests without a token are limited by that address",
    ),
    plain(
        "LOG_REDACT_PATTERNS",
        "",
        ValueKind::Patterns,
        "additional patterns to redact, comma-separated; write \\, for a comma",
    ),
    plain(
        "LOG_REDACT_ALLOW",
        "",
        ValueKind::Patterns,
        "patterns of texts that are never redacted, comma-separated",
    ),
    plain(
        "LOG_REDACT_DISABLE",
        "",
        ValueKind::List,
        "ids of rules to disable; `all` disables redaction",
    ),
    plain(
        "LOG_REDACT_STRICT",
        "false",
        ValueKind::Switch,
        "redact every text after a word such as `password`, even if it looks like prose",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    #[test]
    fn names_and_flags_are_unique_and_ours() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        let flags: Vec<_> = SETTINGS.iter().filter_map(|setting| setting.flag).collect();
        assert_eq!(flags.iter().collect::<BTreeSet<_>>().len(), flags.len());
        assert!(names.iter().all(|name| name.starts_with("LOG_")));
    }

    /// SETTINGS.md shows this table; if they differ, paste the output of this test.
    #[test]
    fn the_readme_shows_this_table() {
        let mut table =
            String::from("| Setting | Default | Allowed | Meaning |\n|---|---|---|---|\n");
        for Setting {
            name,
            flag,
            default,
            kind,
            meaning,
        } in SETTINGS
        {
            let name = flag.map_or(format!("`{name}`"), |flag| format!("`--{flag}`, `{name}`"));
            let default = if default.is_empty() {
                "none".into()
            } else {
                default.replace('|', "\\|")
            };
            writeln!(table, "| {name} | {default} | {kind} | {meaning} |").unwrap();
        }
        let readme = include_str!("SETTINGS.md");
        assert!(readme.contains(&table), "the table should be\n\n{table}");
    }

    #[test]
    fn meanings_are_phrases() {
        for setting in SETTINGS {
            assert!(!setting.meaning.ends_with('.'), "{}", setting.name);
            assert!(
                setting.meaning.starts_with(|c: char| c.is_lowercase()),
                "{}",
                setting.name
            );
        }
    }
}
