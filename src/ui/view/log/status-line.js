// The line under the list: how many records match, and which part of them is on the screen.

import { useComputed } from "../../vendor/signals.js";
import { browse, dialog, filter, live, preferences, prefer, ranged, refine, route, seen, totals } from "../../core/state.js";
import { EVERYTHING } from "../../lib/query/filter.js";
import { count, number } from "../../lib/histogram.js";
import { stamp } from "../../lib/time.js";
import { LEVELS } from "../../lib/types.js";
import { html, Icon } from "../html.js";
import { rangeName } from "../query/time.js";

export function Status() {
  const { tab } = route.value;
  const { wrap, utc, raw } = preferences.value;
  const shown = useComputed(() => {
    const times = seen.value;
    return times ? `${stamp(times[0], preferences.value.utc)} \u2013 ${stamp(times[1], preferences.value.utc).slice(11)}` : "";
  });
  const zone = utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
  return html`<footer class="status">
    <span class="matching">${tab === "live" ? `${number(live.value.loaded)} shown` : html`<${Matching} />`}</span>
    ${tab !== "live" ? html`<span class="seen">${shown}</span>` : null}
    <div class="gap"></div>
    <div class="switches" role="group" aria-label="Display options">
      <button aria-pressed=${wrap} title="Wrap long lines (z)" onClick=${() => prefer({ wrap: !wrap })}>Wrap</button>
      <button aria-pressed=${raw} title="Show text as it was logged, without colors, fields or folding" onClick=${() => prefer({ raw: !raw })}>Raw</button>
      <button class="zone" aria-pressed=${utc} title=${`Times in ${zone}. Click for ${utc ? "local time" : "UTC"}.`} onClick=${() => prefer({ utc: !utc })}>${zone}</button>
      ${tab === "browse" ? null : html`<button class="display-button" title="Display options" aria-label="Display options" aria-haspopup="dialog" onClick=${() => { dialog.value = "display"; }}><${Icon} name="sliders" /></button>`}
    </div>
  </footer>`;
}

function Matching() {
  const total = totals.value?.total;
  if (route.value.context || route.value.run || total === undefined) return html`${count(browse.value.loaded, "row")} loaded`;
  const hidden = LEVELS.filter((level) => !filter.value.levels.includes(level))
    .map((level) => ({ level, n: totals.value?.byLevel[level] ?? 0 })).filter(({ n }) => n > 0);
  const { boot } = ranged(filter.value);
  const where = boot && boot !== "all" ? ` in ${rangeName().replace(/^[A-Z]/, (letter) => letter.toLowerCase())}` : "";
  return html`<b>${number(total)}</b> ${total === 1 ? "record" : "records"}${where}
    ${hidden.length > 0 ? html` \u00b7 <button class="link" onClick=${() => refine({ levels: EVERYTHING.levels })}>${hidden.map(({ level, n }) => `${number(n)} ${level}`).join(", ")} hidden</button>` : null}`;
}
