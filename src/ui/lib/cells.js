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

/**
 * The number of lines that `width` cells take if they break anywhere.
 * @param {number} width
 * @param {number} columns
 */
export const wrapped = (width, columns) => (width <= columns ? 1 : Math.ceil(width / columns));
