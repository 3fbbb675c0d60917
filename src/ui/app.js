// The page: creates the lists, connects them to the address, and renders everything around them.

import { computed, effect } from "./vendor/signals.js";
import { render } from "./vendor/preact.js";
import * as act from "./core/actions.js";
import { record } from "./core/api.js";
import { Browse } from "./data/browse.js";
import { matcherOf, textMatcher } from "./lib/text/match.js";
import { textsOf } from "./lib/query/terms.js";
import { readRange, writeRoute } from "./lib/query/route.js";
import { ListView } from "./list/view.js";
import { hasSelection } from "./list/view.js";
import { extendTo } from "./core/select.js";
import { rest } from "./core/rest.js";
import { announcement, boots, browse, find, go, live, preferences, ranged, route, say, totals } from "./core/state.js";
import { html } from "./view/html.js";
import { beyondEdge, edgeText, noteVisible } from "./view/log/edge.js";
import { Frame } from "./view/frame/frame.js";
import { isDark } from "./view/theme.js";

/** The address follows the position of the list after it has been still for this long. */
const SETTLED_MS = 400;
/** A scroll this soon after a touch, a key or the wheel was made by the user. */
const BY_PERSON_MS = 1200;

let personAt = -BY_PERSON_MS;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let settling;

const browseList = new ListView("Records", {
  onOpen: act.openEntry,
  onUnopen: act.unopenEntry,
  asText: (entries) => entries.map(act.lineOf).join("\n"),
  onCopy: act.copyItem,
  onExtend: extendTo,
  onOlder: beyondEdge,
  onLost: () => {},
  onColumn: act.toggleColumn,
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
  onUnopen: act.unopenEntry,
  asText: (entries) => entries.map(act.lineOf).join("\n"),
  onCopy: act.copyItem,
  onExtend: extendTo,
  onOlder: () => {},
  onLost: (item) => { act.parts.live.fill(item); },
  onColumn: act.toggleColumn,
  onMove: () => {
    if (!byPerson()) return;
    if (!liveList.atEnd) liveList.stick = false;
    act.parts.live.moved();
  },
  onUser: () => { personAt = performance.now(); },
});

/** Whether the list of stored records is used. @param {import("./lib/query/route.js").Route} place */
const showsStored = ({ tab, run }) => tab === "browse" || (tab === "runs" && run !== "");

const byPerson = () => performance.now() - personAt < BY_PERSON_MS;

Object.assign(act.parts, { browseList, liveList });
act.parts.browse = new Browse(browseList);

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
  const { tab, filter, context, scope, at, run, record: chosen } = route.value;
  const view = { filter, context, scope, run: tab === "runs" ? run : "" };
  if (tab === "live") act.parts.browse.count(view);
  if (!showsStored(route.value)) return;
  const key = writeRoute({ ...route.peek(), at: 0, record: 0, select: "", panel: "", columns: [], type: "", about: "" });
  if (key !== shownBrowse) {
    // a link to a record that names no place of the list opens at the record
    const start = at || (shownBrowse === null ? chosen : 0);
    shownBrowse = key;
    act.parts.browse.load(view, start || "end", start === chosen || start === context ? "middle" : view.run ? "bottom" : "top");
    if (view.run) return;
    act.parts.browse.count(view);
    act.parts.browse.draw(view);
  } else if (at && !browseList.entry(at)) act.parts.browse.load(view, at);
  else if (at && at === route.peek().record) browseList.show(at, "near");
});

effect(() => {
  if (!boots.value?.length || route.peek().tab !== "browse") return;
  const { filter, context, scope } = route.peek();
  act.parts.browse.rerange({ filter, context, scope, run: "" });
});

/** In Live, other clients and hidden sources are counted by the server. */
const COUNT_MS = 10_000;
setInterval(() => {
  const { tab, filter } = route.peek();
  if (tab === "live" && !document.hidden && live.peek().connection === "open") act.parts.browse.count({ filter, context: 0, scope: "all", run: "" });
}, COUNT_MS);

/** Rows of errors have no background of their own where they are more than this part. */
const TINT_MAX = 0.3;

const tints = computed(() => {
  const counted = totals.value;
  return !counted || counted.total === 0 || (counted.byLevel.error ?? 0) < TINT_MAX * counted.total;
});

const sourcesShown = computed(() => {
  const { filter, context, scope, run, tab } = route.value;
  if (context || (tab === "runs" && run)) return scope === "all";
  const only = filter.sources.filter((name) => !name.startsWith("-"));
  return !(only.length === 1 && !/[:*]$/.test(only[0] ?? ""));
});

// each is made anew only when its text changes: a list with the same look keeps its rows
const query = computed(() => (route.value.context ? "" : route.value.filter.q));
const queryMatcher = computed(() => matcherOf(textsOf(query.value)));
const findText = computed(() => (find.value.open ? find.value.text : ""));
const findMatcher = computed(() => textMatcher(findText.value));
const selectText = computed(() => route.value.select);
const columnText = computed(() => route.value.columns.join());
const columns = computed(() => columnText.value.split(",").filter(Boolean));
const selectRange = computed(() => readRange(selectText.value));

effect(() => {
  const { record: id, filter, run, tab, scope, context } = route.value;
  const { wrap, utc, raw, fields, relative, dense, newest } = preferences.value;
  const chosen = ranged(filter);
  const look = {
    utc, raw, fields, relative, dark: isDark.value, selected: id, run: tab === "runs" && scope === "all" ? run : "", range: selectRange.value, tint: tints.value,
    narrowed: !context && Boolean(chosen.q || chosen.patterns.length > 0 || chosen.levels.length < 4 || chosen.sources.length > 0),
    search: queryMatcher.value,
    find: findMatcher.value,
  };
  for (const list of [browseList, liveList]) {
    if (list.element.classList.contains("dense") !== dense) {
      list.element.classList.toggle("dense", dense);
      list.restyle();
    }
    list.setOrder(newest);
    list.setSources(sourcesShown.value);
    list.setWrap(wrap);
    list.setColumns(columns.value);
    list.setLook(look);
  }
});

/** Relative times grow old. */
setInterval(() => {
  if (preferences.peek().relative && !document.hidden) for (const list of [browseList, liveList]) list.setLook({});
}, 30_000);

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

effect(() => browseList.setEdge(edgeText()));

effect(() => {
  const total = totals.value?.total;
  if (total !== undefined && browse.value.loading === "") announcement.value = `${total} records`;
});

document.addEventListener("selectionchange", () => {
  if (route.peek().tab === "live" && hasSelection(liveList.element)) act.parts.live.pause();
});

// ---- rendering

render(html`<${Frame} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
import("./rest.js").then(({ parts }) => { rest.value = parts; }, () => say("Part of the page could not be loaded. Reload the page.", { bad: true }));
