// The histogram: records over time by level. Its legend switches levels; dragging zooms in.

import { useRef } from "../../vendor/hooks.js";
import { signal, useSignal } from "../../vendor/signals.js";
import { boots, dialog, features, filter, go, histogram, preferences, prefer, refine, route, seen } from "../../core/state.js";
import { bars, dragged, inWords, number, brief, peak, placeOf, ticks } from "../../lib/histogram.js";
import { duration, stamp } from "../../lib/time.js";
import { LEVELS } from "../../lib/types.js";
import { html, Icon } from "../html.js";
import { Levels } from "../query/levels.js";
import { Lanes } from "./lanes.js";

/** @typedef {import("../../lib/histogram.js").Histogram} Shape */

const HEIGHT = 56;
/** Ranges to go back to. */
const undo = signal(/** @type {{start: string, end: string, boot: string}[]} */ ([]));
const UNDO_MAX = 50;
/** The place of the pointer, from 0 to 1. */
const hover = signal(/** @type {number | null} */ (null));

export function HistogramView() {
  if (route.value.tab !== "browse" || route.value.context) return null;
  const open = preferences.value.histogram && features.value.histogram !== false;
  const data = histogram.value;
  const name = open ? "Hide the histogram" : "Show the histogram";
  return html`<figure class=${`histogram ${open ? "" : "closed"}`}>
    <div class="legend">
      ${features.value.histogram === false ? null : html`<button class="plain histogram-toggle" aria-expanded=${open} title=${name} aria-label=${name} onClick=${() => prefer({ histogram: !open })}><${Icon} name="chevron" /></button>`}
      <${Levels} />
      <${Reading} data=${open ? data : null} />
      ${undo.value.length > 0 ? html`<button class="link zoom-out" onClick=${zoomOut}><${Icon} name="back" />Zoom out</button>` : null}
      ${open ? html`<button class="plain lanes-toggle" aria-pressed=${preferences.value.lanes} title="Split by source" aria-label="Split by source" onClick=${() => prefer({ lanes: !preferences.peek().lanes })}><${Icon} name="lanes" /></button>` : null}
      <${Views} />
    </div>
    ${open ? data && data.endMs > data.startMs ? html`<${Bars} data=${data} />${preferences.value.lanes ? html`<${Lanes} data=${data} />` : null}` : html`<div class="bars-empty"></div><div class="axis"></div>` : null}
  </figure>`;
}

const PANELS = /** @type {const} */ ([["", "Records"], ["patterns", "Patterns"], ["fields", "Fields"]]);

/** What is shown of the records that match. */
function Views() {
  const { panel } = route.value;
  const comparable = (boots.value?.length ?? 0) > 1;
  const all = /** @type {[import("../../lib/query/route.js").Panel, string][]} */ ([...PANELS, ...(comparable ? [["compare", "Compare"]] : [])]);
  return html`<div class="switches views" role="group" aria-label="View">${all.map(([name, label]) =>
    html`<button key=${name} aria-pressed=${panel === name} onClick=${() => go({ panel: name, record: 0, select: "" })}>${label}</button>`)}
    <button title="Display options" aria-label="Display options" aria-haspopup="dialog" onClick=${() => { dialog.value = "display"; }}><${Icon} name="sliders" /></button></div>`;
}

/** What is under the pointer, or else the scale. @param {{data: Shape | null}} props */
function Reading({ data }) {
  if (!data) return html`<span class="reading"></span>`;
  const { utc } = preferences.value;
  const index = hover.value === null ? -1 : Math.min(data.buckets.length - 1, Math.floor(hover.value * data.buckets.length));
  const bucket = data.buckets[index];
  if (bucket) {
    const said = [...LEVELS].reverse().filter((level) => bucket.counts[level] > 0).map((level) => `${number(bucket.counts[level])} ${level}`);
    return html`<span class="reading"><b>${stamp(bucket.ms, utc)}</b> ${said.join(" \u00b7 ") || "no records"}</span>`;
  }
  const most = peak(data);
  if (most === 0) return html`<span class="reading"></span>`;
  return html`<span class="reading">peak ${brief(most)} per ${duration(Math.max(1, data.bucketMs))}</span>`;
}

