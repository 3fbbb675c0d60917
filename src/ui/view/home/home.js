// What a person wants to know first: what went wrong since the machine started, and how the startup went.

import { useEffect, useRef } from "../../vendor/hooks.js";
import { useComputed, useSignal } from "../../vendor/signals.js";
import { openContext } from "../../core/actions.js";
import { copy } from "../../core/clipboard.js";
import { arrivals, boots, browse, features, go, prefer, preferences, problems, refine, route, run, story } from "../../core/state.js";
import { keep } from "../../core/stored.js";
import { loadBoots, loadProblems } from "../../data/problems.js";
import { loadStory } from "../../data/story.js";
import { number } from "../../lib/histogram.js";
import { freshFirst, headline, keyOf, kindName, markdown, problemsOf, runOf } from "../../lib/problems.js";
import { masked } from "../../lib/text/secrets.js";
import { stripped } from "../../lib/text/ansi.js";
import { shortName } from "../../lib/sources.js";
import { ago, stamp } from "../../lib/time.js";
import { html, Icon } from "../html.js";
import { LastLines } from "./lines.js";
import { HEIGHT, isHome, room } from "./room.js";
import { Mark, runPlace } from "./runs.js";
import { Startup } from "./story.js";

/** @typedef {import("../../core/state.js").Problem} Problem */

/** Problems that are listed before "more", by the height of the window, so that records stay in view. */
const SHOWN = /** @type {const} */ ([[700, 2], [900, 4], [Infinity, 7]]);
/** Below this height, as with a zoom of 200 %, only the headline is shown until it is opened. */
const LOW = 480;
/** Below this width a problem takes two lines. */
const NARROW = 480;
const AGAIN_MS = 15_000;
/** The startup is loaded again while it is in progress. */
const FRESH_MS = 30 * 60_000;

const look = async () => {
  await loadBoots();
  await Promise.all([loadProblems(), loadStory().catch(() => {})]);
};

/** Loads the startup again, while it is in progress. */
function again() {
  if (document.hidden || route.peek().tab !== "browse" || !isHome()) return;
  const known = story.peek();
  if (known && (Date.now() - known.startMs < FRESH_MS || known.steps.some((step) => step.state === "running"))) loadStory().catch(() => {});
}

