// The elements of one item of the list.

import { display } from "../lib/text/display.js";
import { fieldAt, payload } from "../lib/text/fields.js";
import { found } from "../lib/text/match.js";
import { count, number } from "../lib/histogram.js";
import { allEntries, causeOf, lastEntry } from "../lib/rows/items.js";
import { hueOf, shortName, kindOf } from "../lib/sources.js";
import { masked } from "../lib/text/secrets.js";
import { ago, clock, duration, longDay, stamp } from "../lib/time.js";
import { element, spansInto } from "./spans.js";

/** @typedef {import("../lib/types.js").Entry} Entry */
/** @typedef {import("../lib/rows/items.js").Item} Item */
/** @typedef {import("../lib/rows/items.js").Separator} Separator */

/**
 * @typedef {object} Look
 * @property {boolean} utc
 * @property {boolean} raw
 * @property {boolean} dark
 * @property {boolean} fields whether rows show the fields of structured records
 * @property {boolean} relative times as their distance from now
 * @property {boolean} tint whether rows of errors have a background: not where most are errors
 * @property {boolean} narrowed whether a filter leaves out records
 * @property {number} selected
 * @property {[number, number] | null} range ids of the rows that are chosen
 * @property {readonly string[]} columns fields that have columns of their own
 * @property {string} run whose lines are marked; empty: none
 * @property {import("../lib/text/match.js").Matcher | null} search
 * @property {import("../lib/text/match.js").Matcher | null} find
 */

/** @type {Look} */
export const PLAIN_LOOK = Object.freeze({
  utc: false, raw: false, dark: false, fields: true, relative: false, tint: true, narrowed: false, selected: 0, range: null, columns: [], run: "", search: null, find: null,
});

const LEVEL_LETTER = { debug: "", info: "", warn: "W", error: "E" };

/**
 * @param {string} tag
 * @param {string} name
 * @param {string} [text]
 */
function cell(tag, name, text) {
  const made = element(tag, name, text);
  made.setAttribute("role", "gridcell");
  return made;
}

/** An empty item for `paint`. */
export function blank() {
  const item = element("div", "item");
  item.setAttribute("role", "rowgroup");
  return item;
}

/**
 * Fills an element with an item.
 * @param {HTMLElement} target
 * @param {Item} item
 * @param {number} index of the item in the list, from 0
 * @param {Look} look
 * @param {boolean} newestFirst whether the items before it are below it
 */
export function paint(target, item, index, look, newestFirst) {
  const marks = item.before.map((mark) => separator(mark, look, newestFirst));
  const main = item.kind === "lost" ? lost(item) : row(item, look);
  main.setAttribute("aria-rowindex", String(index + 1));
  target.replaceChildren(...(newestFirst ? [main, ...marks] : [...marks, main]));
}

/**
 * @param {Separator} mark
 * @param {Look} look
 * @param {boolean} newestFirst
 */
function separator(mark, { utc, narrowed }, newestFirst) {
  const line = element("div", `separator ${mark.kind}`);
  line.setAttribute("role", "row");
  const text = mark.kind === "day" ? longDay(newestFirst ? mark.earlier : mark.ms, utc)
    : mark.kind === "gap" ? `${duration(mark.ms)} without ${narrowed ? "a match" : "records"}`
      : `Machine restarted \u00b7 ${stamp(mark.ms, utc)}`;
  line.append(cell("span", "", text));
  return line;
}

/** @param {Item} item */
function lost(item) {
  const { count: missing, from, to } = item.lost ?? { count: 0, from: 0, to: 0 };
  const line = element("div", "lost");
  line.setAttribute("role", "row");
  const inner = cell("span", "lost-text", `${count(missing, "record")} did not reach this page`);
  inner.title = `records ${from} to ${to}`;
  const holder = cell("span", "");
  const button = element("button", "link", "Load");
  button.dataset.act = "lost";
  button.tabIndex = -1;
  holder.append(button);
  line.append(inner, holder);
  return line;
}

/** Whether an item holds the open record. @param {Item} item @param {Look} look */
export const isSelected = (item, { selected }) => selected >= item.entry.id && allEntries(item).some(({ id }) => id === selected);

/**
 * @param {Item} item
 * @param {Look} look
 */
function row(item, look) {
  const { entry } = item;
  const line = element("div", `row ${entry.level}${look.tint && entry.level === "error" ? " tinted" : ""}`);
  line.setAttribute("role", "row");
  line.id = `row-${entry.id}`;
  if (isSelected(item, look)) {
    line.classList.add("selected");
    line.setAttribute("aria-selected", "true");
  }
  if (look.range && entry.id <= look.range[1] && lastEntry(item).id >= look.range[0]) {
    line.classList.add("ranged");
    line.setAttribute("aria-selected", "true");
  }
  if (look.run && entry.metadata?.run_id === look.run) line.classList.add("of-run");
  const level = cell("span", "level", LEVEL_LETTER[entry.level] ?? "?");
  level.title = entry.level;
  level.setAttribute("aria-label", entry.level);
  const source = cell("span", `source hue-${hueOf(entry.source)}`);
  source.append(element("i", `kind-icon kind-${kindOf(entry.source) || "plain"}`), element("span", "name", shortName(entry.source)));
  source.title = entry.source;
  const tools = cell("span", "row-tools");
  tools.append(copyButton());
  line.append(level, timeCell(entry, look), source, ...look.columns.map((key) => columnCell(entry, key)), text(item, look), tools);
  return line;
}

