// The elements of one item of the list. Log text becomes text nodes only.

import { readable } from "../lib/ansi.js";
import { display } from "../lib/display.js";
import { number } from "../lib/histogram.js";
import { allEntries, lastEntry } from "../lib/items.js";
import { hueOf, shortName, kindOf } from "../lib/sources.js";
import { clock, duration, longDay, stamp } from "../lib/time.js";

/** @typedef {import("../lib/items.js").Item} Item */
/** @typedef {import("../lib/items.js").Separator} Separator */
/** @typedef {import("../lib/display.js").Span} Span */
/** @typedef {import("../lib/ansi.js").Style} Style */

/**
 * @typedef {object} Look
 * @property {boolean} utc
 * @property {boolean} raw
 * @property {boolean} dark
 * @property {number} selected
 * @property {[number, number] | null} range ids of the rows that are chosen
 * @property {string} run whose lines are marked; empty: none
 * @property {import("../lib/match.js").Matcher | null} search
 * @property {import("../lib/match.js").Matcher | null} find
 */

const LEVEL_LETTER = { debug: "D", info: "I", warn: "W", error: "E" };

/**
 * @param {string} tag
 * @param {string} name
 * @param {string} [text]
 * @returns {HTMLElement}
 */
function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

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
 */
export function paint(target, item, index, look) {
  const parts = item.before.map((mark) => separator(mark, look.utc));
  parts.push(item.kind === "lost" ? lost(item) : row(item, look));
  parts.at(-1)?.setAttribute("aria-rowindex", String(index + 1));
  target.replaceChildren(...parts);
}

/**
 * @param {Separator} mark
 * @param {boolean} utc
 */
function separator(mark, utc) {
  const line = element("div", `separator ${mark.kind}`);
  line.setAttribute("role", "row");
  const text = mark.kind === "day" ? longDay(mark.ms, utc)
    : mark.kind === "gap" ? `${duration(mark.ms)} of silence`
      : `Machine restarted \u00b7 ${stamp(mark.ms, utc)}`;
  line.append(cell("span", "", text));
  return line;
}

/** @param {Item} item */
function lost(item) {
  const { count, from, to } = item.lost ?? { count: 0, from: 0, to: 0 };
  const line = element("div", "lost");
  line.setAttribute("role", "row");
  const inner = cell("span", "lost-text", `${number(count)} ${count === 1 ? "record" : "records"} did not reach this page`);
  inner.title = `records ${from} to ${to}`;
  const holder = cell("span", "");
  const button = element("button", "link", "Load");
  button.dataset.act = "lost";
  button.tabIndex = -1;
  holder.append(button);
  line.append(inner, holder);
  return line;
}

/**
 * @param {Item} item
 * @param {Look} look
 */
