// The page: creates the lists, connects them to the address, and renders everything around them.

import { effect } from "./vendor/signals.js";
import { render } from "./vendor/preact.js";
import * as act from "./actions.js";
import { record } from "./api.js";
import { Browse } from "./browse.js";
import { listen } from "./keys.js";
import { matcher } from "./lib/match.js";
import { readRange, writeRoute } from "./lib/route.js";
import { ListView } from "./list/view.js";
import { hasSelection } from "./list/view.js";
import { Live } from "./live.js";
import { openRun } from "./runs.js";
import { extendTo } from "./select.js";
import { signInReason } from "./session.js";
import { announcement, browse, find, go, live, preferences, route, say, toast, totals } from "./state.js";
import { Bar, Conditions } from "./view/bar.js";
import { Detail } from "./view/detail.js";
import { Dialogs } from "./view/dialogs.js";
import { Find } from "./view/find.js";
import { HistogramView } from "./view/histogram.js";
import { html } from "./view/html.js";
import { RunHead, Runs } from "./view/runs.js";
import { Sources } from "./view/sources.js";
import { Story } from "./view/story.js";
import { edgeText, noteVisible, Stage, Status } from "./view/stage.js";
import { SignIn } from "./view/sign-in.js";
import { isDark } from "./view/theme.js";
import { Top } from "./view/top.js";

/** The address follows the position of the list after it has been still for this long. */
const SETTLED_MS = 400;
/** A scroll this soon after a touch, a key or the wheel was made by the user. */
const BY_PERSON_MS = 1200;

let personAt = -BY_PERSON_MS;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let settling;

const browseList = new ListView("Records", {
  onOpen: act.openEntry,
  onCopy: act.copyItem,
  onExtend: extendTo,
  onOlder: () => act.parts.browse.older(),
  onLost: () => {},
  onMove: () => {
    noteVisible();
    act.parts.browse?.near();
    clearTimeout(settling);
    if (byPerson()) settling = setTimeout(notePlace, SETTLED_MS);
  },
  onUser: () => { personAt = performance.now(); },
});

const liveList = new ListView("Live records", {
  onOpen: act.openEntry,
  onCopy: act.copyItem,
  onExtend: extendTo,
  onOlder: () => {},
  onLost: (item) => { act.parts.live.fill(item); },
  onMove: () => {
    if (!byPerson()) return;
    if (!liveList.atEnd) liveList.stick = false;
    act.parts.live.moved();
  },
  onUser: () => { personAt = performance.now(); },
});

/** Whether the list of stored records is visible. @param {import("./lib/route.js").Route} place */
const showsStored = ({ tab, run }) => tab === "browse" || (tab === "runs" && run !== "");

const byPerson = () => performance.now() - personAt < BY_PERSON_MS;

Object.assign(act.parts, { browseList, liveList });
act.parts.browse = new Browse(browseList);
act.parts.live = new Live(liveList);

/** Keeps the position of the list in the address, for reloading and going back. */
function notePlace() {
  if (!showsStored(route.peek()) || browse.peek().loading === "first") return;
  const first = browseList.visible?.[0];
  go({ at: !first || (browseList.atEnd && browse.peek().end) ? 0 : first.id }, { replace: true });
}

// ---- reactions to the address

/** @type {string | null} */
let shownBrowse = null;

effect(() => {
  const { tab, filter, context, scope, at, run } = route.value;
  if (tab === "live") act.parts.live.follow(filter);
  else if (live.peek().connection !== "idle") act.parts.live.leave();
  const view = { filter, context, scope, run: tab === "runs" ? run : "" };
  if (tab === "live" || (tab === "runs" && !run)) act.parts.browse.count(view);
  if (tab === "runs" && run) openRun(run);
  if (!showsStored(route.value)) return;
  const key = writeRoute({ ...route.peek(), at: 0, record: 0, select: "" });
  if (key !== shownBrowse) {
    shownBrowse = key;
    act.parts.browse.load(view, at || "end", at === route.peek().record || at === context ? "middle" : view.run ? "bottom" : "top");
    if (view.run) return;
    act.parts.browse.count(view);
    act.parts.browse.draw(view);
  } else if (at && !browseList.entry(at)) act.parts.browse.load(view, at);
  else if (at && at === route.peek().record) browseList.show(at, "near");
});

effect(() => {
  const { record: id, filter, run, tab, select } = route.value;
  const { wrap, utc, raw } = preferences.value;
  const look = {
    utc, raw, dark: isDark.value, selected: id, run: tab === "runs" ? run : "", range: readRange(select),
    search: filter.invert ? null : matcher(filter),
    find: find.value.open ? matcher({ search: find.value.text, caseSensitive: false, regex: false }) : null,
  };
  for (const list of [browseList, liveList]) {
    list.setWrap(wrap);
    list.setLook(look);
  }
});

effect(() => {
  const { record: id } = route.value;
  if (!id || act.opened.peek()?.id === id) return;
  const here = browseList.entry(id) ?? liveList.entry(id);
  if (here) act.opened.value = here;
  else {
    record(id).then((entry) => {
      if (route.peek().record === id) act.opened.value = entry;
    }, (error) => {
      say(error.status === 404 ? `Record ${id} does not exist or has been deleted` : error.message, { bad: true });
      go({ record: 0 }, { replace: true });
    });
  }
});

effect(() => browseList.setEdge(...edgeText()));

effect(() => {
  const total = totals.value?.total;
  if (total !== undefined && browse.value.loading === "") announcement.value = `${total} records`;
});

document.addEventListener("selectionchange", () => {
  if (route.peek().tab === "live" && hasSelection(liveList.element)) act.parts.live.pause();
});

// ---- rendering

function App() {
  if (signInReason.value) return html`<${SignIn} />`;
  const { tab, run } = route.value;
  const list = tab === "runs" && !run;
  const opened = route.value.record && act.opened.value ? "with-detail" : "";
  return html`<div class=${`app ${opened}`} data-tab=${tab}>
    <${Top} />
    ${tab === "runs" ? null : html`<${Bar} />`}
    <div class="body">
      ${tab === "runs" && run ? null : html`<aside class="side" aria-label="Sources"><${Sources} /></aside>`}
      <main class="main">
        <h1 class="offscreen">vmlog</h1>
        ${tab === "runs" ? list ? html`<${Runs} />` : html`<${RunHead} />` : html`<${Story} /><${Conditions} /><${HistogramView} />`}
        <${Find} />
        <${Stage} />
        ${list ? null : html`<${Status} />`}
      </main>
      <${Detail} />
    </div>
    <${Dialogs} />
    <div class="toasts" role="status">${toast.value ? html`<p key=${toast.value.n} class=${toast.value.bad ? "bad" : ""}>${toast.value.text}</p>` : null}</div>
    <p class="offscreen" role="status">${announcement.value}</p>
  </div>`;
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
listen();
browseList.element.focus({ preventScroll: true });
