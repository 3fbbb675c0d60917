// What people who look elsewhere should know: the title counts it, and a notification names it if they asked for that.

import { Title } from "../lib/title.js";
import { stripped } from "../lib/text/ansi.js";
import { masked } from "../lib/text/secrets.js";
import { preferences } from "./state.js";

/** Notifications are at least this far apart. */
const NOTIFY_MS = 10_000;
const BODY_MAX = 200;

const title = new Title(document);
let notifiedAt = -NOTIFY_MS;

/** Counts an error or a problem in the title, while the page is hidden. */
export const countInTitle = () => title.add();

/** Notifies while the page is hidden. @param {string} heading @param {string} text */
export function notify(heading, text) {
  if (!document.hidden || !preferences.peek().notify) return;
  if (typeof Notification !== "function" || Notification.permission !== "granted") return;
  const now = performance.now();
  if (now - notifiedAt < NOTIFY_MS) return;
  notifiedAt = now;
  const shown = new Notification(heading, { body: masked(stripped(text)).text.slice(0, BODY_MAX), tag: "vmlog" });
  shown.onclick = () => focus();
}
