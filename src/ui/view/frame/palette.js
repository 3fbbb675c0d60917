// The command palette: all actions by a few letters of their names.

import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import { counts, dialog, features, go, prefer, preferences, refine } from "../../core/state.js";
import { EVERYTHING } from "../../lib/query/filter.js";
import { PRESETS } from "../../lib/time.js";
import { hasSession, signOut } from "../../core/session.js";
import { html } from "../html.js";

/** @typedef {{name: string, kind: string, run: () => void}} Command */

/** Maximum number of listed commands. */
const SHOWN_MAX = 12;

/** @returns {Command[]} */
function commands() {
  const { wrap, raw, utc, newest } = preferences.peek();
  const place = { record: 0, at: 0, context: 0, run: "", select: "", panel: /** @type {const} */ ("") };
  /** @type {[string, string, () => void][]} */
  const all = [
    ["Browse", "View", () => go({ tab: "browse", ...place })],
    ["Live", "View", () => go({ tab: "live", ...place })],
    ...(features.peek().runs === false ? [] : /** @type {[string, string, () => void][]} */ ([
      ["Runs", "View", () => go({ tab: "runs", ...place })],
      ["Failed runs", "View", () => go({ tab: "runs", success: "false", ...place })],
    ])),
    ["Events", "View", () => go({ tab: "events", ...place })],
    ["Status", "View", () => go({ tab: "status", ...place })],
    ["Patterns", "View", () => go({ tab: "browse", ...place, panel: "patterns" })],
    ["Fields", "View", () => go({ tab: "browse", ...place, panel: "fields" })],
    ["Compare with another boot", "View", () => go({ tab: "browse", ...place, panel: "compare" })],
    ["Saved views", "View", () => { dialog.value = "views"; }],
    ["Errors only", "Level", () => refine({ levels: ["error"] })],
    ["Warnings and errors", "Level", () => refine({ levels: ["warn", "error"] })],
    ["All levels", "Level", () => refine({ levels: EVERYTHING.levels })],
    ...PRESETS.map(({ name, start }) => /** @type {[string, string, () => void]} */ ([name, "Time", () => refine({ start, end: "" })])),
    ["This boot", "Time", () => refine({ boot: "0" })],
    ["Previous boot", "Time", () => refine({ boot: "-1" })],
    ["All time", "Time", () => refine({ boot: "all" })],
    ["Custom time range", "Time", () => { dialog.value = "time"; }],
    ["Oldest", "Go", act.toOldest],
    ["Newest", "Go", act.toNewest],
    ["Next error", "Go", () => { act.moveToLevel(1, "error"); }],
    ["Previous error", "Go", () => { act.moveToLevel(-1, "error"); }],
    ...(counts.value ?? []).map(({ name }) => /** @type {[string, string, () => void]} */ ([`Only ${name}`, "Source", () => refine({ sources: [name] })])),
    ["All sources", "Source", () => refine({ sources: [] })],
    ["Clear filters", "Filter", act.clearFilter],
    ["Export", "Action", () => { dialog.value = "export"; }],
    ["Copy link to this view", "Action", act.copyView],
    [wrap ? "Do not wrap lines" : "Wrap long lines", "Display", act.toggleWrap],
    [newest ? "Oldest first" : "Newest first", "Display", act.toggleOrder],
    [raw ? "Formatted text" : "Raw text", "Display", () => prefer({ raw: !raw })],
    [utc ? "Local times" : "UTC times", "Display", () => prefer({ utc: !utc })],
    ["Display options", "Display", () => { dialog.value = "display"; }],
    ["Light theme", "Display", () => prefer({ theme: "light" })],
    ["Dark theme", "Display", () => prefer({ theme: "dark" })],
    ["System theme", "Display", () => prefer({ theme: "auto" })],
    ...(hasSession() ? /** @type {[string, string, () => void][]} */ ([["Sign out", "Access", () => { signOut(); }]]) : []),
    ["Keyboard shortcuts", "Help", () => { dialog.value = "help"; }],
  ];
  return all.map(([name, kind, run]) => ({ name, kind, run }));
}

export function Palette() {
  const typed = useSignal("");
  const at = useSignal(0);
  const words = typed.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = commands().filter(({ name, kind }) => words.every((word) => `${kind} ${name}`.toLowerCase().includes(word))).slice(0, SHOWN_MAX);
  const chosen = Math.min(at.value, found.length - 1);
  const take = (/** @type {Command | undefined} */ command) => {
    if (!command) return;
    dialog.value = "";
    command.run();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown") at.value = (chosen + 1) % Math.max(1, found.length);
    else if (event.key === "ArrowUp") at.value = (chosen - 1 + found.length) % Math.max(1, found.length);
    else if (event.key === "Enter") take(found[chosen]);
    else return;
    event.preventDefault();
  };
  return html`<div class="palette">
    <input type="text" autofocus=${true} role="combobox" aria-label="Command palette" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list"
      aria-activedescendant=${found.length > 0 ? `palette-${chosen}` : null} placeholder="Type a command or a source" autocomplete="off" spellcheck=${false} value=${typed.value}
      onInput=${(/** @type {Event} */ event) => { typed.value = /** @type {HTMLInputElement} */ (event.target).value; at.value = 0; }} onKeyDown=${keys} />
    <ul id="palette-list" role="listbox" aria-label="Commands">${found.map((command, index) => html`<li key=${command.kind + command.name} id=${`palette-${index}`} role="option"
      aria-selected=${index === chosen} onClick=${() => take(command)}><span>${command.name}</span><small>${command.kind}</small></li>`)}</ul>
    ${found.length === 0 ? html`<p class="quiet">No matching command</p>` : null}
  </div>`;
}
