// The state of the page as signals: all parts read it, and the address follows it.

import { batch, computed, signal } from "../vendor/signals.js";
import { readRoute, writeRoute } from "../lib/query/route.js";
import { LEVELS } from "../lib/types.js";
import { sourceState } from "../lib/query/filter.js";
import { tally } from "../lib/sources.js";

/** @typedef {import("../lib/query/route.js").Route} Route */
/** @typedef {import("../lib/query/filter.js").Filter} Filter */
/** @typedef {import("../lib/types.js").SourceCount} SourceCount */
/** @typedef {import("../lib/histogram.js").Histogram} Histogram */

/**
 * @typedef {object} Preferences
 * @property {"auto" | "light" | "dark"} theme
 * @property {boolean} wrap
 * @property {boolean} utc
 * @property {boolean} raw
 * @property {boolean} relative times as their distance from now
 * @property {boolean} fields whether rows show the fields of structured records
 * @property {boolean} dense
 * @property {boolean} newest whether the newest record is at the top
 * @property {boolean} sources
 * @property {boolean} histogram
 * @property {boolean} lanes whether the histogram is split by source
 * @property {boolean} story whether the timeline of the startup is open
 * @property {boolean} problems whether the list of problems is open
 * @property {boolean} notify whether errors and ended runs are notified
 */

export const route = signal(readRoute(location.search));
export const filter = computed(() => route.value.filter);

// ---- boots

/** @typedef {{index: number, id: string, first: string, last: string, firstId: number, lastId: number, records: number, clean: boolean | null, problems: number}} Boot */

/** Boots of the machine, newest first; null: not known yet; empty: none, or the server does not list them. */
export const boots = signal(/** @type {Boot[] | null} */ (null));

/** Above this number of records, the default range is the last hour. */
const BUSY_RECORDS = 2_000_000;

/**
 * The filter with the default range: this boot, or the last hour of a busy one.
 * @param {Filter} chosen
 * @returns {Filter}
 */
export function ranged(chosen) {
  const current = boots.value?.[0];
  if (chosen.start || chosen.end || chosen.boot || !current) return chosen;
  return current.records > BUSY_RECORDS ? { ...chosen, start: "-1h" } : { ...chosen, boot: "0" };
}

/**
 * Changes the route: properties that are not given stay. A replaced address leaves no entry in the browser's history.
 * @param {Partial<Route>} change
 * @param {{replace?: boolean}} [how]
 */
export function go(change, { replace = false } = {}) {
  const next = { ...route.peek(), ...change };
  const text = writeRoute(next);
  const target = text || location.pathname;
  if (text !== writeRoute(route.peek())) {
    if (replace) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
  }
  // also changes that are not in the address: search options without a search
  if (JSON.stringify(next) !== JSON.stringify(route.peek())) route.value = next;
}

/**
 * Narrows or widens the filter; the list starts again at the newest.
 * @param {Partial<Filter>} change
 * @param {{replace?: boolean}} [how]
 */
export function refine(change, { replace = false } = {}) {
  const { context, record } = route.peek();
  // a range replaces the other kind of range
  const both = "boot" in change && "start" in change;
  const range = both ? {} : "boot" in change ? { start: "", end: "" } : "start" in change || "end" in change ? { boot: "" } : {};
  go({ filter: { ...route.peek().filter, ...range, ...change }, at: 0, context: 0, record: context ? 0 : record, select: "" }, { replace });
}

addEventListener("popstate", () => {
  route.value = readRoute(location.search);
});

// ---- preferences: stored in this browser, not in the address

const STORED = "vmlog";

/** @type {Preferences} */
const DEFAULTS = {
  theme: "auto", wrap: true, utc: false, raw: false, relative: false, fields: true, dense: false, newest: false, sources: true, histogram: true, lanes: false, story: false,
  problems: true, notify: false,
};

/** @returns {Preferences} */
function stored() {
  try {
    const read = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return Object.assign({}, DEFAULTS, ...Object.entries(DEFAULTS)
      .filter(([name, value]) => typeof read[name] === typeof value)
      .map(([name]) => ({ [name]: read[name] })));
  } catch {
    return DEFAULTS;
  }
}

export const preferences = signal(stored());

/** @param {Partial<Preferences>} change */
export function prefer(change) {
  preferences.value = { ...preferences.peek(), ...change };
  try {
    localStorage.setItem(STORED, JSON.stringify(preferences.peek()));
  } catch {
    // a browser without storage forgets them with the page
  }
}

// ---- data of the server

/** Counts by source and level under the filter without its sources and levels. */
export const counts = signal(/** @type {SourceCount[] | null} */ (null));

/** Counts over all sources under the whole filter, if not all sources are listed. */
export const unlisted = signal(/** @type {{total: number, levels: Record<string, number>} | null} */ (null));

/** The counts under the whole filter. */
export const totals = computed(() => {
  if (!counts.value) return null;
  const chosen = filter.value;
  const listed = tally(counts.value, (name) => sourceState(chosen, name).shown, chosen.levels ?? LEVELS);
  const all = unlisted.value;
  return all ? { ...listed, total: all.total, byLevel: { ...listed.byLevel, ...all.levels } } : listed;
});