/** @param {{data: Shape}} props */
function Bars({ data }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const drag = useSignal(/** @type {[number, number] | null} */ (null));
  const { utc } = preferences.value;
  const placeAt = (/** @type {PointerEvent} */ event) => {
    const { left, width } = /** @type {HTMLDivElement} */ (box.current).getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width));
  };
  const down = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    box.current?.setPointerCapture(event.pointerId);
    const at = placeAt(event);
    drag.value = [at, at];
  };
  const moveTo = (/** @type {PointerEvent} */ event) => {
    const at = placeAt(event);
    hover.value = at;
    if (drag.value) drag.value = [drag.value[0], at];
  };
  const up = () => {
    if (!drag.value) return;
    const { startMs, endMs } = dragged(data, ...drag.value);
    drag.value = null;
    zoom(startMs, endMs);
  };
  const leave = () => { hover.value = null; };
  const keys = (/** @type {KeyboardEvent} */ event) => zoomByKey(event, data);
  return html`<div class="bars" ref=${box} role="slider" tabindex="0" aria-label="Records over time. Plus zooms in, minus zooms out, arrow keys move."
      aria-valuetext=${inWords(data, utc)} aria-valuenow=${data.startMs} aria-valuemin=${0}  aria-valuemax=${data.endMs}
      onPointerDown=${down} onPointerMove=${moveTo} onPointerUp=${up} onPointerCancel=${() => { drag.value = null; }} onPointerLeave=${leave} onKeyDown=${keys}>
    <svg viewBox=${`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">${bars(data, HEIGHT).map(([level, path]) => html`<path key=${level} class=${level} d=${path} />`)}</svg>
    <${Band} data=${data} />
    ${hover.value !== null ? html`<i class="crosshair" style=${{ left: `${hover.value * 100}%` }}></i>` : null}
    ${drag.value ? html`<i class="drag" style=${span(...drag.value)}></i>` : null}
  </div>
  <div class="axis" aria-hidden="true">${ticks(data, 7, utc).map((tick) => html`<span key=${tick.label} style=${{ left: `${tick.at * 100}%` }}>${tick.label}</span>`)}</div>`;
}

/**
 * @param {number} a
 * @param {number} b
 */
const span = (a, b) => ({ left: `${Math.min(a, b) * 100}%`, width: `${Math.abs(b - a) * 100}%` });

/** The part that the list shows. @param {{data: Shape}} props */
function Band({ data }) {
  const times = seen.value;
  return times ? html`<i class="visible" title="Visible in the list" style=${span(placeOf(data, times[0]), placeOf(data, times[1]))}></i>` : null;
}

/**
 * @param {number} startMs
 * @param {number} endMs
 */
function zoom(startMs, endMs) {
  const { start, end, boot } = filter.peek();
  undo.value = [...undo.peek(), { start, end, boot }].slice(-UNDO_MAX);
  refine({ start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() });
}

export function zoomOut() {
  const before = undo.peek().at(-1);
  if (!before) return;
  undo.value = undo.peek().slice(0, -1);
  refine(before.boot ? { boot: before.boot } : { start: before.start, end: before.end });
}

/**
 * @param {KeyboardEvent} event
 * @param {Shape} data
 */
function zoomByKey(event, data) {
  const length = data.endMs - data.startMs;
  const middle = data.startMs + length / 2;
  if (event.key === "+" || event.key === "=") zoom(middle - length / 4, middle + length / 4);
  else if (event.key === "-" && undo.peek().length > 0) zoomOut();
  else if (event.key === "ArrowLeft") zoom(data.startMs - length / 2, data.endMs - length / 2);
  else if (event.key === "ArrowRight") zoom(data.startMs + length / 2, data.endMs + length / 2);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
