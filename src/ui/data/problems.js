// Loads the boots of the machine and what went wrong since the last one, and looks for new problems while the page is open. The server can
// also stream this list, but a stream takes one of its few live connections and one of the six that a browser has for a host: too much for
// something that happens a few times a day.

import * as api from "../core/api.js";
import { countInTitle, notify } from "../core/attention.js";
import { announcement, arrivals, boots, features, learn, problems } from "../core/state.js";
import { arrived, keyOf } from "../lib/problems.js";

/** Used if the machine has no known boots. */
const SINCE = "-24h";
const PROBLEMS_MAX = 50;
/** How often new problems are looked for while the page is visible, and while it is hidden. */
const VISIBLE_MS = 10_000;
const HIDDEN_MS = 60_000;

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
    const found = await api.problems([booted ? ["boot", "0"] : ["since", SINCE], ["limit", String(PROBLEMS_MAX)]]);
    const before = problems.peek();
    problems.value = found;
    learn({ problems: true });
    if (!before) return;
    tell(arrived(before.list, found.list));
    // the machine was started again
    if (found.since !== before.since) loadBoots();
  } catch (error) {
    if (isMissing(error)) learn({ problems: false });
    problems.value ??= { list: [], partial: false, since: null };
  }
}

/** @param {import("../core/state.js").Problem[]} fresh */
function tell(fresh) {
  const [first] = fresh;
  if (!first) return;
  arrivals.value = { keys: new Set([...arrivals.peek().keys, ...fresh.map(keyOf)]), unseen: arrivals.peek().unseen + fresh.length };
  announcement.value = fresh.length === 1 ? `New problem: ${first.title}` : `${fresh.length} new problems`;
  for (const _ of fresh) countInTitle();
  notify(`Problem: ${first.title}`, first.cause?.message ?? "");
}

let lookedAt = 0;

/** Looks for new problems if it is time. */
async function again() {
  if (features.peek().problems === false) return;
  if (performance.now() - lookedAt < (document.hidden ? HIDDEN_MS : VISIBLE_MS) - 1000) return;
  lookedAt = performance.now();
  if (boots.peek() === null) await loadBoots();
  loadProblems();
}

/** Looks for new problems from now on. */
export function watchProblems() {
  setInterval(again, VISIBLE_MS);
  document.addEventListener("visibilitychange", again);
}
