// The sources by kind, with the number of records under the filter.

import { counts, filter, refine, totals, unlisted } from "../state.js";
import { sourceState, toggleExcluded, toggleSource } from "../lib/filter.js";
import { brief, number } from "../lib/histogram.js";
import { grouped, hueOf, shortName } from "../lib/sources.js";
import { html, Icon } from "./html.js";

/** @typedef {import("../lib/types.js").SourceCount} SourceCount */

export function Sources() {
  const groups = grouped(counts.value ?? []);
  const chosen = filter.value.sources.length > 0;
  return html`<div class="sources">
    <h2>Sources ${chosen ? html`<button class="link" onClick=${() => refine({ sources: [] })}>Show all</button>` : null}</h2>
    ${counts.value === null ? html`<p class="quiet">\u2026</p>` : null}
    ${counts.value?.length === 0 ? html`<p class="quiet">No sources yet</p>` : null}
    ${groups.map((group) => html`<section key=${group.kind}>
      <h3>${group.prefix && group.sources.length > 1 ? html`<${GroupName} group=${group} />` : group.title}</h3>
      <ul>${group.sources.map((source) => html`<${Source} key=${source.name} source=${source} />`)}</ul>
    </section>`)}
    ${unlisted.value ? html`<p class="quiet">Showing the first ${number(counts.value?.length ?? 0)} sources by name. Search, or filter by prefix, to see records of the others.</p>` : null}
  </div>`;
}

/** @param {{group: import("../lib/sources.js").SourceGroup}} props */
function GroupName({ group }) {
  const on = filter.value.sources.includes(group.prefix);
  return html`<button aria-pressed=${on} title=${`All sources that start with ${group.prefix}, including new ones`} onClick=${() => refine(toggleSource(filter.peek(), group.prefix))}>
    ${group.title}</button>`;
}

/** @param {{source: SourceCount}} props */
function Source({ source }) {
  const { name } = source;
  const { shown, state } = sourceState(filter.value, name);
  const count = totals.value?.bySource.get(name) ?? 0;
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.altKey) refine({ sources: [name] });
    else refine(toggleSource(filter.peek(), name));
  };
  return html`<li class=${`source-line ${shown ? "" : "off"} ${state}`}>
    <button class="source-name" aria-pressed=${state === "only"} title=${`${source.label}: ${number(count)} records. Alt-click: show only this source.`} onClick=${click}>
      <i class=${`swatch hue-${hueOf(name)}`} aria-hidden="true"></i><span>${shortName(name)}</span><small>${brief(count)}</small>
    </button>
    <button class="plain exclude" aria-pressed=${state === "excluded"} title=${state === "excluded" ? "Show again" : "Hide this source"}
      aria-label=${`Hide ${source.label}`} onClick=${() => refine(toggleExcluded(filter.peek(), name))}><${Icon} name="exclude" /></button>
  </li>`;
}
