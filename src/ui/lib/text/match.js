// The parts of a text that match a search, to highlight them. The server decides which records match, and says where.

import { stripped } from "./ansi.js";

/** @typedef {(text: string) => [number, number][]} Matcher start and end of each match, in order, none empty */

const MATCHES_MAX = 200;

/** @param {RegExp | null} expression with the flag `g` @returns {Matcher | null} */
export function matcherOf(expression) {
  if (!expression) return null;
  return (text) => {
    /** @type {[number, number][]} */
    const matches = [];
    for (const match of text.matchAll(expression)) {
      if (match[0]) matches.push([match.index, match.index + match[0].length]);
      if (matches.length >= MATCHES_MAX) break;
    }
    return matches;
  };
}

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Matches of a plain text, in any case. @param {string} text @returns {Matcher | null} */
export const textMatcher = (text) => (text ? matcherOf(new RegExp(escaped(text), "giu")) : null);

/**
 * The texts that the server found in a record. The row shows them wherever they are: what it shows differs from what is stored, by
 * colors, fields and hidden characters.
 * @param {import("../types.js").Entry} entry
 * @returns {Matcher | null} null: the server was not asked
 */
export function found({ message, metadata, positions }) {
  if (!positions) return null;
  /** @type {Set<string>} */
  const texts = new Set();
  cut(message, positions.message ?? [], texts);
  for (const [path, ranges] of Object.entries(positions.metadata ?? {})) {
    const value = at(metadata, path);
    if (value !== undefined) cut(typeof value === "string" ? value : JSON.stringify(value), ranges, texts);
  }
  if (texts.size === 0) return () => [];
  const longest = [...texts].sort((a, b) => b.length - a.length).map(escaped);
  return matcherOf(new RegExp(longest.join("|"), "gu"));
}

/**
 * @param {string} text
 * @param {[number, number][]} ranges of bytes
 * @param {Set<string>} texts
 */
function cut(text, ranges, texts) {
  if (ranges.length === 0) return;
  // one byte a character
  const plain = /^[\u0000-\u007f]*$/.test(text);
  const bytes = plain ? null : new TextEncoder().encode(text);
  for (const [start, end] of ranges.slice(0, MATCHES_MAX)) {
    const part = bytes ? new TextDecoder().decode(bytes.subarray(start, end)) : text.slice(start, end);
    for (const line of stripped(part).split("\n")) if (line) texts.add(line);
  }
}

/**
 * @param {unknown} value
 * @param {string} path keys and places in lists, parted by dots
 * @returns {unknown}
 */
function at(value, path) {
  if (value === null || typeof value !== "object") return undefined;
  const object = /** @type {Record<string, unknown>} */ (value);
  if (path in object) return object[path];
  for (let dot = path.indexOf("."); dot > 0; dot = path.indexOf(".", dot + 1)) {
    const inner = at(object[path.slice(0, dot)], path.slice(dot + 1));
    if (inner !== undefined) return inner;
  }
  return undefined;
}
