// The width of text in a grid of equal cells, so that the height of a row is known without layout.

// East Asian wide and fullwidth characters and emoji take two cells; combining marks take none.
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NONE = /[\p{Mn}\p{Me}\ufe0e\ufe0f\u200d]/u;
const BEYOND_ASCII = /[^\x20-\x7e]/;

/** Whether each character is one cell. @param {string} text */
export const isPlain = (text) => !BEYOND_ASCII.test(text);

/** @param {string} text */
export function cells(text) {
  if (isPlain(text)) return text.length;
  let sum = 0;
  for (const char of text) sum += WIDE.test(char) ? 2 : NONE.test(char) ? 0 : 1;
  return sum;
}

/** Wrapped lines are indented by this many cells. */
export const HANG = 2;

/**
 * The number of lines that a text takes. Lines break at blanks and after hyphens, and long words anywhere; lines after the first are
 * indented.
 * @param {string} text
 * @param {number} columns
 */
export function wrapped(text, columns) {
  if (text.length <= columns && isPlain(text)) return 1;
  let lines = 1;
  let used = 0;
  let room = columns;
  for (const [word = ""] of text.matchAll(WORDS)) {
    if (!word) break;
    const blanks = word.length - word.trimEnd().length;
    let width = cells(word) - blanks;
    if (used > 0 && used + width > room) {
      lines += 1;
      room = columns - HANG;
      used = 0;
    }
    while (width > room - used) {
      width -= room - used;
      lines += 1;
      room = columns - HANG;
      used = 0;
    }
    used += width + blanks;
  }
  return lines;
}

/** A word with the blanks behind it, or a part of one up to a hyphen. */
const WORDS = /[^\s-]+-(?=[A-Za-z])|\S*\s*/g;
