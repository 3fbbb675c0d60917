// The startup of a machine: the stages of cloud-init, the setup commands, the agent, and the first failure.

import { count } from "./histogram.js";
import { ending, outcome, titleOf } from "./runs.js";

/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./runs.js").Run} Run */

/**
 * @typedef {object} Step
 * @property {"stage" | "run" | "agent"} kind
 * @property {string} name
 * @property {number} startMs
 * @property {number | null} endMs null: it is still running
 * @property {"ok" | "failed" | "running"} state
 * @property {string} note what became of it, when that is not plain
 * @property {number} record id of the record that tells its end, or else its start
 * @property {Run | null} run
 */

/** @type {Record<string, string>} cloud-init's two logs call the same stage by two names */
const STAGES = { init: "init-network", "modules:config": "modules-config", "modules:final": "modules-final" };

/** @param {unknown} name */
const stageName = (name) => STAGES[String(name)] ?? String(name);

/**
 * @param {readonly Entry[]} entries what cloud-init says of its stages: reports of its log, banners of its output
 * @returns {Step[]}
 */
export function stageSteps(entries) {
  /** @type {Map<string, Step>} */
  const stages = new Map();
  let doneMs = 0;
  for (const entry of [...entries].sort((a, b) => a.ms - b.ms || a.id - b.id)) {
    const { event_type: event, stage, result } = entry.metadata ?? {};
    if (event === "cloud_init_finished") doneMs = entry.ms;
    if (typeof stage !== "string") continue;
    const name = stageName(stage);
    const known = stages.get(name);
    if (event === "cloud_init_finish") finish(stages, known ?? stageStep(name, entry), entry, String(result ?? ""));
    else if (!known) stages.set(name, stageStep(name, entry));
  }
  const steps = [...stages.values()];
  steps.forEach((step, at) => {
    // a stage without an end has ended when the next one began, or when cloud-init was done
    const endMs = steps[at + 1]?.startMs ?? doneMs;
    if (step.endMs === null && endMs >= step.startMs) Object.assign(step, { endMs, state: "ok" });
  });
  return steps;
}

/** @param {string} name @param {Entry} entry @returns {Step} */
const stageStep = (name, { ms, id }) => ({ kind: "stage", name, startMs: ms, endMs: null, state: "running", note: "", record: id, run: null });

/**
 * @param {Map<string, Step>} stages
 * @param {Step} step
 * @param {Entry} entry
 * @param {string} result
 */
function finish(stages, step, entry, result) {
  const good = result === "" || result === "SUCCESS";
  const failed = result.startsWith("FAIL");
  Object.assign(step, { endMs: entry.ms, state: failed ? "failed" : "ok", note: good ? "" : result.toLowerCase(), record: entry.id });
  stages.set(step.name, step);
}

/** @param {Run} run @returns {Step} */
export const runStep = (run) => ({
  kind: "run", name: titleOf(run), startMs: Date.parse(run.start), endMs: run.end ? Date.parse(run.end) : null, state: outcome(run),
  note: outcome(run) === "failed" ? ending(run) : "", record: Number(run.lastId), run,
});

/** @param {Entry} entry its first record @returns {Step} */
export const agentStep = ({ ms, id, source }) => ({
  kind: "agent", name: source.replace(/^system:|\.service$/g, ""), startMs: ms, endMs: ms, state: "ok", note: "", record: id, run: null,
});

/** Maximum number of steps to show. */
const STEPS_MAX = 12;

/**
 * The steps in their order; failed ones are always included.
 * @param {readonly Step[]} steps
 * @returns {{steps: Step[], all: Step[], more: number, first: Step | null, startMs: number, endMs: number}} `first`: the first that failed
 */
export function tell(steps) {
  const ordered = steps.filter((step) => !Number.isNaN(step.startMs)).sort((a, b) => a.startMs - b.startMs);
  const first = ordered.filter((step) => step.state === "failed").sort((a, b) => (a.endMs ?? 0) - (b.endMs ?? 0))[0] ?? null;
  const shown = ordered.filter((step, at) => at < STEPS_MAX - 1 || step === first).slice(0, STEPS_MAX);
  const startMs = ordered[0]?.startMs ?? 0;
  // finished steps give the scale: one that is running would squeeze them
  const finished = ordered.filter((step) => step.state !== "running");
  const endMs = (finished.length > 0 ? finished : ordered).reduce((end, step) => Math.max(end, step.endMs ?? step.startMs), startMs);
  return { steps: shown, all: ordered, more: ordered.length - shown.length, first, startMs, endMs };
}

/**
 * How the steps went: `4 of 10 steps failed, 1 running`.
 * @param {readonly Step[]} steps
 */
export function outcomeOf(steps) {
  const [failed, running] = ["failed", "running"].map((state) => steps.filter((step) => step.state === state).length);
  const how = failed ? `${failed} of ${count(steps.length, "step")} failed` : running === steps.length ? `${count(steps.length, "step")}` : `${count(steps.length - (running ?? 0), "step")} succeeded`;
  return running ? `${how}, ${running} running` : how;
}

/**
 * Where a step is on a track from the first step to the end of the last finished one, in percent.
 * @param {Step} step
 * @param {number} startMs
 * @param {number} endMs
 * @returns {{left: number, width: number}}
 */
export function placeOfStep(step, startMs, endMs) {
  const span = Math.max(1, endMs - startMs);
  const left = Math.min(99, ((step.startMs - startMs) / span) * 100);
  const width = ((step.endMs === null ? endMs - step.startMs : step.endMs - step.startMs) / span) * 100;
  return { left, width: Math.max(0, Math.min(100 - left, width)) };
}
