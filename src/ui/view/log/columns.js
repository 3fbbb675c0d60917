// Choosing the fields that rows show in columns of their own.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import { toggleColumn } from "../../core/actions.js";
import { route } from "../../core/state.js";
import { keys } from "../../data/suggest.js";
import { html, Icon } from "../html.js";

/** @param {{of: string}} props */
export function ColumnButton({ of }) {
  const on = route.value.columns.includes(of);
  return html`<button class="plain" aria-pressed=${on} title=${on ? "Remove this column" : "Show as column"} aria-label=${`Show ${of} as column`} onClick=${() => toggleColumn(of)}><${Icon} name="columns" /></button>`;
}

/** The chosen columns, and a line to add one. */
export function Columns() {
  const typed = useSignal("");
  const known = useSignal(/** @type {string[]} */ ([]));
  useEffect(() => {
    keys().then((found) => { known.value = found.map(({ key }) => key); }, () => {});
  }, []);
  const { columns } = route.value;
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    const key = typed.value.trim();
    if (key && !key.includes(",") && !columns.includes(key)) toggleColumn(key);
    typed.value = "";
  };
  return html`<h3>Columns</h3>
    ${columns.length > 0 ? html`<ul class="chips column-chips" aria-label="Columns">${columns.map((key) => html`<li key=${key}><span class="chip-text">${key}</span>
      <button class="chip-remove" aria-label=${`Remove column ${key}`} onClick=${() => toggleColumn(key)}><${Icon} name="close" /></button></li>`)}</ul>` : null}
    <form class="save-view" onSubmit=${add}><input type="text" list="known-fields" aria-label="Field to show as a column" placeholder="Field, such as status" autocomplete="off" spellcheck=${false} value=${typed.value}
      onInput=${(/** @type {Event} */ event) => { typed.value = /** @type {HTMLInputElement} */ (event.target).value; }} /><button type="submit">Add column</button></form>
    <datalist id="known-fields">${known.value.filter((key) => !columns.includes(key)).map((key) => html`<option key=${key} value=${key}></option>`)}</datalist>`;
}
