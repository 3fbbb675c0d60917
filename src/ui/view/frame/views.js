// The dialog of the saved views.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import { copy } from "../../core/clipboard.js";
import { dialog, filter, go, route } from "../../core/state.js";
import { isShared, loadViews, removeView, saveView, views } from "../../data/views.js";
import { chips } from "../../lib/query/filter.js";
import { readRoute, writeRoute } from "../../lib/query/route.js";
import { html, Icon } from "../html.js";
import { rangeName } from "../query/time.js";

/** @typedef {import("../../data/views.js").View} View */

const NAME_MAX = 100;

export function Views() {
  const name = useSignal("");
  useEffect(() => {
    loadViews();
  }, []);
  const search = writeRoute({ ...route.value, record: 0, at: 0, select: "", context: 0, run: "" });
  const described = chips(filter.value).map(({ label }) => label).join(" ") || rangeName();
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    saveView(name.value.trim() || described.slice(0, NAME_MAX), search);
    name.value = "";
  };
  return html`<${Name} name=${name} label="Name of the view" hint=${described} button="Save" onSubmit=${save} />
    <p class="hint">A view keeps the filter, the time range, the panel and the columns. ${isShared.value ? "Views are saved on the server, for everyone who may see all of its records." : "Views are saved in this browser; share one by its link."}</p>
    ${views.value.length === 0 ? html`<p class="quiet">No saved views yet</p>` : html`<ul class="view-list" aria-label="Saved views">${views.value.map((view) => html`<${Line} key=${view.name} view=${view} current=${view.search === search} />`)}</ul>`}`;
}

/** @param {{name: import("../../vendor/signals.js").Signal<string>, label: string, hint: string, button: string, onSubmit: (event: Event) => void}} props */
const Name = ({ name, label, hint, button, onSubmit }) => html`<form class="save-view" onSubmit=${onSubmit}><input type="text" aria-label=${label} placeholder=${hint} maxlength=${NAME_MAX} autofocus=${true} autocomplete="off" value=${name.value}
  onInput=${(/** @type {Event} */ event) => { name.value = /** @type {HTMLInputElement} */ (event.target).value; }} /><button class="primary" type="submit">${button}</button></form>`;

/** @param {{view: View, current: boolean}} props */
function Line({ view, current }) {
  const { name, search } = view;
  const doing = useSignal(/** @type {"" | "rename" | "delete"} */ (""));
  const typed = useSignal(name);
  if (doing.value === "rename") {
    const rename = (/** @type {Event} */ event) => {
      event.preventDefault();
      const next = typed.value.trim();
      doing.value = "";
      if (next && next !== name) saveView(next, search, name);
    };
    return html`<li><${Name} name=${typed} label=${`New name of ${name}`} hint=${name} button="Rename" onSubmit=${rename} /></li>`;
  }
  return html`<li>
    <button class="view-name" aria-current=${current ? "true" : null} onClick=${() => { dialog.value = ""; go(readRoute(search)); }}>${name}</button>
    ${doing.value === "delete" ? html`<button class="danger" onClick=${() => removeView(name)}>Delete</button><button onClick=${() => { doing.value = ""; }}>Cancel</button>` : html`
    <button class="plain" title="Copy a link" aria-label=${`Copy a link to ${name}`} onClick=${() => copy(new URL(search || location.pathname, location.origin + location.pathname).href, "Link")}><${Icon} name="link" /></button>
    <button class="plain" title="Rename" aria-label=${`Rename ${name}`} onClick=${() => { doing.value = "rename"; }}><${Icon} name="pencil" /></button>
    <button class="plain" title="Delete" aria-label=${`Delete ${name}`} onClick=${() => { doing.value = "delete"; }}><${Icon} name="close" /></button>`}</li>`;
}
