// Dialogs: time range, filters on small screens, export, saved views, display options, keyboard shortcuts, command palette.

import { useEffect, useRef } from "../../vendor/hooks.js";
import * as act from "../../core/actions.js";
import { address, exportAddress } from "../../core/api.js";
import { hasSession, signOut } from "../../core/session.js";
import { counts, dialog, filter, preferences, prefer, ranged, route, say, totals } from "../../core/state.js";
import { toParameters } from "../../lib/query/filter.js";
import { commandLine, curl } from "../../lib/query/command.js";
import { number } from "../../lib/histogram.js";
import { html, Icon } from "../html.js";
import { Levels } from "../query/levels.js";
import { Sources } from "../query/sources.js";
import { rangeName, Time } from "../query/time.js";
import { Columns } from "../log/columns.js";
import { Palette } from "./palette.js";
import { Views } from "./views.js";

export function Dialogs() {
  const name = dialog.value;
  return html`
    ${name === "palette" ? html`<${Sheet} title="Command palette"><${Palette} /></${Sheet}>` : null}
    ${name === "help" ? html`<${Sheet} title="Keyboard shortcuts"><${Help} /></${Sheet}>` : null}
    ${name === "time" ? html`<${Sheet} title="Time range"><${Time} /></${Sheet}>` : null}
    ${name === "export" ? html`<${Sheet} title="Export"><${Export} /></${Sheet}>` : null}
    ${name === "views" ? html`<${Sheet} title="Saved views"><${Views} /></${Sheet}>` : null}
    ${name === "display" ? html`<${Sheet} title="Display options"><${Display} /></${Sheet}>` : null}
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

// ---- filters on small screens

function Filters() {
  return html`<div class="filters-sheet">
    <h3>Level</h3><${Levels} />
    <h3>Time</h3><button onClick=${() => { dialog.value = "time"; }}><${Icon} name="clock" />${rangeName()}</button>
    <${Sources} />
    <div class="actions end sticky"><button onClick=${act.clearFilter}>Clear filters</button><button class="primary" onClick=${close}>Show ${totals.value ? number(totals.value.total) : ""} records</button></div>
  </div>`;
}

// ---- display

/** @type {readonly [keyof import("../../core/state.js").Preferences, string, string][]} */
const OPTIONS = [
  ["wrap", "Wrap long lines", "z"],
  ["fields", "Show fields in rows", "Fields of structured records, after the message"],
  ["relative", "Relative times", "3 min ago"],
  ["utc", "Times in UTC", ""],
  ["newest", "Newest first", "o"],
  ["dense", "Compact rows", ""],
  ["lanes", "Histogram by source", ""],
  ["raw", "Raw text", "As it was logged, without colors, fields or folding"],
];

function Display() {
  const { theme } = preferences.value;
  return html`<ul class="options">${OPTIONS.map(([name, label, hint]) => html`<li key=${name}><label><input type="checkbox" checked=${preferences.value[name]} onChange=${() => prefer({ [name]: !preferences.peek()[name] })} />
      <span>${label}</span><small>${hint}</small></label></li>`)}</ul>
    <${Columns} />
    <h3>Theme</h3><div class="switches" role="group" aria-label="Theme">${/** @type {const} */ (["auto", "light", "dark"]).map((one) => html`<button key=${one} aria-pressed=${theme === one} onClick=${() => prefer({ theme: one })}>${one === "auto" ? "System" : one === "light" ? "Light" : "Dark"}</button>`)}</div>`;
}

// ---- export

const FORMATS = [
  { format: "log", name: "Text", what: "One line per record, for reading and grep" },
  { format: "jsonl", name: "JSON lines", what: "All fields" },
  { format: "csv", name: "CSV", what: "For spreadsheets" },
];

/** A download cannot send headers, so the session requests an address for it. @param {MouseEvent} event @param {import("../../lib/query/filter.js").Parameters} parameters */
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
  const chosen = ranged(filter.value);
  const parameters = toParameters(chosen);
  const total = counts.value ? totals.value?.total : undefined;
  const web = curl(chosen, new URL(".", location.href).href);
  const amount = total === undefined ? "All records" : html`<b>${number(total)}</b> ${total === 1 ? "record" : "records"}`;
  return html`<p>${amount}${parameters.length === 0 ? "" : total === 1 ? " that matches the filter" : " that match the filter"} (${rangeName().toLowerCase()})</p>
    <ul class="formats">${FORMATS.map(({ format, name, what }) => html`<li key=${format}>
      <a href=${address("logs/export", [...parameters, ["format", format]])} download
        onClick=${(/** @type {MouseEvent} */ event) => download(event, [...parameters, ["format", format]])}><${Icon} name="download" /><span><b>${name}</b><small>${what}</small></span><code>.${format}</code></a></li>`)}</ul>
    <h3>Use elsewhere</h3>
    <${Copyable} label="Link to this view" text=${location.href} copy=${act.copyView} />
    <${Copyable} label="curl" text=${web} copy=${act.copyCurl} />
    ${chosen.patterns.length > 0 ? null : html`<${Copyable} label="vmlog" text=${commandLine(chosen, new URL(".", location.href).href)} copy=${act.copyCommand} />`}`;
}

/** @param {{label: string, text: string, copy: () => void}} props */
const Copyable = ({ label, text, copy: run }) => html`<div class="copyable"><span>${label}</span><code tabindex="0" role="group" aria-label=${label}>${text}</code>
  <button class="plain" aria-label=${`Copy: ${label}`} onClick=${run}><${Icon} name="copy" /></button></div>`;

// ---- help

/** @type {[string, [string, string][]][]} */
const KEYS = [
  ["Navigate", [["j k", "next, previous record"], ["g G", "top, bottom of the list"], ["e E", "next, previous error"], ["w W", "next, previous warning or error"],
    ["n N", "next, previous match"], ["[ ]", "earlier, later time range"], ["Space", "next page; in Live: pause"], ["Enter", "open or expand the record"], ["Esc", "close, go back"]]],
  ["Find", [["/", "search or filter"], ["Ctrl F", "find in the list; press twice for the browser's find"], ["a", "show surrounding records"], ["Ctrl K", "command palette"]]],
  ["Select and copy", [["Shift \u2191\u2193", "select rows (or Shift-click)"], ["Ctrl A", "select all loaded rows"], ["c", "copy the line or the selected rows"], ["l", "copy a link to the record"], ["x", "export"]]],
  ["Views", [["t", "switch between Live and Browse"], ["z", "wrap long lines"], ["o", "newest or oldest first"], ["r", "reload"], ["?", "show this help"]]],
];

/** @type {[string, string][]} */
const SYNTAX = [
  ["timeout \"connection refused\"", "both texts, anywhere in the record"], ["/retry \\d+/", "a regular expression"], ["-debug", "without this text"],
  ["a OR (b c)", "one or the other"], ["level>=warn", "warnings and errors"], ["source:docker:*", "all containers"], ["unit:ssh.service", "a field has this value"],
  ["status>=500 took>1s", "a field, compared with a number, a duration or a size"], ["trace_id:*", "the field exists"],
];

function Help() {
  return html`<div class="keys">${KEYS.map(([title, keys]) => html`<section key=${title}><h3>${title}</h3><dl>${keys.map(([key, what]) =>
    html`<div key=${key}><dt>${key.split(" ").map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd></div>`)}</dl></section>`)}</div>
    <h3>Search</h3><dl class="syntax">${SYNTAX.map(([text, what]) => html`<div key=${text}><dt><code>${text}</code></dt><dd>${what}</dd></div>`)}</dl>
    <p class="hint">Alt-click a level or a source to show only that one. Drag across the histogram to zoom. ${route.value.tab === "live" ? "Scroll up to pause Live." : ""}</p>
    ${hasSession() ? html`<div class="actions end"><button onClick=${() => { close(); signOut(); }}>Sign out</button></div>` : null}`;
}
