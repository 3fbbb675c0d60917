// The startup of this machine, and what failed first.

import { useEffect } from "../vendor/hooks.js";
import { signal, useComputed } from "../vendor/signals.js";
import { openContext } from "../actions.js";
import { browse, filter, go, prefer, preferences, route, run, story } from "../state.js";
import { loadStory } from "../story.js";
import { isEverything } from "../lib/filter.js";
import { count } from "../lib/histogram.js";
import { categoryOf } from "../lib/runs.js";
import { duration, stamp } from "../lib/time.js";
import { html, Icon } from "./html.js";
import { LastLines } from "./lines.js";
import { Ending, Mark, runPlace } from "./runs.js";

/** @typedef {import("../lib/story.js").Step} Step */

const DISMISSED = "vmlog-failure";
/** The startup is refreshed while it is in progress. */
const AGAIN_MS = 10_000;
const FRESH_MS = 30 * 60_000;

const dismissed = signal(sessionStorage.getItem(DISMISSED) ?? "");

/** @param {Step} step */
const nameOf = (step) => step.run?.id ?? String(step.record);

/** Whether the page was opened with a link to a record, which hides the startup until the record is closed. */
const linked = signal(route.peek().record !== 0);

const look = () => loadStory().catch(() => {});

export function Story() {
  const told = story.value;
  const ready = useComputed(() => browse.value.loading !== "first").value;
  useEffect(() => {
    if (ready && story.peek() === null) look();
  }, [ready]);
  const { record } = route.value;
  useEffect(() => {
    if (record === 0) linked.value = false;
  }, [record]);
  useEffect(() => {
    const timer = setInterval(() => {
      const known = story.peek();
      const goesOn = known && (Date.now() - known.startMs < FRESH_MS || known.steps.some((step) => step.state === "running"));
      if (goesOn && !document.hidden && route.peek().tab === "browse") look();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  if (!told || linked.value || route.value.tab !== "browse" || route.value.context || !isEverything(filter.value) || told.steps.length === 0) return null;
  const { first } = told;
  const failed = first && dismissed.value !== nameOf(first) ? first : null;
  const open = preferences.value.story;
  return html`<aside class=${`story ${failed ? "failed" : ""}`} aria-label="Machine startup">
    ${failed ? html`<${Failure} step=${failed} sinceBoot=${told.sinceBoot} />` : null}
    <div class="story-line">
      <button class="plain" aria-expanded=${open} aria-label=${open ? "Hide the timeline" : "Show the timeline"} onClick=${() => prefer({ story: !open })}><${Icon} name="chevron" /></button>
      <b>${summary(told)}</b>
      <${Track} told=${told} />
    </div>
    ${open ? html`<ol class="steps">${told.steps.map((step) => html`<${StepButton} key=${nameOf(step) + step.name} step=${step} first=${step === first} />`)}
      ${told.more > 0 ? html`<li><button class="link" onClick=${() => go({ tab: "runs" })}>${told.more} more</button></li>` : null}</ol>` : null}
  </aside>`;
}

/** @param {NonNullable<typeof story.value>} told */
function summary({ steps, startMs, endMs, sinceBoot }) {
  const failed = steps.filter((step) => step.state === "failed").length;
  const running = steps.some((step) => step.state === "running");
  const what = sinceBoot ? "Startup" : "Setup in the last 24 hours";
  const how = running ? "in progress" : failed > 0 ? `${failed} of ${count(steps.length, "step")} failed` : `${steps.length > 1 ? "all " : ""}${count(steps.length, "step")} succeeded`;
  return `${what}: ${how}${endMs > startMs && !running ? `, ${duration(endMs - startMs)}` : ""}`;
}

/** The steps on a timeline. @param {{told: NonNullable<typeof story.value>}} props */
function Track({ told: { steps, startMs, endMs } }) {
  const span = Math.max(1, endMs - startMs);
  return html`<span class="track" aria-hidden="true">${steps.map((step) => html`<i key=${nameOf(step) + step.name} class=${`${step.state} ${step.kind}`}
    style=${{ left: `${((step.startMs - startMs) / span) * 100}%`, width: `${(((step.endMs ?? endMs) - step.startMs) / span) * 100}%` }}></i>`)}</span>`;
}

/** @param {Step} step */
function open(step) {
  if (step.run) {
    run.value = step.run;
    go(runPlace(step.run));
  } else openContext(step.record, "source");
}

/** @param {{step: Step, first: boolean}} props */
function StepButton({ step, first }) {
  const took = step.endMs === null ? "" : step.endMs > step.startMs ? duration(step.endMs - step.startMs) : stamp(step.startMs, preferences.value.utc).slice(11);
  return html`<li class=${first ? "first" : ""}><button class="step" title=${`${stamp(step.startMs, preferences.value.utc)}${step.note ? `: ${step.note}` : ""}`} onClick=${() => open(step)}>
    <${Mark} of=${step.state} /><span>${step.name}</span><small>${step.note || took}</small></button></li>`;
}

/** @param {{step: Step, sinceBoot: boolean}} props */
function Failure({ step, sinceBoot }) {
  const { run: failed } = step;
  const dismiss = () => {
    sessionStorage.setItem(DISMISSED, nameOf(step));
    dismissed.value = nameOf(step);
  };
  return html`<div class="failure">
    <div class="failure-head">
      <p class="eyebrow">First failure ${sinceBoot ? "since startup" : "in the last 24 hours"}</p>
      <h2><${Mark} of="failed" />${step.name} ${failed ? html`<${Ending} run=${failed} />` : html`<span class="level-tag error">${step.note}</span>`}</h2>
      <button class="plain" aria-label="Dismiss" title="Dismiss" onClick=${dismiss}><${Icon} name="close" /></button>
    </div>
    ${failed ? html`<${LastLines} run=${failed} most=${3} />` : null}
    <div class="actions">
      <button class="primary" onClick=${() => open(step)}>${failed ? "Open the run" : "Open its records"}</button>
      <button onClick=${() => openContext(step.record, "all")}>Show what came before</button>
      <span class="quiet">${failed ? `${failed.source} \u00b7 ` : ""}${stamp(step.endMs ?? step.startMs, preferences.value.utc)}${failed && categoryOf(failed)?.hint ? ` \u00b7 ${categoryOf(failed)?.hint}` : ""}</span>
    </div>
  </div>`;
}
