// Keyboard shortcuts: one key per action, except while typing.

import * as act from "./actions.js";
import { dialog, find, go, route } from "./state.js";
import { clearSelection, copySelected, extendBy, selectAll } from "./select.js";
import { closeFind } from "../view/log/find.js";

/** @type {Record<string, () => void>} */
const KEYS = {
  j: () => act.move(1),
  k: () => act.move(-1),
  "[": () => act.pageTime(-1),
  "]": () => act.pageTime(1),
  ArrowDown: () => act.move(1),
  ArrowUp: () => act.move(-1),
  g: () => act.toEdge(-1),
  Home: () => act.toEdge(-1),
  G: () => act.toEdge(1),
  End: () => act.toEdge(1),
  n: () => act.moveToMatch(1),
  N: () => act.moveToMatch(-1),
  e: () => act.moveToLevel(1, "error"),
  E: () => act.moveToLevel(-1, "error"),
  w: () => act.moveToLevel(1, "warn"),
  W: () => act.moveToLevel(-1, "warn"),
  x: () => { dialog.value = "export"; },
  t: act.toggleLive,
  z: act.toggleWrap,
  o: act.toggleOrder,
  r: () => act.reload(),
  "?": () => { dialog.value = "help"; },
  "/": () => document.getElementById("search")?.focus(),
  c: () => (route.peek().select ? copySelected() : withOpened(act.copyLine)),
  l: () => withOpened(act.copyPermalink),
  a: () => withOpened((entry) => act.openContext(entry.id, "all")),
  Enter: () => { if (route.peek().record) act.list().toggle(route.peek().record); else act.move(1); },
  Escape: escape,
};

/** Keys that focused buttons, links and sliders handle themselves. */
const OWN = new Set(["Enter", " ", "ArrowDown", "ArrowUp", "Home", "End"]);

/** @param {(entry: import("../lib/types.js").Entry) => void} action */
function withOpened(action) {
  const entry = act.opened.peek();
  if (entry && route.peek().record === entry.id) action(entry);
}

function escape() {
  if (find.peek().open) closeFind();
  else if (route.peek().select) clearSelection();
  else if (route.peek().record) act.closeEntry();
  else if (route.peek().context) act.leaveContext();
  else if (route.peek().panel) go({ panel: "" });
  else if (route.peek().run) go({ run: "", at: 0, scope: "all" });
}

/** Selects rows with Shift and an arrow, or all of them. @param {KeyboardEvent} event */
function choose(event) {
  const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
  if ((ctrlKey || metaKey) && !shiftKey && !altKey && key.toLowerCase() === "a") selectAll();
  else if (shiftKey && !ctrlKey && !metaKey && (key === "ArrowDown" || key === "ArrowUp")) extendBy(key === "ArrowDown" ? 1 : -1);
  else return false;
  return true;
}

/** Whether something is shown that has no records: the runs, a panel, the status. */
const hasNoRecords = () => ["status", "events"].includes(route.peek().tab) || (route.peek().tab === "runs" && !route.peek().run) || (route.peek().tab === "browse" && route.peek().panel !== "");

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || dialog.peek()) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f" && !find.peek().open && !hasNoRecords()) {
    event.preventDefault();
    find.value = { open: true, text: find.peek().text, note: "" };
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    dialog.value = "palette";
    return;
  }
  const { target } = event;
  const typing = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
  if (!typing && !hasNoRecords() && choose(event)) {
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const inList = target === document.body || (target instanceof Element && target.classList.contains("list"));
  if (OWN.has(event.key) && !inList) return;
  if (event.key === " ") {
    if (route.peek().tab !== "live") return;
    event.preventDefault();
    act.pauseOrResume();
    return;
  }
  const action = KEYS[event.key];
  if (!action || (hasNoRecords() && !["t", "?", "/", "Escape"].includes(event.key))) return;
  event.preventDefault();
  action();
}

export const listen = () => addEventListener("keydown", pressed);
