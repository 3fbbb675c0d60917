// The address of the page: everything that people reload, share, or go back to.

import { EVERYTHING, FILTER_PARAMETERS, fromParameters, toParameters } from "./filter.js";

/** @typedef {import("./filter.js").Filter} Filter */
/** @typedef {"browse" | "live" | "runs" | "events" | "status"} Tab */
/** @typedef {"" | "patterns" | "fields" | "compare"} Panel */

/**
 * @typedef {object} Route
 * @property {Tab} tab
 * @property {Filter} filter
 * @property {number} record the record whose details are open; 0: none
 * @property {number} at the record at which the list is; 0: the newest
 * @property {number} context the record whose surroundings are shown, without the filter; 0: none
 * @property {"all" | "source"} scope of the context, or of the run that is open
 * @property {string} run the run that is open; empty: none
 * @property {string} select rows that are chosen, as `12-40`; empty: none
 * @property {"" | "true" | "false" | "running"} success of the runs that are listed; empty: of any
 * @property {Panel} panel the panel in place of the list
 * @property {string} type type of the listed events, or its beginning and `*`; empty: all
 * @property {string} about ID that the listed events are about: `app_id=api`; empty: all
 * @property {readonly string[]} columns fields that rows show in columns of their own
 */

/** @type {readonly Tab[]} */
const TABS = ["browse", "live", "runs", "events", "status"];
/** @type {readonly Panel[]} */
const PANELS = ["", "patterns", "fields", "compare"];

/** @type {Route} */
export const HOME = Object.freeze({
  tab: "browse", filter: EVERYTHING, record: 0, at: 0, context: 0, scope: "all", run: "", select: "", success: "", panel: "", type: "", about: "", columns: [],
});

/** More columns leave no room for the message. */
export const COLUMNS_MAX = 8;

/**
 * @param {string} search the address's part from `?` on
 * @returns {Route}
 */
export function readRoute(search) {
  const parameters = new URLSearchParams(search);
  const tab = /** @type {Tab} */ (parameters.get("view") ?? "browse");
  const panel = /** @type {Panel} */ (parameters.get("panel") ?? "");
  const filter = fromParameters([...parameters].filter(([name]) => FILTER_PARAMETERS.has(name)));
  return {
    tab: TABS.includes(tab) ? tab : "browse",
    filter,
    record: id(parameters.get("record")),
    at: id(parameters.get("at")),
    context: id(parameters.get("context")),
    scope: parameters.get("scope") === "source" ? "source" : "all",
    run: (parameters.get("run") ?? "").slice(0, 200),
    select: readRange(parameters.get("select") ?? "") ? parameters.get("select") ?? "" : "",
    success: oneOf(parameters.get("success")),
    panel: PANELS.includes(panel) ? panel : "",
    type: matching(parameters.get("type"), /^[a-z][a-z0-9_.]{0,62}\*?$/),
    about: matching(parameters.get("about"), /^(?:node|app|sandbox|task|snapshot|workspace|run)_id=[\w.:@-]{1,128}$/),
    columns: [...new Set((parameters.get("columns") ?? "").split(","))].filter((key) => key !== "" && key.length <= 100).slice(0, COLUMNS_MAX),
  };
}

/** @type {import("./filter.js").Parameters} */
let kept = [];

/** Every address has these parameters from now on, whatever it shows. @param {import("./filter.js").Parameters} parameters */
export const keepInAddress = (parameters) => {
  kept = parameters;
};

/**
 * @param {Route} route
 * @returns {string} `?...`, or empty for the plain page
 */
export function writeRoute(route) {
  const parameters = new URLSearchParams(kept);
  if (route.tab !== "browse") parameters.append("view", route.tab);
  for (const [name, value] of toParameters(route.filter)) parameters.append(name, value);
  if (route.filter.boot === "all") parameters.append("boot", "all");
  if (route.panel) parameters.append("panel", route.panel);
  if (route.context) parameters.append("context", String(route.context));
  if ((route.context || route.run) && route.scope === "source") parameters.append("scope", "source");
  if (route.record) parameters.append("record", String(route.record));
  if (route.at) parameters.append("at", String(route.at));
  if (route.run) parameters.append("run", route.run);
  if (route.select) parameters.append("select", route.select);
  if (route.type) parameters.append("type", route.type);
  if (route.about) parameters.append("about", route.about);
  if (route.columns.length > 0) parameters.append("columns", route.columns.join(","));
  if (route.success && route.tab === "runs") parameters.append("success", route.success);
  const text = parameters.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text && `?${text}`;
}

/** @param {string | null} text @param {RegExp} form */
const matching = (text, form) => (text !== null && form.test(text) ? text : "");

/** @param {string | null} text */
function id(text) {
  return text !== null && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0;
}

/** The first and the last id of chosen rows. @param {string} text @returns {[number, number] | null} */
export function readRange(text) {
  const [from = 0, to = 0] = text.split("-").map((part) => id(part));
  return from > 0 && to >= from && text === `${from}-${to}` ? [from, to] : null;
}

/** @param {string | null} text @returns {Route["success"]} */
const oneOf = (text) => (text === "true" || text === "false" || text === "running" ? text : "");
