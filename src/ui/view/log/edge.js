// The edges of the list of stored records: the line beyond the oldest row, and which part of the log is on the screen.

import * as act from "../../core/actions.js";
import { boots, browse, filter, patch, ranged, refine, route, seen } from "../../core/state.js";
import { LEVELS } from "../../lib/types.js";

/** Whether the list ends at the beginning of a boot that has others before it. */
const beginsBoot = () => {
  const { boot } = ranged(filter.value);
  return boot !== "" && boot !== "all" && (boots.value?.length ?? 0) > 1 && !route.value.run && !route.value.context;
};

/** The text beyond the oldest row. @returns {{text: string, button: string}} */
export function edgeText() {
  const { start, loading, loaded } = browse.value;
  if (loaded === 0) return { text: "", button: "" };
  if (start) {
    if (beginsBoot()) return { text: "Start of this boot", button: "Show earlier boots" };
    const narrowed = filter.value.q || filter.value.sources.length > 0 || filter.value.levels.length < LEVELS.length || filter.value.patterns.length > 0;
    return { text: narrowed && !route.value.run && !route.value.context ? "First match" : "Start of log", button: "" };
  }
  return loading === "older" ? { text: "Loading older records\u2026", button: "" } : { text: "", button: "Load older records" };
}

/** The button beyond the oldest row. */
export function beyondEdge() {
  if (browse.peek().start && beginsBoot()) refine({ boot: "all" });
  else act.parts.browse.older();
}

/** Notes the visible time range for the histogram and the status line. */
export function noteVisible() {
  const list = act.parts.browseList;
  const edges = list.visible;
  const before = seen.peek();
  const now = /** @type {[number, number] | null} */ (edges ? [edges[0].ms, edges[1].ms] : null);
  const same = before && now ? before[0] === now[0] && before[1] === now[1] : before === now;
  if (!same) seen.value = now;
  patch(browse, { atEnd: list.atEnd });
}
