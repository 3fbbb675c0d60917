// The sign-in form.

import { useSignal } from "../../vendor/signals.js";
import { signIn, signInReason } from "../../core/session.js";
import { html } from "../html.js";

const REASONS = {
  "": "",
  missing: "",
  refused: "The server did not accept this token.",
  offline: "Can't reach vmlog. Try again.",
};

export function SignIn() {
  const token = useSignal("");
  const busy = useSignal(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    busy.value = true;
    const done = await signIn(token.value.trim());
    busy.value = false;
    if (done) location.reload();
  };
  const reason = REASONS[signInReason.value];
  return html`<main class="sign-in"><form onSubmit=${submit}>
    <h1><img src="ui/icon.svg" alt="" width="28" height="28" />vmlog</h1>
    <p>Access token required.</p>
    <label class="field"><span>Token</span><input type="password" value=${token.value} autocomplete="off" spellcheck=${false} autofocus=${true}
      aria-describedby=${reason ? "sign-in-reason" : null}
      onInput=${(/** @type {Event} */ event) => { token.value = /** @type {HTMLInputElement} */ (event.target).value; }} /></label>
    ${reason ? html`<p class="refused" id="sign-in-reason" role="alert">${reason}</p>` : null}
    <div class="actions end"><button class="primary" type="submit" disabled=${busy.value || token.value.trim() === ""}>Sign in</button></div>
    <p class="hint">On the machine, <code>vmlog open</code> prints an address that signs you in. The token itself is in the file <code>token</code> of the
      data directory (<code>/var/lib/vmlog/token</code>), unless LOG_API_TOKEN sets it.</p>
  </form></main>`;
}