export function Home() {
  const ready = useComputed(() => browse.value.loading !== "first").value;
  useEffect(() => {
    if (ready && boots.peek() === null) look();
  }, [ready]);
  useEffect(() => {
    const timer = setInterval(again, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const all = useSignal(false);
  const opened = useSignal(false);
  const open = useSignal("");
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const loaded = story.value !== null && (problems.value !== null || features.value.problems === false);
  useEffect(() => {
    if (loaded && box.current && open.value === "") keep(HEIGHT, box.current.offsetHeight);
  });
  useEffect(() => {
    if (!document.hidden && arrivals.value.unseen > 0 && box.current?.querySelector(".problem")) arrivals.value = { ...arrivals.peek(), unseen: 0 };
  });
  if (!isHome()) return null;
  const told = story.value;
  const found = features.value.problems === false ? told && { list: problemsOf(told.all), partial: false, since: null } : problems.value;
  const list = freshFirst(found?.list ?? [], arrivals.value.keys);
  const booted = (boots.value ?? []).length > 0 || Boolean(told?.sinceBoot);
  const since = boots.value?.[0]?.first ?? (told?.sinceBoot ? new Date(told.startMs).toISOString() : null) ?? found?.since ?? null;
  const low = innerHeight < LOW;
  const unfolded = (low ? opened.value : preferences.value.problems) && list.length > 0;
  const toggle = () => { if (low) opened.value = !unfolded; else prefer({ problems: !unfolded }); };
  const height = innerWidth < NARROW ? innerHeight * 0.7 : innerHeight;
  const few = SHOWN.find(([below]) => height < below)?.[1] ?? 0;
  // a button takes the place of one more
  const isShort = list.length <= few + 1;
  const listed = all.value || isShort ? list : list.slice(0, few);
  const worst = list.some(({ severity }) => severity === "error") ? "bad" : list.length > 0 ? "doubtful" : "well";
  const started = told && told.steps.length > 0;
  // a server that cannot find problems does not say that there are none
  const silent = features.value.problems === false && list.length === 0;
  if (silent && !started) return null;
  return html`<section class=${`home ${found ? worst : ""}`} aria-label="Problems" ref=${box} style=${{ minHeight: loaded ? "" : room() }}>
    ${silent ? null : html`<div class="home-line">
      ${list.length > 0 ? html`<button class="plain" aria-expanded=${unfolded} aria-label=${unfolded ? "Hide the problems" : "Show the problems"} onClick=${toggle}><${Icon} name="chevron" /></button>`
    : html`<${Mark} of=${found ? "ok" : "running"} />`}
      <h2>${found ? headline(list.length, since, booted, Date.now()) : "Looking for problems\u2026"}</h2>
      ${arrivals.value.unseen > 0 ? html`<em>${arrivals.value.unseen} new</em>` : null}
      ${found?.partial ? html`<span class="quiet">Only the newest records were searched.</span>` : null}
    </div>`}
    ${unfolded ? html`<ol class=${`problems ${all.value ? "all" : ""}`}>${listed.map((problem) => html`<${Row} key=${keyOf(problem)} problem=${problem} open=${open} />`)}</ol>
      ${!isShort ? html`<button class="link more-problems" onClick=${() => { all.value = !all.value; }}>${all.value ? "Show fewer" : `Show all ${list.length} problems`}</button>` : null}` : null}
    ${started && !(low && !unfolded && list.length > 0) ? html`<${Startup} told=${told} />` : null}
  </section>`;
}

/** @param {{problem: Problem, open: import("../../vendor/signals.js").Signal<string>}} props */
function Row({ problem, open }) {
  const key = keyOf(problem);
  const unfolded = open.value === key;
  const { cause } = problem;
  const cleaned = cause ? oneLine(cause.message) : "";
  const last = Date.parse(problem.last);
  return html`<li class=${`problem ${problem.severity}`}>
    <button class="problem-line" aria-expanded=${unfolded} onClick=${() => { open.value = unfolded ? "" : key; }}>
      <i class="severity" aria-hidden="true"></i><span class="offscreen">${problem.severity === "error" ? "Error:" : "Warning:"}</span>
      <b title=${kindName(problem.kind)}>${arrivals.value.keys.has(key) ? html`<em>New</em>` : null}${problem.title}</b>
      <span class="cause">${cleaned}</span>
      <span class="times">${problem.count > 1 ? `\u00d7${number(problem.count)}` : ""}</span>
      <time dateTime=${problem.last} title=${stamp(last, preferences.value.utc)}>${ago(last, Date.now())}</time>
    </button>
    ${unfolded ? html`<${Details} problem=${problem} />` : null}
  </li>`;
}

/** @param {string} text */
const oneLine = (text) => masked(stripped(text)).text.replace(/\s+/g, " ").trim();

/** @param {{problem: Problem}} props */
function Details({ problem }) {
  const of = runOf(problem, story.value?.all ?? []);
  const { cause, context } = problem;
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), []);
  const lines = [...context, ...(cause && !context.some(({ id }) => id === cause.id) ? [cause] : [])].sort((a, b) => Number(a.id) - Number(b.id));
  const place = Number(cause?.id ?? problem.firstId);
  return html`<div class="problem-details" ref=${box}>
    ${of ? html`<${LastLines} run=${of} most=${3} />` : lines.length > 0 ? html`<div class="last-lines" tabindex="0" role="group" aria-label="Records around the cause">${lines.map((line) =>
    html`<div key=${line.id} class=${line.id === cause?.id ? "chosen" : ""}><i aria-hidden="true">${line.id === cause?.id ? "\u2192" : ""}</i><span>${oneLine(line.message)}</span></div>`)}</div>` : null}
    <div class="actions">
      ${of ? html`<button class="primary" onClick=${() => { run.value = of; go(runPlace(of)); }}>Open the run</button>` : html`<button class="primary" onClick=${() => openContext(place, "all")}>Open in the log</button>`}
      <button onClick=${() => refine({ sources: [problem.source], levels: ["debug", "info", "warn", "error"] })}>Records of ${shortName(problem.source)}</button>
      <button onClick=${() => copy(masked(markdown(problem)).text, "Problem")}><${Icon} name="copy" />Markdown</button>
      <span class="quiet">${kindName(problem.kind)} \u00b7 ${stamp(Date.parse(problem.first), preferences.value.utc)}</span>
    </div>
  </div>`;
}
