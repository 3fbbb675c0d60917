//! The formats of `--output`, by their names.

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::journal) enum EntryStyle {
    Short(TimeFormat),
    Cat,
    Json(JsonStyle),
    Export,
    Verbose,
}

/// How the time is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::journal) enum TimeFormat {
    Syslog,
    Precise,
    Iso,
    IsoPrecise,
    Full,
    Monotonic,
    Unix,
    /// As `Full`, with units instead of identifiers.
    WithUnit,
}

/// How objects are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::journal) enum JsonStyle {
    /// One a line.
    Lines,
    /// Indented.
    Pretty,
    /// RFC 7464.
    Sequence,
    /// Server-sent events.
    Sse,
}

impl EntryStyle {
    /// The names of `--output`.
    pub(in crate::cli::journal) const NAMES: [&'static str; 15] = [
        "short",
        "short-iso",
        "short-iso-precise",
        "short-precise",
        "short-full",
        "short-monotonic",
        "short-unix",
        "cat",
        "json",
        "json-pretty",
        "json-seq",
        "json-sse",
        "export",
        "verbose",
        "with-unit",
    ];

    /// The style of a name that clap has accepted.
    pub(in crate::cli::journal) fn named(name: &str) -> Self {
        match name {
            "short-iso" => Self::Short(TimeFormat::Iso),
            "short-iso-precise" => Self::Short(TimeFormat::IsoPrecise),
            "short-precise" => Self::Short(TimeFormat::Precise),
            "short-full" => Self::Short(TimeFormat::Full),
            "short-monotonic" => Self::Short(TimeFormat::Monotonic),
            "short-unix" => Self::Short(TimeFormat::Unix),
            "cat" => Self::Cat,
            "json" => Self::Json(JsonStyle::Lines),
            "json-pretty" => Self::Json(JsonStyle::Pretty),
            "json-seq" => Self::Json(JsonStyle::Sequence),
            "json-sse" => Self::Json(JsonStyle::Sse),
            "export" => Self::Export,
            "verbose" => Self::Verbose,
            "with-unit" => Self::Short(TimeFormat::WithUnit),
            _ => Self::Short(TimeFormat::Syslog),
        }
    }
}
