// The fields of the matching records with their most frequent values: a click filters by one.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import * as api from "../../core/api.js";
import { filter, ranged } from "../../core/state.js";
import { toParameters } from "../../lib/query/filter.js";
import { brief, count, number } from "../../lib/histogram.js";
import { html, Icon } from "../html.js";
import { ColumnButton } from "../log/columns.js";
import { useAnswer, Waiting } from "./answer.js";

const KEYS_MAX = 300;
const VALUES_MAX = 10;
/** Fields whose values are shown at once. */
const OPEN = 6;
/** Fields that are different in nearly every record tell nothing as a list. */
const DULL = /(?:^|[._])(?:boot_id|machine_id|container_id(?:_full)?|continues|syslog_pid|message_id|span_id)$/;

export function Fields() {
  const wanted = useSignal("");
  const { answer, error } = useAnswer((parameters, signal) => api.fields([...parameters, ["limit", String(KEYS_MAX)]], signal), "");
  if (!answer) return html`<${Waiting} error=${error} />`;
  const found = answer.keys.filter(({ key }) => key.toLowerCase().includes(wanted.value.toLowerCase()));
  const keys = [...found.filter(({ key }) => !DULL.test(key)), ...found.filter(({ key }) => DULL.test(key))];
  return html`<header class="panel-head"><h2>${count(answer.keys.length, "field")}</h2>
      <input class="source-filter" type="text" aria-label="Filter fields" placeholder="Filter fields" autocomplete="off" spellcheck=${false} value=${wanted.value}
        onInput=${(/** @type {Event} */ event) => { wanted.value = /** @type {HTMLInputElement} */ (event.target).value; }} />
      ${answer.partial ? html`<p class="quiet">Only the newest records were counted.</p>` : null}</header>
    ${keys.length === 0 ? html`<p class="quiet pad">No fields</p>` : html`<ul class="facets">${keys.map((one, at) => html`<${Facet} key=${one.key} facet=${one} open=${at < OPEN} />`)}</ul>`}`;
}

/** @param {{facet: {key: string, count: number, examples: string[]}, open: boolean}} props */
function Facet({ facet, open }) {
  const { key, examples } = facet;
  const unfolded = useSignal(open);
  const values = useSignal(/** @type {{value: string, count: number}[] | null} */ (null));
  const parameters = toParameters(ranged(filter.value));
  useEffect(() => {
    if (!unfolded.value) return undefined;
    const abort = new AbortController();
    api.fields([...parameters, ["key", key], ["limit", String(VALUES_MAX)]], abort.signal).then((found) => { values.value = found.values; }, () => {});
    return () => abort.abort();
  }, [unfolded.value, JSON.stringify(parameters)]);
  const most = Math.max(1, ...(values.value ?? []).map((value) => value.count));
  return html`<li class="facet">
    <div class="facet-line"><button class="facet-head" aria-expanded=${unfolded.value} onClick=${() => { unfolded.value = !unfolded.value; }}><${Icon} name="chevron" /><code>${key}</code>
      <span class="quiet">${unfolded.value ? "" : examples.slice(0, 3).join(", ")}</span><small>${brief(facet.count)}</small></button>${key.includes(",") ? null : html`<${ColumnButton} of=${key} />`}</div>
    ${unfolded.value ? html`<ul>${(values.value ?? []).map(({ value, count: n }) => html`<li key=${value} class="facet-value">
      <button class="facet-name" title=${`Only records with ${value}`} onClick=${() => act.filterBy(key, value, false)}><i style=${{ width: `${(n / most) * 100}%` }}></i><span>${value}</span></button>
      <small title=${number(n)}>${brief(n)}</small>
      <button class="plain" title="Hide records with this value" aria-label=${`Hide ${key} ${value}`} onClick=${() => act.filterBy(key, value, true)}><${Icon} name="exclude" /></button></li>`)}</ul>` : null}
  </li>`;
}
