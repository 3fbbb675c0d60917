// The current view as a command line for curl or vmlog.

import { toParameters } from "./filter.js";

/** @typedef {import("./filter.js").Filter} Filter */

/** @param {string} text */
const shellQuoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/**
 * @param {Filter} filter
 * @param {string} base the page's address without its query
 * @param {[string, string][]} [more]
 */
export function curl(filter, base, more = []) {
  const parts = [...toParameters(filter), ...more].map(([name, value]) => `--data-urlencode ${shellQuoted(`${name}=${value}`)}`);
  const address = shellQuoted(`${base.replace(/\/$/, "")}/logs`);
  return ["curl -sG", address, "-H \"Authorization: Bearer $LOG_API_TOKEN\"", ...parts].join(" ");
}

/**
 * @param {Filter} filter
 * @param {string} base the page's address without its query
 */
export function commandLine(filter, base) {
  const options = toParameters({ ...filter, q: "" }).map(([name, value]) => shellQuoted(`--${name.replace("pattern.exclude", "exclude-pattern")}=${value}`));
  const words = filter.q ? ["--", shellQuoted(filter.q)] : [];
  return ["vmlog query", shellQuoted(`--url=${base.replace(/\/$/, "")}`), ...options, ...words].join(" ");
}
