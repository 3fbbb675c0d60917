// Filters: one model for pages, tails, histograms, counts and exports, and its form as parameters, which the API and the address of
// the page share.

import { LEVELS } from "../types.js";
import { fieldTerm, joined, quoted, simple, terms, textTerm } from "./terms.js";

/** @typedef {import("../types.js").Level} Level */

/**
 * @typedef {object} Filter
 * @property {readonly string[]} sources names or prefixes (`docker:`); with a leading `-`: all but these
 * @property {readonly Level[]} levels those shown, in order of severity; all four when nothing is hidden
 * @property {string} start as typed for the API: RFC 3339 or relative (`-15m`); empty: no bound
 * @property {string} end likewise
 * @property {string} boot a boot by its index (`0`, `-1`) or id; `all`: explicitly all; empty: the page's default
 * @property {string} q an expression
 * @property {readonly string[]} patterns templates that messages match; with a leading `-`: do not match
 * @property {string} pid output of this process only; empty: any
 */

/** @typedef {[string, string][]} Parameters */

/** @type {Filter} */
export const EVERYTHING = Object.freeze({ sources: [], levels: LEVELS, start: "", end: "", boot: "", q: "", patterns: [], pid: "" });

/** Names of the parameters that a filter is made of. The second line is of older addresses of the page. */
export const FILTER_PARAMETERS = new Set([
  "source", "level", "levels", "start", "end", "boot", "q", "pattern", "pattern.exclude", "pid",
  "search", "case", "regex", "invert", "where",
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
  if (filter.boot && filter.boot !== "all") parameters.push(["boot", filter.boot]);
  if (filter.q) parameters.push(["q", filter.q]);
  for (const template of filter.patterns) {
    if (template.startsWith("-")) parameters.push(["pattern.exclude", template.slice(1)]);
    else parameters.push(["pattern", template]);
  }
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
  /** @type {string[]} */
  const patterns = [];
  for (const [name, value] of parameters) {
    if (name === "source") sources.push(...splitSources(value));
    else if (name === "where") where.push(value);
    else if (name === "pattern") patterns.push(value);
    else if (name === "pattern.exclude") patterns.push(`-${value}`);
    else single.set(name, value);
  }
  const text = (/** @type {string} */ name) => single.get(name) ?? "";
  return {
    sources: unique(sources.filter((name) => name.replace(/^-/, "") !== "")),
    levels: readLevels(text("level"), text("levels")),
    start: text("start"),
    end: text("end"),
    boot: /^(?:all|0|-\d{1,6}|[0-9a-f]{32})$/.test(text("boot")) ? text("boot") : "",
    q: joined([text("q"), searched(text), ...where.map(whereTerm)]).slice(0, 4000),
    patterns: unique(patterns),
    pid: /^\d+$/.test(text("pid")) ? text("pid") : "",
  };
}

/** The search of an older address as a term. @param {(name: string) => string} text */
function searched(text) {
  const search = text("search").slice(0, 1000);
  if (!search) return "";
  const sensitive = text("case") === "sensitive";
  const literal = search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const term = isTrue(text("regex")) || sensitive
    ? `/${sensitive ? "(?-i)" : ""}${(isTrue(text("regex")) ? search : literal).replaceAll("/", "\\/")}/`
    : textTerm(search);
  return isTrue(text("invert")) ? `-${term}` : term;
}

/** A condition of an older address, `key=value`, as a term. @param {string} condition */
function whereTerm(condition) {
  const [, not, key = "", differs, value = ""] = /^(-?)([^=!]+)(!?)=(.*)$/s.exec(condition) ?? [];
  if (!key) return "";
  const prefix = value.endsWith("*") && !value.endsWith("\\*");
  const term = prefix ? `${key}:${value.slice(0, -1)}*` : fieldTerm(key, value, false) ?? "";
  return `${not || differs ? "-" : ""}${term}`;
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
 * Turns one level on or off; at least one remains.
 * @param {readonly Level[]} levels
 * @param {Level} level
 * @returns {readonly Level[]}
 */
export function toggleLevel(levels, level) {
  const next = LEVELS.filter((name) => (name === level) !== levels.includes(name));
  return next.length > 0 ? next : LEVELS;
}

/**
 * Only one level, or all if it is the only one.
 * @param {readonly Level[]} levels
 * @param {Level} level
 * @returns {readonly Level[]}
 */
export const onlyLevel = (levels, level) => (levels.length === 1 && levels[0] === level ? LEVELS : [level]);

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

// ---- chips: the filter as terms of the expression, apart from its time

/** @typedef {{text: string, label: string, part: "source" | "level" | "pattern" | "pid" | "q", from: number, to: number}} Chip */

/** @param {Filter} filter @returns {Chip[]} */
export function chips(filter) {
  /** @type {Chip[]} */
  const made = filter.sources.map((source) => {
    const [not, name] = source.startsWith("-") ? ["-", source.slice(1)] : ["", source];
    const term = name.endsWith(":") ? `${not}kind:${quoted(name.slice(0, -1))}` : `${not}source:${/^[\w.:@*-]+$/.test(name) ? name : quoted(name)}`;
    return { text: term, label: term, part: "source", from: -1, to: -1 };
  });
  const minimum = minimumLevel(filter.levels);
  if (filter.levels.length < LEVELS.length) {
    const text = minimum === null ? levelsTerm(filter.levels) : minimum === "error" ? "level:error" : `level>=${minimum}`;
    made.push({ text, label: text, part: "level", from: -1, to: -1 });
  }
  for (const { text, from, to } of terms(filter.q)) made.push({ text, label: text, part: "q", from, to });
  for (const template of filter.patterns) made.push({ text: template, label: `${template.startsWith("-") ? "not like" : "like"} ${template.replace(/^-/, "")}`, part: "pattern", from: -1, to: -1 });
  if (filter.pid) made.push({ text: filter.pid, label: `pid ${filter.pid}`, part: "pid", from: -1, to: -1 });
  return made;
}

/** @param {readonly Level[]} levels */
function levelsTerm(levels) {
  const hidden = LEVELS.filter((level) => !levels.includes(level));
  if (hidden.length === 1) return `-level:${hidden[0]}`;
  return levels.length === 1 ? `level:${levels[0]}` : `level:(${levels.join(" OR ")})`;
}

/**
 * The filter without a chip.
 * @param {Filter} filter
 * @param {Chip} chip
 * @returns {Filter}
 */
export function withoutChip(filter, chip) {
  if (chip.part === "level") return { ...filter, levels: LEVELS };
  if (chip.part === "pid") return { ...filter, pid: "" };
  if (chip.part === "pattern") return { ...filter, patterns: filter.patterns.filter((template) => template !== chip.text) };
  if (chip.part === "source") {
    const at = chips(filter).findIndex(({ text, part }) => part === "source" && text === chip.text);
    return { ...filter, sources: filter.sources.filter((_, index) => index !== at) };
  }
  return { ...filter, q: joined(terms(filter.q).filter(({ from }) => from !== chip.from).map(({ text }) => text)) };
}

/**
 * The filter with the terms of a text. Terms about levels and sources go to their controls, all others to the expression.
 * @param {Filter} filter
 * @param {string} text
 * @returns {Filter}
 */
export function withTerms(filter, text) {
  let next = filter;
  /** @type {string[]} */
  const kept = [];
  for (const term of terms(text)) {
    const absorbed = absorb(next, term.text);
    if (absorbed) next = absorbed;
    else if (!terms(next.q).some((known) => known.text === term.text)) kept.push(term.text);
  }
  return { ...next, q: joined([...(next.q ? [next.q] : []), ...kept]) };
}

/**
 * @param {Filter} filter
 * @param {string} term
 * @returns {Filter | null} null: it belongs to the expression
 */
function absorb(filter, term) {
  const said = simple(term);
  if (!said || said.kind === "regex" || said.value === "") return null;
  const { key, operator, value } = said;
  const exclude = said.negated !== (operator === "!=");
  const equal = [":", "=", "!="].includes(operator);
  if ((key === "source" || key === "kind") && equal && !/[*](?!$)/.test(value)) {
    const name = key === "kind" ? `${value}:` : value;
    const wanted = exclude ? `-${name}` : name;
    return filter.sources.includes(wanted) ? filter : { ...filter, sources: [...filter.sources.filter((known) => known.replace(/^-/, "") !== name), wanted] };
  }
  if (key === "level") return absorbLevel(filter, value, operator, exclude);
  if (key === "time" && !said.negated && [">=", ">"].includes(operator)) return { ...filter, start: value, boot: "" };
  if (key === "time" && !said.negated && ["<", "<="].includes(operator)) return { ...filter, end: value, boot: "" };
  return null;
}

/**
 * @param {Filter} filter
 * @param {string} value
 * @param {string} operator
 * @param {boolean} exclude
 * @returns {Filter | null}
 */
function absorbLevel(filter, value, operator, exclude) {
  const at = LEVELS.indexOf(/** @type {Level} */ (value === "warning" ? "warn" : value));
  if (at < 0) return null;
  const chosen = operator === ">=" ? LEVELS.slice(at) : operator === ">" ? LEVELS.slice(at + 1)
    : operator === "<=" ? LEVELS.slice(0, at + 1) : operator === "<" ? LEVELS.slice(0, at) : LEVELS.slice(at, at + 1);
  const levels = exclude ? filter.levels.filter((level) => !chosen.includes(level)) : chosen;
  return levels.length > 0 ? { ...filter, levels } : null;
}

/** @param {Filter} filter */
export const isEverything = (filter) => toParameters(filter).length === 0;

/** Whether the filter is limited in time. @param {Filter} filter */
export const hasRange = (filter) => filter.start !== "" || filter.end !== "" || (filter.boot !== "" && filter.boot !== "all");
