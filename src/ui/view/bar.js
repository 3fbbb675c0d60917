// The search and the level filter.

import { useEffect, useRef } from "../vendor/hooks.js";
import { useSignal } from "../vendor/signals.js";
import { browse, counts, dialog, filter, refine, totals } from "../state.js";
import { clickLevel, toggleLevel, toParameters } from "../lib/filter.js";
import { brief, number } from "../lib/histogram.js";
import { LEVELS } from "../lib/types.js";
import { html, Icon } from "./html.js";

const DEBOUNCE_MS = 250;
const LONG_PRESS_MS = 500;
const LEVEL_NAMES = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" };

export function Bar() {
  const narrowed = toParameters({ ...filter.value, search: "", start: "", end: "" }).length;
  return html`<div class="bar" role="search">
    <${Search} />
    <${Levels} />
    <button class="sheet-button" aria-haspopup="dialog" onClick=${() => { dialog.value = "filters"; }}>
      <${Icon} name="filter" />Filters${narrowed ? html`<b class="badge">${narrowed}</b>` : null}
    </button>
  </div>`;
}

function Search() {
  const typed = useSignal(filter.value.search);
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const { search, caseSensitive, regex, invert } = filter.value;
  useEffect(() => {
    clearTimeout(timer.current);
    typed.value = search;
  }, [search]);
  const apply = () => {
    clearTimeout(timer.current);
    if (typed.peek() !== filter.peek().search) refine({ search: typed.peek() });
  };
  const onInput = (/** @type {Event} */ event) => {
    typed.value = /** @type {HTMLInputElement} */ (event.target).value;
    clearTimeout(timer.current);
    timer.current = setTimeout(apply, DEBOUNCE_MS);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") apply();
    if (event.key === "Escape" && typed.peek()) {
      event.stopPropagation();
      typed.value = "";
      apply();
    }
  };
  const { error } = browse.value;
  const wrong = error && error.status === 400 && error.parameter === "search" ? error.message : "";
  return html`<div class=${`search ${wrong ? "wrong" : ""}`}>
    <${Icon} name="search" />
    <input id="search" type="search" placeholder="Search messages" aria-label="Search messages" maxlength="1000" autocomplete="off"
      autocapitalize="off" spellcheck=${false} value=${typed.value} onInput=${onInput} onKeyDown=${onKeyDown}
      aria-invalid=${Boolean(wrong)} aria-describedby=${wrong ? "search-wrong" : null} />
    ${typed.value ? html`<button class="plain clear" aria-label="Clear search" onClick=${() => { typed.value = ""; apply(); }}><${Icon} name="close" /></button>`
    : html`<kbd aria-hidden="true">/</kbd>`}
    <div class="switches" role="group" aria-label="Search options">
      <${Switch} on=${caseSensitive} name="Aa" title="Match case" change=${() => refine({ caseSensitive: !caseSensitive })} />
      <${Switch} on=${regex} name=".*" title="Regular expression" change=${() => refine({ regex: !regex })} />
      <${Switch} on=${invert} name="not" title="Show records that do not match" change=${() => refine({ invert: !invert })} />
    </div>
    ${wrong ? html`<p class="search-wrong" id="search-wrong" role="alert">${wrong}</p>` : null}
  </div>`;
}

/** @param {{on: boolean, name: string, title: string, change: () => void}} props */
const Switch = ({ on, name, title, change }) =>
  html`<button aria-pressed=${on} title=${title} aria-label=${title} onClick=${change}>${name}</button>`;

export function Levels() {
  const held = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const wasHeld = useRef(false);
  const { levels } = filter.value;
  const known = counts.value ? totals.value?.byLevel : null;
  return html`<div class="levels" role="group" aria-label="Levels">${LEVELS.map((level) => {
    const press = () => {
      wasHeld.current = false;
      held.current = setTimeout(() => {
        wasHeld.current = true;
        refine({ levels: toggleLevel(filter.peek().levels, level) });
      }, LONG_PRESS_MS);
    };
    const release = () => clearTimeout(held.current);
    const click = (/** @type {MouseEvent} */ event) => {
      if (wasHeld.current) wasHeld.current = false;
      else if (event.shiftKey || event.altKey) refine({ levels: toggleLevel(levels, level) });
      else refine({ levels: clickLevel(levels, level) });
    };
    const count = known?.[level];
    return html`<button key=${level} class=${`level-button ${level}`} aria-pressed=${levels.includes(level)}
      title=${`${LEVEL_NAMES[level]} and above${count === undefined ? "" : ` (${number(count)})`}. Shift-click or press and hold: only this level on or off.`}
      onClick=${click} onPointerDown=${press} onPointerUp=${release} onPointerLeave=${release} onPointerCancel=${release}>
      <i aria-hidden="true"></i>${LEVEL_NAMES[level]}${count === undefined ? null : html`<small>${brief(count)}</small>`}
    </button>`;
  })}</div>`;
}

/** The conditions of the filter, with buttons to remove them. */
export function Conditions() {
  const { where, pid } = filter.value;
  if (where.length === 0 && !pid) return null;
  return html`<ul class="conditions" aria-label="Field conditions">
    ${where.map((condition) => html`<li key=${condition}><code>${condition}</code>
      <button class="plain" aria-label=${`Remove ${condition}`} onClick=${() => refine({ where: where.filter((known) => known !== condition) })}><${Icon} name="close" /></button>
    </li>`)}
    ${pid ? html`<li><code>pid=${pid}</code><button class="plain" aria-label="Remove pid" onClick=${() => refine({ pid: "" })}><${Icon} name="close" /></button></li>` : null}
  </ul>`;
}
