// The time range: a button that says it, and the dialog to choose it.

import { useRef } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import { boots, dialog, filter, preferences, prefer, ranged, refine } from "../../core/state.js";
import { count } from "../../lib/histogram.js";
import { ago, boundMs, duration, PRESETS, rangeLabel, readTime, stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";

/** Boots in the dialog; the rest are in the list of all. */
const BOOTS_MAX = 8;

/** The range in words. */
export function rangeName() {
  const { start, end, boot } = ranged(filter.value);
  if (boot && boot !== "all") {
    const known = boots.value?.find(({ index, id }) => String(index) === boot || id === boot);
    if (boot === "0" || known?.index === 0) return "This boot";
    if (boot === "-1" || known?.index === -1) return "Previous boot";
    return known ? `Boot ${known.index}` : "A boot";
  }
  return start || end ? rangeLabel(start, end, preferences.value.utc) : "All time";
}

export function TimeButton() {
  return html`<button class="time-button" aria-haspopup="dialog" title="Time range" onClick=${() => { dialog.value = "time"; }}><${Icon} name="clock" /><span>${rangeName()}</span></button>`;
}

const close = () => {
  dialog.value = "";
};

/** @param {Partial<import("../../lib/query/filter.js").Filter>} range */
function choose(range) {
  refine(range);
  close();
}

export function Time() {
  const chosen = ranged(filter.value);
  const list = boots.value ?? [];
  const all = !chosen.start && !chosen.end && (!chosen.boot || chosen.boot === "all");
  return html`<div class="ranges" role="group" aria-label="Ranges">
      ${list.length > 0 ? html`<button aria-pressed=${chosen.boot === "0"} onClick=${() => choose({ boot: "0" })}>This boot</button>` : null}
      ${PRESETS.map((preset) => html`<button key=${preset.label} aria-pressed=${!chosen.end && chosen.start === preset.start} title=${preset.name} onClick=${() => choose({ start: preset.start, end: "" })}>${preset.label}</button>`)}
      <button aria-pressed=${all} onClick=${() => choose(list.length > 0 ? { boot: "all" } : { start: "", end: "" })}>All time</button>
    </div>
    ${list.length > 1 ? html`<h3>Boots</h3><ul class="boots">${list.slice(0, BOOTS_MAX).map((boot) => html`<${Boot} key=${boot.id} boot=${boot} />`)}</ul>` : null}
    <h3>Custom</h3>
    <${Custom} />
    <h3>Around a time, all sources</h3>
    <${Around} />`;
}

/** @param {{boot: import("../../core/state.js").Boot}} props */
function Boot({ boot }) {
  const { utc } = preferences.value;
  const [first, last] = [Date.parse(boot.first), Date.parse(boot.last)];
  const name = boot.index === 0 ? "This boot" : boot.index === -1 ? "Previous boot" : `Boot ${boot.index}`;
  return html`<li><button aria-pressed=${ranged(filter.value).boot === String(boot.index)} onClick=${() => choose({ boot: String(boot.index) })}>
    <b>${name}</b><span>${stamp(first, utc)}, ${duration(last - first)}</span>
    <small>${count(boot.records, "record")}${boot.problems ? `, ${count(boot.problems, "problem")}` : ""}${boot.clean === false ? ", ended without a clean shutdown" : ""}</small></button></li>`;
}

/** What a typed time means. @param {string} text @param {boolean} utc */
function preview(text, utc) {
  if (!text.trim()) return { ok: true, value: "", said: "" };
  const read = readTime(text, { now: Date.now(), utc });
  if (!read.ok) return { ok: false, value: "", said: read.reason };
  const ms = boundMs(read.value, Date.now());
  return { ok: true, value: read.value, said: ms === null ? "" : `${stamp(ms, utc)} (${ago(ms, Date.now())})` };
}

function Custom() {
  const { utc } = preferences.value;
  const say = (/** @type {string} */ bound) => {
    const ms = Date.parse(bound);
    return bound && !bound.startsWith("-") && !Number.isNaN(ms) ? stamp(ms, utc) : bound;
  };
  const from = useSignal(say(filter.value.start));
  const to = useSignal(say(filter.value.end));
  const tried = useSignal(false);
  const [start, end] = [preview(from.value, utc), preview(to.value, utc)];
  const [startMs, endMs] = [boundMs(start.value, Date.now()), boundMs(end.value, Date.now())];
  const reversed = startMs !== null && endMs !== null && endMs <= startMs;
  const wrong = !start.ok ? start.said : !end.ok ? end.said : reversed ? "End is before start." : "";
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    tried.value = true;
    if (!wrong) choose({ start: start.value, end: end.value, boot: start.value || end.value ? "" : "all" });
  };
  const field = (/** @type {string} */ label, /** @type {typeof from} */ value, /** @type {ReturnType<typeof preview>} */ meant, /** @type {string} */ hint) => html`<div class="field"><label for=${`time-${label}`}>${label}</label>
    <span class="dated"><input type="text" id=${`time-${label}`} value=${value.value} placeholder=${hint} autocomplete="off" spellcheck=${false} aria-describedby="time-hint" aria-invalid=${tried.value && !meant.ok}
      onInput=${(/** @type {Event} */ event) => { value.value = /** @type {HTMLInputElement} */ (event.target).value; }} /><${Calendar} value=${value} name=${label} /></span><small>${meant.ok ? meant.said : ""}</small></div>`;
  return html`<form onSubmit=${apply}>
    ${field("From", from, start, "oldest record")}
    ${field("To", to, end, "now")}
    <p class="hint" id="time-hint">Examples: 14:30, yesterday 20:00, 2026-02-17 14:30, -2h, 3 days ago, or a pasted timestamp. Times without a zone are ${utc ? "UTC" : "local"}.</p>
    ${wrong && (tried.value || reversed) ? html`<p class="wrong" role="alert">${wrong}</p>` : null}
    <div class="actions end">
      <div class="switches" role="group" aria-label="Time zone">
        <button type="button" aria-pressed=${!utc} onClick=${() => prefer({ utc: false })}>Local</button>
        <button type="button" aria-pressed=${utc} onClick=${() => prefer({ utc: true })}>UTC</button>
      </div>
      <div class="gap"></div>
      <button class="primary" type="submit">Apply</button>
    </div>
  </form>`;
}

