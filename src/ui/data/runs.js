// The captured commands: loaded page by page, and refreshed.

import * as api from "../core/api.js";
import { isAborted } from "../core/api.js";
import { toParameters, EVERYTHING } from "../lib/query/filter.js";
import { merged } from "../lib/runs.js";
import { filter, learn, patch, route, run, runs } from "../core/state.js";

const PAGE_RUNS = 50;
/** How often the newest runs are refreshed while the page is visible. */
const AGAIN_MS = 5_000;

let abort = new AbortController();
let cursor = "";

/** @returns {import("../lib/query/filter.js").Parameters} the parts of the filter that apply to runs */
function parameters() {
  const { success } = route.peek();
  /** @type {import("../lib/query/filter.js").Parameters} */
  const ended = success && success !== "running" ? [["success", success]] : [];
  return [...toParameters({ ...EVERYTHING, sources: filter.peek().sources }), ...ended, ["limit", String(PAGE_RUNS)]];
}

/** Loads the newest runs. */
export async function loadRuns() {
  abort.abort();
  abort = new AbortController();
  patch(runs, { loading: true, error: null });
  await take(parameters(), true);
}

export async function moreRuns() {
  if (!runs.peek().more || runs.peek().loading) return;
  patch(runs, { loading: true, error: null });
  await take([...parameters(), ["cursor", cursor]], false);
}

/**
 * @param {import("../lib/query/filter.js").Parameters} asked
 * @param {boolean} anew
 */
async function take(asked, anew) {
  const { signal } = abort;
  try {
    let page = await api.runs(asked, signal);
    // a long scan may return an empty page with a cursor
    while (page.runs.length === 0 && page.hasMore && page.nextCursor) {
      page = await api.runs([...asked.filter(([name]) => name !== "cursor"), ["cursor", page.nextCursor]], signal);
    }
    learn({ runs: true });
    cursor = page.nextCursor ?? "";
    patch(runs, { list: anew ? page.runs : merged(runs.peek().list ?? [], page.runs), more: page.hasMore, loading: false });
  } catch (error) {
    if (isAborted(error)) return;
    const problem = error instanceof api.ApiError ? error : new api.ApiError(0, { message: String(error) });
    if (problem.status === 404) learn({ runs: false });
    patch(runs, { loading: false, error: problem });
  }
}

/** Refreshes runs that have begun or ended. */
async function again() {
  const { tab, run: id } = route.peek();
  if (document.hidden || tab !== "runs" || runs.peek().loading) return;
  if (id) {
    if (run.peek()?.id === id && run.peek()?.success === null) run.value = await api.run(id).catch(() => run.peek());
    return;
  }
  const { signal } = abort;
  const page = await api.runs(parameters(), signal).catch(() => null);
  if (page && !signal.aborted) patch(runs, { list: merged(runs.peek().list ?? [], page.runs) });
}

setInterval(again, AGAIN_MS);

/** Opens the run in the address. @param {string} id */
export async function openRun(id) {
  if (run.peek()?.id === id) return;
  run.value = runs.peek().list?.find((known) => known.id === id) ?? null;
  const found = await api.run(id).catch((error) => error);
  if (route.peek().run !== id) return;
  if (found instanceof Error) patch(runs, { error: /** @type {api.ApiError} */ (found) });
  else run.value = found;
}
