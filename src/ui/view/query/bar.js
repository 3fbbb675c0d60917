// The query bar: the filter as chips, and a line to write more of it.

import { useEffect, useRef } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import { browse, dialog, filter, go, ranged, refine, route } from "../../core/state.js";
import { remember } from "../../core/stored.js";
import { chips, EVERYTHING, toParameters, withoutChip, withTerms } from "../../lib/query/filter.js";
import { readRoute } from "../../lib/query/route.js";
import { isText, joined, negated } from "../../lib/query/terms.js";
import { html, Icon } from "../html.js";
import { suggest } from "./completion.js";
import { TimeButton } from "./time.js";

/** @typedef {import("../../lib/query/filter.js").Chip} Chip */
/** @typedef {import("./completion.js").Suggestion} Suggestion */

const DEBOUNCE_MS = 250;
const SUGGEST_MS = 60;

export function Bar() {
  const narrowed = toParameters({ ...filter.value, q: "" }).length;
  return html`<div class="bar" role="search">
    ${route.value.tab === "browse" ? html`<${TimeButton} />` : null}
    <${Query} />
    <button class="sheet-button" aria-haspopup="dialog" onClick=${() => { dialog.value = "filters"; }}>
      <${Icon} name="filter" />Filters${narrowed ? html`<b class="badge">${narrowed}</b>` : null}
    </button>
    <button class="plain views-button" title="Saved views" aria-label="Saved views" aria-haspopup="dialog" onClick=${() => { dialog.value = "views"; }}><${Icon} name="star" /></button>
  </div>`;
}

/** The state of the line that is being written. */
function useDraft() {
  const typed = useSignal("");
  /** The expression without the draft. */
  const base = useSignal(filter.value.q);
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const applied = useRef("");
  const { q } = filter.value;
  useEffect(() => {
    if (q === joined([base.peek(), applied.current])) return;
    // changed elsewhere
    clearTimeout(timer.current);
    [base.value, typed.value, applied.current] = [q, "", ""];
  }, [q]);
  const apply = () => {
    clearTimeout(timer.current);
    const draft = typed.peek().trim();
    if (draft === applied.current || (draft !== "" && !isText(draft))) return;
    const replace = applied.current !== "";
    applied.current = draft;
    refine({ q: joined([base.peek(), draft]) }, { replace });
  };
  const write = (/** @type {string} */ text) => {
    typed.value = text;
    clearTimeout(timer.current);
    timer.current = setTimeout(apply, DEBOUNCE_MS);
  };
  /** Replaces the filter; what is written becomes part of it. */
  const commit = (/** @type {string} */ text, before = /** @type {import("../../lib/query/filter.js").Filter} */ ({ ...filter.peek(), q: base.peek() })) => {
    clearTimeout(timer.current);
    const next = withTerms(before, text);
    const replace = applied.current !== "";
    [base.value, typed.value, applied.current] = [next.q, "", ""];
    remember(text.trim());
    refine(next, { replace });
  };
  /** Replaces the filter; what is written stays as it is, and is part of the filter or not. */
  const change = (/** @type {import("../../lib/query/filter.js").Filter} */ next, draft = "") => {
    clearTimeout(timer.current);
    [base.value, applied.current] = [next.q, draft];
    refine({ ...next, q: joined([next.q, draft]) });
  };
  return { typed, base, write, commit, change };
}

