// The actions of the page: one function each, for pointer, keyboard and buttons.

import { signal } from "../vendor/signals.js";
import { copy } from "./clipboard.js";
import { commandLine, curl } from "../lib/query/command.js";
import { EVERYTHING, withTerms } from "../lib/query/filter.js";
import { cursorAt, page } from "./api.js";
import { allEntries, itemsOf } from "../lib/rows/items.js";
import { LEVELS } from "../lib/types.js";
import { COLUMNS_MAX, HOME, writeRoute } from "../lib/query/route.js";
import { masked, maskedValue } from "../lib/text/secrets.js";
import { boundMs } from "../lib/time.js";
import { stripped } from "../lib/text/ansi.js";
import { browse, find, go, histogram, live, prefer, preferences, ranged, refine, route, say } from "./state.js";
import { textMatcher } from "../lib/text/match.js";
import { fieldTerm, negated, terms, textTerm } from "../lib/query/terms.js";

/** @typedef {import("../lib/types.js").Entry} Entry */
/** @typedef {import("../data/browse.js").Browse} Browse */
/** @typedef {import("../data/live.js").Live} Live */
/** @typedef {import("../list/view.js").ListView} ListView */

/**
 * The parts that actions work on; set once by the page.
 * @type {{browse: Browse, live: Live, browseList: ListView, liveList: ListView}}
 */
export const parts = /** @type {any} */ ({});

/** The record whose details are open. */
export const opened = signal(/** @type {Entry | null} */ (null));

export const list = () => (route.peek().tab === "live" ? parts.liveList : parts.browseList);

// ---- the open record

/** @param {Entry} entry */
export function openEntry(entry) {
  const already = route.peek().record;
  if (route.peek().tab === "live") parts.live.pause();
  opened.value = entry;
  go({ record: entry.id, select: "" }, { replace: already !== 0 });
}

/** Takes back the last click that opened a record. */
export function unopenEntry() {
  if (!route.peek().record) return;
  opened.value = null;
  go({ record: 0 }, { replace: true });
}

export function closeEntry() {
  if (!route.peek().record) return;
  opened.value = null;
  go({ record: 0 });
  list().element.focus({ preventScroll: true });
}

/** The step in time of a step down (1) or up (-1) the list. @param {1 | -1} step */
export const inTime = (step) => /** @type {1 | -1} */ (preferences.peek().newest ? -step : step);

/**
 * Moves to the next record down or up the list, or to the next of a kind; beyond the loaded ones with the server's help.
 * @param {1 | -1} step
 * @param {{wanted?: (entry: Entry) => boolean, narrower?: [string, string][], what?: string}} [kind]
 */
export async function move(step, { wanted, narrower, what = "record" } = {}) {
  step = inTime(step);
  const from = route.peek().record;
  const target = list();
  const found = target.next(from, step, wanted);
  if (found) {
    reveal(found);
    return;
  }
  const beyond = narrower && route.peek().tab !== "live" ? await seek(narrower, from, step) : 0;
  if (!beyond) say(step > 0 ? `No later ${what}` : `No earlier ${what}`);
}

/** @param {Entry} entry */
function reveal(entry) {
  list().show(entry.id, "near");
  openEntry(entry);
}

/**
 * @param {[string, string][]} narrower
 * @param {number} from
 * @param {1 | -1} step
 */
async function seek(narrower, from, step) {
  const target = parts.browseList;
  const start = from || (step > 0 ? target.lastId : target.firstId);
  if (!start) return 0;
  const id = await parts.browse.seek(narrower, start, step > 0 ? "forward" : "backward").catch(() => 0);
  if (id) go({ at: id, record: id });
  return id;
}

/** @param {1 | -1} step @param {"warn" | "error"} level */
export function moveToLevel(step, level) {
  const levels = level === "error" ? ["error"] : ["warn", "error"];
  const wanted = (/** @type {Entry} */ entry) => levels.includes(entry.level);
  return move(step, { wanted, narrower: [["levels", levels.join(",")]], what: level === "error" ? "error" : "warning" });
}

