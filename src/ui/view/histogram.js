// The histogram: records over time by level. Dragging zooms in.

import { useRef } from "../vendor/hooks.js";
import { useSignal } from "../vendor/signals.js";
import { features, filter, histogram, preferences, prefer, refine, route, seen } from "../state.js";
import { dragged, inWords, number, peak, placeOf, ticks } from "../lib/histogram.js";
import { stamp } from "../lib/time.js";
import { LEVELS } from "../lib/types.js";
import { html, Icon } from "./html.js";

/** @typedef {import("../lib/histogram.js").Histogram} Shape */

const HEIGHT = 48;
/** @type {{start: string, end: string}[]} ranges to go back to */
const undo = [];

export function HistogramView() {
  if (route.value.tab !== "browse" || features.value.histogram === false || route.value.context) return null;
  const open = preferences.value.histogram;
  const data = histogram.value;
  const toggle = html`<button class="plain histogram-toggle" aria-expanded=${open} onClick=${() => prefer({ histogram: !open })}
    title=${open ? "Hide the histogram" : "Show the histogram"} aria-label=${open ? "Hide the histogram" : "Show the histogram"}><${Icon} name="chevron" /></button>`;
  if (!open) return html`<div class="histogram closed">${toggle}<span class="quiet">Histogram</span></div>`;
  return html`<figure class="histogram">${toggle}${data && data.endMs > data.startMs ? html`<${Bars} data=${data} />` : html`<div class="bars-empty"></div>`}</figure>`;
}

/** @param {{data: Shape}} props */
function Bars({ data }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const drag = useSignal(/** @type {[number, number] | null} */ (null));
  const hover = useSignal(/** @type {number | null} */ (null));
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
    <${Columns} data=${data} />
    <${Band} data=${data} />
    ${drag.value ? html`<i class="drag" style=${span(...drag.value)}></i>` : null}
    ${hover.value !== null ? html`<${Hover} data=${data} at=${hover.value} />` : null}
  </div>
  <div class="axis" aria-hidden="true">${ticks(data, 7, utc).map((tick) => html`<span key=${tick.label} style=${{ left: `${tick.at * 100}%` }}>${tick.label}</span>`)}</div>
  ${undo.length > 0 && filter.value.start ? html`<button class="link zoom-out" onClick=${zoomOut}>Zoom out</button>` : null}`;
}

/**
 * @param {number} a
 * @param {number} b
 */
const span = (a, b) => ({ left: `${Math.min(a, b) * 100}%`, width: `${Math.abs(b - a) * 100}%` });

/** The part that the list shows. @param {{data: Shape}} props */
function Band({ data }) {
  const times = seen.value;
  return times ? html`<i class="visible" style=${span(placeOf(data, times[0]), placeOf(data, times[1]))}></i>` : null;
}

/** One path per level, so that any number of buckets takes four elements. @param {{data: Shape}} props */
function Columns({ data }) {
  const { buckets } = data;
  const most = Math.max(1, peak(data));
  const wide = 100 / Math.max(1, buckets.length);
  const bottom = buckets.map(() => HEIGHT);
  return html`<svg viewBox=${`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">${[...LEVELS].reverse().map((level) => {
    let path = "";
    buckets.forEach((bucket, at) => {
      const count = bucket.counts[level];
      if (count === 0) return;
      // a single error among thousands stays visible
      const height = Math.max((count / most) * (HEIGHT - 2), level === "error" || level === "warn" ? 2 : 1);
      const base = bottom[at] ?? HEIGHT;
      const top = Math.max(0, base - height);
      path += `M${(at * wide).toFixed(3)} ${base.toFixed(2)}V${top.toFixed(2)}h${(wide * 0.82).toFixed(3)}V${base.toFixed(2)}z`;
      bottom[at] = top;
    });
    return html`<path key=${level} class=${level} d=${path} />`;
  })}</svg>`;
}

/** @param {{data: Shape, at: number}} props */
function Hover({ data, at }) {
  const index = Math.min(data.buckets.length - 1, Math.floor(at * data.buckets.length));
  const bucket = data.buckets[index];
  if (!bucket) return null;
  const said = LEVELS.filter((level) => bucket.counts[level] > 0).map((level) => `${number(bucket.counts[level])} ${level}`);
  return html`<span class=${`hover ${at > 0.7 ? "left" : ""}`} style=${{ left: `${((index + 0.5) / data.buckets.length) * 100}%` }}>
    <b>${stamp(bucket.ms, preferences.value.utc)}</b> ${said.join(" \u00b7 ") || "no records"}</span>`;
}

/**
 * @param {number} startMs
 * @param {number} endMs
 */
function zoom(startMs, endMs) {
  const { start, end } = filter.peek();
  undo.push({ start, end });
  if (undo.length > 50) undo.shift();
  refine({ start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() });
}

export function zoomOut() {
  const before = undo.pop();
  if (before) refine(before);
}

/**
 * @param {KeyboardEvent} event
 * @param {Shape} data
 */
function zoomByKey(event, data) {
  const length = data.endMs - data.startMs;
  const middle = data.startMs + length / 2;
  if (event.key === "+" || event.key === "=") zoom(middle - length / 4, middle + length / 4);
  else if (event.key === "-" && undo.length > 0) zoomOut();
  else if (event.key === "ArrowLeft") zoom(data.startMs - length / 2, data.endMs - length / 2);
  else if (event.key === "ArrowRight") zoom(data.startMs + length / 2, data.endMs + length / 2);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
