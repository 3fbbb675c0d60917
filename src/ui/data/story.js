// Loads the startup of this machine.

import * as api from "../core/api.js";
import { agentStep, runStep, stageSteps, tell } from "../lib/story.js";
import { learn, story } from "../core/state.js";

/** @typedef {import("../lib/query/filter.js").Parameters} Parameters */

/** Used if the time of the startup is unknown. */
const SINCE = "-24h";
const AGENT = "system:vm-agent";
const RUNS_MAX = 100;

/** @param {Parameters} parameters */
const newest = async (parameters) => (await api.page([...parameters, ["limit", "1"]])).entries[0] ?? null;

/**
 * The startup of the machine: the first message of the kernel, or else of cloud-init.
 * @returns {Promise<string>} a time; empty: unknown
 */
async function bootTime() {
  const kernel = await newest([["source", "system:kernel"], ["search", "Linux version "]]);
  const begun = kernel ?? await newest([["source", "cloud-init"], ["search", "running 'init"]]);
  return begun?.timestamp ?? "";
}

/** The oldest matching records; empty after an error, so that the rest can be shown. @param {Parameters} parameters @param {number} [most] */
const records = (parameters, most = 100) =>
  api.page([...parameters, ["direction", "forward"], ["limit", String(most)]]).then((page) => page.entries, () => []);

/** Runs since a time, oldest first. @param {string} start */
async function runsSince(start) {
  try {
    const page = await api.runs([["source", "devcontainer:"], ["limit", String(RUNS_MAX)]]);
    learn({ runs: true });
    return page.runs.filter((run) => !start || Date.parse(run.start) >= Date.parse(start));
  } catch (error) {
    if (error instanceof api.ApiError && error.status === 404) learn({ runs: false });
    return [];
  }
}

/** The last lines of a run's output. @param {string} id @param {number} most */
export const lastLines = async (id, most) =>
  (await api.page([["where", `run_id=${id}`], ["where", "event_type=process_output"], ["limit", String(most)]])).entries;

export async function loadStory() {
  const boot = await bootTime();
  const start = boot || new Date(Date.now() - 864e5).toISOString();
  /** @type {Parameters} */
  const since = [["start", boot || SINCE]];
  const [reports, banners, runs, agent] = await Promise.all([
    records([["source", "cloud-init"], ["where", "event_type=cloud_init_*"], ["where", "-step=*"], ...since]),
    records([["source", "cloud-init"], ["search", "Cloud-init v. "], ...since]),
    runsSince(start),
    records([["source", AGENT], ...since], 1),
  ]);
  const known = new Map([...reports, ...banners].map((entry) => [entry.id, entry]));
  const steps = [...stageSteps([...known.values()]), ...runs.map(runStep), ...agent.map(agentStep)];
  story.value = { ...tell(steps), sinceBoot: boot !== "" };
}
