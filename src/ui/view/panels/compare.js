// What is different from another boot: patterns that are new, gone, more or less frequent.

import { useSignal } from "../../vendor/signals.js";
import * as api from "../../core/api.js";
import { boots, go, preferences, refine } from "../../core/state.js";
import { count, number } from "../../lib/histogram.js";
import { stripped } from "../../lib/text/ansi.js";
import { masked } from "../../lib/text/secrets.js";
import { stamp } from "../../lib/time.js";
import { html } from "../html.js";
import { mixOf } from "../../lib/mix.js";
import { useAnswer, Waiting } from "./answer.js";
import { Mix } from "./patterns.js";

const CHANGES = { new: "New", gone: "Gone", more: "More", less: "Less" };
const BOOTS_MAX = 20;

/** Ranges of the filter: both sides of a comparison have their own. */
const RANGE = new Set(["start", "end", "boot"]);

export function Compare() {
  const other = useSignal("-1");
  const { answer, error } = useAnswer((parameters, signal) =>
    api.compare([...parameters.filter(([name]) => !RANGE.has(name)), ["a", `boot:${other.value}`], ["b", "boot:0"]], signal), other.value);
  const { utc } = preferences.value;
  const older = (boots.value ?? []).filter(({ index }) => index < 0).slice(0, BOOTS_MAX);
  return html`<header class="panel-head"><h2>This boot compared with</h2>
      <select aria-label="Compare with" value=${other.value} onChange=${(/** @type {Event} */ event) => { other.value = /** @type {HTMLSelectElement} */ (event.target).value; }}>
        ${older.map((boot) => html`<option key=${boot.id} value=${String(boot.index)}>${boot.index === -1 ? "the previous boot" : `boot ${boot.index}`}, ${stamp(Date.parse(boot.first), utc)}</option>`)}</select>
      ${answer ? html`<p class="quiet">${count(answer.b.records, "record")} now, ${number(answer.a.records)} then${answer.partial ? ". Not all records were read." : ""}</p>` : null}</header>
    ${answer ? answer.patterns.length === 0 ? html`<p class="quiet pad">No difference</p>` : html`<ul class="patterns compared">${answer.patterns.map((one) => html`<li key=${one.change + one.template} class=${`pattern ${mixOf(one.levels).level}`}>
      <b class=${`change ${one.change}`}>${CHANGES[one.change]}</b>
      <span class="pattern-count">${number(one.a)} \u2192 ${number(one.b)}</span>
      <button class="template link-row" title="Show these records" onClick=${() => { refine({ patterns: [one.template], ...(one.change === "gone" ? { boot: other.peek() } : { boot: "0" }) }); go({ panel: "" }); }}><code>${one.example ? masked(stripped(one.example.message)).text : one.template}</code></button>
      <${Mix} levels=${one.levels} />
      <small class="quiet">${one.example?.source ?? ""}</small></li>`)}</ul>` : html`<${Waiting} error=${error} />`}`;
}
