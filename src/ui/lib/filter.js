// Filters: one model for pages, tails, histograms, counts and exports, and its form as parameters, which the API and the address of
// the page share.

import { LEVELS } from "./types.js";

/** @typedef {import("./types.js").Level} Level */

/**
 * @typedef {object} Filter
 * @property {readonly string[]} sources names or prefixes (`docker:`); with a leading `-`: all but these
 * @property {readonly Level[]} levels those shown, in order of severity; all four when nothing is hidden
 * @property {string} start as typed for the API: RFC 3339 or relative (`-15m`); empty: no bound
 * @property {string} end likewise
 * @property {string} search
 * @property {boolean} caseSensitive
 * @property {boolean} regex
 * @property {boolean} invert
 * @property {readonly string[]} where conditions on metadata (`unit=ssh.service`, `exit_code!=0`)
 * @property {string} pid output of this process only; empty: any
 */

/** @typedef {[string, string][]} Parameters */

/** @type {Filter} */
export const EVERYTHING = Object.freeze({
  sources: [],
  levels: LEVELS,
  start: "",
  end: "",
  search: "",
  caseSensitive: false,
  regex: false,
  invert: false,
  where: [],
  pid: "",
});

/** Names of the parameters that a filter is made of. */
export const FILTER_PARAMETERS = new Set([
  "source", "level", "levels", "start", "end", "search", "case", "regex", "invert", "where", "pid",
]);

/**
 * @param {Filter} filter
 * @returns {Parameters}
 */
export function toParameters(filter) {
  /** @type {Parameters} */
  const parameters = filter.sources.map((name) => ["source", escapeSource(name)]);
  const minimum = minimumLevel(filter.levels);
  if (minimum === null) parameters.push(["levels", filter.levels.join(",")]);
  else if (minimum !== "debug") parameters.push(["level", minimum]);
  if (filter.start) parameters.push(["start", filter.start]);
  if (filter.end) parameters.push(["end", filter.end]);
  if (filter.search) {
    parameters.push(["search", filter.search]);
    if (filter.caseSensitive) parameters.push(["case", "sensitive"]);
    if (filter.regex) parameters.push(["regex", "true"]);
    if (filter.invert) parameters.push(["invert", "true"]);
  }
  for (const condition of filter.where) parameters.push(["where", condition]);
  if (filter.pid) parameters.push(["pid", filter.pid]);
  return parameters;
}

/**
 * Reads the parameters that `toParameters` writes, or that people type. Invalid ones are ignored.
 * @param {Iterable<readonly [string, string]>} parameters
 * @returns {Filter}
 */
export function fromParameters(parameters) {
  /** @type {Map<string, string>} */
  const single = new Map();
  /** @type {string[]} */
  const sources = [];
  /** @type {string[]} */
  const where = [];
  for (const [name, value] of parameters) {
    if (name === "source") sources.push(...splitSources(value));
    else if (name === "where") where.push(value);
    else single.set(name, value);
  }
  const text = (/** @type {string} */ name) => single.get(name) ?? "";
  return {
    sources: unique(sources.filter((name) => name.replace(/^-/, "") !== "")),
    levels: readLevels(text("level"), text("levels")),
    start: text("start"),
    end: text("end"),
    search: text("search").slice(0, 1000),
    caseSensitive: text("case") === "sensitive",
    regex: isTrue(text("regex")),
    invert: isTrue(text("invert")),
    where: unique(where),
    pid: /^\d+$/.test(text("pid")) ? text("pid") : "",
  };
}

/** @param {string} text */
const isTrue = (text) => text === "true" || text === "1";

/**
 * @template T
 * @param {readonly T[]} list
 */
const unique = (list) => [...new Set(list)];

/**
 * @param {string} level
 * @param {string} levels
 * @returns {readonly Level[]}
 */
function readLevels(level, levels) {
  const from = LEVELS.indexOf(/** @type {Level} */ (level));
  const minimum = from < 0 ? LEVELS : LEVELS.slice(from);
  if (!levels) return minimum;
  const named = new Set(levels.split(","));
  const exact = minimum.filter((name) => named.has(name));
  return exact.length > 0 ? exact : LEVELS;
}

