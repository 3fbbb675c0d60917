// The histogram split by source: a lane for each of those with most records. A click shows only that source.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as api from "../../core/api.js";
import { filter, preferences, ranged, refine, totals } from "../../core/state.js";
import { count, lane, number } from "../../lib/histogram.js";
import { sourceState, toggleExcluded, toParameters } from "../../lib/query/filter.js";
import { hueOf, shortName } from "../../lib/sources.js";
import { stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";

/** @typedef {import("../../lib/histogram.js").Histogram} Histogram */

/** More lanes leave no room for the records. */
const LANES_MAX = 6;
const HEIGHT = 20;

/** @param {{data: Histogram}} props the histogram of all sources, whose range the lanes share */
export function Lanes({ data }) {
  const lanes = useSignal(/** @type {Map<string, Histogram>} */ (new Map()));
  const chosen = filter.value;
  const names = [...totals.value?.bySource ?? []].filter(([name, n]) => n > 0 && sourceState(chosen, name).shown)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, LANES_MAX).map(([name]) => name);
  const range = { start: new Date(data.startMs).toISOString(), end: new Date(data.endMs).toISOString(), boot: "" };
  const question = JSON.stringify([names, toParameters({ ...ranged(chosen), ...range, sources: [] }), data.buckets.length]);
  useEffect(() => {
    const abort = new AbortController();
    const ask = (/** @type {string} */ name) => api.histogram(toParameters({ ...chosen, ...range, sources: [name] }), Math.max(1, data.buckets.length), abort.signal);
    Promise.all(names.map(async (name) => /** @type {const} */ ([name, await ask(name)]))).then((found) => { lanes.value = new Map(found); }, () => {});
    return () => abort.abort();
  }, [question]);
  const only = chosen.sources.length === 1 && !chosen.sources[0]?.startsWith("-");
  return html`<ul class="lanes" aria-label="Records by source">${names.map((name) => html`<${Lane} key=${name} name=${name} data=${lanes.value.get(name)} only=${only} />`)}</ul>`;
}

/** @param {{name: string, data: Histogram | undefined, only: boolean}} props */
function Lane({ name, data, only }) {
  const records = totals.value?.bySource.get(name) ?? 0;
  const busiest = data?.buckets.reduce((most, bucket) => (bucket.total > most.total ? bucket : most), { total: 0, ms: 0 });
  const most = busiest?.total ? `; most at ${stamp(busiest.ms, preferences.value.utc)}: ${number(busiest.total)}` : "";
  return html`<li>
    <button class=${`lane hue-${hueOf(name)}`} aria-pressed=${only} title=${`${name}: ${count(records, "record")}${most}. Click: ${only ? "show all sources" : "show only this source"}.`} onClick=${() => refine({ sources: only ? [] : [name] })}>
      <span>${shortName(name)}</span>
      <svg viewBox=${`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">${data ? html`<path d=${lane(data, HEIGHT, false)} /><path class="error" d=${lane(data, HEIGHT, true)} />` : null}</svg></button>
    <button class="plain" title="Hide this source" aria-label=${`Hide ${name}`} onClick=${() => refine(toggleExcluded(filter.peek(), name))}><${Icon} name="exclude" /></button></li>`;
}