export const histogram = signal(/** @type {Histogram | null} */ (null));

/** Which endpoints this server has; null: not known yet. */
export const features = signal({
  events: /** @type {boolean | null} */ (null), histogram: /** @type {boolean | null} */ (null), runs: /** @type {boolean | null} */ (null), problems: /** @type {boolean | null} */ (null),
});

/** @param {Partial<typeof features.value>} change */
export const learn = (change) => {
  features.value = { ...features.peek(), ...change };
};

// ---- progress

/**
 * @typedef {object} BrowseState
 * @property {"" | "first" | "older" | "newer"} loading
 * @property {number} since start of the running request
 * @property {number} reached the record that a long search has reached; 0: none
 * @property {import("./api.js").ApiError | null} error
 * @property {boolean} start whether the oldest record is loaded
 * @property {boolean} end whether the newest is
 * @property {number} loaded records in the list
 * @property {number} fresh records that arrived after the list was loaded
 * @property {boolean} atEnd whether the list is at its end
 * @property {string[]} warnings why nothing was probably found
 */

export const browse = signal(/** @type {BrowseState} */ ({
  loading: "first", since: 0, reached: 0, error: null, start: false, end: false, loaded: 0, fresh: 0, atEnd: true, warnings: [],
}));

/** Times of the first and the last visible row. They change with every frame, so they have a signal of their own. */
export const seen = signal(/** @type {[number, number] | null} */ (null));

/**
 * @typedef {object} LiveState
 * @property {"idle" | "connecting" | "open" | "waiting" | "stopped"} connection
 * @property {string} reason why it is not connected
 * @property {number} retryAt milliseconds; time of the next attempt
 * @property {boolean} paused
 * @property {number} waiting records that arrived while paused
 * @property {number} missed of these, those that did not fit into the buffer
 * @property {number} rate records per second
 * @property {{name: string, rate: number} | null} noisy the source of most records, if it is too fast to read
 * @property {number} loaded
 * @property {string[]} warnings what the server says about the filter
 */

export const live = signal(/** @type {LiveState} */ ({
  connection: "idle", reason: "", retryAt: 0, paused: false, waiting: 0, missed: 0, rate: 0, noisy: null, loaded: 0, warnings: [],
}));

/**
 * @template {object} T
 * @param {import("../vendor/signals.js").Signal<T>} target
 * @param {Partial<T>} change
 */
export function patch(target, change) {
  const now = target.peek();
  for (const [name, value] of Object.entries(change)) {
    if (now[/** @type {keyof T} */ (name)] === value) continue;
    target.value = { ...now, ...change };
    return;
  }
}

/** The dialog that is open. */
export const dialog = signal(/** @type {"" | "help" | "filters" | "export" | "time" | "palette" | "display" | "views"} */ (""));

// ---- runs

/**
 * @typedef {object} RunsState
 * @property {import("../lib/runs.js").Run[] | null} list newest first; null: not known yet
 * @property {boolean} more whether there are older ones
 * @property {boolean} loading
 * @property {import("./api.js").ApiError | null} error
 */

export const runs = signal(/** @type {RunsState} */ ({ list: null, more: false, loading: false, error: null }));

/** The run that is open. */
export const run = signal(/** @type {import("../lib/runs.js").Run | null} */ (null));

/** The startup of the machine; null: not known yet. */
export const story = signal(/** @type {(ReturnType<typeof import("../lib/story.js").tell> & {sinceBoot: boolean}) | null} */ (null));

/**
 * What went wrong.
 * @typedef {object} Problem
 * @property {string} kind
 * @property {string} title
 * @property {"error" | "warn"} severity
 * @property {string} subject
 * @property {string} source
 * @property {number} count
 * @property {string} first
 * @property {string} last
 * @property {string} firstId
 * @property {string} lastId
 * @property {{id: string, timestamp: string, source: string, level: string, message: string} | null} cause
 * @property {{id: string, timestamp: string, source: string, level: string, message: string}[]} context
 */

/** The problems since the machine started, most important first; null: not known yet. */
export const problems = signal(/** @type {{list: Problem[], partial: boolean, since: string | null} | null} */ (null));

/** Problems that arrived while the page was open, and how many of them have not been in view. */
export const arrivals = signal({ keys: /** @type {ReadonlySet<string>} */ (new Set()), unseen: 0 });

/** The find bar, for loaded records and beyond. */
export const find = signal({ open: false, text: "", note: "" });

// ---- short messages

/** @type {import("../vendor/signals.js").Signal<{text: string, bad: boolean, n: number} | null>} */
export const toast = signal(/** @type {{text: string, bad: boolean, n: number} | null} */ (null));
let toasts = 0;

/**
 * @param {string} text
 * @param {{bad?: boolean}} [how]
 */
export function say(text, { bad = false } = {}) {
  toasts += 1;
  const n = toasts;
  toast.value = { text, bad, n };
  setTimeout(() => {
    if (toast.peek()?.n === n) toast.value = null;
  }, bad ? 8000 : 3000);
}

/** Announcements for screen readers. */
export const announcement = signal("");

/** @param {() => void} change */
export const together = (change) => batch(change);
