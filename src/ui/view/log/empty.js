// What the list says when it has no rows: why, and what to do.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import { readiness } from "../../core/api.js";
import { browse, counts, filter, go, ranged, refine, route } from "../../core/state.js";
import { EVERYTHING, hasRange, isEverything, sourceState } from "../../lib/query/filter.js";
import { count, number } from "../../lib/histogram.js";
import { LEVELS } from "../../lib/types.js";
import { html, Icon } from "../html.js";
import { rangeName } from "../query/time.js";

/** @type {Record<number, [title: string, hint: string]>} what to do about an answer, by its status */
const ANSWERS = {
  0: ["Can't reach vmlog", "vmlog may be restarting, or the network may be down. Your filters are kept."],
  401: ["Access token required", "Your session has ended. Reload the page to sign in again."],
  403: ["Not allowed", "The server refused this address or this token. If you reach vmlog by another host name, add it to LOG_API_HOSTS on the server."],
  429: ["Too many requests", "The server limits the number of requests. Wait a moment, then try again."],
  503: ["Can't read records right now", ""],
};

export function Broken() {
  const { error } = browse.value;
  if (!error) return null;
  if (error.status === 400) {
    // the query bar says what is wrong with its expression, and where
    const hint = error.parameter === "q" ? "Correct the filter above, or clear it." : error.message;
    return html`<div class="notice" role="alert"><h2>Invalid filter</h2><p>${hint}</p>
      <div class="actions"><button class="primary" onClick=${act.clearFilter}>Clear filters</button></div></div>`;
  }
  const [title, hint] = ANSWERS[error.status] ?? ["Something went wrong", ""];
  return html`<div class="notice" role="alert"><${Icon} name="warn" /><h2>${title}</h2><p>${hint || error.message}</p>
    ${hint && error.status !== 0 ? html`<p class="why">${error.message}</p>` : null}
    <div class="actions"><button class="primary" onClick=${() => act.reload()}>Try again</button></div></div>`;
}

export function Empty() {
  const { filter: chosen } = route.value;
  const hidden = hiddenCounts();
  const warnings = browse.value.warnings.map((warning) => html`<p class="why" key=${warning}>${warning.replaceAll("`", "")}</p>`);
  if (route.value.run) return html`<div class="notice"><h2>No records</h2><p>The command printed nothing, or its records have been deleted.</p></div>`;
  if (hidden.total > 0 && warnings.length === 0) {
    return html`<div class="notice"><h2>${count(hidden.total, "record")} hidden by the ${hidden.by}</h2>
      <div class="actions">
        ${hidden.levels.map(({ level, n }) => html`<button key=${level} onClick=${() => refine({ levels: LEVELS.filter((name) => name === level || chosen.levels.includes(name)) })}>Show ${number(n)} ${level}</button>`)}
        ${hidden.bySource > 0 && hidden.levels.length > 0 ? html`<button onClick=${() => refine({ sources: [] })}>Show all sources</button>` : null}
        <button class="primary" onClick=${() => refine({ sources: [], levels: EVERYTHING.levels })}>Show ${hidden.levels.length === 0 ? "all sources" : "all"}</button>
      </div></div>`;
  }
  if (isEverything(chosen)) return html`<${NothingYet} />`;
  const range = hasRange(ranged(chosen));
  return html`<div class="notice"><h2>No matching records</h2>
    ${warnings}
    <p>${range ? html`Searched only this time range: <b>${rangeName()}</b>` : "Searched all records."}</p>
    <div class="actions">
      ${range ? html`<button class="primary" onClick=${() => refine({ boot: "all" })}>Search all time</button>` : null}
      ${chosen.q || chosen.patterns.length > 0 ? html`<button onClick=${() => refine({ q: "", patterns: [] })}>Clear search</button>` : null}
      <button onClick=${act.clearFilter}>Clear all filters</button>
    </div></div>`;
}

/** Counts the records that the level and source filters hide. */
function hiddenCounts() {
  const chosen = filter.value;
  let bySource = 0;
  const byLevel = { debug: 0, info: 0, warn: 0, error: 0 };
  for (const source of counts.value ?? []) {
    const { shown } = sourceState(chosen, source.name);
    for (const level of LEVELS) {
      const n = source.levels[level] ?? 0;
      if (!shown) bySource += n;
      else if (!chosen.levels.includes(level)) byLevel[level] += n;
    }
  }
  const levels = LEVELS.map((level) => ({ level, n: byLevel[level] })).filter(({ n }) => n > 0);
  const hiddenByLevel = levels.reduce((sum, { n }) => sum + n, 0);
  const by = hiddenByLevel > 0 && bySource > 0 ? "level and source filters" : hiddenByLevel > 0 ? "level filter" : "source filter";
  return { total: hiddenByLevel + bySource, bySource, levels, by };
}

/** The server's own records are there from its start. */
const OWN_SOURCE = "system:vmlog";

/** Whether nothing but the server's own records has been collected. */
export const isFirstRun = () => counts.value !== null && isEverything(filter.value) && counts.value.every(({ name }) => name === OWN_SOURCE);

/** @typedef {{name: string, state: string}} Collector */

export function NothingYet() {
  const collectors = useSignal(/** @type {Collector[]} */ ([]));
  useEffect(() => {
    readiness().then((body) => { collectors.value = collectorsOf(body); }, () => {});
  }, []);
  return html`<div class="notice"><h2>No records yet</h2>
    <p>vmlog is running and waiting for records from the journal, files, containers and captured commands.</p>
    ${collectors.value.length > 0 ? html`<ul class="collectors">${collectors.value.map((one) => html`<li key=${one.name}><b>${one.name}</b> ${one.state}</li>`)}</ul>` : null}
    <p>Run <code>vmlog doctor</code> on the machine to see what it can read, and how to fix what it cannot.</p>
    <div class="actions"><button class="primary" onClick=${() => act.reload()}>Refresh</button><button onClick=${act.toggleLive}>Watch in Live</button><button onClick=${() => go({ tab: "status" })}>Status</button></div></div>`;
}

/** What the collectors do, in words. @param {any} body @returns {Collector[]} */
export function collectorsOf(body) {
  const list = body.collectors ?? {};
  if (Array.isArray(list)) return list.map((one) => ({ name: String(one.name), state: String(one.message ?? one.state) }));
  return Object.entries(list).map(([name, one]) => ({ name, state: one.running === false ? "not running" : `read ${count(one.read ?? 0, "record")}${one.errors ? `, ${count(one.errors, "error")}` : ""}` }));
}
