// Where the panel of problems is shown, and the room that is kept for it while it is loading.

import { signal } from "../../vendor/signals.js";
import { route } from "../../core/state.js";
import { kept } from "../../core/stored.js";
import { isEverything } from "../../lib/query/filter.js";

/** The height of the panel when it was last seen is kept under this name, so that nothing moves when it comes. */
export const HEIGHT = "vmlog-home-height";
/** The height of a panel without problems. */
const LINE_PX = 34;

/** Whether the page was opened with a link to a record, which hides the panel until the record is closed. */
const linked = signal(route.peek().record !== 0);

/** The panel is part of the whole log, not of a search. */
export const isHome = () => {
  const { tab, context, filter: chosen, record, panel } = route.value;
  if (record === 0 && linked.value) linked.value = false;
  return tab === "browse" && !context && !panel && !linked.value && isEverything({ ...chosen, start: "", end: "", boot: "" });
};

/** The height that is kept. */
export const room = () => `${kept(HEIGHT) || LINE_PX}px`;
