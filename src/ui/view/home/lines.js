// The last lines of a command's output, which mostly say why it failed.

import { useEffect, useRef } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import { lastLines } from "../../data/story.js";
import { telling } from "../../lib/runs.js";
import { message, PLAIN_LOOK } from "../../list/row.js";
import { html } from "../html.js";
import { isDark } from "../theme.js";

/** Number of lines to choose from. */
const LINES_MAX = 200;

/** @param {{run: import("../../lib/runs.js").Run, most: number}} props */
export function LastLines({ run, most }) {
  const lines = useSignal(/** @type {ReturnType<typeof telling> | null} */ (null));
  useEffect(() => {
    let wanted = true;
    lastLines(run.id, LINES_MAX).catch(() => []).then((found) => {
      if (wanted) lines.value = telling(found.flatMap((entry) => entry.message.split("\n")), most);
    });
    return () => { wanted = false; };
  }, [run.id, run.lastId]);
  const known = lines.value ?? Array.from({ length: most }, () => ({ text: "", skipped: false }));
  if (known.length === 0) return null;
  return html`<div class="last-lines" tabindex="0" role="group" aria-label="Last lines of output">${known.map((line, at) => html`<${Line} key=${at} ...${line} />`)}</div>`;
}

/** @param {{text: string, skipped: boolean}} props */
function Line({ text, skipped }) {
  const holder = useRef(/** @type {HTMLSpanElement | null} */ (null));
  const dark = isDark.value;
  useEffect(() => {
    holder.current?.replaceChildren();
    if (holder.current) message(holder.current, text, { raw: false, json: true, full: false }, { ...PLAIN_LOOK, dark });
  }, [text, dark]);
  return html`<div><i aria-hidden="true">${skipped ? "\u22ef" : ""}</i><span ref=${holder}></span></div>`;
}
