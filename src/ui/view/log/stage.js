// The lists, with their progress, errors and empty states.

import { useEffect, useLayoutEffect, useRef } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import { browse, counts, filter, preferences, route } from "../../core/state.js";
import { rest } from "../../core/rest.js";
import { number } from "../../lib/histogram.js";
import { html, Icon } from "../html.js";

/** Progress is shown for requests that take longer. */
const SLOW_MS = 400;

export function Stage() {
  const { tab, run, panel, context } = route.value;
  const stored = tab === "browse" || (tab === "runs" && run !== "");
  const more = rest.value;
  const paneled = tab === "browse" && panel !== "" && !context;
  return html`<div class=${`stage ${preferences.value.newest ? "newest-top" : ""}`} hidden=${tab === "runs" && !run}>
    ${tab === "browse" ? html`<${ContextBanner} />` : null}
    ${tab === "live" && more ? html`<${more.LiveBar} />` : null}
    ${paneled && more ? html`<${more.Panel} />` : null}
    <${ListHost} list=${act.parts.browseList} shown=${stored && !paneled} />
    <${ListHost} list=${act.parts.liveList} shown=${tab === "live"} />
    ${stored && !paneled ? html`<${BrowseOver} />` : null}
    ${tab === "live" && more ? html`<${more.LiveOver} />` : null}
    ${more ? html`<${more.Selection} />` : null}
  </div>`;
}

/** @param {{list: import("../../list/view.js").ListView, shown: boolean}} props */
function ListHost({ list, shown }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  // before the first frame, which an effect would miss
  useLayoutEffect(() => {
    host.current?.append(list.head, list.element);
  }, [list]);
  return html`<div class="list-host" ref=${host} hidden=${!shown}></div>`;
}

function ContextBanner() {
  const { context, scope } = route.value;
  if (!context) return null;
  const other = scope === "all" ? "source" : "all";
  return html`<div class="banner context" role="status">
    <button class="link" onClick=${act.leaveContext}><${Icon} name="back" />Back to filtered list</button>
    <span>Records around ${context}: ${scope === "all" ? "all sources" : "only its source"}</span>
    <button class="link" onClick=${() => act.openContext(context, /** @type {"all" | "source"} */ (other))}>${other === "all" ? "All sources" : "Only this source"}</button>
  </div>`;
}

function BrowseOver() {
  const { loading, error, loaded, fresh, atEnd, end } = browse.value;
  const more = rest.value;
  const arrow = preferences.value.newest ? "up" : "down";
  const typing = error?.status === 400 && error.parameter === "q" && loaded > 0;
  return html`<${Progress} />
    ${error && loaded > 0 && !typing ? html`<div class="banner problem" role="alert"><${Icon} name="warn" /><span>${error.message}</span><button onClick=${() => act.parts.browse.again()}>Try again</button></div>` : null}
    ${more && error && loaded === 0 ? html`<${more.Broken} />` : null}
    ${more && !error && loading === "" && (loaded === 0 || counts.value !== null) ? (loaded === 0 ? html`<${more.Empty} />` : more.isFirstRun() && !route.value.record ? html`<${more.NothingYet} />` : null) : null}
    ${loading === "first" && loaded === 0 ? html`<div class="skeleton" aria-hidden="true">${Array.from({ length: 14 }, (_, at) => html`<i key=${at}></i>`)}</div>` : null}
    ${loaded > 0 && (!atEnd || fresh > 0 || !end) ? html`<div class="pills">
      ${fresh > 0 && end ? html`<button class="pill accent" onClick=${() => act.parts.browse.loadFresh()}><${Icon} name=${arrow} />${fresh >= 100 ? "100+" : fresh} new</button>`
    : html`<button class="pill" title=${`Jump to newest (${preferences.value.newest ? "g" : "G"})`} onClick=${act.toNewest}><${Icon} name=${arrow} />Newest</button>`}
    </div>` : null}`;
}

/** The progress of a slow request, with a button to stop it. */
function Progress() {
  const { loading, since, reached } = browse.value;
  const slow = useSignal(false);
  useEffect(() => {
    slow.value = false;
    if (!loading) return undefined;
    const timer = setTimeout(() => { slow.value = true; }, Math.max(0, SLOW_MS - (Date.now() - since)));
    return () => clearTimeout(timer);
  }, [loading, since]);
  if (!loading || !slow.value) return null;
  const what = filter.value.q ? "Searching" : "Loading";
  const where = loading === "newer" ? "newer" : "older";
  return html`<div class="progress" role="status"><i aria-hidden="true"></i><span>${what}${loading === "first" ? "" : ` ${where} records`}${
    reached ? `, at record ${number(reached)}` : ""}\u2026</span><button class="link" onClick=${() => act.parts.browse.stop()}>Stop</button></div>`;
}
