// What can be done with a range of rows.

import { useComputed } from "../vendor/signals.js";
import { browse, live, route } from "../state.js";
import { clearSelection, copySelected, copySelectedLink, saveSelected, selected } from "../select.js";
import { count } from "../lib/histogram.js";
import { html, Icon } from "./html.js";

export function Selection() {
  const rows = useComputed(() => (route.value.select && (browse.value.loaded || live.value.loaded) ? selected().length : 0));
  if (!route.value.select || rows.value === 0) return null;
  return html`<div class="selection" role="toolbar" aria-label="The chosen rows">
    <b role="status">${count(rows.value, "line")}</b>
    <button title="Copy them (c)" onClick=${copySelected}><${Icon} name="copy" />Copy</button>
    <button title="Save them as a file" onClick=${saveSelected}><${Icon} name="download" />Save</button>
    <button title="Copy a link that shows them" onClick=${copySelectedLink}><${Icon} name="link" />Link</button>
    <button class="plain" title="Let go (Esc)" aria-label="Let go of the chosen rows" onClick=${clearSelection}><${Icon} name="close" /></button>
  </div>`;
}
