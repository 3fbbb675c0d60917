// Requests to the server; error responses become errors with their reason.

import { pinned } from "./pinned.js";
import { credentials, refused } from "./session.js";
import { entryOf } from "../lib/types.js";

/** @typedef {import("../lib/query/filter.js").Parameters} Parameters */
/** @typedef {import("../lib/types.js").Entry} Entry */
/** @typedef {import("../lib/types.js").SourceCount} SourceCount */
/** @typedef {import("../lib/histogram.js").Histogram} Histogram */

export class ApiError extends Error {
  /**
   * @param {number} status 0: no response
   * @param {{error?: string, message?: string, parameter?: string}} body
   * @param {number} retryAfter seconds; 0: not specified
   */
  constructor(status, body, retryAfter = 0) {
    super(body.message ?? `The server responded with status ${status}.`);
    this.status = status;
    this.code = body.error ?? "";
    this.parameter = body.parameter ?? "";
    this.retryAfter = retryAfter;
  }

  /** The page canceled the request. */
  get aborted() {
    return this.code === "aborted";
  }
}

/** @param {unknown} error */
export const isAborted = (error) => error instanceof ApiError && error.aborted;

/**
 * The address is relative to the page, so that it works behind a proxy that serves the page under another path.
 * @param {string} path
 * @param {Parameters} parameters
 */
export function address(path, parameters = []) {
  const query = new URLSearchParams([...parameters, ...pinned]).toString();
  return query ? `${path}?${query}` : path;
}

/**
 * The answer that first.js has asked for; once.
 * @param {string} target
 * @param {string} method
 * @returns {Promise<Response> | null}
 */
function askedBefore(target, method) {
  const first = /** @type {any} */ (globalThis).vmlogFirst;
  if (!first || first.address !== target || method !== "GET") return null;
  Reflect.deleteProperty(globalThis, "vmlogFirst");
  return first.response;
}

/**
 * @param {string} path
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @param {"GET" | "POST" | "PUT" | "DELETE"} [method]
 * @param {object | null} [body] sent as JSON
 * @returns {Promise<Response>} a successful response
 */
export async function open(path, parameters, signal, method = "GET", body = null) {
  const headers = await credentials();
  const response = await (askedBefore(address(path, parameters), method) ?? fetch(address(path, parameters), { method, headers, body: body && JSON.stringify(body), signal: signal ?? null, credentials: "same-origin", cache: "no-store" }))
    .catch((reason) => {
      if (signal?.aborted || reason?.name === "AbortError") throw new ApiError(0, { error: "aborted", message: "canceled" });
      throw new ApiError(0, { error: "offline", message: "Can't reach vmlog." });
    });
  if (response.ok) return response;
  if (response.status === 401 && refused(headers)) return open(path, parameters, signal, method, body);
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(response.status, problem, Number(response.headers.get("retry-after")) || 0);
}

/** A request is repeated if the server asks for it within this many seconds. */
const PATIENCE_S = 5;
const TRIES = 3;

/**
 * @template T
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function patiently(ask) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      const later = error instanceof ApiError && (error.status === 429 || error.code === "busy");
      const soon = later && error.retryAfter <= PATIENCE_S;
      if (!soon || tries === TRIES) throw error;
      await new Promise((resolve) => { setTimeout(resolve, Math.max(1, error.retryAfter) * 1000); });
    }
  }
}

/**
 * @param {string} path
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
async function json(path, parameters, signal) {
  const response = await patiently(() => open(path, parameters, signal));
  return response.json().catch((reason) => {
    if (signal?.aborted) throw new ApiError(0, { error: "aborted", message: "canceled" });
    throw new ApiError(0, { error: "broken", message: `The response was cut off: ${reason.message}` });
  });
}

/** The cursor of a record. @param {number} id */
export const cursorAt = (id) => btoa(String(id));

/** The smallest page size that the server refused as too large. */
let refusedLimit = Infinity;

/** @param {Parameters} parameters */
const limitOf = (parameters) => Number(parameters.find(([name]) => name === "limit")?.[1] ?? 0);

/**
 * A page of a long list. If the server allows fewer than requested on a page, it chooses the size.
 * @param {string} path
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
async function paged(path, parameters, signal) {
  const allowed = () => parameters.filter(([name]) => name !== "limit" || limitOf(parameters) < refusedLimit);
  try {
    return await json(path, allowed(), signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "invalid_limit") throw error;
    refusedLimit = Math.min(refusedLimit, limitOf(parameters));
    return json(path, allowed(), signal);
  }
}

/**
 * @typedef {object} Page
 * @property {Entry[]} entries oldest first
 * @property {string | null} nextCursor
 * @property {boolean} hasMore
 * @property {boolean} truncated
 * @property {string[]} warnings why the page is probably empty
 */

/**
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page>}
 */
export async function page(parameters, signal) {
  const body = await paged("logs", parameters, signal);
  /** @type {Entry[]} */
  const entries = body.entries.map(entryOf);
  entries.sort((a, b) => a.id - b.id);
  return {
    entries, nextCursor: body.nextCursor ?? null, hasMore: body.hasMore === true, truncated: body.truncated === true,
    warnings: body.warnings ?? [],
  };
}

