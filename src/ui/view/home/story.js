// The startup of the machine: its steps on a timeline.

import { useSignal } from "../../vendor/signals.js";
import { openContext } from "../../core/actions.js";
import { go, preferences, run, story } from "../../core/state.js";
import { outcomeOf, placeOfStep } from "../../lib/story.js";
import { duration, stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";
import { Mark, runPlace } from "./runs.js";

/** @typedef {import("../../lib/story.js").Step} Step */

/** @param {Step} step */
const nameOf = (step) => step.run?.id ?? String(step.record);

/** @param {{told: NonNullable<typeof story.value>}} props */
export function Startup({ told }) {
  const { all, steps, startMs, endMs, sinceBoot, more } = told;
  const unfolded = useSignal(false);
  const name = unfolded.value ? "Hide the timeline" : "Show the timeline";
  return html`<div class="startup">
    <div class="home-line">
      <button class="plain" aria-expanded=${unfolded.value} title=${name} aria-label=${name} onClick=${() => { unfolded.value = !unfolded.value; }}><${Icon} name="chevron" /></button>
      <span>${sinceBoot ? "Startup" : "Setup in the last 24 hours"}: ${outcomeOf(all)}${endMs > startMs ? `, ${duration(endMs - startMs)}` : ""}</span>
      <span class="track" aria-hidden="true">${all.map((step) => {
    const { left, width } = placeOfStep(step, startMs, endMs);
    return html`<i key=${nameOf(step) + step.name} class=${`${step.state} ${step.kind}`} style=${{ left: `${left}%`, width: `${width}%` }}></i>`;
  })}</span>
    </div>
    ${unfolded.value ? html`<ol class="steps">${steps.map((step) => html`<${StepButton} key=${nameOf(step) + step.name} step=${step} />`)}
      ${more > 0 ? html`<li><button class="link" onClick=${() => go({ tab: "runs" })}>${more} more</button></li>` : null}</ol>` : null}
  </div>`;
}

/** @param {Step} step */
function open(step) {
  if (step.run) {
    run.value = step.run;
    go(runPlace(step.run));
  } else openContext(step.record, "source");
}

/** @param {{step: Step}} props */
function StepButton({ step }) {
  const { utc } = preferences.value;
  const took = step.endMs === null ? "" : step.endMs > step.startMs ? duration(step.endMs - step.startMs) : stamp(step.startMs, utc).slice(11);
  return html`<li class=${step.state}><button class="step" title=${`${stamp(step.startMs, utc)}${step.note ? `: ${step.note}` : ""}`} onClick=${() => open(step)}>
    <${Mark} of=${step.state} /><span>${step.name}</span><small>${step.note || took}</small></button></li>`;
}
