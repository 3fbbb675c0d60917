// The fields of a structured record that are worth a place in its row: its payload, without what only says where it came from.

/** Where a record came from, and what columns of the row show. */
const ORIGIN = new Set([
  "about_unit", "boot_id", "command", "container_id", "container_id_full", "container_name", "continues", "event_id", "event_type", "facility", "file", "gid",
  "hostname", "identifier", "image", "image_name", "instance", "invocation_id", "job_result", "level", "machine_id", "message_base64", "message_bytes",
  "message_id", "module", "name", "pid", "priority", "problem", "problem_subject", "redacted", "run_id", "span_id", "stage", "stated_time", "step", "stream", "syslog_pid", "time", "timestamp",
  "transport", "uid", "unit", "user_unit", "workspace", "category", "fields_left_out", "original_source", "seq",
]);
/** Shown first. */
const FIRST = ["method", "url", "path", "status", "statusCode", "responseTime", "duration", "error", "err"];
const FIELDS_MAX = 10;
const VALUE_CHARS_MAX = 80;
const ALL_CHARS_MAX = 320;

/** @typedef {[key: string, value: string, tone: "" | "bad" | "doubtful"]} Field */

/**
 * @param {Record<string, unknown> | null} metadata
 * @param {readonly string[]} [elsewhere] fields that are shown in columns
 * @returns {Field[]}
 */
export function payload(metadata, elsewhere = []) {
  // the start and the end of a run or a stage say it in their message
  if (!metadata || /^(?:process|cloud_init)_/.test(String(metadata.event_type ?? ""))) return [];
  /** @type {[string, unknown][]} */
  const flat = [];
  for (const key in metadata) {
    if (ORIGIN.has(key) || key.startsWith("coredump_") || key.startsWith("_")) continue;
    flatten(key, metadata[key], flat, 0);
  }
  if (flat.length === 0) return [];
  const rank = (/** @type {string} */ key) => {
    const at = FIRST.indexOf(key.slice(key.lastIndexOf(".") + 1));
    return at < 0 ? FIRST.length : at;
  };
  flat.sort(([a], [b]) => rank(a) - rank(b));
  /** @type {Field[]} */
  const fields = [];
  let chars = 0;
  for (const [key, value] of flat) {
    if (elsewhere.includes(key)) continue;
    const text = shortened(value);
    chars += key.length + text.length;
    if (fields.length === FIELDS_MAX || (fields.length > 0 && chars > ALL_CHARS_MAX)) break;
    fields.push([key, text, tone(key, value)]);
  }
  return fields;
}

/**
 * The value of a field as a column shows it; null: the record does not have it.
 * @param {Record<string, unknown> | null} metadata
 * @param {string} path keys with dots between them
 * @returns {Field | null}
 */
export function fieldAt(metadata, path) {
  /** @type {any} */
  const value = metadata?.[path] ?? path.split(".").reduce((inner, key) => inner?.[key], /** @type {any} */ (metadata));
  if (value === undefined || value === null || value === "") return null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return [path, text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX - 1)}\u2026` : text, tone(path, value)];
}

/**
 * @param {string} key
 * @param {unknown} value
 * @param {[string, unknown][]} out
 * @param {number} depth
 */
function flatten(key, value, out, depth) {
  if (value === null || value === "" || out.length > 40) return;
  if (typeof value === "object" && !Array.isArray(value) && depth < 2) {
    for (const [inner, one] of Object.entries(value)) flatten(`${key}.${inner}`, one, out, depth + 1);
  } else out.push([key, value]);
}

/** @param {unknown} value */
function shortened(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const cut = text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX - 1)}\u2026` : text;
  return typeof value === "string" && /[\s"]/.test(cut) ? JSON.stringify(cut) : cut;
}

/**
 * Whether a value tells of trouble.
 * @param {string} key
 * @param {unknown} value
 * @returns {Field[2]}
 */
export function tone(key, value) {
  const name = key.slice(key.lastIndexOf(".") + 1);
  const number = Number(value);
  if (/^(?:status|status_?code|code)$/i.test(name) && number >= 400 && number < 600) return number >= 500 ? "bad" : "doubtful";
  if (/^(?:exit_?code)$/i.test(name) && number > 0) return "bad";
  return "";
}
