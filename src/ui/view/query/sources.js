// The sources by kind, with the number of records under the filter.

import { useSignal } from "../../vendor/signals.js";
import { counts, filter, refine, totals, unlisted } from "../../core/state.js";
import { sourceState, toggleExcluded, toggleSource } from "../../lib/query/filter.js";
import { brief, count, number } from "../../lib/histogram.js";
import { grouped, hueOf, listedName } from "../../lib/sources.js";
import { html, Icon } from "../html.js";

/** @typedef {import("../../lib/types.js").SourceCount} SourceCount */

/** With more sources there is a box to filter them. */
const FEW = 12;

export function Sources() {
  const wanted = useSignal("");
  const all = useSignal(false);
  const folded = useSignal(/** @type {ReadonlySet<string>} */ (new Set()));
  const list = counts.value;
  const chosen = filter.value.sources.length > 0;
  const of = (/** @type {SourceCount} */ { name }) => totals.value?.bySource.get(name) ?? 0;
  const named = (list ?? []).filter(({ name }) => name.toLowerCase().includes(wanted.value.toLowerCase()));
  const matching = named.filter((source) => all.value || of(source) > 0 || sourceState(filter.value, source.name).state !== "");
  const empty = named.length - matching.length;
  const fold = (/** @type {string} */ kind) => {
    const next = new Set(folded.value);
    if (!next.delete(kind)) next.add(kind);
    folded.value = next;
  };
  return html`<div class="sources">
    <h2>Sources ${chosen ? html`<button class="link" onClick=${() => refine({ sources: [] })}>Show all</button>` : null}</h2>
    ${(list?.length ?? 0) > FEW ? html`<input class="source-filter" type="text" aria-label="Filter sources" placeholder="Filter sources" autocomplete="off" spellcheck=${false} value=${wanted.value}
      onInput=${(/** @type {Event} */ event) => { wanted.value = /** @type {HTMLInputElement} */ (event.target).value; }} />` : null}
    ${list === null ? html`<p class="quiet">\u2026</p>` : null}
    ${list !== null && matching.length === 0 ? html`<p class="quiet">No source matches</p>` : null}
    ${grouped(matching).map((group) => html`<section key=${group.kind}>
      <h3><button class="fold" aria-expanded=${!folded.value.has(group.kind)} aria-label=${`${folded.value.has(group.kind) ? "Show" : "Hide"} ${group.title}`} onClick=${() => fold(group.kind)}><${Icon} name="chevron" /></button>
        ${group.prefix && group.sources.length > 1 ? html`<${GroupName} group=${group} />` : html`<span>${group.title}</span>`}</h3>
      ${folded.value.has(group.kind) ? null : html`<ul>${group.sources.map((source) => html`<${Source} key=${source.name} source=${source} matching=${of(source)} />`)}</ul>`}
    </section>`)}
    ${empty > 0 ? html`<p class="quiet"><button class="link" onClick=${() => { all.value = true; }}>${count(empty, "source")} without a match</button></p>` : null}
    ${unlisted.value ? html`<p class="quiet">Showing the first ${number(list?.length ?? 0)} sources by name. Search, or filter by prefix, to see records of the others.</p>` : null}
  </div>`;
}

/** @param {{group: import("../../lib/sources.js").SourceGroup}} props */
function GroupName({ group }) {
  const on = filter.value.sources.includes(group.prefix);
  return html`<button aria-pressed=${on} title=${`All sources that start with ${group.prefix}, including new ones`} onClick=${() => refine(toggleSource(filter.peek(), group.prefix))}>
    ${group.title}</button>`;
}

/** @param {{source: SourceCount, matching: number}} props */
function Source({ source, matching }) {
  const { name, label, levels } = source;
  const { shown, state } = sourceState(filter.value, name);
  const errors = filter.value.levels.includes("error") ? levels.error ?? 0 : 0;
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.altKey) refine({ sources: [name] });
    else refine(toggleSource(filter.peek(), name));
  };
  return html`<li class=${`source-line ${shown ? "" : "off"} ${state}`}>
    <button class="source-name" aria-pressed=${state === "only"} title=${`${label}: ${count(matching, "record")}${errors ? `, ${count(errors, "error")}` : ""}. Alt-click: show only this source.`} onClick=${click}>
      <i class=${`swatch hue-${hueOf(name)}`} aria-hidden="true"></i><span>${listedName(name)}</span>${errors > 0 ? html`<em title=${count(errors, "error")}>${brief(errors)}</em>` : null}<small>${brief(matching)}</small>
    </button>
    <button class="plain exclude" aria-pressed=${state === "excluded"} title=${state === "excluded" ? "Show again" : "Hide this source"}
      aria-label=${`Hide ${label}`} onClick=${() => refine(toggleExcluded(filter.peek(), name))}><${Icon} name=${state === "excluded" ? "plus" : "exclude"} /></button>
  </li>`;
}
