// Events as lines of a timeline.

/** @typedef {import("../core/api.js").Event} Event */

/** What an event can be about, with the word for it. */
export const SCOPES = /** @type {const} */ ([
  ["app_id", "app"], ["sandbox_id", "sandbox"], ["task_id", "task"], ["snapshot_id", "snapshot"], ["workspace_id", "workspace"], ["run_id", "run"], ["node_id", "node"],
]);

/** What an event is about. @param {Event} event @returns {{about: string, word: string, id: string}[]} */
export const scopesOf = (event) => SCOPES.filter(([key]) => typeof event[key] === "string")
  .map(([key, word]) => ({ about: `${key}=${event[key]}`, word, id: String(event[key]) }));

/** The types of events, each family before its members. @param {Iterable<string>} types */
export function typeChoices(types) {
  const known = [...new Set(types)].sort();
  /** @type {Map<string, number>} */
  const families = new Map();
  for (const type of known) families.set(type.slice(0, type.indexOf(".") + 1), (families.get(type.slice(0, type.indexOf(".") + 1)) ?? 0) + 1);
  return [...families].flatMap(([family, members]) => [...(members > 1 ? [`${family}*`] : []), ...known.filter((type) => type.startsWith(family))]);
}

/** When it happened: an event of a record that vmlog read later says so. @param {Event} event @returns {number} milliseconds */
export function timeOf(event) {
  const ms = Date.parse(String(event.payload?.occurred_at ?? ""));
  return Number.isNaN(ms) ? Date.parse(event.created_at) : ms;
}

/** Events of two pages, the newest first, each once. @param {readonly Event[]} a @param {readonly Event[]} b */
export function mergedEvents(a, b) {
  const known = new Map([...a, ...b].map((event) => [event.id, event]));
  return [...known.values()].sort((x, y) => timeOf(y) - timeOf(x) || (x.id < y.id ? 1 : -1));
}
