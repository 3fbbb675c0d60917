// The same view elsewhere: as a line for curl.

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
