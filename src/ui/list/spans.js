// The spans of a line as elements. Log text becomes text nodes only.

import { readable } from "../lib/text/ansi.js";

/** @typedef {import("../lib/text/display.js").Span} Span */
/** @typedef {import("../lib/text/ansi.js").Style} Style */
/** @typedef {import("./row.js").Look} Look */

/**
 * @param {string} tag
 * @param {string} name
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

/**
 * Adds spans, with matches of the search and the find bar highlighted across their borders.
 * @param {HTMLElement} line
 * @param {Span[]} spans
 * @param {Look} look
 * @param {import("../lib/text/match.js").Matcher | null} hits what the server found in this record; null: it did not say
 */
export function spansInto(line, spans, look, hits) {
  const marks = look.search || look.find || hits ? ranges(spans.map((span) => span.text).join(""), look, hits) : [];
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
 * @param {import("../lib/text/match.js").Matcher | null} hits
 */
function ranges(line, look, hits) {
  const named = (/** @type {import("../lib/text/match.js").Matcher | null} */ matcher, /** @type {string} */ name) =>
    (matcher?.(line) ?? []).map(([start, end]) => ({ start, end, name }));
  return [...named(look.find, "found"), ...named(hits ?? look.search, "match")].sort((a, b) => a.start - b.start);
}

/**
 * @param {Span} span
 * @param {boolean} dark
 * @returns {HTMLElement | null} null when the text needs no element of its own
 */
function spanElement(span, dark) {
  if (span.kind === "link") return link(element("a", "link-text"), span.text);
  if (span.kind === "chip") return chip(span);
  if (span.kind) {
    const made = element("span", span.kind);
    if (span.hint) made.title = span.hint;
    return made;
  }
  if (!span.style) return null;
  const { style } = span;
  const made = element(style.link ? "a" : "span", styleClasses(style));
  colour(made, style, dark);
  return style.link ? link(made, style.link) : made;
}

/** @param {HTMLElement} made @param {string} target */
function link(made, target) {
  if (made instanceof HTMLAnchorElement) {
    made.href = target;
    made.target = "_blank";
    made.rel = "noopener noreferrer nofollow";
    made.tabIndex = -1;
    made.title = target;
  }
  return made;
}

/** @param {Span} span */
function chip({ hint }) {
  const button = element("button", "chip");
  button.dataset.act = "group";
  if (button instanceof HTMLButtonElement) button.tabIndex = -1;
  button.title = hint;
  return button;
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