/** @param {Entry} entry @param {string} key */
function columnCell({ metadata }, key) {
  const [, value, trouble] = fieldAt(metadata, key) ?? ["", "", ""];
  const shown = masked(value).text;
  const made = cell("span", `column ${trouble}`, shown);
  if (shown) made.title = `${key}: ${shown}`;
  return made;
}

/** @param {Entry} entry @param {Look} look */
function timeCell(entry, look) {
  const time = cell("time", "time");
  time.title = entry.timestamp;
  if (Number.isNaN(entry.ms)) time.textContent = "no time";
  else if (look.relative) time.textContent = ago(entry.ms, Date.now());
  else {
    const shown = clock(entry.ms, look.utc);
    time.append(shown.slice(0, 8), element("span", "fraction", shown.slice(8)));
  }
  return time;
}

/** What opens and folds an item of several records. @param {Item} item */
function chipOf({ rest, group, entry, open }) {
  const last = rest.at(-1);
  if (!last) return null;
  if (group !== "repeat") return { text: open ? "fold" : `+${count(rest.length, "line")}`, hint: `${count(rest.length, "further line")} of this record` };
  const over = last.ms - entry.ms >= 1000 ? ` over ${duration(last.ms - entry.ms)}` : "";
  return { text: `\u00d7${number(rest.length + 1)}${over}`, hint: `${number(rest.length + 1)} times in a row, last at ${last.timestamp}` };
}

function copyButton() {
  const button = element("button", "copy");
  button.dataset.act = "copy";
  button.tabIndex = -1;
  button.title = "Copy line";
  button.setAttribute("aria-label", "Copy line");
  return button;
}

/**
 * How an item's message is shown: its height and its text come from the same.
 * @param {Item} item
 * @param {Pick<Look, "raw" | "fields" | "columns">} look
 * @returns {import("../lib/text/display.js").Mode}
 */
export function modeOf(item, { raw, fields, columns }) {
  const shown = fields && !raw;
  return {
    raw, json: true, full: item.open && item.group === "", fields: shown ? payload(item.entry.metadata, columns) : [],
    cause: item.open || raw ? "" : causeOf(item), chip: chipOf(item),
  };
}

/**
 * @param {Item} item
 * @param {Look} look
 */
function text(item, look) {
  const { entry } = item;
  const holder = cell("span", "text");
  message(holder, entry.message, modeOf(item, look), look, rulesOf(entry), found(entry));
  if (item.open && item.group !== "") {
    for (const follower of item.rest) {
      const line = element("span", "follow");
      if (item.group === "trace") message(line, follower.message, { raw: look.raw, json: true, full: false }, look, rulesOf(follower), found(follower));
      else line.append(element("span", "again", clock(follower.ms, look.utc)));
      holder.append(line);
    }
  }
  return holder;
}

/**
 * Appends a message to an element.
 * @param {HTMLElement} holder
 * @param {string} whole
 * @param {import("../lib/text/display.js").Mode} mode
 * @param {Look} look
 * @param {string[]} [rules]
 * @param {import("../lib/text/match.js").Matcher | null} [hits]
 */
export function message(holder, whole, mode, look, rules = [], hits = null) {
  const shown = display(whole, { ...mode, rules });
  const many = shown.lines.length > 1 || shown.foldAt >= 0;
  shown.lines.forEach((spans, at) => {
    if (at === shown.foldAt) holder.append(more(`${number(shown.folded)} more lines`));
    const line = many ? element("span", "line") : holder;
    spansInto(line, spans, look, hits);
    if (many) holder.append(line);
  });
  if (shown.foldAt >= shown.lines.length) holder.append(more(`${number(shown.folded)} more lines`));
  if (shown.cutChars > 0) {
    holder.append(more(mode.full ? `${number(shown.cutChars)} more characters, too long to show` : `show all ${size(whole.length)}`));
  }
}

/** The rules by which the server took secrets out of a record. @param {Entry} entry */
export function rulesOf({ metadata }) {
  const rules = metadata?.redacted;
  return Array.isArray(rules) ? rules.map(String) : [];
}

/** @param {number} chars */
const size = (chars) => (chars < 10_240 ? `${number(chars)} characters` : `${number(Math.round(chars / 1024))} KB`);

/** @param {string} label */
function more(label) {
  const button = element("button", "more", label);
  button.dataset.act = "more";
  button.tabIndex = -1;
  return button;
}
