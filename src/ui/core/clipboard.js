// Copying, also without the clipboard API, which pages over plain http do not have.

import { say } from "./state.js";

/**
 * @param {string} text
 * @param {string} what the name of the copied thing
 */
export async function copy(text, what) {
  const done = await write(text);
  if (done) say(`${what} copied`);
  else say("The browser blocked copying. Select the text and copy it manually.", { bad: true });
}

/** @param {string} text */
async function write(text) {
  if (navigator.clipboard && isSecureContext) {
    const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    if (done) return true;
  }
  const focused = document.activeElement;
  const holder = document.createElement("textarea");
  holder.value = text;
  holder.className = "offscreen";
  holder.setAttribute("aria-hidden", "true");
  (document.querySelector("dialog[open]") ?? document.body).append(holder);
  holder.select();
  const done = document.execCommand("copy");
  holder.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return done;
}
