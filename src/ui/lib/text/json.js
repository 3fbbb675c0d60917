// Log lines that are JSON objects: the message first, then the other fields.

const SIZE_MAX = 64 * 1024;
const MESSAGE_KEYS = ["message", "msg", "event", "error", "err", "text"];
// shown in columns of the row
const QUIET_KEYS = new Set(["time", "timestamp", "ts", "@timestamp", "level", "lvl", "severity", "v"]);

/** @typedef {{message: string, fields: [string, string][]}} JsonLine */

/**
 * @param {string} text
 * @returns {Record<string, unknown> | null}
 */
export function jsonObject(text) {
  const first = text.charCodeAt(0);
  if ((first !== 0x7b && first > 0x20) || text.length > SIZE_MAX) return null;
  const trimmed = text.trim();
  if (!trimmed.startsWith("{") || !trimmed.endsWith("}")) return null;
  try {
    const value = JSON.parse(trimmed);
    return Object.keys(value).length > 0 ? value : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} text
 * @returns {JsonLine | null} null when it is not a JSON object
 */
export function jsonLine(text) {
  const object = jsonObject(text);
  if (!object) return null;
  const key = MESSAGE_KEYS.find((name) => typeof object[name] === "string" && object[name] !== "");
  const fields = Object.entries(object)
    .filter(([name]) => name !== key && !QUIET_KEYS.has(name))
    .map(([name, value]) => /** @type {[string, string]} */ ([name, short(value)]));
  return { message: key ? String(object[key]) : "", fields };
}

/** @param {unknown} value */
function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[\s"]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text;
}
