// What is shown of the matching records in place of the list: their patterns, their fields, or how they differ from those of another boot.

import { route } from "../../core/state.js";
import { html } from "../html.js";
import { Compare } from "./compare.js";
import { Fields } from "./fields.js";
import { Patterns } from "./patterns.js";

export function Panel() {
  const { panel } = route.value;
  return html`<section class="panel" tabindex="0" aria-label=${panel}>${panel === "patterns" ? html`<${Patterns} />` : panel === "fields" ? html`<${Fields} />` : html`<${Compare} />`}</section>`;
}
