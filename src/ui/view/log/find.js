// The find bar: the browser's own find sees only rows that are drawn.

import { useEffect, useRef } from "../../vendor/hooks.js";
import { useComputed, useSignal } from "../../vendor/signals.js";
import * as act from "../../core/actions.js";
import { browse, find, route } from "../../core/state.js";
import { count, number } from "../../lib/histogram.js";
import { html, Icon } from "../html.js";

/** Rows are counted after a pause in typing. */
const COUNT_MS = 150;

export function Find() {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const { open, text } = find.value;
  const note = useSignal("");
  const { record } = route.value;
  const loaded = useComputed(() => browse.value.loaded).value;
  useEffect(() => {
    if (open) input.current?.select();
  }, [open]);
  useEffect(() => {
    note.value = "";
    if (!open || !text) return undefined;
    const timer = setTimeout(() => {
      const { found, at } = act.countMatches();
      note.value = found === 0 ? "no match in loaded rows" : `${at ? `${number(at)} of ` : ""}${count(found, "row")}`;
    }, COUNT_MS);
    return () => clearTimeout(timer);
  }, [open, text, record, loaded]);
  if (!open) return null;
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") act.moveToMatch(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") closeFind();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="find" role="search" aria-label="Find in list">
    <${Icon} name="search" />
    <input ref=${input} type="text" value=${text} placeholder="Find in list" aria-label="Find in list" autocomplete="off" spellcheck=${false}
      onInput=${(/** @type {Event} */ event) => { find.value = { ...find.peek(), text: /** @type {HTMLInputElement} */ (event.target).value }; }} onKeyDown=${keys} />
    <span class="quiet" role="status">${note.value}</span>
    <button class="plain" aria-label="Previous match" title="Shift Enter" onClick=${() => act.moveToMatch(-1)}><${Icon} name="up" /></button>
    <button class="plain" aria-label="Next match" title="Enter" onClick=${() => act.moveToMatch(1)}><${Icon} name="down" /></button>
    <button class="plain" aria-label="Close find" onClick=${closeFind}><${Icon} name="close" /></button>
  </div>`;
}

export function closeFind() {
  find.value = { open: false, text: "", note: "" };
  act.list().element.focus({ preventScroll: true });
}
