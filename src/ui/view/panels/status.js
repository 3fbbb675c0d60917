// The status of the server: what it reads, what it keeps, and what it cannot.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as api from "../../core/api.js";
import { boots, preferences } from "../../core/state.js";
import { bytes, metricsOf } from "../../lib/metrics.js";
import { count, number } from "../../lib/histogram.js";
import { ago, duration, stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";

const AGAIN_MS = 5_000;

/** @typedef {{running?: boolean, read?: number, stored?: number, filtered?: number, gaps?: number, errors?: number, notFollowed?: number, lagSeconds?: number}} CollectorState */
/** @typedef {{ready: any, metrics: Map<string, number>}} Known */

/** @returns {Promise<Known>} */
async function look() {
  const [ready, metrics] = await Promise.all([
    api.readiness(),
    api.open("metrics", []).then((answer) => answer.text()).then(metricsOf, () => new Map()),
  ]);
  return { ready, metrics };
}

export function StatusView() {
  const known = useSignal(/** @type {Known | null} */ (null));
  const failed = useSignal("");
  useEffect(() => {
    const again = () => {
      if (document.hidden) return;
      look().then((found) => { [known.value, failed.value] = [found, ""]; }, () => { failed.value = "Can't reach vmlog. Retrying\u2026"; });
    };
    again();
    const timer = setInterval(again, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const { utc } = preferences.value;
  if (!known.value) return html`<section class="panel status-view" tabindex="0" aria-label="Status"><p class="quiet pad" role="status">${failed.value || "Loading\u2026"}</p></section>`;
  const { ready, metrics } = known.value;
  const { oldest, completeSince, thinned, largestSource } = ready.history ?? {};
  const collectors = /** @type {[string, CollectorState][]} */ (Array.isArray(ready.collectors) ? [] : Object.entries(ready.collectors ?? {}));
  const of = (/** @type {string} */ name) => metrics.get(name);
  const [records, size, segments, tails] = [of("vmlog_store_records"), of("vmlog_store_bytes"), of("vmlog_store_segments"), of("vmlog_tail_clients")];
  const [recordsMax, sizeMax, ageMax] = [of("vmlog_store_records_max"), of("vmlog_store_bytes_max"), of("vmlog_store_age_max_seconds")];
  const limit = (/** @type {number | undefined} */ max, /** @type {(max: number) => string} */ say) => (max !== undefined && max <= Number.MAX_SAFE_INTEGER ? html`<small>${say(max)}</small>` : null);
  const current = boots.value?.[0];
  return html`<section class="panel status-view" tabindex="0" aria-label="Status">
    <header class="panel-head"><h2>${ready.status === "ready" ? html`<i class="dot on" aria-hidden="true"></i>Storing new records` : html`<i class="dot bad" aria-hidden="true"></i>Not storing new records`}</h2>
      ${ready.message ? html`<p class="wrong">${ready.message}</p>` : null}${failed.value ? html`<p class="wrong" role="alert">${failed.value}</p>` : null}</header>
    <dl class="figures">
      ${records === undefined ? null : html`<div><dt>Records</dt><dd>${number(records)} ${limit(recordsMax, (max) => `of at most ${number(max)}`)}</dd></div>`}
      ${size === undefined ? null : html`<div><dt>On disk</dt><dd>${bytes(size)} ${limit(sizeMax, (max) => `of at most ${bytes(max)}`)}</dd></div>`}
      ${segments === undefined ? null : html`<div><dt>Segments</dt><dd>${number(segments)}</dd></div>`}
      ${oldest ? html`<div><dt>Oldest record</dt><dd>${stamp(Date.parse(oldest), utc)} ${limit(ageMax, (max) => `deleted after ${duration(max * 1000)}`)}</dd></div>` : null}
      ${largestSource && records ? html`<div><dt>Largest source</dt><dd>${largestSource.source}, ${Math.round(largestSource.records / records * 100)} %</dd></div>` : null}
      ${thinned && completeSince ? html`<div><dt>Thinned out</dt><dd title="Errors, problems, runs and the newest records of each source remain">${count(thinned, "record")} before ${stamp(Date.parse(completeSince), utc)}</dd></div>` : null}
      ${current ? html`<div><dt>Machine started</dt><dd>${ago(Date.parse(current.first), Date.now())}</dd></div>` : null}
      ${tails === undefined ? null : html`<div><dt>Live clients</dt><dd>${number(tails)}</dd></div>`}
    </dl>
    <h3>Collectors</h3>
    ${collectors.length === 0 ? html`<p class="quiet">The server reports no collectors.</p>` : html`<div class="table-box" tabindex="0" role="group" aria-label="Collectors"><table class="collectors-table"><thead><tr><th>Collector</th><th>State</th><th>Read</th><th>Stored</th><th>Filtered</th><th>Gaps</th><th>Errors</th><th>Lag</th></tr></thead>
      <tbody>${collectors.map(([name, one]) => html`<tr key=${name}><th scope="row">${name}</th>
        <td>${one.running === false ? html`<span class="level-tag warn">not running</span>` : "running"}</td><td>${number(one.read ?? 0)}</td><td>${number(one.stored ?? 0)}</td><td>${number(one.filtered ?? 0)}</td>
        <td class=${one.gaps ? "doubtful" : ""}>${number(one.gaps ?? 0)}</td><td class=${one.errors ? "bad" : ""}>${number(one.errors ?? 0)}${one.notFollowed ? `, ${count(one.notFollowed, "log")} not followed` : ""}</td>
        <td>${one.lagSeconds ? duration(one.lagSeconds * 1000) : "none"}</td></tr>`)}</tbody></table></div>`}
    <p class="hint"><${Icon} name="help" />Run <code>vmlog doctor</code> on the machine to see what vmlog can read, and how to fix what it cannot.</p>
  </section>`;
}
