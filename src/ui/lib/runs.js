// Captured commands: their outcome in words.

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

const CAUSE = /error|fail|fatal|not found|no such|denied|cannot|can't|unable|refused|exception|panic|timed? ?out|killed|missing|unknown|invalid/i;
const PLAIN = /^\W*$/;

/**
 * Selects the most informative of the last lines of a command: the very last one, and the latest that name a cause.
 * @param {readonly string[]} lines
 * @param {number} most
 * @returns {{text: string, skipped: boolean}[]} in their order; `skipped`: lines before it are omitted
 */
export function telling(lines, most) {
  const spoken = lines.filter((line) => !PLAIN.test(line)).map((line) => line.trim());
  const from = spoken.length - 1;
  const causes = spoken.flatMap((line, at) => (CAUSE.test(line) && at !== from ? [at] : [])).slice(1 - most);
  const fill = spoken.map((_, at) => at).filter((at) => at !== from && !causes.includes(at));
  const rest = most - 1 - causes.length;
  const chosen = [...causes, ...(rest > 0 ? fill.slice(-rest) : []), ...(from < 0 ? [] : [from])].sort((a, b) => a - b);
  return chosen.map((at, i) => ({ text: spoken[at] ?? "", skipped: at - (chosen[i - 1] ?? -1) > 1 }));
}
