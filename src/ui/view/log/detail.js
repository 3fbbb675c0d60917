// The details of one record.

import { useEffect, useLayoutEffect, useRef } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import { copy } from "../../core/clipboard.js";
import { browse, preferences, refine, route } from "../../core/state.js";
import { fieldTerm } from "../../lib/query/terms.js";
import { jsonObject } from "../../lib/text/json.js";
import { masked, maskedValue, MASK } from "../../lib/text/secrets.js";
import { hueOf } from "../../lib/sources.js";
import { clock, day, duration } from "../../lib/time.js";
import { message, PLAIN_LOOK, rulesOf } from "../../list/row.js";
import { found } from "../../lib/text/match.js";
import { ColumnButton } from "./columns.js";
import { html, Icon } from "../html.js";
import { isDark } from "../theme.js";

/** @typedef {import("../../lib/types.js").Entry} Entry */

export function Detail() {
  const panel = useRef(/** @type {HTMLElement | null} */ (null));
  const entry = act.opened.value;
  const shown = entry && route.value.record === entry.id;
  useEffect(() => {
    panel.current?.querySelector(".detail-body")?.scrollTo(0, 0);
    // what cannot be loaded is not shown; the record itself is
    if (entry) act.loadContinued(entry).catch(() => {});
  }, [entry?.id]);
  if (!shown || (route.value.tab === "runs" && !route.value.run)) return null;
  return html`<aside class="detail" aria-label="Record" ref=${panel}>
    <header class="detail-head">
      <span class=${`level-tag ${entry.level}`}>${entry.level}</span>
      <span class=${`source hue-${hueOf(entry.source)}`} title=${entry.source}>${entry.source}</span>
      <div class="gap"></div>
      <button class="plain" title="Previous record (k)" aria-label="Previous record" onClick=${() => act.move(-1)}><${Icon} name="up" /></button>
      <button class="plain" title="Next record (j)" aria-label="Next record" onClick=${() => act.move(1)}><${Icon} name="down" /></button>
      <button class="plain" title="Close (Esc)" aria-label="Close record" onClick=${act.closeEntry}><${Icon} name="close" /></button>
    </header>
    <div class="detail-body" tabindex="0" role="group" aria-label="Record">
      <h2 class="offscreen">Record ${entry.id}</h2>
      <${When} entry=${entry} />
      <${Message} key=${entry.id} entry=${entry} />
      <div class="actions">
        <button onClick=${() => act.copyLine(entry)} title="Copy this line (c)"><${Icon} name="copy" />Line</button>
        <button onClick=${() => act.copyJson(entry)}><${Icon} name="copy" />JSON</button>
        <button onClick=${() => act.copyMarkdown(entry)} title="Copy as Markdown, for an issue"><${Icon} name="copy" />Markdown</button>
        <button onClick=${() => act.copyRecordCurl(entry)} title="Copy a curl command that gets this record"><${Icon} name="copy" />curl</button>
        <button onClick=${() => act.copyPermalink(entry)} title="Copy a link to this record (l)"><${Icon} name="link" />Link</button>
      </div>
      <h3>Context</h3>
      <div class="actions">
        <button onClick=${() => act.openContext(entry.id, "all")}><${Icon} name="around" />All sources</button>
        <button onClick=${() => act.openContext(entry.id, "source")}><${Icon} name="around" />This source</button>
        <button onClick=${() => act.aroundTime(entry)} title="All sources, 30 seconds before and after"><${Icon} name="clock" />\u00b1 30 s</button>
        <button onClick=${() => refine({ sources: [entry.source] })}><${Icon} name="only" />Filter by this source</button>
      </div>
      <${Fields} key=${`fields ${entry.id}`} entry=${entry} />
    </div>
  </aside>`;
}

/** @param {{entry: Entry}} props */
function When({ entry }) {
  const fraction = /\.(\d+)/.exec(entry.timestamp)?.[1] ?? "";
  const precise = (/** @type {boolean} */ utc) => `${day(entry.ms, utc)} ${clock(entry.ms, utc).slice(0, 8)}${fraction && `.${fraction}`}`;
  const ago = Date.now() - entry.ms;
  return html`<dl class="when">
    <dt>Local</dt><dd>${precise(false)}</dd>
    <dt>UTC</dt><dd>${precise(true)}</dd>
    <dt>Age</dt><dd>${ago >= 0 ? `${duration(ago)} ago` : `in ${duration(-ago)}`}</dd>
    <dt>ID</dt><dd>${entry.id}</dd>
  </dl>`;
}

/** The message with the lines that continue it, such as the calls of a trace. @param {Entry} entry */
function wholeMessage(entry) {
  // the list may come after the record
  if (route.value.tab !== "live" && browse.value.loading === "first") return entry.message;
  const lines = act.wholeEvent(entry);
  return lines[0]?.id === entry.id ? lines.map((line) => line.message).join("\n") : entry.message;
}