function row(item, look) {
  const { entry } = item;
  const line = element("div", `row ${entry.level}`);
  line.setAttribute("role", "row");
  line.id = `row-${entry.id}`;
  if (look.selected >= entry.id && allEntries(item).some(({ id }) => id === look.selected)) {
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
  const time = cell("time", "time", Number.isNaN(entry.ms) ? "no time" : clock(entry.ms, look.utc));
  time.title = entry.timestamp;
  const source = cell("span", `source hue-${hueOf(entry.source)}`);
  const kind = kindOf(entry.source);
  if (kind) source.append(element("span", "kind", `${kind}:`));
  source.append(element("span", "name", shortName(entry.source)));
  source.title = entry.source;
  const tools = cell("span", "tools");
  if (item.rest.length > 0) tools.append(groupChip(item));
  tools.append(copyButton());
  line.append(level, time, source, text(item, look), tools);
  return line;
}

/** @param {Item} item */
function groupChip(item) {
  const repeat = item.group === "repeat";
  const label = repeat ? `\u00d7${number(item.rest.length + 1)}` : item.open ? "fold" : `+${number(item.rest.length)}`;
  const chip = element("button", "chip", label);
  chip.dataset.act = "group";
  chip.tabIndex = -1;
  chip.setAttribute("aria-expanded", String(item.open));
  chip.title = repeat
    ? `${number(item.rest.length + 1)} times in a row, last at ${item.rest.at(-1)?.timestamp ?? ""}`
    : `${number(item.rest.length)} continuation lines`;
  return chip;
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
 * @param {Item} item
 * @param {Look} look
 */
function text(item, look) {
  const holder = cell("span", "text");
  message(holder, item.entry.message, item.open && item.group === "", look, rulesOf(item.entry));
  if (!item.open) return holder;
  for (const entry of item.rest) {
    const part = element("span", "follow");
    if (item.group === "repeat") part.append(element("span", "again", `${clock(entry.ms, look.utc)}  `));
    message(part, item.group === "repeat" ? "" : entry.message, false, look, rulesOf(entry));
    holder.append(part);
  }
  return holder;
}

/**
 * @param {HTMLElement} holder
 * @param {string} whole
 * @param {boolean} full
 * @param {Look} look
 * @param {string[]} rules by which secrets were taken out
 */
export function message(holder, whole, full, look, rules = []) {
  const shown = display(whole, { raw: look.raw, json: true, full, rules });
  const many = shown.lines.length > 1;
  shown.lines.forEach((spans, at) => {
    if (at === shown.foldAt) holder.append(more(`${number(shown.folded)} more lines`));
    const line = many ? element("span", "line") : holder;
    spansInto(line, spans, look);
    if (many) holder.append(line);
  });
  if (shown.cutChars > 0) {
    holder.append(more(full ? `${number(shown.cutChars)} more characters, too long to show` : `show all ${size(whole.length)}`));
  }
}

/** The rules by which the server took secrets out of a record. @param {import("../lib/types.js").Entry} entry */
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

/**
 * Adds spans, with matches of the search and the find bar highlighted across their borders.
 * @param {HTMLElement} line
 * @param {Span[]} spans
 * @param {Look} look
 */
function spansInto(line, spans, look) {
  const marks = look.search || look.find ? ranges(spans.map((span) => span.text).join(""), look) : [];
  let at = 0;
  for (const span of spans) {
    const target = spanElement(span, look.dark);
    const holder = target ?? line;
    let from = 0;
    for (const mark of marks) {
      const [start, end] = [Math.max(mark.start - at, from), Math.min(mark.end - at, span.text.length)];
      if (end <= start) continue;
      if (start > from) holder.append(span.text.slice(from, start));
      holder.append(element("mark", mark.name, span.text.slice(start, end)));
      from = end;
    }
    if (from < span.text.length) holder.append(from ? span.text.slice(from) : span.text);
    if (target) line.append(target);
    at += span.text.length;
  }
}

/**
 * @param {string} line
 * @param {Look} look
 */
function ranges(line, look) {
  const named = (/** @type {import("../lib/match.js").Matcher | null} */ matcher, /** @type {string} */ name) =>
    (matcher?.(line) ?? []).map(([start, end]) => ({ start, end, name }));
  return [...named(look.find, "found"), ...named(look.search, "match")].sort((a, b) => a.start - b.start);
}

/**
 * @param {Span} span
 * @param {boolean} dark
 * @returns {HTMLElement | null} null when the text needs no element of its own
 */
function spanElement(span, dark) {
  if (span.kind) {
    const made = element("span", span.kind);
    if (span.hint) made.title = span.hint;
    return made;
  }
  if (!span.style) return null;
  const { style } = span;
  const made = element(style.link ? "a" : "span", styleClasses(style));
  colour(made, style, dark);
  if (made instanceof HTMLAnchorElement) {
    made.href = style.link;
    made.target = "_blank";
    made.rel = "noopener noreferrer nofollow";
    made.tabIndex = -1;
    made.title = style.link;
  }
  return made;
}

/** @param {Style} style */
function styleClasses(style) {
  const names = [];
  for (const name of /** @type {const} */ (["bold", "dim", "italic", "underline", "strike"])) if (style[name]) names.push(name);
  const [fg, bg] = style.inverse ? [style.bg, style.fg] : [style.fg, style.bg];
  if (style.inverse && fg === null) names.push("inverse");
  if (typeof fg === "number") names.push(`f${fg}`);
  if (typeof bg === "number") names.push(`b${bg}`);
  if (typeof bg === "number" && fg === null) names.push("on-ground");
  return names.join(" ");
}

/**
 * @param {HTMLElement} target
 * @param {Style} style
 * @param {boolean} dark
 */
function colour(target, style, dark) {
  const [fg, bg] = style.inverse ? [style.bg, style.fg] : [style.fg, style.bg];
  if (typeof fg === "string") target.style.color = bg === null ? readable(fg, dark) : fg;
  if (typeof bg === "string") {
    target.style.backgroundColor = bg;
    if (fg === null) target.style.color = readable(bg, false) === bg ? "#fff" : "#000";
  }
}