/** A day and a time of the browser's own calendar, written into the field. @param {{value: import("../../vendor/signals.js").Signal<string>, name: string}} props */
function Calendar({ value, name }) {
  const { utc } = preferences.value;
  const picker = useRef(/** @type {HTMLInputElement | null} */ (null));
  const open = () => {
    const input = picker.current;
    if (!input) return;
    const ms = boundMs(preview(value.peek(), utc).value, Date.now()) ?? Date.now();
    input.value = stamp(ms, utc).slice(0, 16).replace(" ", "T");
    input.showPicker();
  };
  const take = () => {
    if (picker.current?.value) value.value = picker.current.value.replace("T", " ");
  };
  return html`<button type="button" class="plain" title="Calendar" aria-label=${`${name}: calendar`} onClick=${open}><${Icon} name="calendar" /></button>
    <input type="datetime-local" ref=${picker} tabindex="-1" aria-hidden="true" onInput=${take} />`;
}

const SPANS = /** @type {const} */ ([["30 s", 30], ["5 min", 300], ["30 min", 1800]]);

function Around() {
  const { utc } = preferences.value;
  const at = useSignal("");
  const meant = preview(at.value, utc);
  const ms = boundMs(meant.value, Date.now());
  return html`<label class="field"><span>Time</span><input type="text" value=${at.value} placeholder="14:06" autocomplete="off" spellcheck=${false}
      onInput=${(/** @type {Event} */ event) => { at.value = /** @type {HTMLInputElement} */ (event.target).value; }} /><small>${meant.said}</small></label>
    <div class="actions">${SPANS.map(([name, seconds]) => html`<button key=${name} type="button" disabled=${ms === null} onClick=${() => around(ms ?? 0, seconds)}>\u00b1 ${name}</button>`)}</div>`;
}

/** Shows everything around a time. @param {number} ms @param {number} seconds */
export function around(ms, seconds) {
  choose({
    start: new Date(ms - seconds * 1000).toISOString(), end: new Date(ms + seconds * 1000).toISOString(), sources: [], q: "", patterns: [], pid: "",
    levels: ["debug", "info", "warn", "error"],
  });
}
