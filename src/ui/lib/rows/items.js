// Turns records into items of the list: counts repetitions, folds continuation lines under their first line, and adds separators
// between days, boots and long gaps in time.

import { payload } from "../text/fields.js";
import { day } from "../time.js";

/** @typedef {import("../types.js").Entry} Entry */
/** @typedef {{kind: "day" | "gap" | "boot", ms: number, earlier: number}} Separator `ms`: when, or of a gap how long; `earlier`: when the record before it was written */

/**
 * @typedef {object} Item
 * @property {"row" | "lost"} kind `lost`: records that did not reach the page
 * @property {Entry} entry the row's head; for `lost` the record that follows it
 * @property {Entry[]} rest records that are counted or folded under the head
 * @property {"" | "repeat" | "trace"} group
 * @property {Separator[]} before
 * @property {boolean} open whether all of it is shown
 * @property {{from: number, to: number, count: number} | null} lost
 * @property {number} height pixels; set by the list
 * @property {boolean} exact whether the height is known to be right
 */

/** A gap in time that is marked. */
const GAP_MS = 10 * 60_000;
/** Fewer continuation lines are not folded. */
const TRACE_MIN = 3;
/** Maximum number of records in a group, so that an expanded group can be drawn. */
const GROUP_MAX = 500;

const CONTINUATION = /^(?:\s+at\s|\s+File "|\s+\.{3} \d+ more|\t|\s{4,}\S|Caused by: |\s+\^+\s*$|goroutine \d+ \[|\s+\d+: 0x|\s+\d+: [\w<:]+$)/;

/**
 * @param {Entry} entry
 * @returns {Item}
 */
export function rowItem(entry) {
  return {
    kind: "row", entry, rest: [], group: "", before: [], open: false, lost: null, height: 0, exact: true,
  };
}

/**
 * @param {Entry} next
 * @param {{from: number, to: number, count: number}} lost
 * @returns {Item}
 */
export function lostItem(next, lost) {
  return { ...rowItem(next), kind: "lost", lost };
}

/**
 * Items of records in order.
 * @param {readonly Entry[]} entries
 * @param {{utc: boolean, previous?: Item | undefined}} options `previous`: the last item so far; it takes in what belongs to it
 * @returns {Item[]} new items, without `previous`
 */
export function itemsOf(entries, { utc, previous }) {
  /** @type {Item[]} */
  const items = [];
  let last = previous;
  for (let i = 0; i < entries.length; i += 1) {
    const entry = /** @type {Entry} */ (entries[i]);
    if (last && belongs(last, entry, entries, i)) {
      last.rest.push(entry);
      continue;
    }
    const item = rowItem(entry);
    item.before = last ? separators(lastEntry(last), entry, utc) : [];
    items.push(item);
    last = item;
  }
  return items;
}

/** @param {Item} item */
export const lastEntry = (item) => item.rest.at(-1) ?? item.entry;

/** @param {Item} item */
export const allEntries = (item) => (item.kind === "row" ? [item.entry, ...item.rest] : []);

/**
 * Whether a record belongs to the previous item; sets the group of that item if it does.
 * @param {Item} item
 * @param {Entry} entry
 * @param {readonly Entry[]} entries
 * @param {number} at
 */
function belongs(item, entry, entries, at) {
  const { entry: head } = item;
  if (item.kind !== "row" || head.source !== entry.source || item.rest.length >= GROUP_MAX) return false;
  // two streams of one container do not continue each other
  if (head.metadata?.stream !== entry.metadata?.stream) return false;
  if (item.group !== "trace" && repeats(head, entry)) {
    item.group = "repeat";
    return true;
  }
  if (item.group === "trace") return isMarked(entry) || isContinuation(entry) || startsTrace(entry);
  if (item.group === "repeat") return false;
  if (isMarked(entry)) {
    item.group = "trace";
    return true;
  }
  // a head that only announces: `job failed`, then `Traceback (most recent call last):` and its frames
  const next = entries[at + 1];
  if (startsTrace(entry) && head.level === entry.level && next && isMarked(next) && next.source === head.source && entry.ms - head.ms < 50) {
    item.group = "trace";
    return true;
  }
  if (!isContinuation(entry) || isContinuation(head)) return false;
  const follows = entries.slice(at, at + TRACE_MIN);
  if (follows.length < TRACE_MIN || follows.some((next) => next.source !== head.source || !isContinuation(next))) return false;
  item.group = "trace";
  return true;
}

/** @param {Entry} entry */
const isContinuation = (entry) => CONTINUATION.test(entry.message);

/** Whether the server has marked a record as a further line of an event. @param {Entry} entry */
const isMarked = (entry) => entry.metadata?.continues === true;

/** @param {Entry} entry */
const startsTrace = (entry) => entry.message.startsWith("Traceback (most recent call last)");

/** Whether a record says the same, with the same fields. @param {Entry} a @param {Entry} b */
function repeats(a, b) {
  if (a.message !== b.message || a.level !== b.level) return false;
  if (!a.metadata || !b.metadata) return true;
  return JSON.stringify(payload(a.metadata)) === JSON.stringify(payload(b.metadata));
}

const EXCEPTION = /^(?:[\w$]+[.:]{1,2})*[A-Z]\w*(?:Error|Exception|Fault|Panic|Exit|Interrupt|Warning)\b/;

/**
 * What a folded trace comes down to: its exception and the root cause, as far as its head does not say them.
 * @param {Item} item
 */
export function causeOf({ group, entry, rest }) {
  if (group !== "trace") return "";
  const lines = rest.map(({ message }) => message.trim());
  const exceptions = lines.filter((line) => EXCEPTION.test(line));
  // Python says it last, others first
  const python = [entry.message, ...lines].some((line) => line.startsWith("Traceback (most recent call last)"));
  const exception = EXCEPTION.test(entry.message) ? "" : (python ? exceptions.at(-1) : exceptions[0]) ?? lines.find((line) => line.startsWith("Out of memory:")) ?? "";
  const root = lines.findLast((line) => line.startsWith("Caused by: "))?.replace("Caused by: ", "") ?? "";
  const said = [exception, root ? `${exception ? "caused by " : ""}${root}` : ""].filter((text) => text && !entry.message.includes(text));
  return said.join(", ").slice(0, 300);
}

/**
 * @param {Entry} above
 * @param {Entry} entry
 * @param {boolean} utc
 * @returns {Separator[]}
 */
export function separators(above, entry, utc) {
  /** @type {Separator[]} */
  const out = [];
  const [bootAbove, boot] = [bootOf(above), bootOf(entry)];
  if (boot && bootAbove && boot !== bootAbove) out.push({ kind: "boot", ms: entry.ms, earlier: above.ms });
  if (sameDay(above.ms, entry.ms, utc) === false) out.push({ kind: "day", ms: entry.ms, earlier: above.ms });
  else if (entry.ms - above.ms >= GAP_MS) out.push({ kind: "gap", ms: entry.ms - above.ms, earlier: above.ms });
  return out;
}

/**
 * @param {number} a
 * @param {number} b
 * @param {boolean} utc
 */
function sameDay(a, b, utc) {
  if (Math.abs(a - b) >= 864e5) return false;
  return a === b || day(a, utc) === day(b, utc);
}

/** @param {Entry} entry */
function bootOf(entry) {
  const boot = entry.metadata?.boot_id ?? entry.metadata?._BOOT_ID;
  return typeof boot === "string" ? boot : "";
}
