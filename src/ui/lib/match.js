// The parts of a text that match a search, to highlight them. The server decides which records match.

/** @typedef {(text: string) => [number, number][]} Matcher start and end of each match, in order, none empty */

const MATCHES_MAX = 200;

/**
 * @param {{search: string, caseSensitive: boolean, regex: boolean}} filter
 * @returns {Matcher | null} null when there is nothing to mark, or no way to tell
 */
export function matcher({ search, caseSensitive, regex }) {
  if (!search) return null;
  const source = regex ? search.replace(/^\(\?[a-z]+\)/, "") : search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const insensitive = !caseSensitive || /^\(\?[a-z]*i/.test(search);
  let expression;
  try {
    expression = new RegExp(source, insensitive ? "giu" : "gu");
  } catch {
    return null;
  }
  return (text) => {
    /** @type {[number, number][]} */
    const found = [];
    for (const match of text.matchAll(expression)) {
      if (match[0]) found.push([match.index, match.index + match[0].length]);
      if (found.length >= MATCHES_MAX) break;
    }
    return found;
  };
}
