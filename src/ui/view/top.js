// The header of the page: name, tabs, time range and tools.

import { live, dialog, features, filter, go, prefer, preferences, refine, route } from "../state.js";
import { writeRoute } from "../lib/route.js";
import { PRESETS, rangeLabel } from "../lib/time.js";
import { html, Icon } from "./html.js";

/** @typedef {import("../lib/route.js").Tab} Tab */

export function Top() {
  return html`<header class="top">
    <a class="brand" href="./" title="Show all records"><img src="ui/icon.svg" alt="" width="22" height="22" /><span>vmlog</span></a>
    <nav class="tabs" aria-label="Views">
      <${TabLink} tab="browse" label="Browse" />
      <${TabLink} tab="live" label="Live" />
      ${features.value.runs !== false || route.value.tab === "runs" ? html`<${TabLink} tab="runs" label="Runs" />` : null}
    </nav>
    <div class="gap"></div>
    <${TimeRange} />
    <div class="tools" role="toolbar" aria-label="Page">
      <button class="plain" onClick=${() => { dialog.value = "export"; }} title="Export (x)" aria-label="Export"><${Icon} name="download" /></button>
      <${Theme} />
      <button class="plain" onClick=${() => { dialog.value = "help"; }} title="Keyboard shortcuts (?)" aria-label="Keyboard shortcuts"><${Icon} name="help" /></button>
    </div>
  </header>`;
}

/** @param {{tab: Tab, label: string}} props */
function TabLink({ tab, label }) {
  const current = route.value.tab === tab;
  const target = { ...route.value, tab, record: 0, at: 0, context: 0, run: "", select: "" };
  const running = tab === "live" && live.value.connection === "open" && !live.value.paused;
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(target);
  };
  return html`<a class="tab" href=${writeRoute(target) || "./"} aria-current=${current ? "page" : null} onClick=${open}>
    ${tab === "live" ? html`<i class=${`dot ${running ? "on" : ""}`} aria-hidden="true"></i>` : null}${label}
  </a>`;
}

export function TimeRange() {
  if (route.value.tab !== "browse") return null;
  const { start, end } = filter.value;
  const custom = Boolean(end) || !PRESETS.some((preset) => preset.start === start);
  return html`<div class="range" role="group" aria-label="Time range">
    ${PRESETS.map((preset) => html`<button
      key=${preset.label} aria-pressed=${!custom && preset.start === start} title=${preset.name}
      onClick=${() => refine({ start: preset.start, end: "" })}>${preset.label}</button>`)}
    <button class="custom" aria-pressed=${custom} aria-haspopup="dialog" title="Custom time range" onClick=${() => { dialog.value = "time"; }}>
      ${custom ? rangeLabel(start, end, preferences.value.utc) : "Custom"}
    </button>
  </div>`;
}

const NEXT_THEME = /** @type {const} */ ({ auto: "light", light: "dark", dark: "auto" });
const THEME_ICON = { auto: "auto", light: "sun", dark: "moon" };
const THEME_NAME = { auto: "system", light: "light", dark: "dark" };

function Theme() {
  const { theme } = preferences.value;
  const name = `Theme: ${THEME_NAME[theme]}`;
  return html`<button class="plain" title=${name} aria-label=${name} onClick=${() => prefer({ theme: NEXT_THEME[theme] })}>
    <${Icon} name=${THEME_ICON[theme]} />
  </button>`;
}
