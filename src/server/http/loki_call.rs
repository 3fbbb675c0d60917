//! The calls of Loki's API.

/// A call of Loki's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LokiCall {
    /// Samples at one time.
    Query,
    /// What the lines of this machine add to a metric query of several machines.
    Tallies,
    /// Lines, or samples over time.
    QueryRange,
    /// The names of labels.
    Labels,
    /// The values of a label.
    LabelValues,
    /// The label sets of streams.
    Series,
    /// The number and size of records that a selector matches.
    IndexStats,
    /// The same, by labels.
    IndexVolume,
    /// The same over time.
    IndexVolumeRange,
    /// The fields of lines.
    DetectedFields,
    /// The values of a field.
    DetectedFieldValues,
    /// The labels of streams.
    DetectedLabels,
    /// The patterns of lines.
    Patterns,
    /// A query in its standard form.
    FormatQuery,
    /// The capabilities of the server, for Logs Drilldown.
    DrilldownLimits,
    /// New lines as they are stored.
    Tail,
    /// Alerting rules, of which there are none.
    Rules,
    /// Alerts, of which there are none.
    Alerts,
    /// The version of the server.
    BuildInfo,
    /// Whether the server is ready.
    Ready,
}
