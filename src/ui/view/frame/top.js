// The header of the page: name, tabs and tools.

import { isEmbedded } from "../../core/pinned.js";
import { arrivals, dialog, features, go, live, prefer, preferences, route } from "../../core/state.js";
import { count } from "../../lib/histogram.js";
import { writeRoute } from "../../lib/query/route.js";
import { html, Icon } from "../html.js";

/** @typedef {import("../../lib/query/route.js").Tab} Tab */

export function Top() {
  return html`<header class="top">
    ${isEmbedded ? null : html`<a class="brand" href="./" title="Show all records"><img src="ui/icon.svg" alt="" width="20" height="20" /><span>vmlog</span></a>`}
    <nav class="tabs" aria-label="Views">
      <${TabLink} tab="browse" label="Browse" />
      <${TabLink} tab="live" label="Live" />
      ${features.value.runs !== false || route.value.tab === "runs" ? html`<${TabLink} tab="runs" label="Runs" />` : null}
      ${features.value.events !== false || route.value.tab === "events" ? html`<${TabLink} tab="events" label="Events" />` : null}
      ${isEmbedded ? null : html`<${TabLink} tab="status" label="Status" />`}
    </nav>
    <div class="gap"></div>
    <div class="tools" role="toolbar" aria-label="Page">
      <button class="plain palette-button" onClick=${() => { dialog.value = "palette"; }} title="Command palette (Ctrl K)" aria-label="Command palette"><${Icon} name="command" /></button>
      <button class="plain wide-only" onClick=${() => { dialog.value = "export"; }} title="Export (x)" aria-label="Export"><${Icon} name="download" /></button>
      ${isEmbedded ? null : html`<${Theme} />`}
      <button class="plain wide-only" onClick=${() => { dialog.value = "help"; }} title="Keyboard shortcuts (?)" aria-label="Keyboard shortcuts"><${Icon} name="help" /></button>
    </div>
  </header>`;
}

/** @param {{tab: Tab, label: string}} props */
function TabLink({ tab, label }) {
  const current = route.value.tab === tab;
  const target = { ...route.value, tab, record: 0, at: 0, context: 0, run: "", select: "", panel: /** @type {const} */ ("") };
  const running = tab === "live" && live.value.connection === "open" && !live.value.paused;
  const unseen = tab === "browse" ? arrivals.value.unseen : 0;
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(target);
  };
  return html`<a class="tab" href=${writeRoute(target) || "./"} aria-current=${current ? "page" : null} onClick=${open}>
    ${tab === "live" ? html`<i class=${`dot ${running ? "on" : ""}`} aria-hidden="true"></i>` : null}${label}${unseen > 0 ? html`<b class="unseen" title=${count(unseen, "new problem")}>${unseen}<span class="offscreen"> ${unseen === 1 ? "new problem" : "new problems"}</span></b>` : null}
  </a>`;
}

const NEXT_THEME = /** @type {const} */ ({ auto: "light", light: "dark", dark: "auto" });
const THEME_ICON = { auto: "auto", light: "sun", dark: "moon" };
const THEME_NAME = { auto: "system", light: "light", dark: "dark" };

function Theme() {
  const { theme } = preferences.value;
  const name = `Theme: ${THEME_NAME[theme]}`;
  return html`<button class="plain wide-only" title=${name} aria-label=${name} onClick=${() => prefer({ theme: NEXT_THEME[theme] })}>
    <${Icon} name=${THEME_ICON[theme]} />
  </button>`;
}
