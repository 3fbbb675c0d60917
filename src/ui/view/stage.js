// The lists, their empty states and errors, and the status line.

import { useEffect, useRef } from "../vendor/hooks.js";
import { useComputed, useSignal } from "../vendor/signals.js";
import * as act from "../actions.js";
import { browse, counts, filter, live, patch, prefer, preferences, refine, route, seen, totals } from "../state.js";
import { EVERYTHING, isEverything, sourceState } from "../lib/filter.js";
import { count, number } from "../lib/histogram.js";
import { rangeLabel, stamp } from "../lib/time.js";
import { LEVELS } from "../lib/types.js";
import { html, Icon } from "./html.js";
import { Selection } from "./select.js";

/** Progress is shown for requests that take longer. */
const SLOW_MS = 400;

export function Stage() {
  const { tab, run } = route.value;
  const stored = tab === "browse" || (tab === "runs" && run !== "");
  return html`<div class="stage" hidden=${tab === "runs" && !run}>
    ${tab === "browse" ? html`<${ContextBanner} />` : null}
    ${tab === "live" ? html`<${LiveBar} />` : null}
    <${ListHost} element=${act.parts.browseList.element} shown=${stored} />
    <${ListHost} element=${act.parts.liveList.element} shown=${tab === "live"} />
    ${stored ? html`<${BrowseOver} />` : null}
    ${tab === "live" ? html`<${LiveOver} />` : null}
    <${Selection} />
  </div>`;
}

/** @param {{element: HTMLElement, shown: boolean}} props */
function ListHost({ element, shown }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    host.current?.append(element);
  }, [element]);
  return html`<div class="list-host" ref=${host} hidden=${!shown}></div>`;
}

// ---- Browse

function ContextBanner() {
  const { context, scope } = route.value;
  if (!context) return null;
  const other = scope === "all" ? "source" : "all";
  return html`<div class="banner context" role="status">
    <button class="link" onClick=${act.leaveContext}><${Icon} name="back" />Back to filtered list</button>
    <span>Records around ${context}: ${scope === "all" ? "all sources" : "only its source"}</span>
    <button class="link" onClick=${() => act.openContext(context, /** @type {"all" | "source"} */ (other))}>${other === "all" ? "All sources" : "Only this source"}</button>
  </div>`;
}

function BrowseOver() {
  const { loading, error, loaded, fresh, atEnd, end } = browse.value;
  return html`<${Progress} />
    ${error && loaded > 0 ? html`<div class="banner problem" role="alert"><${Icon} name="warn" /><span>${error.message}</span><button onClick=${() => act.parts.browse.again()}>Try again</button></div>` : null}
    ${error && loaded === 0 ? html`<${Broken} />` : null}
    ${!error && loaded === 0 && loading === "" ? html`<${Empty} />` : null}
    ${loaded > 0 && (!atEnd || fresh > 0 || !end) ? html`<div class="pills">
      ${fresh > 0 && end ? html`<button class="pill accent" onClick=${() => act.parts.browse.loadFresh()}><${Icon} name="down" />${fresh >= 100 ? "100+" : fresh} new</button>`
    : html`<button class="pill" title="Jump to newest (G)" onClick=${act.toNewest}><${Icon} name="down" />Newest</button>`}
    </div>` : null}`;
}

/** The progress of a slow request, with a button to stop it. */
function Progress() {
  const { loading, since, reached } = browse.value;
  const slow = useSignal(false);
  useEffect(() => {
    slow.value = false;
    if (!loading) return undefined;
    const timer = setTimeout(() => { slow.value = true; }, Math.max(0, SLOW_MS - (Date.now() - since)));
    return () => clearTimeout(timer);
  }, [loading, since]);
  if (!loading || !slow.value) return null;
  const what = filter.value.search ? "Searching" : "Loading";
  const where = loading === "newer" ? "newer" : "older";
  return html`<div class="progress" role="status"><i aria-hidden="true"></i><span>${what}${loading === "first" ? "" : ` ${where} records`}${
    reached ? `, at record ${number(reached)}` : ""}\u2026</span><button class="link" onClick=${() => act.parts.browse.stop()}>Stop</button></div>`;
}

