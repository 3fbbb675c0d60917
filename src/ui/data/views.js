// The saved views. The server keeps them; where it does not, or not for this token, this browser does.

import { ApiError, open } from "../core/api.js";
import { say } from "../core/state.js";
import { stored } from "../core/stored.js";
import { computed, signal } from "../vendor/signals.js";

/** @typedef {{name: string, search: string}} View `search`: the address of the page from `?` on */

const VIEWS_MAX = 100;

const own = stored("vmlog-views", /** @type {View[]} */ ([]), (value) => typeof value?.name === "string" && typeof value?.search === "string");
const shared = signal(/** @type {View[]} */ ([]));
/** Whether the server keeps views for this token. */
export const isShared = signal(true);

/** By name; those of the server before those of this browser. */
export const views = computed(() => [...shared.value, ...own.list.value.filter(({ name }) => !shared.value.some((known) => known.name === name))]);

/**
 * @param {"GET" | "PUT" | "DELETE"} method
 * @param {import("../lib/query/filter.js").Parameters} [parameters]
 * @param {object | null} [body]
 */
async function ask(method, parameters = [], body = null) {
  const response = await open("views", parameters, undefined, method, body);
  const { views: list } = await response.json();
  shared.value = list.map((/** @type {{name: string, query: string}} */ { name, query }) => ({ name, search: query }));
}

/** Whether the server keeps views, but not for this token, or keeps none. @param {unknown} error */
const refuses = (error) => error instanceof ApiError && [403, 404, 405].includes(error.status);

/** Loads the views of the server, and moves those of this browser there. */
export async function loadViews() {
  try {
    await ask("GET");
    for (const { name, search } of own.list.peek()) {
      if (!shared.peek().some((known) => known.name === name)) await ask("PUT", [], { name, query: search });
      own.write(own.list.peek().filter((view) => view.name !== name));
    }
  } catch (error) {
    if (refuses(error)) isShared.value = false;
  }
}

/**
 * Does something on the server, or else in this browser.
 * @param {() => Promise<void>} there
 * @param {() => void} here
 */
async function change(there, here) {
  try {
    if (isShared.peek()) {
      await there();
      return;
    }
  } catch (error) {
    if (!refuses(error)) {
      say(error instanceof Error ? error.message : String(error), { bad: true });
      return;
    }
    isShared.value = false;
  }
  here();
}

/** @param {string} name @param {string} search @param {string} [replaces] the view that gets this name */
export const saveView = (name, search, replaces) => change(
  () => ask("PUT", [], { name, query: search, ...(replaces ? { replaces } : {}) }),
  () => own.write([{ name, search }, ...own.list.peek().filter((view) => view.name !== name && view.name !== replaces)].slice(0, VIEWS_MAX)),
);

/** @param {string} name */
export const removeView = (name) => change(() => ask("DELETE", [["name", name]]), () => own.write(own.list.peek().filter((view) => view.name !== name)));
