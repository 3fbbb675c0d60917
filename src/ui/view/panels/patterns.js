// The patterns of the matching records: similar lines, counted.

import * as api from "../../core/api.js";
import { filter, go, preferences, refine } from "../../core/state.js";
import { brief, count, number } from "../../lib/histogram.js";
import { levelsText, mixOf } from "../../lib/mix.js";
import { stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";
import { useAnswer, Waiting } from "./answer.js";

/** @typedef {import("../../core/api.js").Pattern} Pattern */

const PATTERNS_MAX = 100;

export function Patterns() {
  const { answer, error } = useAnswer((parameters, signal) => api.patterns([...parameters, ["limit", String(PATTERNS_MAX)]], signal), "");
  if (!answer) return html`<${Waiting} error=${error} />`;
  const most = Math.max(1, ...answer.patterns.map((pattern) => pattern.count));
  return html`<header class="panel-head"><h2>${count(answer.patterns.length, "pattern")} in ${count(answer.total, "record")}</h2>
      <p class="quiet">${answer.partial ? "Only the newest records were counted. " : ""}${answer.hasMore ? `The ${PATTERNS_MAX} most frequent. ` : ""}${answer.ungrouped > 0 ? `${count(answer.ungrouped, "record")} could not be grouped. ` : ""}${answer.continued > 0 ? `${count(answer.continued, "line")} of stack traces not grouped.` : ""}</p></header>
    ${answer.patterns.length === 0 ? html`<p class="quiet pad">No matching records</p>` : html`<ul class="patterns">${answer.patterns.map((pattern) => html`<${Line} key=${pattern.template} pattern=${pattern} most=${most} />`)}</ul>`}`;
}

/** @param {{pattern: Pattern, most: number}} props */
function Line({ pattern, most }) {
  const { template, levels, first, last, buckets } = pattern;
  const { utc } = preferences.value;
  const narrow = (/** @type {string} */ wanted) => refine({ patterns: [...filter.peek().patterns.filter((known) => known.replace(/^-/, "") !== template), wanted] });
  return html`<li class=${`pattern ${mixOf(levels).level}`}>
    <span class="pattern-count" title=${`${number(pattern.count)} (${levelsText(levels)}) from ${stamp(Date.parse(first), utc)} to ${stamp(Date.parse(last), utc)}`}><b>${brief(pattern.count)}</b><i style=${{ width: `${(pattern.count / most) * 100}%` }}></i></span>
    <${Spark} buckets=${buckets} />
    <code class="template">${template.split(/(<[a-z*.]+>)/).map((part, at) => (at % 2 ? html`<var>${part}</var>` : part))}</code>
    <${Mix} levels=${levels} />
    <span class="pattern-tools">
      <button class="plain" title="Show only these records" aria-label="Show only these records" onClick=${() => { narrow(template); go({ panel: "" }); }}><${Icon} name="only" /></button>
      <button class="plain" title="Hide these records" aria-label="Hide these records" onClick=${() => narrow(`-${template}`)}><${Icon} name="exclude" /></button>
    </span></li>`;
}

/** How many of the records are more severe than most of them. @param {{levels: import("../../lib/mix.js").LevelCounts}} props */
export const Mix = ({ levels }) => html`<span class="mix" title=${levelsText(levels)}>${mixOf(levels).beyond.map(({ level, text }) => html`<i key=${level} class=${level}>${text}</i>`)}</span>`;

/** How often over time. @param {{buckets: readonly number[]}} props */
export function Spark({ buckets }) {
  const most = Math.max(1, ...buckets);
  const wide = 60 / Math.max(1, buckets.length);
  const path = buckets.map((n, at) => (n ? `M${(at * wide).toFixed(2)} 16V${(16 - Math.max(1, (n / most) * 15)).toFixed(1)}h${(wide * 0.85).toFixed(2)}V16z` : "")).join("");
  return html`<svg class="spark" viewBox="0 0 60 16" aria-hidden="true"><path d=${path} /></svg>`;
}
