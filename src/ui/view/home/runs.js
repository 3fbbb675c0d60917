// The list of captured commands, and the header of one run.

import { useEffect, useRef } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import * as api from "../../core/api.js";
import { copy } from "../../core/clipboard.js";
import { features, filter, go, preferences, refine, route, run, runs } from "../../core/state.js";
import { loadRuns, moreRuns } from "../../data/runs.js";
import { EVERYTHING } from "../../lib/query/filter.js";
import { fieldTerm } from "../../lib/query/terms.js";
import { count } from "../../lib/histogram.js";
import { categoryOf, ending, outcome, selected, telling, titleOf, took } from "../../lib/runs.js";
import { lastLines } from "../../data/story.js";
import { stripped } from "../../lib/text/ansi.js";
import { writeRoute } from "../../lib/query/route.js";
import { masked } from "../../lib/text/secrets.js";
import { hueOf } from "../../lib/sources.js";
import { day, longDay, stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";
import { LastLines } from "./lines.js";

/** @typedef {import("../../lib/runs.js").Run} Run */

const CHOICES = /** @type {const} */ ([["", "All"], ["running", "Running"], ["false", "Failed"], ["true", "Succeeded"]]);
const MARKS = { ok: "check", failed: "close", running: "play" };
const NAMES = { ok: "Succeeded", failed: "Failed", running: "Running" };

/** @param {{of: "ok" | "failed" | "running"}} props */
export const Mark = ({ of }) => html`<span class=${`mark ${of}`} title=${NAMES[of]}><${Icon} name=${MARKS[of]} /><span class="offscreen">${NAMES[of]}</span></span>`;

export function Runs() {
  const { success } = route.value;
  const { list, more, loading, error } = runs.value;
  const { sources } = filter.value;
  const wanted = useSignal("");
  const shown = selected(list ?? [], wanted.value, success === "running");
  useEffect(() => {
    loadRuns();
  }, [success, sources.join(",")]);
  return html`<section class="runs" aria-label="Runs">
    <header class="runs-head">
      <h2>Captured commands</h2>
      <div class="switches" role="group" aria-label="Filter runs">${CHOICES.map(([value, name]) =>
    html`<button key=${name} aria-pressed=${success === value} onClick=${() => go({ success: value }, { replace: true })}>${name}</button>`)}</div>
      <input type="text" aria-label="Filter runs by name, command or source" placeholder="Filter by name or command" autocomplete="off" spellcheck=${false} value=${wanted.value}
        onInput=${(/** @type {Event} */ event) => { wanted.value = /** @type {HTMLInputElement} */ (event.target).value; }} />
      ${sources.length > 0 ? html`<button class="link" onClick=${() => refine({ sources: [] })}>Show all sources</button>` : null}
    </header>
    ${error ? html`<${Problem} error=${error} />` : list === null ? html`<p class="quiet pad">Loading\u2026</p>` : list.length === 0 ? html`<${NoRuns} />` : html`<div class="runs-body">
      ${shown.length === 0 ? html`<p class="quiet pad">${success === "running" ? "No command is running" : "No matching runs in the loaded list"}</p>` : html`<${Days} list=${shown} />`}
      ${more ? html`<p class="pad"><button onClick=${moreRuns} disabled=${loading}>Load older runs</button></p>` : html`<p class="quiet pad">Oldest stored run</p>`}
    </div>`}
  </section>`;
}

/** @param {{list: Run[]}} props */
function Days({ list }) {
  const { utc } = preferences.value;
  /** @type {Map<string, Run[]>} */
  const days = new Map();
  for (const one of list) {
    const key = day(Date.parse(one.start), utc);
    days.set(key, [...(days.get(key) ?? []), one]);
  }
  return [...days].map(([key, of]) => html`<section key=${key}><h3>${longDay(Date.parse(of[0]?.start ?? ""), utc)}</h3>
    <ul>${of.map((one) => html`<${RunLine} key=${one.id} run=${one} />`)}</ul></section>`);
}

/** The route of a run: a failed one at its last record, among all sources. @param {Run} one */
export const runPlace = (one) => /** @type {const} */ ({
  tab: "runs", run: one.id, scope: outcome(one) === "failed" ? "all" : "source", at: Number(one.lastId) || 0, record: 0, context: 0,
});

/** @param {{run: Run}} props */
function RunLine({ run: one }) {
  const place = { ...route.value, ...runPlace(one) };
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    run.value = one;
    go(place);
  };
  const what = outcome(one);
  return html`<li><a class=${`run-line ${what}`} href=${writeRoute(place)} onClick=${open}>
    <${Mark} of=${what} />
    <span class="run-what"><b>${titleOf(one)}</b> <${Ending} run=${one} /><code>${masked(one.command).text}</code>${what === "failed" ? html`<${Reason} run=${one} />` : null}</span>
    <span class=${`run-source hue-${hueOf(one.source)}`}>${one.source}</span>
    <${Tally} run=${one} />
    <span class="run-when"><time dateTime=${one.start}>${stamp(Date.parse(one.start), preferences.value.utc).slice(11)}</time><small>${took(one, Date.now())}</small></span>
  </a></li>`;
}

