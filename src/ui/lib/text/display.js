// A message as rows show it: lines of styled, marked and harmless spans, truncated if it is too long for a list.

import { styled } from "./ansi.js";
import { cells, isPlain, wrapped } from "./cells.js";
import { tone } from "./fields.js";
import { jsonLine } from "./json.js";
import { MASK, masked } from "./secrets.js";
import { afterReturns, expandTabs, pieces } from "./visible.js";

/** @typedef {import("./ansi.js").Style} Style */
/** @typedef {"" | "hidden" | "redacted" | "key" | "value" | "bad" | "doubtful" | "link" | "overwritten" | "raw" | "cause" | "chip"} Kind */
/** @typedef {{text: string, kind: Kind, style: Style | null, hint: string}} Span */
/** @typedef {import("./fields.js").Field} Field */

/**
 * @typedef {object} Display
 * @property {Span[][]} lines
 * @property {number} foldAt the line before which others were left out; -1: none
 * @property {number} folded how many
 * @property {number} cutChars characters left out at the end
 */

/**
 * How to show a message.
 * @typedef {object} Mode
 * @property {boolean} raw bytes as they are
 * @property {boolean} json JSON as fields
 * @property {boolean} full nothing left out
 * @property {string[]} [rules] by which secrets were taken out before
 * @property {readonly Field[]} [fields] of the record, behind its message
 * @property {string} [cause] what a folded trace comes down to
 * @property {{text: string, hint: string} | null} [chip] what opens and folds further records
 */

/** A longer message is truncated in the list: about six lines of text. */
const CHARS_MAX = 1024;
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
  // folded before it is cut: the end of a long message is one of its ends
  const whole = message.length > FULL_CHARS_MAX ? wholeChars(message.slice(0, FULL_CHARS_MAX)) : message;
  const json = mode.json && !mode.raw && whole.length <= CHARS_MAX ? jsonLine(masked(whole).text) : null;
  const sourceLines = (json ? json.message : whole).replace(/\r?\n$/, "").split("\n");
  const fold = !mode.full && sourceLines.length > LINES_MAX;
  const kept = fold ? [...sourceLines.slice(0, FOLD_HEAD), ...sourceLines.slice(-FOLD_TAIL)] : sourceLines;
  const { text, cut } = mode.full ? { text: kept.join("\n"), cut: 0 } : shortened(kept.join("\n"));
  const net = masked(text);
  net.rules.push(...(mode.rules ?? []));
  const lines = net.text.split("\n").map((line) => lineSpans(line, mode.raw, net.rules));
  const fields = mode.raw ? [] : [...(json?.fields.map(([key, value]) => /** @type {Field} */ ([key, value, tone(key, value)])) ?? []), ...(mode.fields ?? [])];
  if (fields.length > 0) lines.at(-1)?.push(...fieldSpans(fields, (lines.at(-1)?.length ?? 0) > 0, net.rules));
  if (mode.cause && !mode.raw) lines[0]?.push({ text: `  \u2192 ${masked(mode.cause).text}`, kind: "cause", style: null, hint: "" });
  if (mode.chip) lines[0]?.push({ text: ` ${mode.chip.text} `, kind: "chip", style: null, hint: mode.chip.hint });
  return {
    lines,
    foldAt: fold ? FOLD_HEAD : -1,
    folded: sourceLines.length - kept.length,
    cutChars: cut + message.length - whole.length,
  };
}

/** @param {string} text */
function shortened(text) {
  if (text.length <= CHARS_MAX) return { text, cut: 0 };
  const short = wholeChars(text.slice(0, CHARS_MAX));
  return { text: short, cut: text.length - short.length };
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
    if (first) spans.push(...tellingSpans(first, style));
    for (const after of rest) {
      const rule = rules.length > 0 ? ` (${[...new Set(rules)].join(", ")})` : "";
      spans.push({ text: MASK, kind: "redacted", style: null, hint: `A secret was redacted here${rule}` });
      if (after) spans.push(...tellingSpans(after, style));
    }
  }
  return { spans, column };
}

/** An address, or the status of an access log's line. */
const TELLING = /(https?:\/\/[^\s"'<>()[\]{}\\^`|]*[^\s"'<>()[\]{}\\^`|.,;:!?])|(?<=HTTP\/[\d.]{1,3}" )([45]\d\d)\b/g;

/**
 * @param {string} text
 * @param {Style | null} style
 * @returns {Span[]}
 */
function tellingSpans(text, style) {
  if (!text.includes("://") && !text.includes("HTTP/")) return [{ text, kind: "", style, hint: "" }];
  /** @type {Span[]} */
  const spans = [];
  let last = 0;
  for (const match of text.matchAll(TELLING)) {
    if (match.index > last) spans.push({ text: text.slice(last, match.index), kind: "", style, hint: "" });
    const kind = match[1] ? "link" : Number(match[2]) >= 500 ? "bad" : "doubtful";
    spans.push({ text: match[0], kind, style: null, hint: match[1] ?? "" });
    last = match.index + match[0].length;
  }
  if (last < text.length) spans.push({ text: text.slice(last), kind: "", style, hint: "" });
  return spans;
}

/**
 * @param {readonly Field[]} fields
 * @param {boolean} blank
 * @param {string[]} rules
 */
function fieldSpans(fields, blank, rules) {
  /** @type {Span[]} */
  const spans = [];
  for (const [name, value, trouble] of fields) {
    const lead = blank || spans.length > 0 ? "  " : "";
    spans.push({ text: `${lead}${name}=`, kind: "key", style: null, hint: "" });
    const text = masked(value.replaceAll("\n", "\u240a")).text;
    for (const span of textSpans(text, null, rules, 0).spans) spans.push(span.kind === "" ? { ...span, kind: trouble || "value" } : span);
  }
  return spans;
}

/** Text of a display, as tests and screen readers want it. @param {Display} shown */
export const displayText = (shown) => shown.lines.map((line) => line.map((span) => span.text).join("")).join("\n");

/** @param {Span[]} line */
const lineText = (line) => line.map((span) => span.text).join("");

/**
 * The number of lines of a message at a width, and its width if it is not wrapped.
 * @param {string} message
 * @param {Mode} mode
 * @param {number} columns 0: lines do not wrap
 * @returns {{lines: number, width: number, exact: boolean}} `exact`: the browser cannot break the lines elsewhere
 */
export function measure(message, mode, columns) {
  const bare = !mode.fields?.length && !mode.cause && !mode.chip;
  const simple = bare && message.length <= CHARS_MAX && isPlain(message) && message.charCodeAt(0) !== 0x7b;
  if (simple && message.length <= (columns || Infinity)) return { lines: 1, width: message.length, exact: true };
  const shown = simple && masked(message).rules.length === 0 ? null : display(message, mode);
  if (!shown) return { lines: wrapped(message, columns), width: message.length, exact: !columns };
  let lines = (shown.foldAt >= 0 ? 1 : 0) + (shown.cutChars > 0 ? 1 : 0);
  let width = 0;
  let broken = false;
  for (const line of shown.lines) {
    const text = lineText(line);
    const lineWidth = cells(text);
    width = Math.max(width, lineWidth);
    const taken = columns ? wrapped(text, columns) : 1;
    broken ||= taken > 1;
    lines += taken;
  }
  return { lines, width, exact: !broken && isPlain(displayText(shown).replaceAll("\n", "")) };
}
