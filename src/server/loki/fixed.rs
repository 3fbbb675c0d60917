//! Calls that read no records: query formatting, versions, limits, and rules, of which there are none.

use super::json;
use super::metrics::SERIES_MAX;
use super::parameters::{LIMIT_MAX, LokiParameters, refused};
use crate::logql;
use crate::server::http::error::ApiError;
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `format_query`
pub(crate) fn format_query(parameters: &LokiParameters) -> Result<Vec<u8>, ApiError> {
    let query = parameters.query()?;
    let parsed = logql::parse_unchecked(query).map_err(|error| refused(error.to_string()))?;
    Ok(json::success(logql::pretty(&parsed).into()))
}

/// `status/buildinfo`
pub(crate) fn build_info() -> Value {
    json!({
        "version": VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "vmlog",
        "buildDate": "",
        "goVersion": "",
    })
}

/// `drilldown-limits`: requested by Logs Drilldown before it shows its tabs.
pub(crate) fn drilldown_limits() -> Value {
    json!({
        "limits": {
            "discover_log_levels": true,
            "discover_service_name": ["service_name"],
            "log_level_fields": ["level", "detected_level"],
            "max_entries_limit_per_query": LIMIT_MAX,
            "max_line_size_truncate": false,
            "max_query_bytes_read": "0B",
            "max_query_length": "0s",
            "max_query_lookback": "0s",
            "max_query_range": "0s",
            "max_query_series": SERIES_MAX,
            "metric_aggregation_enabled": false,
            "otlp_config": {},
            "pattern_persistence_enabled": false,
            "query_timeout": "5s",
            "retention_period": "0s",
            "retention_stream": [],
            "volume_enabled": true,
            "volume_max_series": LIMIT_MAX,
        },
        "pattern_ingester_enabled": true,
        "version": VERSION,
    })
}

/// `rules`
pub(crate) fn rules() -> Value {
    json!({"status": "success", "data": {"groups": []}})
}

/// `alerts`
pub(crate) fn alerts() -> Value {
    json!({"status": "success", "data": {"alerts": []}})
}