/** Lines from which the reason of a failure is taken. */
const REASON_LINES = 100;
/** Reasons by run, so that each is asked for once. @type {Map<string, Promise<string>>} */
const reasons = new Map();
const REASONS_MAX = 200;

/** The cause that the server found; servers that find no problems leave it to the last lines. @param {string} id @returns {Promise<string>} */
async function reasonOf(id) {
  if (features.peek().problems !== false) {
    const found = await api.problems([["kind", "run_failed"], ["where", `run_id=${id}`], ["limit", "1"]]).catch(() => null);
    const cause = found?.list[0]?.cause;
    if (cause) return cause.message.split("\n")[0] ?? "";
  }
  const lines = await lastLines(id, REASON_LINES);
  return telling(lines.flatMap((entry) => entry.message.split("\n")), 1)[0]?.text ?? "";
}

/** The line that says why a run failed, loaded when it comes into view. @param {{run: Run}} props */
function Reason({ run: one }) {
  const holder = useRef(/** @type {HTMLSpanElement | null} */ (null));
  const text = useSignal("");
  useEffect(() => {
    const key = `${one.id} ${one.lastId}`;
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      if (reasons.size >= REASONS_MAX) reasons.delete(reasons.keys().next().value ?? "");
      const known = reasons.get(key) ?? reasonOf(one.id).catch(() => "");
      reasons.set(key, known);
      known.then((line) => { text.value = masked(stripped(line)).text; });
    });
    if (holder.current) seen.observe(holder.current);
    return () => seen.disconnect();
  }, [one.id, one.lastId]);
  return html`<span class="run-reason" ref=${holder}>${text.value || "\u00a0"}</span>`;
}

/** @param {{run: Run}} props */
export function Ending({ run: one }) {
  const category = categoryOf(one);
  if (one.success) return null;
  return html`<span class=${`level-tag ${one.success === null ? "" : "error"}`}>${ending(one)}</span>${
    category ? html` <span class="level-tag" title=${category.hint}>${category.label}</span>` : null}`;
}

/** @param {{run: Run}} props */
function Tally({ run: one }) {
  const { error = 0, warn = 0 } = one.counts;
  return html`<span class="run-tally">${error ? html`<i class="error">${count(error, "error")}</i>` : null}${warn ? html`<i class="warn">${count(warn, "warning")}</i>` : null}</span>`;
}

/** @param {{error: import("../../core/api.js").ApiError}} props */
const Problem = ({ error }) => html`<div class="notice inline" role="alert"><${Icon} name="warn" /><h2>${error.status === 404 ? "Run not found" : error.status === 0 ? "Can't reach vmlog" : "Something went wrong"}</h2>
  <p>${error.status === 404 ? "The run does not exist, or its records have been deleted." : error.message}</p>
  <div class="actions"><button class="primary" onClick=${() => { go({ run: "" }); loadRuns(); }}>${error.status === 404 ? "All runs" : "Try again"}</button></div></div>`;

