// What this browser remembers.

import { signal } from "../vendor/signals.js";

const RECENT_MAX = 20;

/**
 * A list in the storage of the browser.
 * @template T
 * @param {string} name
 * @param {T[]} empty
 * @param {(value: any) => boolean} valid
 */
export function stored(name, empty, valid) {
  /** @returns {T[]} */
  const read = () => {
    try {
      const list = JSON.parse(localStorage.getItem(name) ?? "[]");
      return Array.isArray(list) ? list.filter(valid) : empty;
    } catch {
      return empty;
    }
  };
  const list = signal(read());
  const write = (/** @type {T[]} */ next) => {
    list.value = next;
    try {
      localStorage.setItem(name, JSON.stringify(next));
    } catch {
      // a browser without storage forgets them with the page
    }
  };
  return { list, write };
}

/** Keeps a number while the tab is open. @param {string} name @param {number} value */
export function keep(name, value) {
  try {
    sessionStorage.setItem(name, String(value));
  } catch {
    // a browser without storage forgets it
  }
}

/** @param {string} name @returns {number} 0: none is kept */
export function kept(name) {
  try {
    return Number(sessionStorage.getItem(name)) || 0;
  } catch {
    return 0;
  }
}

const recentQueries = stored("vmlog-recent", /** @type {string[]} */ ([]), (value) => typeof value === "string");
/** Queries that were used before, newest first. */
export const recent = recentQueries.list;

/** @param {string} query */
export function remember(query) {
  if (query) recentQueries.write([query, ...recent.peek().filter((known) => known !== query)].slice(0, RECENT_MAX));
}