/** Moves to the next match of the find bar's text, or of the search. @param {1 | -1} way down or up the list */
export async function moveToMatch(way) {
  const { text } = find.peek();
  // the first one is an older one: people are at the end of the log
  const step = route.peek().record ? inTime(way) : -1;
  if (!text) {
    await move(inTime(step), { what: "match" });
    return;
  }
  const matches = textMatcher(text);
  const wanted = (/** @type {Entry} */ entry) => (matches?.(stripped(entry.message)).length ?? 0) > 0;
  const target = list();
  const here = target.next(route.peek().record, step, wanted);
  if (here) {
    reveal(here);
    return;
  }
  /** @type {[string, string][]} */
  const narrower = [["q", [route.peek().filter.q && `(${route.peek().filter.q})`, textTerm(text)].filter(Boolean).join(" ")]];
  const beyond = route.peek().tab !== "live" ? await seek(narrower, route.peek().record, step) : 0;
  if (beyond) return;
  // on from the other end of what is loaded
  const around = [...target.entries()];
  const wrapped = step > 0 ? around.find(wanted) : around.findLast(wanted);
  if (wrapped) reveal(wrapped);
  else say("No match");
}

/** Counts the loaded rows that match the find bar's text, and the position of the open one among them. */
export function countMatches() {
  const matches = textMatcher(find.peek().text);
  const { record } = route.peek();
  let [found, before] = [0, 0];
  for (const entry of matches ? list().entries() : []) {
    if (matches?.(stripped(entry.message)).length === 0) continue;
    found += 1;
    if (entry.id <= record) before = entry.id === record ? found : 0;
  }
  return { found, at: before };
}

/** @param {number} id @param {"all" | "source"} scope */
export function openContext(id, scope) {
  go({ tab: "browse", context: id, scope, record: id, at: id, run: "", panel: "" });
}

export function leaveContext() {
  const { context } = route.peek();
  go({ context: 0, at: context });
}

// ---- positions

export function toNewest() {
  if (route.peek().tab === "live") parts.live.resume();
  else if (browse.peek().end) {
    go({ at: 0 }, { replace: true });
    parts.browseList.toEnd();
  } else reload("end");
}

export function toOldest() {
  if (route.peek().tab === "live") {
    parts.live.pause();
    parts.liveList.toStart();
  } else if (browse.peek().start) parts.browseList.toStart();
  else reload("start");
}

/** @param {"start" | "end" | number} at */
export function reload(at = "end") {
  if (route.peek().panel) go({ panel: "" });
  const { filter, context, scope, run } = route.peek();
  const view = { filter, context, scope, run };
  go({ at: typeof at === "number" ? at : 0 }, { replace: true });
  parts.browse.load(view, at);
  if (run) return;
  parts.browse.count(view);
  parts.browse.draw(view);
}

// ---- copying

/** @param {Entry} entry */
export const lineOf = (entry) => `${entry.timestamp} ${entry.source} ${entry.level} ${stripped(masked(entry.message).text)}`;

/** Number of records after one in which the rest of its trace is looked for. */
const CONTINUED_MAX = 100;

/** The lines that continue the open record, if the list does not have them: a search finds single lines of a trace. */
const continued = signal({ id: 0, lines: /** @type {Entry[]} */ ([]) });

/** A record with the lines that continue it. @param {Entry} entry @returns {Entry[]} */
export function wholeEvent(entry) {
  const here = list().group(entry.id);
  if (here.length > 1) return here;
  return continued.value.id === entry.id ? [entry, ...continued.value.lines] : [entry];
}

/** Loads the lines that continue a record, if the filter may hide them. @param {Entry} entry */
export async function loadContinued(entry) {
  const { context, filter } = route.peek();
  const { q, patterns, levels } = ranged(filter);
  if (context || (!q && patterns.length === 0 && levels.length === LEVELS.length) || list().group(entry.id).length > 1) return;
  const { entries } = await page([["source", entry.source], ["cursor", cursorAt(entry.id)], ["direction", "forward"], ["limit", String(CONTINUED_MAX)]]);
  const [item] = itemsOf([entry, ...entries], { utc: true });
  if (item?.group === "trace") continued.value = { id: entry.id, lines: item.rest };
}

/** Copies a record with the lines that continue it. @param {Entry} entry */
export const copyLine = (entry) => {
  const lines = wholeEvent(entry);
  return copy(lines.map(lineOf).join("\n"), lines.length > 1 ? `${lines.length} lines` : "Line");
};

/** @param {import("../lib/rows/items.js").Item} item */
export const copyItem = (item) => copy(allEntries(item).map(lineOf).join("\n"), item.rest.length > 0 ? `${item.rest.length + 1} lines` : "Line");

/** @param {Entry} entry */
export function jsonOf({ id, timestamp, source, level, message, metadata }) {
  const shown = { id: String(id), timestamp, source, level, message: masked(message).text, metadata: maskedValue(metadata ?? {}) };
  return JSON.stringify(shown, null, 2);
}

/** @param {Entry} entry */
export const copyJson = (entry) => copy(jsonOf(entry), "JSON");

