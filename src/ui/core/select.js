// A range of selected rows. The selection of the browser covers only rows that are drawn.

import * as act from "./actions.js";
import { copy } from "./clipboard.js";
import { count } from "../lib/histogram.js";
import { readRange, writeRoute } from "../lib/query/route.js";
import { go, live, route } from "./state.js";

/** @typedef {import("../lib/types.js").Entry} Entry */

/** The fixed end of the range; `head` is the other one. */
let anchor = 0;
let head = 0;

/** @param {number} id */
function reach(id) {
  const range = readRange(route.peek().select);
  if (!range) anchor = route.peek().record || id;
  else if (!range.includes(anchor)) [anchor] = range; // it came with the address
  choose(anchor, id);
}

/** @param {number} from @param {number} to */
function choose(from, to) {
  [anchor, head] = [from, to];
  if (route.peek().tab === "live" && live.peek().connection !== "idle") act.parts.live.pause();
  // the open record would cover the rows
  go({ select: `${Math.min(from, to)}-${Math.max(from, to)}`, record: 0 }, { replace: true });
}

/** Extends the range to a record. @param {Entry} entry */
export const extendTo = (entry) => reach(entry.id);

/** Extends the range by one row down or up the list. @param {1 | -1} way */
export function extendBy(way) {
  const step = act.inTime(way);
  if (!route.peek().select) head = route.peek().record;
  const next = act.list().next(head, step);
  if (!next) return;
  reach(next.id);
  act.list().show(next.id, "near");
}

export function selectAll() {
  const { firstId, lastId } = act.list();
  if (firstId) choose(firstId, lastId);
}

export function clearSelection() {
  go({ select: "" }, { replace: true });
}

/** The loaded records of the range. @returns {Entry[]} */
export function selected() {
  const range = readRange(route.peek().select);
  if (!range) return [];
  return [...act.list().entries()].filter(({ id }) => id >= range[0] && id <= range[1]);
}

const asText = () => selected().map(act.lineOf).join("\n");

/** Copies the selected rows as Markdown. */
export const copySelectedMarkdown = () => copy(act.markdownOf(selected()), "Markdown");

export const copySelected = () => copy(asText(), count(selected().length, "line"));

/** Copies a link to the selected rows. */
export function copySelectedLink() {
  const range = readRange(route.peek().select);
  const path = writeRoute({ ...route.peek(), record: 0, at: range?.[0] ?? 0 });
  return copy(new URL(path, location.origin + location.pathname).href, "Link");
}

export function saveSelected() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${asText()}\n`], { type: "text/plain" }));
  link.download = `vmlog-${route.peek().select}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
