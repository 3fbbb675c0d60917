// Dialogs: time range, filters on small screens, export, keyboard shortcuts, command palette.

import { useEffect, useRef } from "../vendor/hooks.js";
import { useSignal } from "../vendor/signals.js";
import * as act from "../actions.js";
import { address, exportAddress } from "../api.js";
import { hasSession, signOut } from "../session.js";
import { counts, dialog, filter, preferences, prefer, refine, route, say, totals } from "../state.js";
import { toParameters } from "../lib/filter.js";
import { commandLine, curl } from "../lib/command.js";
import { number } from "../lib/histogram.js";
import { PRESETS, readTime, stamp } from "../lib/time.js";
import { html, Icon } from "./html.js";
import { Levels } from "./bar.js";
import { Palette } from "./palette.js";
import { Sources } from "./sources.js";

export function Dialogs() {
  const name = dialog.value;
  return html`
    ${name === "palette" ? html`<${Sheet} title="Command palette"><${Palette} /></${Sheet}>` : null}
    ${name === "help" ? html`<${Sheet} title="Keyboard shortcuts"><${Help} /></${Sheet}>` : null}
    ${name === "time" ? html`<${Sheet} title="Time range"><${Time} /></${Sheet}>` : null}
    ${name === "export" ? html`<${Sheet} title="Export"><${Export} /></${Sheet}>` : null}
    ${name === "filters" ? html`<${Sheet} title="Filters"><${Filters} /></${Sheet}>` : null}`;
}

const close = () => {
  dialog.value = "";
};

/** @param {{title: string, children?: any}} props */
function Sheet({ title, children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const outside = (/** @type {MouseEvent} */ event) => {
    if (event.target === box.current) close();
  };
  return html`<dialog ref=${box} aria-label=${title} onClose=${close} onClick=${outside}>
    <div class="sheet"><header><h2>${title}</h2><button class="plain" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="sheet-body" tabindex="0" role="group" aria-label=${title}>${children}</div></div>
  </dialog>`;
}

// ---- time

function Time() {
  const { utc } = preferences.value;
  const say = (/** @type {string} */ bound) => {
    const ms = Date.parse(bound);
    return bound && !bound.startsWith("-") && !Number.isNaN(ms) ? stamp(ms, utc) : bound;
  };
  const from = useSignal(say(filter.value.start));
  const to = useSignal(say(filter.value.end));
  const wrong = useSignal("");
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    const context = { now: Date.now(), utc };
    const [start, end] = [readTime(from.value, context), readTime(to.value, context)];
    if (!start.ok || !end.ok) wrong.value = !start.ok ? start.reason : !end.ok ? end.reason : "";
    else if (start.value && end.value && Date.parse(end.value) < Date.parse(start.value)) wrong.value = "End is before start.";
    else {
      refine({ start: start.value, end: end.value });
      close();
    }
  };
  const field = (/** @type {string} */ label, /** @type {typeof from} */ value, /** @type {string} */ hint) => html`<label class="field"><span>${label}</span>
    <input type="text" value=${value.value} placeholder=${hint} autocomplete="off" spellcheck=${false} aria-describedby=${wrong.value ? "time-wrong" : "time-hint"}
      onInput=${(/** @type {Event} */ event) => { value.value = /** @type {HTMLInputElement} */ (event.target).value; }} /></label>`;
  return html`<form onSubmit=${apply}>
    ${field("From", from, "oldest record")}
    ${field("To", to, "now")}
    <p class="hint" id="time-hint">Examples: 14:30, 2026-02-17 14:30, -2h, 3 days ago, or a pasted timestamp. Times without a zone are ${utc ? "UTC" : "local"}.</p>
    ${wrong.value ? html`<p class="wrong" role="alert" id="time-wrong">${wrong.value}</p>` : null}
    <div class="actions end">
      <div class="switches" role="group" aria-label="Time zone">
        <button type="button" aria-pressed=${!utc} onClick=${() => prefer({ utc: false })}>Local</button>
        <button type="button" aria-pressed=${utc} onClick=${() => prefer({ utc: true })}>UTC</button>
      </div>
      <div class="gap"></div>
      <button type="button" onClick=${() => { refine({ start: "", end: "" }); close(); }}>All time</button>
      <button class="primary" type="submit">Apply</button>
    </div>
  </form>`;
}

// ---- filters on small screens

