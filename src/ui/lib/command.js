// The current view as a command line for curl or vmlog.

import { toParameters } from "./filter.js";

/** @typedef {import("./filter.js").Filter} Filter */

/** @param {string} text */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/**
 * @param {Filter} filter
 * @param {string} base the page's address without its query
 * @param {[string, string][]} [more]
 */
export function curl(filter, base, more = []) {
  const parts = [...toParameters(filter), ...more].map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`);
  const address = quoted(`${base.replace(/\/$/, "")}/logs`);
  return ["curl -sG", address, "-H \"Authorization: Bearer $LOG_API_TOKEN\"", ...parts].join(" ");
}

/** Options of the program without a value. */
const SWITCHES = new Set(["regex", "invert"]);

/**
 * @param {Filter} filter
 * @param {string} base the page's address without its query
 */
export function commandLine(filter, base) {
  const parts = toParameters(filter).map(([name, value]) => (SWITCHES.has(name) ? `--${name}` : quoted(`--${name}=${value}`)));
  return ["vmlog query", quoted(`--url=${base.replace(/\/$/, "")}`), ...parts].join(" ");
}
