//! What a path of Loki's API asks for.

/// A call of Loki's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum LokiCall {
    /// Samples at one time.
    Query,
    /// Lines, or samples over time.
    QueryRange,
    /// The names of labels.
    Labels,
    /// The values of a label.
    LabelValues,
    /// The sets of labels of streams.
    Series,
    /// How much a selector matches.
    IndexStats,
    /// How much it matches, by labels.
    IndexVolume,
    /// The same over time.
    IndexVolumeRange,
    /// What fields lines have.
    DetectedFields,
    /// The values of such a field.
    DetectedFieldValues,
    /// What labels streams have.
    DetectedLabels,
    /// What kinds of lines there are.
    Patterns,
    /// A query in its standard form.
    FormatQuery,
    /// What the server is able to do for Logs Drilldown.
    DrilldownLimits,
    /// Lines as they come.
    Tail,
    /// Alerting rules, of which there are none.
    Rules,
    /// Alerts, of which there are none.
    Alerts,
    /// The version of the server.
    BuildInfo,
    /// Whether it can do its work.
    Ready,
}
