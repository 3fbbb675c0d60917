// The state of Live, and what it shows over the list.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import { filter, live, prefer, preferences, refine, say } from "../../core/state.js";
import { isEverything, toggleExcluded } from "../../lib/query/filter.js";
import { number } from "../../lib/histogram.js";
import { shortName } from "../../lib/sources.js";
import { html, Icon } from "../html.js";
import { Levels } from "../query/levels.js";

/** Faster than anybody reads. */
const TOO_FAST = 500;

export function LiveBar() {
  const { connection, reason, retryAt, paused, waiting, missed, rate, noisy, warnings, loaded } = live.value;
  const connected = connection === "open";
  const look = connected ? (paused ? "paused" : "open") : connection === "connecting" ? "connecting" : "broken";
  return html`<div class=${`banner live-bar ${look}`}>
    <span class="live-state" role="status"><i class=${`dot ${connected && !paused ? "on" : ""}`} aria-hidden="true"></i>
      ${connected ? (paused ? html`<span><b>Paused</b>${waiting > 0 ? `: ${number(waiting)} new` : ""}</span>` : html`<b>Live</b>`) : html`<${Connection} connection=${connection} reason=${reason} retryAt=${retryAt} />`}
      ${connected && reason ? html`<span class="why">${reason}</span>` : null}
    </span>
    ${missed > 0 ? html`<span class="quiet">${number(missed)} not loaded</span>` : null}
    ${connected && rate > 0 ? html`<span class="rate">${number(rate)}/s</span>` : null}
    ${connected && noisy ? html`<button class="mute" title=${`Hide ${noisy.name}, the source of most records`} onClick=${() => refine(toggleExcluded(filter.peek(), noisy.name))}><${Icon} name="mute" />Mute ${shortName(noisy.name)}<small>${number(noisy.rate)}/s</small></button>`
    : rate > TOO_FAST && !paused ? html`<span class="quiet wide">Too fast to read. Pause, or hide a source.</span>` : null}
    ${loaded > 0 ? warnings.map((warning) => html`<span class="quiet" key=${warning}>${warning}</span>`) : null}
    <div class="gap"></div>
    <${Levels} />
    ${connection === "waiting" || connection === "stopped" ? html`<button onClick=${() => act.parts.live.retry()}>Retry now</button>` : null}
    <button class="plain notify" aria-pressed=${preferences.value.notify} title="Notify me about errors and finished runs while this tab is hidden" aria-label="Notify me about errors and finished runs" onClick=${toggleNotify}><${Icon} name="bell" /></button>
    <button onClick=${act.pauseOrResume} title="Space"><${Icon} name=${paused ? "play" : "pause"} />${paused ? "Resume" : "Pause"}</button>
  </div>`;
}

async function toggleNotify() {
  if (preferences.peek().notify) prefer({ notify: false });
  else if (typeof Notification !== "function" || !isSecureContext) say("This browser allows notifications only over https or on localhost", { bad: true });
  else if (await Notification.requestPermission() === "granted") prefer({ notify: true });
  else say("The browser blocked notifications for this page", { bad: true });
}

/** @param {{connection: string, reason: string, retryAt: number}} props */
function Connection({ connection, reason, retryAt }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { now.value = Date.now(); }, 500);
    return () => clearInterval(timer);
  }, []);
  if (connection === "waiting") {
    return html`<b>Reconnecting in ${Math.max(1, Math.ceil((retryAt - now.value) / 1000))} s</b><span class="why">${reason}</span>`;
  }
  if (connection === "stopped") return html`<b>Not connected</b><span class="why">${reason}</span>`;
  return html`<b>Connecting\u2026</b>`;
}

export function LiveOver() {
  const { paused, waiting, connection, loaded, warnings } = live.value;
  const everything = isEverything({ ...filter.value, start: "", end: "", boot: "" });
  return html`
    ${paused ? html`<div class="pills"><button class="pill accent" title=${preferences.value.newest ? "Home" : "End"} onClick=${act.toNewest}><${Icon} name=${preferences.value.newest ? "up" : "down"} />${waiting > 0 ? `${number(waiting)} new` : "Jump to latest"}</button></div>` : null}
    ${loaded === 0 && connection === "open" ? html`<div class="notice"><h2>Waiting for records</h2>${warnings.map((warning) => html`<p class="why" key=${warning}>${warning}</p>`)}<p>${everything ? "Connected. No records have arrived yet." : "Connected. No records have matched the filter yet."}</p>
      ${everything ? null : html`<div class="actions"><button onClick=${act.clearFilter}>Clear filters</button></div>`}</div>` : null}`;
}
