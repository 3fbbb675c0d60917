// The levels, with their counts: a click hides or shows one.

import { useRef } from "../../vendor/hooks.js";
import { counts, filter, refine, totals } from "../../core/state.js";
import { onlyLevel, toggleLevel } from "../../lib/query/filter.js";
import { brief, number } from "../../lib/histogram.js";
import { LEVELS } from "../../lib/types.js";
import { html } from "../html.js";

const LONG_PRESS_MS = 500;
const LEVEL_NAMES = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" };

export function Levels() {
  const held = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const wasHeld = useRef(false);
  const { levels } = filter.value;
  const known = counts.value ? totals.value?.byLevel : null;
  return html`<div class="levels" role="group" aria-label="Levels">${[...LEVELS].reverse().map((level) => {
    const press = () => {
      wasHeld.current = false;
      held.current = setTimeout(() => {
        wasHeld.current = true;
        refine({ levels: onlyLevel(filter.peek().levels, level) });
      }, LONG_PRESS_MS);
    };
    const release = () => clearTimeout(held.current);
    const click = (/** @type {MouseEvent} */ event) => {
      if (wasHeld.current) wasHeld.current = false;
      else if (event.shiftKey || event.altKey) refine({ levels: onlyLevel(levels, level) });
      else refine({ levels: toggleLevel(levels, level) });
    };
    const count = known?.[level];
    const on = levels.includes(level);
    return html`<button key=${level} class=${`level-button ${level}`} aria-pressed=${on}
      title=${`${on ? "Hide" : "Show"} ${level}${count === undefined ? "" : ` (${number(count)})`}. Alt-click, or press and hold: show only ${level}.`}
      onClick=${click} onPointerDown=${press} onPointerUp=${release} onPointerLeave=${release} onPointerCancel=${release}>
      <i aria-hidden="true"></i>${LEVEL_NAMES[level]}${count === undefined ? null : html`<small>${brief(count)}</small>`}
    </button>`;
  })}</div>`;
}
