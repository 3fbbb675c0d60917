// A message as rows show it: lines of styled, marked and harmless spans, truncated if it is too long for a list.

import { styled } from "./ansi.js";
import { cells, isPlain, wrapped } from "./cells.js";
import { jsonLine } from "./json.js";
import { MASK, masked } from "./secrets.js";
import { afterReturns, expandTabs, pieces } from "./visible.js";

/** @typedef {import("./ansi.js").Style} Style */
/** @typedef {"" | "hidden" | "redacted" | "key" | "overwritten" | "raw"} Kind */
/** @typedef {{text: string, kind: Kind, style: Style | null, hint: string}} Span */

/**
 * @typedef {object} Display
 * @property {Span[][]} lines
 * @property {number} foldAt the line before which others were left out; -1: none
 * @property {number} folded how many
 * @property {number} cutChars characters left out at the end
 */

/** @typedef {{raw: boolean, json: boolean, full: boolean, rules?: string[]}} Mode how to show: bytes as they are, JSON as fields, nothing left out; `rules`: by which secrets were taken out before */

/** A longer message is truncated in the list: half a screen of text. */
const CHARS_MAX = 2048;
/** Maximum even when the whole message is requested: laying out more would block the page. */
const FULL_CHARS_MAX = 256 * 1024;
/** A message of more lines is folded to its first and last ones: the name of an exception is at either end. */
const LINES_MAX = 9;
const FOLD_HEAD = 4;
const FOLD_TAIL = 2;

/**
 * @param {string} message
 * @param {Mode} mode
 * @returns {Display}
 */
export function display(message, mode) {
  const most = mode.full ? FULL_CHARS_MAX : CHARS_MAX;
  const text = message.length > most ? wholeChars(message.slice(0, most)) : message;
  const cutChars = message.length - text.length;
  const net = masked(text);
  net.rules.push(...(mode.rules ?? []));
  const json = mode.json && !mode.raw && cutChars === 0 ? jsonLine(net.text) : null;
  const sourceLines = (json ? json.message : net.text).replace(/\r?\n$/, "").split("\n");
  const fold = !mode.full && sourceLines.length > LINES_MAX;
  const shown = fold ? [...sourceLines.slice(0, FOLD_HEAD), ...sourceLines.slice(-FOLD_TAIL)] : sourceLines;
  const lines = shown.map((line) => lineSpans(line, mode.raw, net.rules));
  if (json) lines.at(-1)?.push(...fieldSpans(json.fields, json.message !== "", net.rules));
  return {
    lines,
    foldAt: fold ? FOLD_HEAD : -1,
    folded: sourceLines.length - shown.length,
    cutChars,
  };
}

/** Without half a surrogate pair at the end. @param {string} text */
const wholeChars = (text) => text.replace(/[\ud800-\udbff]$/, "");

/**
 * @param {string} line
 * @param {boolean} raw
 * @param {string[]} rules
 * @returns {Span[]}
 */
function lineSpans(line, raw, rules) {
  if (raw) return textSpans(line, null, rules, 0).spans;
  const { text, overwritten } = afterReturns(line.replace(/\r$/, ""));
  /** @type {Span[]} */
  const spans = [];
  let column = 0;
  for (const part of styled(text)) {
    const made = textSpans(part.text, part.style, rules, column);
    spans.push(...made.spans);
    column = made.column;
  }
  if (overwritten > 0) {
    const hint = `${overwritten} earlier ${overwritten === 1 ? "version" : "versions"} of this line. Raw text shows them.`;
    spans.push({ text: ` \u21ba${overwritten}`, kind: "overwritten", style: null, hint });
  }
  return spans;
}

/**
 * @param {string} text
 * @param {Style | null} style
 * @param {string[]} rules
 * @param {number} column
 */
function textSpans(text, style, rules, column) {
  /** @type {Span[]} */
  const spans = [];
  for (const piece of pieces(expandTabs(text, column))) {
    column += piece.text.length;
    if (piece.hidden) {
      spans.push({ text: piece.text, kind: "hidden", style: null, hint: "an invisible character" });
      continue;
    }
    const [first = "", ...rest] = piece.text.split(MASK);
    if (first) spans.push({ text: first, kind: "", style, hint: "" });
    for (const after of rest) {
      const rule = rules.length > 0 ? ` (${[...new Set(rules)].join(", ")})` : "";
      spans.push({ text: MASK, kind: "redacted", style: null, hint: `A secret was redacted here${rule}` });
      if (after) spans.push({ text: after, kind: "", style, hint: "" });
    }
  }
  return { spans, column };
}

/**
 * @param {[string, string][]} fields
 * @param {boolean} blank
 * @param {string[]} rules
 */
function fieldSpans(fields, blank, rules) {
  /** @type {Span[]} */
  const spans = [];
  for (const [name, value] of fields) {
    const lead = blank || spans.length > 0 ? "  " : "";
    spans.push({ text: `${lead}${name}=`, kind: "key", style: null, hint: "" });
    spans.push(...textSpans(value.replaceAll("\n", "\u240a"), null, rules, 0).spans);
  }
  return spans;
}

/** Text of a display, as tests and screen readers want it. @param {Display} shown */
export const displayText = (shown) => shown.lines.map((line) => line.map((span) => span.text).join("")).join("\n");

/** @param {Span[]} line */
export const lineCells = (line) => line.reduce((sum, span) => sum + cells(span.text), 0);

// Messages that need more than one plain line: JSON, secrets, anything but printable ASCII.
const SIMPLE_MAX = CHARS_MAX;

/**
 * The number of lines of a message at a width, and its width if it is not wrapped.
 * @param {string} message
 * @param {Mode} mode
 * @param {number} columns 0: lines do not wrap
 * @returns {{lines: number, width: number, exact: boolean}} `exact`: no character's width had to be guessed
 */
export function measure(message, mode, columns) {
  const simple = message.length <= SIMPLE_MAX && isPlain(message) && message.charCodeAt(0) !== 0x7b;
  if (simple && message.length <= (columns || Infinity)) return { lines: 1, width: message.length, exact: true };
  const shown = simple && masked(message).rules.length === 0 && !message.includes(MASK) ? null : display(message, mode);
  if (!shown) return { lines: wrapped(message.length, columns), width: message.length, exact: true };
  let lines = shown.foldAt >= 0 || shown.cutChars > 0 ? 1 : 0;
  let width = 0;
  for (const line of shown.lines) {
    const lineWidth = lineCells(line);
    width = Math.max(width, lineWidth);
    lines += columns ? wrapped(lineWidth, columns) : 1;
  }
  return { lines, width, exact: isPlain(displayText(shown).replaceAll("\n", "")) };
}