/**
 * The minimum level; null if levels above it are missing.
 * @param {readonly Level[]} levels
 * @returns {Level | null}
 */
export function minimumLevel(levels) {
  const from = LEVELS.length - levels.length;
  return LEVELS[from] === levels[0] ? (levels[0] ?? null) : null;
}

/**
 * A click on a level makes it the minimum; a click on the current minimum shows all levels.
 * @param {readonly Level[]} levels
 * @param {Level} level
 * @returns {readonly Level[]}
 */
export function clickLevel(levels, level) {
  const from = LEVELS.slice(LEVELS.indexOf(level));
  const same = from.length === levels.length && from[0] === levels[0];
  return same ? LEVELS : from;
}

/**
 * Turns one level on or off; at least one stays on.
 * @param {readonly Level[]} levels
 * @param {Level} level
 * @returns {readonly Level[]}
 */
export function toggleLevel(levels, level) {
  const next = LEVELS.filter((name) => (name === level) !== levels.includes(name));
  return next.length > 0 ? next : LEVELS;
}

// A comma separates sources within one parameter; `\,` is a comma of the name.

/** @param {string} name */
const escapeSource = (name) => name.replaceAll(",", "\\,");

/** @param {string} value */
function splitSources(value) {
  return value.split(/(?<!\\),/).map((part) => part.replaceAll("\\,", ","));
}

/**
 * Whether a filter shows a source, and whether it names it.
 * @param {Filter} filter
 * @param {string} name
 * @returns {{shown: boolean, state: "only" | "excluded" | ""}}
 */
export function sourceState(filter, name) {
  const excluded = filter.sources.some((s) => s.startsWith("-") && matchesSource(s.slice(1), name));
  const included = filter.sources.filter((s) => !s.startsWith("-"));
  const only = included.some((s) => matchesSource(s, name));
  if (excluded) return { shown: false, state: "excluded" };
  return { shown: included.length === 0 || only, state: only ? "only" : "" };
}

/**
 * @param {string} pattern a name, or a prefix that ends in `:` or `*`
 * @param {string} name
 */
export function matchesSource(pattern, name) {
  if (pattern.endsWith("*")) return name.startsWith(pattern.slice(0, -1));
  return pattern === name || (pattern.endsWith(":") && name.startsWith(pattern));
}

/**
 * Adds a source to the shown ones, or removes it.
 * @param {Filter} filter
 * @param {string} name
 * @returns {Filter}
 */
export function toggleSource(filter, name) {
  const rest = filter.sources.filter((s) => s !== name && s !== `-${name}`);
  return { ...filter, sources: filter.sources.includes(name) ? rest : [...rest, name] };
}

/**
 * Excludes a source, or shows it again.
 * @param {Filter} filter
 * @param {string} name
 * @returns {Filter}
 */
export function toggleExcluded(filter, name) {
  const rest = filter.sources.filter((s) => s !== name && s !== `-${name}`);
  return { ...filter, sources: filter.sources.includes(`-${name}`) ? rest : [...rest, `-${name}`] };
}

/**
 * A condition on a metadata value; null if it cannot be expressed: the key contains an operator, or the value ends with `*`.
 * @param {string} path
 * @param {unknown} value
 * @param {boolean} exclude
 * @returns {string | null}
 */
export function condition(path, value, exclude) {
  const scalar = ["string", "number", "boolean"].includes(typeof value);
  if (!scalar || path === "" || /[=!]/.test(path) || path.startsWith("-")) return null;
  const text = String(value);
  if (text.endsWith("*")) return null;
  return `${path}${exclude ? "!=" : "="}${text}`;
}

/** @param {Filter} filter */
export const isEverything = (filter) => toParameters(filter).length === 0;

/**
 * @param {Filter} a
 * @param {Filter} b
 */
export function sameFilter(a, b) {
  return JSON.stringify(toParameters(a)) === JSON.stringify(toParameters(b));
}