const EXAMPLE = "vmlog exec --source devcontainer:ws --name postCreateCommand npm ci";

function NoRuns() {
  const { success } = route.value;
  const narrowed = success !== "" || filter.value.sources.length > 0;
  if (narrowed) {
    return html`<div class="notice inline"><h2>${success === "false" ? "No failed runs" : "No matching runs"}</h2>
      <p>${filter.value.sources.length > 0 ? "Only runs of the selected sources are shown." : "Searched all stored runs."}</p>
      <div class="actions"><button class="primary" onClick=${() => { go({ success: "", filter: { ...filter.peek(), sources: EVERYTHING.sources } }); }}>Show all runs</button></div></div>`;
  }
  return html`<div class="notice inline"><h2>No commands captured yet</h2>
    <p>Run a command with vmlog exec to see its output here, and why it failed:</p>
    <div class="copyable wide"><code tabindex="0" role="group" aria-label="Example">${EXAMPLE}</code><button class="plain" aria-label="Copy the example" onClick=${() => copy(EXAMPLE, "Example")}><${Icon} name="copy" /></button></div></div>`;
}

// ---- one run

/** @param {Run} one */
const inFilter = (one) => ({ ...EVERYTHING, q: fieldTerm("run_id", one.id, false) ?? "", boot: "all" });

export function RunHead() {
  const one = run.value;
  const now = useSignal(Date.now());
  const running = one?.success === null;
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => { now.value = Date.now(); }, 1000);
    return () => clearInterval(timer);
  }, [running]);
  const back = html`<button class="link" onClick=${() => go({ run: "", record: 0, at: 0, scope: "all" })}><${Icon} name="back" />All runs</button>`;
  if (!one || one.id !== route.value.run) {
    return html`<header class="run-head">${back}${runs.value.error ? html`<${Problem} error=${runs.value.error} />` : html`<p class="quiet">Loading\u2026</p>`}</header>`;
  }
  const { utc } = preferences.value;
  const what = outcome(one);
  const scope = (/** @type {"all" | "source"} */ wanted) => go({ scope: wanted, at: Number(one.lastId) || 0, record: 0 }, { replace: true });
  const lines = Object.values(one.counts).reduce((sum, n) => sum + n, 0);
  return html`<header class=${`run-head ${what}`}>
    <div class="run-top">${back}
      <div class="actions">
        ${running ? html`<button onClick=${() => go({ tab: "live", run: "", filter: inFilter(one), record: 0, at: 0 })}><${Icon} name="play" />Follow</button>` : null}
        <button onClick=${() => go({ tab: "browse", run: "", filter: inFilter(one), record: 0, at: 0 })} title="Search and filter its records"><${Icon} name="filter" />Open in Browse</button>
        <button onClick=${act.copyView}><${Icon} name="link" />Link</button>
      </div></div>
    <h2><${Mark} of=${what} />${titleOf(one)} <${Ending} run=${one} /></h2>
    <p class="run-facts"><span class=${`hue-${hueOf(one.source)}`}>${one.source}</span><span>${stamp(Date.parse(one.start), utc)}</span><span>${running ? "running for" : "took"} ${took(one, now.value)}</span>
      <span>${count(lines, "record")}${one.counts.error ? `, ${count(one.counts.error, "error")}` : ""}</span></p>
    <p class="run-command"><code tabindex="0" role="group" aria-label="Command">${masked(one.command).text}</code><button class="plain" aria-label="Copy the command" onClick=${() => copy(masked(one.command).text, "Command")}><${Icon} name="copy" /></button></p>
    ${what === "failed" ? html`<${LastLines} run=${one} most=${3} />` : null}
    <div class="switches" role="group" aria-label="Which records">
      <button aria-pressed=${route.value.scope === "source"} onClick=${() => scope("source")}>This run</button>
      <button aria-pressed=${route.value.scope === "all"} onClick=${() => scope("all")}>All sources</button>
    </div>
  </header>`;
}
