// The frame of the page. While the rest of the page is loading, boxes of its size keep the room, so that nothing moves.

import { signInReason } from "../../core/session.js";
import { rest } from "../../core/rest.js";
import { announcement, features, preferences, route, toast } from "../../core/state.js";
import { isHome, room } from "../home/room.js";
import { html } from "../html.js";
import { Stage } from "../log/stage.js";
import { Top } from "./top.js";

export function Frame() {
  const more = rest.value;
  if (signInReason.value) return more ? html`<${more.SignIn} />` : null;
  const { tab, run, context } = route.value;
  const list = tab === "runs" && !run;
  const records = !list && tab !== "status" && tab !== "events";
  return html`<div class="app" data-tab=${tab} aria-busy=${!more}>
    <${Top} />
    ${tab === "browse" || tab === "live" ? more ? html`<${more.Bar} />` : html`<div class="bar"></div>` : null}
    <div class="body">
      ${(tab === "browse" && !context) || tab === "live" ? html`<aside class="side" aria-label="Sources">${more ? html`<${more.Sources} />` : null}</aside>` : null}
      <main class="main">
        <h1 class="offscreen">vmlog</h1>
        ${more ? tab === "runs" ? list ? html`<${more.Runs} />` : html`<${more.RunHead} />` : tab === "status" ? html`<${more.StatusView} />` : tab === "events" ? html`<${more.Events} />` : html`<${more.Home} /><${more.HistogramView} />` : html`<${Room} />`}
        ${records && more ? html`<${more.Find} />` : null}
        ${tab === "status" || tab === "events" ? null : html`<${Stage} />`}
        ${records ? more ? html`<${more.Status} />` : html`<footer class="status"></footer>` : null}
      </main>
      ${more ? html`<${more.Detail} />` : null}
    </div>
    ${more ? html`<${more.Dialogs} />` : null}
    <div class="toasts" role="status">${toast.value ? html`<p key=${toast.value.n} class=${toast.value.bad ? "bad" : ""}>${toast.value.text}</p>` : null}</div>
    <p class="offscreen" role="status">${announcement.value}</p>
  </div>`;
}

/** The room of the problems and the histogram. */
function Room() {
  const { tab, context } = route.value;
  if (tab !== "browse" || context) return null;
  return html`${isHome() ? html`<section class="home" style=${{ minHeight: room() }}></section>` : null}<figure class="histogram"><div class="legend"></div>
    ${preferences.value.histogram && features.value.histogram !== false ? html`<div class="bars-empty"></div><div class="axis"></div>` : null}</figure>`;
}
