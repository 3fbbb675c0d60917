// Loads the boots of the machine, and what went wrong since the last one.

import * as api from "../core/api.js";
import { boots, learn, problems } from "../core/state.js";

/** Used if the machine has no known boots. */
const SINCE = "-24h";
const PROBLEMS_MAX = 50;

/** Whether an endpoint is missing on this server. @param {unknown} error */
const isMissing = (error) => error instanceof api.ApiError && (error.status === 404 || error.status === 400 || error.status === 403);

export async function loadBoots() {
  try {
    boots.value = await api.boots();
  } catch (error) {
    if (boots.peek() === null || isMissing(error)) boots.value = [];
  }
}

export async function loadProblems() {
  const booted = (boots.peek() ?? []).length > 0;
  try {
    problems.value = await api.problems([booted ? ["boot", "0"] : ["since", SINCE], ["limit", String(PROBLEMS_MAX)]]);
    learn({ problems: true });
  } catch (error) {
    if (isMissing(error)) learn({ problems: false });
    problems.value ??= { list: [], partial: false, since: null };
  }
}