function Filters() {
  const { start, end } = filter.value;
  return html`<div class="filters-sheet">
    <h3>Level</h3><${Levels} />
    <h3>Time</h3>
    <div class="range" role="group" aria-label="Time range">
      ${PRESETS.map((preset) => html`<button key=${preset.label} aria-pressed=${!end && preset.start === start} onClick=${() => refine({ start: preset.start, end: "" })}>${preset.label}</button>`)}
      <button onClick=${() => { dialog.value = "time"; }}>Custom</button>
    </div>
    <${Sources} />
    <div class="actions end sticky"><button onClick=${act.clearFilter}>Clear filters</button><button class="primary" onClick=${close}>Show ${totals.value ? number(totals.value.total) : ""} records</button></div>
  </div>`;
}

// ---- export

const FORMATS = [
  { format: "log", name: "Text", what: "One line per record, for reading and grep" },
  { format: "jsonl", name: "JSON lines", what: "All fields" },
  { format: "csv", name: "CSV", what: "For spreadsheets" },
];

/** A download cannot send headers, so the session requests an address for it. @param {MouseEvent} event @param {import("../lib/filter.js").Parameters} parameters */
async function download(event, parameters) {
  setTimeout(close, 100);
  if (!hasSession()) return;
  event.preventDefault();
  try {
    const link = document.createElement("a");
    const { address: href, warnings } = await exportAddress(parameters);
    link.href = href;
    link.download = "";
    link.click();
    if (warnings.length > 0) say(warnings.join(". "), { bad: true });
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), { bad: true });
  }
}

function Export() {
  const parameters = toParameters(filter.value);
  const total = counts.value ? totals.value?.total : undefined;
  const web = curl(filter.value, new URL(".", location.href).href);
  const amount = total === undefined ? "All records" : html`<b>${number(total)}</b> ${total === 1 ? "record" : "records"}`;
  return html`<p>${amount}${parameters.length === 0 ? "" : total === 1 ? " that matches the filter" : " that match the filter"}</p>
    <ul class="formats">${FORMATS.map(({ format, name, what }) => html`<li key=${format}>
      <a href=${address("logs/export", [...parameters, ["format", format]])} download
        onClick=${(/** @type {MouseEvent} */ event) => download(event, [...parameters, ["format", format]])}><${Icon} name="download" /><span><b>${name}</b><small>${what}</small></span><code>.${format}</code></a></li>`)}</ul>
    <h3>Use elsewhere</h3>
    <${Copyable} label="Link to this view" text=${location.href} copy=${act.copyView} />
    <${Copyable} label="curl" text=${web} copy=${act.copyCurl} />
    <${Copyable} label="vmlog" text=${commandLine(filter.value, new URL(".", location.href).href)} copy=${act.copyCommand} />`;
}

/** @param {{label: string, text: string, copy: () => void}} props */
const Copyable = ({ label, text, copy }) => html`<div class="copyable"><span>${label}</span><code tabindex="0" role="group" aria-label=${label}>${text}</code>
  <button class="plain" aria-label=${`Copy: ${label}`} onClick=${copy}><${Icon} name="copy" /></button></div>`;

// ---- help

/** @type {[string, [string, string][]][]} */
const KEYS = [
  ["Navigate", [["j k", "next, previous record"], ["g G", "oldest, newest"], ["e E", "next, previous error"], ["w W", "next, previous warning or error"],
    ["n N", "next, previous match"], ["[ ]", "earlier, later time range"], ["Space", "next page; in Live: pause"], ["Enter", "open or expand the record"], ["Esc", "close, go back"]]],
  ["Find", [["/", "search all records"], ["Ctrl F", "find in list; press twice for the browser's own find"], ["a", "show surrounding records"], ["Ctrl K", "command palette"]]],
  ["Select and copy", [["Shift \u2191\u2193", "select rows (or Shift-click)"], ["Ctrl A", "select all loaded rows"], ["c", "copy the line or the selected rows"], ["l", "copy a link to the record"], ["x", "export"]]],
  ["Views", [["t", "switch between Live and Browse"], ["z", "wrap long lines"], ["?", "show this help"]]],
];

function Help() {
  return html`<div class="keys">${KEYS.map(([title, keys]) => html`<section key=${title}><h3>${title}</h3><dl>${keys.map(([key, what]) =>
    html`<div key=${key}><dt>${key.split(" ").map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd></div>`)}</dl></section>`)}</div>
    <p class="hint">Shift-click a level to turn only that level on or off. Alt-click a source to show only that source. Drag across the histogram to zoom. ${route.value.tab === "live" ? "Scroll up to pause Live." : ""}</p>
    ${hasSession() ? html`<div class="actions end"><button onClick=${() => { close(); signOut(); }}>Sign out</button></div>` : null}`;
}
