// Captured commands: their outcome in words.

import { stripped } from "./text/ansi.js";
import { afterReturns } from "./text/visible.js";
import { duration } from "./time.js";

/**
 * A run as the API sends it.
 * @typedef {object} Run
 * @property {string} id
 * @property {string} name
 * @property {string} source
 * @property {string} command
 * @property {string} start
 * @property {string | null} end
 * @property {number | null} durationMs
 * @property {number | null} exitCode
 * @property {string | null} signal
 * @property {string | null} category of a failure
 * @property {boolean | null} success null while it runs
 * @property {Partial<Record<import("./types.js").Level, number>>} counts
 * @property {string} firstId
 * @property {string} lastId
 */

/** @typedef {"running" | "ok" | "failed"} Outcome */

/** @param {Run} run @returns {Outcome} */
export const outcome = ({ success }) => (success === null ? "running" : success ? "ok" : "failed");

/** How it ended, in words. @param {Run} run */
export function ending({ success, exitCode, signal }) {
  if (success === null) return "running";
  if (signal) return `killed by ${/^\d+$/.test(signal) ? `signal ${signal}` : signal}`;
  if (exitCode !== null) return success ? "succeeded" : `exit code ${exitCode}`;
  return success ? "succeeded" : "interrupted";
}

/** @type {Record<string, string>} what each category is called, and where to look first */
const CATEGORIES = {
  dependency: "A dependency is missing",
  port_conflict: "The port is in use",
  permission: "Permission denied",
  validation: "Invalid input or configuration",
  startup_timeout: "Something did not start in time",
  environment: "Environment: disk, memory, network or files",
  process_crash: "Killed or crashed",
};

/** @param {Run} run @returns {{label: string, hint: string} | null} */
export function categoryOf({ category }) {
  if (!category || category === "unknown") return null;
  return { label: category.replaceAll("_", " "), hint: CATEGORIES[category] ?? "" };
}

/**
 * The duration of a run so far.
 * @param {Run} run
 * @param {number} now
 */
export function took(run, now) {
  const ms = run.durationMs ?? (run.end ? Date.parse(run.end) : now) - Date.parse(run.start);
  return Number.isNaN(ms) ? "" : duration(Math.max(0, ms));
}

/** What it is called on the page. @param {Run} run */
export const titleOf = (run) => run.name || run.command.split(/\s+/)[0] || run.id;

/**
 * The runs that contain a text in their name, command or source.
 * @param {readonly Run[]} runs
 * @param {string} text
 * @param {boolean} running whether only those that have not ended are wanted
 */
export function selected(runs, text, running) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => (!running || run.success === null) && words.every((word) => `${run.name} ${run.command} ${run.source}`.toLowerCase().includes(word)));
}

/**
 * Merges pages of runs: each run once, newest first.
 * @param {readonly Run[]} known
 * @param {readonly Run[]} found
 */
export function merged(known, found) {
  const byId = new Map(known.map((run) => [run.id, run]));
  for (const run of found) byId.set(run.id, run);
  // ids sort by time
  return [...byId.values()].sort((a, b) => Date.parse(b.start) - Date.parse(a.start) || (a.id < b.id ? 1 : -1));
}

/** Lines that name the cause, of package managers, compilers, interpreters and tools. */
const STRONG = /^(?:npm (?:ERR!|error) (?:code E\w+|.*(?:ERESOLVE|Could not resolve|Missing script|404))|ERROR:|E: |error(?:\[E\d+\])?: |fatal: |make(?:\[\d+\])?: \*\*\*|.*\bfailed to solve\b|Caused by: |(?:[\w$]+[.:]{1,2})*[A-Z]\w*(?:Error|Exception)\b|.*: (?:command not found|No such file or directory|Permission denied)$|panic: |.*panicked at|.*[Aa]ddress already in use)/;
const WEAK = /error|fail|fatal|not found|no such|denied|cannot|can't|unable|refused|exception|panic|timed? ?out|killed|missing|unknown|invalid/i;
/** Closing lines of tools, which say nothing about the cause. */
const FOOTER = /A complete log of this run can be found in|--force or --legacy-peer-deps|^npm (?:ERR!|error)\s*$|^npm notice|originates from a subprocess|subprocess-exited-with-error|metadata-generation-failed|For more information about this error|^\s*at .*node_modules|DATABASE_URL=|Retry this command/;
const PLAIN = /^\W*$/;
/** Marks of progress that are drawn over and over. */
const SPINNER = /[\u2800-\u28ff]|^[|/\\-] |\bidealTree\b/;

/**
 * Selects the most informative of the last lines of a command: the first and the last that name a cause, then the latest that hint at one,
 * and only without these the very last ones.
 * @param {readonly string[]} lines
 * @param {number} most
 * @returns {{text: string, skipped: boolean}[]} in their order; `skipped`: lines before it are omitted
 */
export function telling(lines, most) {
  const shown = lines.map((line) => afterReturns(line).text.trimEnd()).map((line) => ({ line: line.trim(), bare: stripped(line).trim() }));
  const spoken = shown.filter(({ bare }) => !PLAIN.test(bare) && !FOOTER.test(bare) && !SPINNER.test(bare));
  const places = (/** @type {RegExp} */ wanted) => spoken.flatMap(({ bare }, at) => (wanted.test(bare) ? [at] : []));
  const strong = places(STRONG);
  const first = strong.length > most ? [...strong.slice(0, most - 1), strong.at(-1) ?? 0] : strong;
  const weak = places(WEAK).filter((at) => !first.includes(at));
  const hinting = first.length < most ? weak.slice(-(most - first.length)) : [];
  const found = [...first, ...hinting];
  // what a colon announces says more than the announcement
  const announced = (/** @type {number} */ at) => (spoken[at]?.bare.endsWith(":") && at + 1 < spoken.length && !found.includes(at + 1) ? at + 1 : at);
  const chosen = (found.length > 0 ? found.map(announced) : spoken.map((_, at) => at).slice(-most)).sort((a, b) => a - b);
  return chosen.map((at, i) => ({ text: spoken[at]?.line ?? "", skipped: at - (chosen[i - 1] ?? -1) > 1 }));
}