function Broken() {
  const error = browse.value.error;
  if (!error) return null;
  if (error.status === 400) {
    return html`<div class="notice" role="alert"><h2>Invalid filter</h2><p>${error.message}</p>
      <div class="actions"><button class="primary" onClick=${act.clearFilter}>Clear filters</button></div></div>`;
  }
  const title = error.status === 0 ? "Can't reach vmlog" : error.status === 401 ? "Not signed in"
    : error.status === 503 ? "Can't read records right now" : "Something went wrong";
  const hint = error.status === 0 ? "vmlog may be restarting, or the network may be down. Your filters are kept."
    : error.status === 401 ? "Open the address with the token that vmlog prints when it starts." : error.message;
  return html`<div class="notice" role="alert"><${Icon} name="warn" /><h2>${title}</h2><p>${hint}</p>
    <div class="actions"><button class="primary" onClick=${() => act.reload()}>Try again</button></div></div>`;
}

function Empty() {
  const { filter: chosen } = route.value;
  const hidden = hiddenCounts();
  if (hidden.total > 0 && !route.value.run) {
    return html`<div class="notice"><h2>${count(hidden.total, "record")} hidden by the ${hidden.by}</h2>
      ${browse.value.warnings.map((warning) => html`<p class="why" key=${warning}>${warning}</p>`)}
      <div class="actions">
        ${hidden.levels.map(({ level, n }) => html`<button key=${level} onClick=${() => refine({ levels: LEVELS.filter((name) => name === level || chosen.levels.includes(name)) })}>Show ${number(n)} ${level}</button>`)}
        ${hidden.bySource > 0 ? html`<button onClick=${() => refine({ sources: [] })}>Show all sources</button>` : null}
        <button class="primary" onClick=${() => refine({ sources: [], levels: EVERYTHING.levels })}>Show all</button>
      </div></div>`;
  }
  if (route.value.run) return html`<div class="notice"><h2>No records</h2><p>The command printed nothing, or its records have been deleted.</p></div>`;
  if (isEverything(chosen)) return html`<${NothingYet} />`;
  const range = chosen.start || chosen.end;
  return html`<div class="notice"><h2>${chosen.search ? html`${chosen.invert ? "Every record matches" : "Nothing matches"} <q>${chosen.search}</q>` : "No records"}</h2>
    ${browse.value.warnings.map((warning) => html`<p class="why" key=${warning}>${warning}</p>`)}
    <p>${range ? `Range: ${rangeLabel(chosen.start, chosen.end, preferences.value.utc)}.` : "Searched all records."}</p>
    <div class="actions">
      ${range ? html`<button class="primary" onClick=${() => refine({ start: "", end: "" })}>Search all time</button>` : null}
      ${chosen.search ? html`<button onClick=${() => refine({ search: "" })}>Clear search</button>` : null}
      ${chosen.where.length > 0 || chosen.pid ? html`<button onClick=${() => refine({ where: [], pid: "" })}>Remove conditions</button>` : null}
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

/** @typedef {{name: string, state: string, message?: string}} Collector */

function NothingYet() {
  const collectors = useSignal(/** @type {Collector[]} */ ([]));
  useEffect(() => {
    fetch("readyz", { cache: "no-store" }).then((answer) => answer.json())
      .then((body) => {
        const list = body.collectors ?? body.checks ?? [];
        collectors.value = Array.isArray(list) ? list : Object.entries(list).map(([name, state]) => ({ name, ...(typeof state === "object" ? state : { state: String(state) }) }));
      }).catch(() => {});
  }, []);
  return html`<div class="notice"><h2>No records yet</h2>
    <p>vmlog is running and waiting for records from the journal, files and captured commands.</p>
    ${collectors.value.length > 0 ? html`<ul class="collectors">${collectors.value.map((one) => html`<li key=${one.name}><b>${one.name}</b> ${one.message ?? one.state}</li>`)}</ul>` : null}
    <div class="actions"><button class="primary" onClick=${() => act.reload()}>Refresh</button><button onClick=${act.toggleLive}>Watch in Live</button></div></div>`;
}

// ---- Live

function LiveBar() {
  const { connection, reason, retryAt, paused, waiting, missed, rate, loaded, warnings } = live.value;
  const connected = connection === "open";
  return html`<div class=${`banner live-bar ${connected ? (paused ? "paused" : "open") : "broken"}`}>
    <span class="live-state" role="status"><i class=${`dot ${connected && !paused ? "on" : ""}`} aria-hidden="true"></i>
      ${connected ? (paused ? html`<span><b>Paused</b>${waiting > 0 ? `: ${number(waiting)} new` : ""}</span>` : html`<b>Live</b>`) : html`<${Connection} connection=${connection} reason=${reason} retryAt=${retryAt} />`}
    </span>
    ${missed > 0 ? html`<span class="quiet">${number(missed)} not loaded</span>` : null}
    ${connected && rate > 0 ? html`<span class="rate">${number(rate)}/s</span>` : null}
    ${rate > 500 && !paused ? html`<span class="quiet wide">Too fast to read. Pause or narrow the filter.</span>` : null}
    ${loaded > 0 ? warnings.map((warning) => html`<span class="quiet" key=${warning}>${warning}</span>`) : null}
    <div class="gap"></div>
    ${connection === "waiting" || connection === "stopped" ? html`<button onClick=${() => act.parts.live.retry()}>Retry now</button>` : null}
    <button onClick=${act.pauseOrResume} title="Space"><${Icon} name=${paused ? "play" : "pause"} />${paused ? "Resume" : "Pause"}</button>
  </div>`;
}

/** @param {{connection: string, reason: string, retryAt: number}} props */
function Connection({ connection, reason, retryAt }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { now.value = Date.now(); }, 500);
    return () => clearInterval(timer);
  }, []);
  if (connection === "waiting") {
    return html`<b>Reconnecting in ${Math.max(1, Math.ceil((retryAt - now.value) / 1000))} s</b><span class="why">${reason}</span>`;
  }
  if (connection === "stopped") return html`<b>Not connected</b><span class="why">${reason}</span>`;
  return html`<b>Connecting\u2026</b>`;
}

function LiveOver() {
  const { paused, waiting, connection, loaded, warnings } = live.value;
  return html`
    ${paused ? html`<div class="pills"><button class="pill accent" title="End" onClick=${act.toNewest}><${Icon} name="down" />${waiting > 0 ? `${number(waiting)} new` : "Jump to latest"}</button></div>` : null}
    ${loaded === 0 && connection === "open" ? html`<div class="notice"><h2>Waiting for records</h2>${warnings.map((warning) => html`<p class="why" key=${warning}>${warning}</p>`)}<p>${isEverything(filter.value) ? "Connected. No records have arrived yet." : "Connected. No records have matched the filter yet."}</p>
      ${isEverything(filter.value) ? null : html`<div class="actions"><button onClick=${act.clearFilter}>Clear filters</button></div>`}</div>` : null}`;
}

// ---- status line

export function Status() {
  const { tab } = route.value;
  const { wrap, utc, raw } = preferences.value;
  const shown = useComputed(() => {
    const times = seen.value;
    return times ? `${stamp(times[0], preferences.value.utc)} \u2013 ${stamp(times[1], preferences.value.utc).slice(11)}` : "";
  });
  const zone = utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
  return html`<footer class="status">
    <span>${tab === "live" ? `${number(live.value.loaded)} shown` : html`<${Matching} />`}</span>
    ${tab !== "live" ? html`<span class="seen">${shown}</span>` : null}
    <div class="gap"></div>
    <div class="switches" role="group" aria-label="Display options">
      <button aria-pressed=${wrap} title="Wrap long lines (z)" onClick=${() => prefer({ wrap: !wrap })}>Wrap</button>
      <button aria-pressed=${raw} title="Show text as it was logged, without colors or folding" onClick=${() => prefer({ raw: !raw })}>Raw</button>
      <button aria-pressed=${utc} title=${`Times in ${zone}. Click for ${utc ? "local time" : "UTC"}.`} onClick=${() => prefer({ utc: !utc })}>${zone}</button>
    </div>
  </footer>`;
}

function Matching() {
  const total = totals.value?.total;
  if (route.value.context || route.value.run || total === undefined) return html`${count(browse.value.loaded, "row")} loaded`;
  const hidden = LEVELS.filter((level) => !filter.value.levels.includes(level))
    .map((level) => ({ level, n: totals.value?.byLevel[level] ?? 0 })).filter(({ n }) => n > 0);
  return html`<b>${number(total)}</b> ${total === 1 ? "record" : "records"}
    ${hidden.length > 0 ? html` \u00b7 <button class="link" onClick=${() => refine({ levels: EVERYTHING.levels })}>${hidden.map(({ level, n }) => `${number(n)} ${level}`).join(", ")} hidden</button>` : null}`;
}

/** The text above the first row. @returns {[text: string, more: boolean]} */
export function edgeText() {
  const { start, loading, loaded } = browse.value;
  if (loaded === 0) return ["", false];
  if (start) return ["Start of log", false];
  return loading === "older" ? ["Loading older records\u2026", false] : ["Load older records", true];
}

/** Notes the visible time range for the histogram and the status line. */
export function noteVisible() {
  const list = act.parts.browseList;
  const edges = list.visible;
  const before = seen.peek();
  const now = /** @type {[number, number] | null} */ (edges ? [edges[0].ms, edges[1].ms] : null);
  const same = before && now ? before[0] === now[0] && before[1] === now[1] : before === now;
  if (!same) seen.value = now;
  patch(browse, { atEnd: list.atEnd });
}
