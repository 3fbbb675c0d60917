// Sizes for computing heights: read once from the page, and again when the theme changes.

/**
 * @typedef {object} Metrics
 * @property {number} cell width of a character
 * @property {number} line height of a line of text
 * @property {number} pad what a row adds above and below its text
 * @property {number} meta height of the line above the text on narrow screens; 0 on wide ones
 * @property {number} separator height of a mark between rows
 * @property {number} columns characters in a line of text
 * @property {number} fixed pixels of a row beside its text
 */

/** Between two columns. */
const GAP_PX = 10;

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} probe holds 100 characters in the list's font
 * @param {number} sourceCells characters of the column of sources; 0: it is hidden
 * @param {readonly number[]} columnCells characters of further columns
 * @returns {Metrics}
 */
export function read(list, probe, sourceCells, columnCells) {
  const style = getComputedStyle(list);
  const size = (/** @type {string} */ name) => parseFloat(style.getPropertyValue(name)) || 0;
  const cell = probe.getBoundingClientRect().width / 100 || 8;
  const source = sourceCells && size("--row-source") ? Math.ceil(sourceCells * cell) + size("--row-source") : 0;
  const widths = columnCells.map((cells) => Math.ceil(cells * cell));
  for (const target of [list, list.previousElementSibling]) {
    if (!(target instanceof HTMLElement)) continue;
    target.style.setProperty("--source-width", `${source}px`);
    target.style.setProperty("--columns", widths.map((width) => `${width}px`).join(" "));
  }
  const fixed = size("--row-fixed") + source + widths.reduce((sum, width) => sum + width + GAP_PX, 0);
  // to the fraction of a pixel, without the scroll bar
  const width = list.getBoundingClientRect().width - (list.offsetWidth - list.clientWidth);
  return {
    cell,
    line: size("--row-line"),
    pad: size("--row-pad"),
    meta: size("--row-meta"),
    separator: size("--row-separator"),
    columns: Math.max(8, Math.floor((width - fixed - 0.02) / cell)),
    fixed,
  };
}

/**
 * @param {Metrics} a
 * @param {Metrics} b
 */
export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
