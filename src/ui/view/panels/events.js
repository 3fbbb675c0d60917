// The events as a timeline, newest first, with filters by type and by what they are about.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as api from "../../core/api.js";
import { openContext } from "../../core/actions.js";
import { go, learn, preferences, route } from "../../core/state.js";
import { mergedEvents, scopesOf, timeOf, typeChoices } from "../../lib/events.js";
import { count } from "../../lib/histogram.js";
import { EVERYTHING } from "../../lib/query/filter.js";
import { payload } from "../../lib/text/fields.js";
import { masked, maskedValue } from "../../lib/text/secrets.js";
import { clock, day, longDay, stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";

/** @typedef {import("../../core/api.js").Event} Event */

const PAGE_EVENTS = 100;
const AGAIN_MS = 10_000;
/** Parts of a payload that the message or the scope say. */
const SAID = ["occurred_at", "record_id", "source", "problem_subject", "success"];

/** What has been seen, so that a filter still offers the others. @type {Map<string, Event>} */
const known = new Map();
const KNOWN_MAX = 5_000;

/** @param {readonly Event[]} events */
function note(events) {
  for (const event of events) if (known.size < KNOWN_MAX) known.set(event.id, event);
}

/** The filter as parameters. @returns {import("../../lib/query/filter.js").Parameters} */
function parameters() {
  const { type, about } = route.peek();
  const [key = "", id = ""] = about.split(/=(.*)/s);
  return [...(type ? /** @type {[string, string][]} */ ([["type", type]]) : []), ...(about ? /** @type {[string, string][]} */ ([[key, id]]) : []), ["limit", String(PAGE_EVENTS)]];
}

export function Events() {
  const { type, about } = route.value;
  const list = useSignal(/** @type {Event[] | null} */ (null));
  const before = useSignal(/** @type {string | null} */ (null));
  const problem = useSignal(/** @type {api.ApiError | null} */ (null));
  const take = async (/** @type {AbortSignal} */ signal, /** @type {boolean} */ anew) => {
    try {
      const page = await api.events(parameters(), signal);
      if (signal.aborted) return;
      learn({ events: true });
      note(page.events);
      if (anew) before.value = page.nextBefore;
      list.value = mergedEvents(anew ? [] : list.peek() ?? [], page.events);
      problem.value = null;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof api.ApiError && error.status === 404) learn({ events: false });
      problem.value = /** @type {api.ApiError} */ (error);
    }
  };
  useEffect(() => {
    const abort = new AbortController();
    take(abort.signal, true);
    const timer = setInterval(() => { if (!document.hidden) take(abort.signal, list.peek() === null); }, AGAIN_MS);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [type, about]);
  const older = async () => {
    const page = await api.events([...parameters(), ["before", before.peek() ?? ""]]).catch((error) => { problem.value = error; });
    if (!page) return;
    note(page.events);
    before.value = page.nextBefore;
    list.value = mergedEvents(list.peek() ?? [], page.events);
  };
  return html`<section class="panel events" tabindex="0" aria-label="Events">
    <${Head} list=${list.value} />
    ${problem.value ? html`<p class="pad wrong" role="alert"><${Icon} name="warn" />${problem.value.status === 404 ? "This server does not store events." : problem.value.message}</p>` : null}
    ${list.value === null ? problem.value ? null : html`<p class="quiet pad" role="status">Loading\u2026</p>` : list.value.length === 0 ? html`<${None} />` : html`<${Days} list=${list.value} />`}
    ${before.value ? html`<p class="pad"><button onClick=${older}>Load older events</button></p>` : list.value?.length ? html`<p class="quiet pad">First event</p>` : null}
  </section>`;
}

/** @param {{list: readonly Event[] | null}} props */
function Head({ list }) {
  const { type, about } = route.value;
  note(list ?? []);
  const types = typeChoices([...known.values()].map((event) => event.type));
  const scopes = new Map([...known.values()].flatMap(scopesOf).map(({ about: key, word, id }) => [key, `${word} ${id}`]));
  if (type && !types.includes(type)) types.unshift(type);
  if (about && !scopes.has(about)) scopes.set(about, about.replace("_id=", " "));
  const pick = (/** @type {"type" | "about"} */ name) => (/** @type {Event_} */ event) => go({ [name]: event.target.value }, { replace: true });
  return html`<header class="panel-head"><h2>Events</h2>
    <select aria-label="Type" value=${type} onChange=${pick("type")}><option value="">All types</option>${types.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>
    <select aria-label="Scope" value=${about} onChange=${pick("about")}><option value="">All scopes</option>${[...scopes].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([key, name]) => html`<option key=${key} value=${key}>${name}</option>`)}</select>
    ${type || about ? html`<button class="link" onClick=${() => go({ type: "", about: "" }, { replace: true })}>Show all</button>` : null}
    <div class="gap"></div>
    ${list ? html`<span class="quiet" role="status">${count(list.length, "event")}</span>` : null}
    <button class="link" onClick=${() => go({ tab: "browse", panel: "", at: 0, record: 0, filter: { ...EVERYTHING, boot: "all", sources: ["event:"] } })}>Show in Browse</button></header>`;
}

/** @typedef {{target: HTMLSelectElement}} Event_ */

function None() {
  return route.value.type || route.value.about ? html`<p class="quiet pad">No event matches</p>`
    : html`<div class="pad"><p>No events yet.</p><p class="hint">vmlog records boots, finished commands, failures and snapshots as events. Record others with <code>vmlog event TYPE MESSAGE</code> or <code>POST /events</code>.</p></div>`;
}

/** @param {{list: readonly Event[]}} props */
function Days({ list }) {
  const { utc } = preferences.value;
  /** @type {Map<string, Event[]>} */
  const days = new Map();
  for (const event of list) {
    const key = day(timeOf(event), utc);
    days.set(key, [...(days.get(key) ?? []), event]);
  }
  return [...days].map(([key, of]) => html`<section key=${key}><h3>${of[0] ? longDay(timeOf(of[0]), utc) : ""}</h3>
    <ol class="timeline">${of.map((event) => html`<${Line} key=${event.id} event=${event} />`)}</ol></section>`);
}

/** @param {{event: Event}} props */
function Line({ event }) {
  const { type, severity, message } = event;
  const { utc } = preferences.value;
  const ms = timeOf(event);
  const record = String(event.payload?.record_id ?? "");
  const details = payload(/** @type {Record<string, unknown>} */ (maskedValue(event.payload ?? {})), SAID);
  return html`<li class=${`event ${severity}`}>
    <time dateTime=${new Date(ms).toISOString()} title=${stamp(ms, utc)}>${clock(ms, utc).slice(0, 8)}</time>
    <i class="severity" aria-hidden="true"></i>
    <div class="event-what"><p>${severity === "info" ? null : html`<span class="offscreen">${severity}: </span>`}${masked(message).text}</p>
      <p class="event-of"><button class="link" title="Only events of this type" onClick=${() => go({ type }, { replace: true })}><code>${type}</code></button>
        ${scopesOf(event).map(({ about, word, id }) => html`<button key=${about} class="link scope" title=${`Only events about this ${word}`} onClick=${() => go({ about }, { replace: true })}>${word} <b>${id}</b></button>`)}
        ${details.map(([key, value, tone]) => html`<span key=${key} class=${tone}><span class="key">${key}=</span>${value}</span>`)}</p></div>
    ${/^[1-9]\d{0,15}$/.test(record) ? html`<button class="plain" title="Open in the log" aria-label=${`Open in the log: ${message}`} onClick=${() => openContext(Number(record), "all")}><${Icon} name="around" /></button>` : null}
  </li>`;
}