/** @param {{entry: Entry}} props */
function Message({ entry }) {
  const text = wholeMessage(entry);
  const holder = useRef(/** @type {HTMLPreElement | null} */ (null));
  const how = useSignal(/** @type {"shown" | "raw"} */ ("shown"));
  const object = jsonObject(masked(text).text);
  const raw = how.value === "raw";
  const dark = isDark.value;
  useLayoutEffect(() => {
    if (!holder.current) return;
    holder.current.replaceChildren();
    if (object && !raw) return;
    message(holder.current, text, { raw, json: true, full: true }, { ...PLAIN_LOOK, utc: preferences.peek().utc, raw, dark }, rulesOf(entry), text === entry.message ? found(entry) : undefined);
  });
  const unusual = object !== null || /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u202e]/.test(text);
  return html`<section class="message-box">
    ${unusual ? html`<button class="link raw-switch" aria-pressed=${raw} onClick=${() => { how.value = raw ? "shown" : "raw"; }}>${raw ? "Readable" : "Raw"}</button>` : null}
    ${object && !raw ? html`<div class="json"><${Tree} value=${object} path="" depth=${0} filterable=${false} /></div>` : null}
    <pre class="message" ref=${holder} hidden=${object !== null && !raw} tabindex="0" role="group" aria-label="Message"></pre>
  </section>`;
}

/** @param {{entry: Entry}} props */
function Fields({ entry }) {
  if (!entry.metadata) return html`<p class="quiet">No other fields.</p>`;
  return html`<h3>Fields</h3><div class="fields"><${Tree} value=${maskedValue(entry.metadata)} path="" depth=${0} filterable=${true} /></div>`;
}

/** Keys whose values belong to one request, job or the like. */
const ID = /(?:^|[._-])(?:id|uuid|guid)$|(?:trace|span|request|correlation|session|job|order|user)_?id$/i;

/** Maximum number of entries of one object before "more". */
const TREE_MAX = 100;

/** @param {{value: unknown, path: string, depth: number, filterable: boolean}} props */
function Tree({ value, path, depth, filterable }) {
  const most = useSignal(TREE_MAX);
  const entries = Object.entries(/** @type {object} */ (value));
  // a condition matches any value of a list
  const inside = (/** @type {string} */ key) => (Array.isArray(value) ? path : path ? `${path}.${key}` : key);
  return html`<ul class="tree">${entries.slice(0, most.value).map(([key, inner]) =>
    html`<${Node} key=${key} name=${key} value=${inner} path=${inside(key)} depth=${depth} filterable=${filterable} />`)}
    ${entries.length > most.value ? html`<li><button class="link" onClick=${() => { most.value += 1000; }}>${entries.length - most.value} more</button></li>` : null}
  </ul>`;
}

/** @param {{name: string, value: unknown, path: string, depth: number, filterable: boolean}} props */
function Node({ name, value, path, depth, filterable }) {
  const open = useSignal(depth < 2);
  const acting = useSignal(false);
  if (value !== null && typeof value === "object" && Object.keys(value).length > 0) {
    const inside = Array.isArray(value) ? `[${value.length}]` : `{${Object.keys(value).length}}`;
    return html`<li class="branch"><button class="twist" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>
      <${Icon} name="chevron" /><span class="key">${name}</span> <span class="quiet">${inside}</span></button>
      <span class="leaf-tools"><button class="plain" title="Copy as JSON" aria-label=${`Copy ${name} as JSON`} onClick=${() => copy(JSON.stringify(value, null, 2), name)}><${Icon} name="copy" /></button></span>
      ${open.value ? html`<${Tree} value=${value} path=${path} depth=${depth + 1} filterable=${filterable} />` : null}</li>`;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const can = filterable && fieldTerm(path, value, false) !== null && text !== MASK;
  const isId = can && ID.test(path) && text.length >= 6;
  return html`<li class=${`leaf ${acting.value ? "unfolded" : ""}`}><span class="key">${name}</span><span class=${`value ${text === MASK ? "redacted" : typeof value}`}>${text}</span>
    <button class="plain leaf-more" aria-expanded=${acting.value} aria-label=${`Actions for ${name}`} onClick=${() => { acting.value = !acting.value; }}><${Icon} name="more" /></button>
    <span class="leaf-tools">
      ${isId ? html`<button class="plain" title="All records with this ID, of all sources" aria-label=${`Show all records with ${name} ${text}`} onClick=${() => act.followValue(path, value)}><${Icon} name="around" /></button>` : null}
      ${can ? html`<button class="plain" title="Only records with this value" aria-label=${`Show only ${name} ${text}`} onClick=${() => act.filterBy(path, value, false)}><${Icon} name="only" /></button>
        <button class="plain" title="Hide records with this value" aria-label=${`Hide ${name} ${text}`} onClick=${() => act.filterBy(path, value, true)}><${Icon} name="exclude" /></button>` : null}
      ${filterable && path && !path.includes(",") ? html`<${ColumnButton} of=${path} />` : null}
      <button class="plain" title="Copy this value" aria-label=${`Copy ${name}`} onClick=${() => copy(text, name)}><${Icon} name="copy" /></button>
    </span></li>`;
}
