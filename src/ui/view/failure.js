// The question that brings most people here: which command failed, and what came before it.

import { useEffect } from "../vendor/hooks.js";
import { signal } from "../vendor/signals.js";
import { openContext } from "../actions.js";
import { page } from "../api.js";
import { preferences, route } from "../state.js";
import { masked } from "../lib/secrets.js";
import { stamp } from "../lib/time.js";
import { html, Icon } from "./html.js";

/** Only what is fresh is worth a place above everything else. */
const SINCE = "-24h";
const DISMISSED = "vmlog-failure";

const failure = signal(/** @type {import("../lib/types.js").Entry | null} */ (null));

async function look() {
  const found = await page([
    ["level", "error"], ["where", "event_type=process_end"], ["start", SINCE], ["limit", "1"], ["direction", "forward"],
  ]).catch(() => null);
  const first = found?.entries[0] ?? null;
  if (first && sessionStorage.getItem(DISMISSED) !== String(first.id)) failure.value = first;
}

function dismiss() {
  sessionStorage.setItem(DISMISSED, String(failure.peek()?.id ?? 0));
  failure.value = null;
}

export function FailureCard() {
  useEffect(() => {
    look();
  }, []);
  const entry = failure.value;
  if (!entry || route.value.tab !== "browse" || route.value.context) return null;
  const what = masked(entry.message.replace(/^ended: /, "")).text;
  return html`<aside class="failure" aria-label="First failed command">
    <${Icon} name="warn" />
    <div class="failure-text"><b>First failed command of the last 24 hours</b><code>${what}</code>
      <span class="quiet">${entry.source} \u00b7 ${stamp(entry.ms, preferences.value.utc)}</span></div>
    <button onClick=${() => openContext(entry.id, "all")}>What came before</button>
    <button class="plain" aria-label="Dismiss" onClick=${dismiss}><${Icon} name="close" /></button>
  </aside>`;
}