/**
 * @param {number} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Entry>}
 */
export const record = async (id, signal) => entryOf(await json(`logs/${id}`, [], signal));

/** @typedef {{sources: SourceCount[], hasMore: boolean, total: number, levels: Record<string, number>}} Sources `total` and `levels`: of all sources */

/**
 * The first sources by name.
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Sources>}
 */
export async function sources(parameters, signal) {
  const body = await json("logs/sources", parameters, signal);
  const list = body.sources.map((/** @type {any} */ source) => ({ ...source, levels: source.levels ?? {} }));
  return { sources: list, hasMore: body.hasMore === true, total: body.total ?? 0, levels: body.levels ?? {} };
}

/**
 * @param {Parameters} parameters
 * @param {number} buckets
 * @param {AbortSignal} [signal]
 * @returns {Promise<Histogram>}
 */
export async function histogram(parameters, buckets, signal) {
  const body = await json("logs/histogram", [...parameters, ["buckets", String(buckets)]], signal);
  const made = body.buckets.map((/** @type {any} */ bucket) => {
    const counts = { debug: 0, info: 0, warn: 0, error: 0, ...bucket.levels };
    return { ms: Date.parse(bucket.start), counts, total: counts.debug + counts.info + counts.warn + counts.error };
  });
  return { startMs: Date.parse(body.start), endMs: Date.parse(body.end), bucketMs: body.bucketMs, buckets: made };
}

/**
 * The address of an export that is valid without a token for a minute: a download cannot send headers.
 * @param {Parameters} parameters
 * @returns {Promise<{address: string, warnings: string[]}>}
 */
export async function exportAddress(parameters) {
  const response = await patiently(() => open("logs/export", parameters, undefined, "POST"));
  const { address: link, warnings } = await response.json();
  return { address: link, warnings: warnings ?? [] };
}

/**
 * The keys of the metadata of matching records, or with a key its values.
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{keys: {key: string, count: number, examples: string[]}[], values: {value: string, count: number}[], partial: boolean}>}
 */
export async function fields(parameters, signal) {
  const body = await json("logs/fields", parameters, signal);
  return { keys: body.keys ?? [], values: body.values ?? [], partial: body.partial === true };
}

/**
 * @typedef {{template: string, count: number, levels: Partial<Record<import("../lib/types.js").Level, number>>, first: string, last: string,
 *   buckets: number[], examples: string[]}} Pattern
 */

/**
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{patterns: Pattern[], total: number, ungrouped: number, continued: number, hasMore: boolean, partial: boolean}>}
 */
export const patterns = (parameters, signal) => json("logs/patterns", parameters, signal);

/**
 * @typedef {object} Comparison
 * @property {{since: string, until: string, records: number}} a
 * @property {{since: string, until: string, records: number}} b
 * @property {{template: string, change: "new" | "gone" | "more" | "less", a: number, b: number, levels: import("../lib/mix.js").LevelCounts, example: {id: string, source: string, message: string} | null}[]} patterns
 * @property {boolean} partial
 */

/**
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Comparison>}
 */
export const compare = (parameters, signal) => json("logs/compare", parameters, signal);

/**
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{list: import("./state.js").Problem[], partial: boolean, since: string | null}>}
 */
export async function problems(parameters, signal) {
  const body = await json("problems", parameters, signal);
  return { list: body.problems ?? [], partial: body.partial === true, since: body.searched?.since ?? null };
}

/** @returns {Promise<import("./state.js").Boot[]>} newest first */
export async function boots() {
  const body = await json("boots", []);
  return body.boots.map((/** @type {any} */ boot) => ({
    index: boot.index, id: boot.id, first: boot.first, last: boot.last, firstId: Number(boot.firstId), lastId: Number(boot.lastId),
    records: boot.records ?? 0, clean: boot.clean ?? null, problems: boot.problems ?? 0,
  }));
}

/** The state of the server and its collectors, also while it is not ready. @returns {Promise<any>} */
export async function readiness() {
  const response = await fetch("readyz", { headers: await credentials(), cache: "no-store" });
  return response.json();
}

/**
 * @typedef {Record<string, any> & {id: string, type: string, severity: "info" | "warning" | "error", message: string, created_at: string, payload?: Record<string, unknown>}} Event
 */

/**
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{events: Event[], nextBefore: string | null}>} newest first
 */
export async function events(parameters, signal) {
  const body = await json("events", parameters, signal);
  return { events: body.events, nextBefore: body.nextBefore ?? null };
}

/** @typedef {import("../lib/runs.js").Run} Run */

/** @param {any} body @returns {Run} */
const runOf = (body) => ({ category: null, signal: null, exitCode: null, durationMs: null, ...body, counts: body.counts ?? {} });

/**
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{runs: Run[], nextCursor: string | null, hasMore: boolean}>} newest first
 */
export async function runs(parameters, signal) {
  const body = await paged("runs", parameters, signal);
  return { runs: body.runs.map(runOf), nextCursor: body.nextCursor ?? null, hasMore: body.hasMore === true };
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 */
export const run = async (id, signal) => runOf(await json(`runs/${encodeURIComponent(id)}`, [], signal));
