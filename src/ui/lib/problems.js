// Problems: what is said of them, and what belongs to them.

import { ending, titleOf } from "./runs.js";
import { ago } from "./time.js";

/** @typedef {import("../core/state.js").Problem} Problem */
/** @typedef {import("./story.js").Step} Step */

/** Kinds whose names are not their words. @type {Record<string, string>} */
const KINDS = {
  oom_kill: "Out of memory", container_oom: "Container out of memory", core_dump: "Process crashed", run_failed: "Command failed", stage_failed: "Setup failed",
  cloud_init_failed: "cloud-init failed", cloud_init_degraded: "cloud-init reported errors", error_burst: "Burst of errors", smart_error: "Disk is failing",
  dns_failure: "DNS failure", login_failures: "Many failed logins", time_jump: "Clock jumped", start_limit: "Unit failed too often",
};

/** What tells problems apart. @param {Problem} problem */
export const keyOf = ({ kind, subject, firstId: first }) => `${kind} ${subject} ${first}`;

/**
 * The problems that have happened since an earlier list. One that only was too far down in it is not new.
 * @param {readonly Problem[]} before
 * @param {readonly Problem[]} now
 */
export function arrived(before, now) {
  const newest = Math.max(0, ...before.map(({ lastId: last }) => Number(last)));
  return now.filter(({ firstId: first }) => Number(first) > newest);
}

/**
 * Those that arrived while the page was open come first, so that none is among the ones that are not listed.
 * @param {readonly Problem[]} list the most important first
 * @param {ReadonlySet<string>} fresh keys
 */
export const freshFirst = (list, fresh) => [...list.filter((problem) => fresh.has(keyOf(problem))), ...list.filter((problem) => !fresh.has(keyOf(problem)))];

/** @param {string} kind */
export const kindName = (kind) => KINDS[kind] ?? `${kind.slice(0, 1).toUpperCase()}${kind.slice(1).replaceAll("_", " ")}`;

/**
 * Failed steps of the startup as problems, for servers that do not find problems themselves.
 * @param {readonly Step[]} steps
 * @returns {Problem[]}
 */
export function problemsOf(steps) {
  return steps.filter((step) => step.state === "failed").map((step) => {
    const time = new Date(step.endMs ?? step.startMs).toISOString();
    const id = String(step.record);
    return {
      kind: step.run ? "run_failed" : "stage_failed", title: step.run ? `${titleOf(step.run)}: ${ending(step.run)}` : `${step.name} failed`, severity: "error",
      subject: step.run?.id ?? step.name, source: step.run?.source ?? "cloud-init", count: 1, first: time, last: time, firstId: step.run?.firstId ?? id, lastId: id,
      cause: null, context: [],
    };
  });
}

/**
 * The run that a problem is about.
 * @param {Problem} problem
 * @param {readonly Step[]} steps
 */
export function runOf({ kind, subject, source, firstId: first, lastId: last }, steps) {
  if (!kind.startsWith("run")) return null;
  const runs = steps.flatMap(({ run }) => (run ? [run] : []));
  return runs.find(({ id }) => id === subject)
    ?? runs.find((run) => run.source === source && Number(run.lastId) >= Number(first) && Number(run.firstId) <= Number(last)) ?? null;
}

/** @param {number} n @param {string | null} since @param {boolean} boot @param {number} now */
export function headline(n, since, boot, now) {
  const what = n === 0 ? "No problems" : n === 1 ? "1 problem" : `${n} problems`;
  const ms = Date.parse(since ?? "");
  if (!boot) return `${what} in the last 24 hours`;
  return Number.isNaN(ms) ? `${what} since boot` : `${what} since boot, ${ago(ms, now)}`;
}

/**
 * A problem with its context as Markdown, for an issue.
 * @param {Problem} problem
 */
export function markdown({ title, subject, source, count, first, last, cause, context }) {
  const times = count > 1 ? `${count} times from ${first} to ${last}` : `at ${last}`;
  const lines = [...context, ...(cause && !context.some(({ id }) => id === cause.id) ? [cause] : [])].sort((a, b) => Number(a.id) - Number(b.id));
  const log = lines.map((line) => `${line.timestamp} ${line.source} ${line.level} ${line.message}`).join("\n");
  return `**${title}** (${subject}, source \`${source}\`), ${times}\n${log ? `\n\`\`\`\n${log}\n\`\`\`\n` : ""}`;
}
