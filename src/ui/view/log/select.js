// Actions for selected rows.

import { useComputed } from "../../vendor/signals.js";
import { browse, live, route } from "../../core/state.js";
import { clearSelection, copySelected, copySelectedLink, copySelectedMarkdown, saveSelected, selected } from "../../core/select.js";
import { count } from "../../lib/histogram.js";
import { html, Icon } from "../html.js";

export function Selection() {
  const rows = useComputed(() => (route.value.select && (browse.value.loaded || live.value.loaded) ? selected().length : 0));
  if (!route.value.select || rows.value === 0) return null;
  return html`<div class="selection" role="toolbar" aria-label="Selected rows">
    <b role="status">${count(rows.value, "line")}</b>
    <button title="Copy (c)" onClick=${copySelected}><${Icon} name="copy" />Copy</button>
    <button title="Copy as Markdown, for an issue" onClick=${copySelectedMarkdown}><${Icon} name="copy" />Markdown</button>
    <button title="Save as file" onClick=${saveSelected}><${Icon} name="download" />Save</button>
    <button title="Copy link to these rows" onClick=${copySelectedLink}><${Icon} name="link" />Link</button>
    <button class="plain" title="Clear selection (Esc)" aria-label="Clear selection" onClick=${clearSelection}><${Icon} name="close" /></button>
  </div>`;
}
