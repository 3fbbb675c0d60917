// Makes invisible characters visible, and those that change the display of others.

import { stripped } from "./ansi.js";

// C0 without tab and line feed, DEL, C1; bidirectional controls; zero-width and other invisible characters; line and
// paragraph separators; the byte order mark; tag characters; unpaired surrogates.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

const ANY = new RegExp(HIDDEN.source, "u");

/** @type {Record<number, string>} */
const NAMES = {
  0x7f: "DEL", 0xad: "SHY", 0x61c: "ALM", 0x180e: "MVS", 0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM",
  0x200f: "RLM", 0x2028: "LS", 0x2029: "PS", 0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO",
  0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
};
const C0 = ["NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI", "DLE",
  "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"];

/** @typedef {{text: string, hidden: boolean}} Piece a run of plain text, or the name of one hidden character */

/** @param {string} text */
export const hasHidden = (text) => ANY.test(text);

/**
 * Splits a text into displayable runs and names of invisible characters. A joiner between emoji is part of the picture and stays.
 * @param {string} text
 * @returns {Piece[]}
 */
export function pieces(text) {
  if (!hasHidden(text)) return text ? [{ text, hidden: false }] : [];
  /** @type {Piece[]} */
  const out = [];
  let last = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match[0] === "\u200d" && joinsEmoji(text, match.index)) continue;
    if (match.index > last) out.push({ text: text.slice(last, match.index), hidden: false });
    out.push({ text: nameOf(match[0].codePointAt(0) ?? 0), hidden: true });
    last = match.index + match[0].length;
  }
  if (last < text.length) out.push({ text: text.slice(last), hidden: false });
  return out;
}

/**
 * @param {string} text
 * @param {number} at
 */
function joinsEmoji(text, at) {
  // alternatives, as Chromium 156 finds no character beyond U+FFFF at the end by a class that also has others
  return /(?:\p{Extended_Pictographic}|\ufe0f|[\u{1f3fb}-\u{1f3ff}])$/u.test(text.slice(Math.max(0, at - 4), at))
    && /^\p{Extended_Pictographic}/u.test(text.slice(at + 1, at + 4));
}

/** @param {number} code */
function nameOf(code) {
  const name = C0[code] ?? NAMES[code];
  return name ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/**
 * The part of a line with carriage returns that a terminal would show: the last non-empty one, and the number of overwritten ones.
 * @param {string} line without line feed
 * @returns {{text: string, overwritten: number}}
 */
export function afterReturns(line) {
  if (!line.includes("\r")) return { text: line, overwritten: 0 };
  const parts = line.split("\r").filter((part) => stripped(part).trim() !== "");
  return { text: parts.at(-1) ?? "", overwritten: Math.max(0, parts.length - 1) };
}

/**
 * Replaces tabs with spaces up to the next multiple of 8 columns.
 * @param {string} text
 * @param {number} [column] where the text begins
 */
export function expandTabs(text, column = 0) {
  if (!text.includes("\t")) return text;
  let out = "";
  for (const part of text.split(/(\t)/)) {
    out += part === "\t" ? " ".repeat(8 - ((column + out.length) % 8)) : part;
  }
  return out;
}