function Query() {
  const { typed, base, write, commit, change } = useDraft();
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const list = useSignal(/** @type {Suggestion[]} */ ([]));
  const open = useSignal(false);
  const at = useSignal(-1);
  const shown = chips({ ...filter.value, q: base.value });
  useEffect(() => {
    if (!open.value) return undefined;
    let wanted = true;
    const timer = setTimeout(() => suggest(typed.value, input.current?.selectionStart ?? typed.value.length).then((found) => {
      if (wanted) [list.value, at.value] = [found, -1];
    }), SUGGEST_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [open.value, typed.value]);
  const edit = (/** @type {Chip} */ chip) => {
    const draft = typed.peek();
    change(withoutChip({ ...filter.peek(), q: base.peek() }, chip));
    write(joined([chip.part === "pattern" || chip.part === "pid" ? "" : chip.text, draft]));
    input.current?.focus();
  };
  const remove = (/** @type {Chip} */ chip) => {
    change(withoutChip({ ...filter.peek(), q: base.peek() }, chip), isText(typed.peek()) ? typed.peek().trim() : "");
  };
  const take = (/** @type {Suggestion} */ one) => {
    if (one.kind === "view") {
      open.value = false;
      go(readRoute(one.text));
    } else if (one.done) {
      open.value = false;
      commit(one.text);
    } else write(one.text);
    at.value = -1;
    input.current?.focus();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const { key } = event;
    const all = open.peek() ? list.peek() : [];
    const chosen = all[at.peek()];
    if (key === "ArrowDown" || key === "ArrowUp") {
      if (!open.peek()) open.value = true;
      else if (all.length > 0) at.value = (at.peek() + (key === "ArrowDown" ? 1 : -1) + all.length + (at.peek() < 0 && key === "ArrowUp" ? 1 : 0)) % all.length;
    } else if ((key === "Enter" || (key === "Tab" && !event.shiftKey)) && chosen) take(chosen);
    else if (key === "Enter") {
      commit(typed.peek());
      open.value = false;
    } else if (key === "Backspace" && typed.peek() === "" && shown.length > 0) edit(/** @type {Chip} */ (shown.at(-1)));
    else if (key === "Escape" && open.peek() && all.length > 0) open.value = false;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onInput = (/** @type {Event} */ event) => {
    open.value = true;
    write(/** @type {HTMLInputElement} */ (event.target).value);
  };
  const wrong = useWrong(shown, typed.value);
  const listed = open.value && list.value.length > 0;
  return html`<div class=${`query ${wrong ? "invalid" : ""} ${typed.value ? "typing" : ""}`} onClick=${(/** @type {MouseEvent} */ event) => event.target === event.currentTarget && input.current?.focus()}>
    <${Icon} name="search" />
    ${shown.length > 0 ? html`<ul class="chips" aria-label="Filter">${shown.map((chip) => html`<li key=${chip.part + chip.text} class=${`chip-${chip.part} ${wrong && chip.from >= 0 && chip.from <= wrong.at && wrong.at <= chip.to ? "invalid" : ""}`}>
      <button class="chip-text" title="Edit. Alt-click: negate" onClick=${(/** @type {MouseEvent} */ event) => (event.altKey && chip.part === "q" ? commit(negated(chip.text), withoutChip({ ...filter.peek(), q: base.peek() }, chip)) : edit(chip))}>${chip.label}</button>
      <button class="chip-remove" aria-label=${`Remove ${chip.label}`} onClick=${() => remove(chip)}><${Icon} name="close" /></button></li>`)}</ul>` : null}
    <input id="search" ref=${input} type="text" role="combobox" aria-label="Search or filter" aria-autocomplete="list" aria-expanded=${listed} aria-controls="suggestions"
      aria-activedescendant=${listed && at.value >= 0 ? `suggestion-${at.value}` : null} placeholder=${shown.length > 0 ? "" : innerWidth < 640 ? "Search or filter" : "Search, or filter by level:error, status>=500, unit:ssh.service \u2026"}
      maxlength="4000" autocomplete="off" autocapitalize="off" spellcheck=${false} enterkeyhint="search" value=${typed.value} onInput=${onInput} onKeyDown=${onKeyDown}
      onFocus=${() => { open.value = true; }} onBlur=${() => { open.value = false; }} aria-invalid=${Boolean(wrong)} aria-describedby=${wrong ? "query-wrong" : null} />
    ${shown.length > 0 || typed.value ? html`<button class="plain clear" title="Clear the filter" aria-label="Clear the filter" onClick=${() => {
    const { start, end, boot } = filter.peek();
    typed.value = "";
    change({ ...EVERYTHING, start, end, boot });
    input.current?.focus();
  }}><${Icon} name="close" /></button>` : html`<kbd aria-hidden="true">/</kbd>`}
    <${Suggestions} list=${listed ? list.value : []} at=${at.value} take=${take} />
    ${wrong ? html`<p class="query-wrong" id="query-wrong" role="alert">${wrong.message}${wrong.text ? html`<code>${wrong.text.slice(0, wrong.at)}<mark>${wrong.text[wrong.at] ?? " "}</mark>${wrong.text.slice(wrong.at + 1)}</code>` : null}</p>` : null}
  </div>`;
}

/** @param {{list: Suggestion[], at: number, take: (one: Suggestion) => void}} props */
function Suggestions({ list, at, take }) {
  // the input keeps the focus
  return html`<ul class="suggestions" id="suggestions" role="listbox" aria-label="Suggestions" hidden=${list.length === 0} onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()}>
    ${list.map((one, index) => html`<li key=${one.kind + one.text} id=${`suggestion-${index}`} role="option" aria-selected=${index === at} onClick=${() => take(one)}>
      <span>${one.label}</span><small>${one.detail}</small></li>`)}</ul>`;
}

/**
 * What the server says is wrong with the expression, and where.
 * @param {readonly Chip[]} shown
 * @param {string} typed
 */
function useWrong(shown, typed) {
  const { error } = browse.value;
  if (!error || error.status !== 400 || error.parameter !== "q") return null;
  const { q } = ranged(filter.value);
  const place = /\(character (\d+)\)/.exec(error.message);
  const text = place && (shown.length > 0 || typed) ? q : "";
  return { message: error.message.replace(/^q is not understood: /, ""), at: place ? Number(place[1]) - 1 : -1, text };
}
