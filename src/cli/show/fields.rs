//! The fields of a structured record that are worth a place beside its message: what its program wrote, and not where the record came
//! from.

use crate::record::Metadata;
use serde_json::Value;

/// Metadata keys that describe the origin of a record, or repeat what its line shows.
const ORIGIN_KEYS: &[&str] = &[
    "about_unit",
    "about_user_unit",
    "audit_type",
    "boot_id",
    "bytes",
    "category",
    "command",
    "command_line",
    "continues",
    "count",
    "cwd",
    "errno",
    "event_id",
    "event_type",
    "executable",
    "facility",
    "fields_left_out",
    "file",
    "gid",
    "hostname",
    "identifier",
    "image",
    "image_name",
    "instance",
    "invocation_id",
    "job_result",
    "kernel_device",
    "kernel_subsystem",
    "level",
    "machine_id",
    "message_base64",
    "message_bytes",
    "message_id",
    "module",
    "name",
    "namespace",
    "original_source",
    "parent_run_id",
    "pid",
    "priority",
    "problem",
    "problem_subject",
    "redacted",
    "run_id",
    "seq",
    "seqnum_first",
    "seqnum_id",
    "seqnum_last",
    "session_id",
    "span_id",
    "stage",
    "stated_time",
    "step",
    "stream",
    "syslog_pid",
    "time",
    "timestamp",
    "transport",
    "uid",
    "unit",
    "user",
    "user_unit",
    "workspace",
];
const ORIGIN_PREFIXES: &[&str] = &[
    "code_",
    "container_",
    "coredump_",
    "journal_",
    "line_",
    "lines_",
    "object_",
    "stdout_",
    "stderr_",
    "output_",
];
/// Shown first, whatever they are nested in.
const FIRST: [&str; 9] = [
    "method",
    "url",
    "path",
    "status",
    "statusCode",
    "responseTime",
    "duration",
    "error",
    "err",
];
const FIELDS_MAX: usize = 10;
/// Objects in objects that are taken apart; what is deeper is shown as JSON.
const DEPTH_MAX: usize = 2;

/// A field, with the style of its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShownField {
    /// Names of nested objects, with dots between them.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) style: &'static str,
}

/// The fields of a record, the most telling first.
pub(super) fn payload(metadata: &Metadata) -> Vec<ShownField> {
    // the start and the end of a run or a stage say it in their message
    let kind = metadata.get("event_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind.starts_with("process_") || kind.starts_with("cloud_init_")) {
        return Vec::new();
    }
    let mut fields = Vec::new();
    for (key, value) in metadata.iter().filter(|(key, _)| is_payload(key)) {
        flatten(key, value, DEPTH_MAX, &mut fields);
    }
    fields.sort_by_key(|field| rank(&field.key));
    fields.truncate(FIELDS_MAX);
    fields
}

fn is_payload(key: &str) -> bool {
    !ORIGIN_KEYS.contains(&key) && !ORIGIN_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

fn flatten(key: &str, value: &Value, depth: usize, fields: &mut Vec<ShownField>) {
    let text = match value {
        Value::Null => return,
        Value::String(text) if text.is_empty() => return,
        Value::Object(inner) if depth > 0 => {
            for (name, value) in inner {
                flatten(&format!("{key}.{name}"), value, depth - 1, fields);
            }
            return;
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    fields.push(ShownField {
        key: key.to_owned(),
        style: style(name(key), &text),
        value: text,
    });
}

/// The last name of a key.
fn name(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn rank(key: &str) -> usize {
    let place = FIRST.iter().position(|first| *first == name(key));
    place.unwrap_or(FIRST.len())
}

/// The colours of HTTP statuses by class, and of exit codes.
fn style(name: &str, value: &str) -> &'static str {
    let is_status = ["status", "statusCode", "status_code", "http_status", "code"].contains(&name);
    match value.parse::<u16>() {
        Ok(500..=599) if is_status => "31",
        Ok(400..=499) if is_status => "33",
        Ok(1..) if ["exit_code", "exitCode"].contains(&name) => "31",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(metadata: &Value) -> Vec<String> {
        let metadata: Metadata = metadata.as_object().expect("a map").clone().into();
        let fields = payload(&metadata).into_iter();
        fields
            .map(|field| format!("{}={}", field.key, field.value))
            .collect()
    }

    #[test]
    fn nested_objects_are_taken_apart_and_the_telling_fields_come_first() {
        assert_eq!(
            shown(
                &json!({"req": {"id": 7, "method": "GET", "url": "/x", "headers": {"host": {"a": 1}}},
                "res": {"statusCode": 500}, "user": "u", "pid": 4, "empty": "", "none": null, "list": [1, 2]})
            ),
            [
                "req.method=GET",
                "req.url=/x",
                "res.statusCode=500",
                "list=[1,2]",
                "req.headers.host={\"a\":1}",
                "req.id=7",
            ]
        );
        assert_eq!(style("statusCode", "500"), "31");
        assert_eq!(style("code", "404"), "33");
        assert_eq!(style("exit_code", "1"), "31");
        assert_eq!(style("exit_code", "0"), "");
    }

    #[test]
    fn origins_and_marks_of_vmlog_itself_are_left_out() {
        let marked = json!({"message_id": "be02", "problem": "job_failed", "problem_subject": "nginx.service", "unit": "nginx.service",
            "container_name": "web", "job_result": "failed"});
        assert_eq!(shown(&marked), [""; 0]);
        let ended = json!({"event_type": "process_exited", "exit_code": 1, "duration_ms": 12});
        assert_eq!(shown(&ended), [""; 0], "the message says it");
    }

    #[test]
    fn fields_are_bounded() {
        let many: serde_json::Map<_, _> = (0..40).map(|n| (format!("k{n:02}"), json!(n))).collect();
        assert_eq!(shown(&Value::Object(many)).len(), FIELDS_MAX);
    }
}