/** A link to the record that stays valid over time. @param {Entry} entry */
export function permalink(entry) {
  const { filter, columns } = route.peek();
  const fixed = (/** @type {string} */ bound) => {
    const ms = bound.startsWith("-") ? boundMs(bound, Date.now()) : null;
    return ms === null ? bound : new Date(ms).toISOString();
  };
  const lasting = { ...filter, start: fixed(filter.start), end: fixed(filter.end) };
  const path = writeRoute({ ...HOME, columns, filter: lasting, record: entry.id, at: entry.id });
  return new URL(path, location.origin + location.pathname).href;
}

/** @param {Entry} entry */
export const copyPermalink = (entry) => copy(permalink(entry), "Link");

export const copyView = () => copy(location.href, "Link to this view");

const base = () => new URL(".", location.href).href;

export const copyCurl = () => copy(curl(ranged(route.peek().filter), base()), "curl command");

export const copyCommand = () => copy(commandLine(ranged(route.peek().filter), base()), "Command");

/** @param {Entry} entry */
export const copyRecordCurl = (entry) => copy(`curl -s ${base()}logs/${entry.id} -H "Authorization: Bearer $LOG_API_TOKEN"`, "curl command");

/** Records as Markdown, for an issue. @param {readonly Entry[]} entries */
export function markdownOf(entries) {
  const fence = entries.some(({ message }) => message.includes("```")) ? "~~~~" : "```";
  return `${fence}\n${entries.map(lineOf).join("\n")}\n${fence}`;
}

/** Copies a record with the lines that continue it. @param {Entry} entry */
export const copyMarkdown = (entry) => copy(`${markdownOf(wholeEvent(entry))}\n${permalink(entry)}\n`, "Markdown");

// ---- filters

/**
 * @param {string} path of the metadata value
 * @param {unknown} value
 * @param {boolean} exclude
 */
export function filterBy(path, value, exclude) {
  const term = fieldTerm(path, value, exclude);
  if (!term) return;
  const { filter } = route.peek();
  const q = terms(filter.q).map(({ text }) => text).filter((known) => known !== term && known !== negated(term)).join(" ");
  refine(withTerms({ ...filter, q }, term));
}

/** All records with a value, of all sources. @param {string} path @param {unknown} value */
export function followValue(path, value) {
  const term = fieldTerm(path, value, false);
  const { boot, start, end } = route.peek().filter;
  if (term) go({ tab: "browse", run: "", context: 0, at: 0, panel: "", filter: withTerms({ ...EVERYTHING, boot, start, end }, term) });
}

/** Shows a field in a column of its own, or no longer. @param {string} key */
export function toggleColumn(key) {
  const { columns } = route.peek();
  if (!columns.includes(key) && columns.length === COLUMNS_MAX) say(`At most ${COLUMNS_MAX} columns`, { bad: true });
  else go({ columns: columns.includes(key) ? columns.filter((known) => known !== key) : [...columns, key] }, { replace: true });
}

export const clearFilter = () => refine({ ...EVERYTHING });

/** Shows everything around a record, 30 seconds in each direction. @param {Entry} entry */
export function aroundTime(entry) {
  const at = (/** @type {number} */ ms) => new Date(entry.ms + ms).toISOString();
  go({ tab: "browse", context: 0, run: "", panel: "", at: entry.id, record: entry.id, filter: { ...EVERYTHING, start: at(-30_000), end: at(30_000) } });
}

/** Moves the time range by its own length. @param {1 | -1} step */
export function pageTime(step) {
  const { filter } = route.peek();
  const [start, end] = [boundMs(filter.start, Date.now()) ?? histogram.peek()?.startMs, boundMs(filter.end, Date.now()) ?? histogram.peek()?.endMs];
  if (start === undefined || end === undefined || end <= start) return;
  const by = step * (end - start);
  refine({ start: new Date(start + by).toISOString(), end: new Date(end + by).toISOString() });
}

/** To the upper (-1) or the lower end of the list. @param {1 | -1} end */
export const toEdge = (end) => (inTime(end) > 0 ? toNewest() : toOldest());

export const toggleOrder = () => prefer({ newest: !preferences.peek().newest });

export const toggleWrap = () => prefer({ wrap: !preferences.peek().wrap });

export function toggleLive() {
  if (route.peek().tab !== "live") go({ tab: "live", record: 0, at: 0, context: 0, run: "" });
  else go({ tab: "browse", record: 0 });
}

export function pauseOrResume() {
  if (route.peek().tab === "live" && live.peek().connection !== "idle") parts.live.toggle();
}
