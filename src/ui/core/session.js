// Access: the token from the address is exchanged once for a session, which is kept in the storage of this origin. Cookies are not used,
// because browsers send them to every port of a host.

import { signal } from "../vendor/signals.js";

/** @typedef {{text: string, renewAt: number}} Session `renewAt`: milliseconds; the session is renewed after that time */

/** Servers under different paths of one origin have separate sessions. */
const storageKey = () => `vmlog-session:${new URL(".", location.href).pathname}`;
const HEADER = "X-Vmlog-Session";
/** Maximum number of attempts if the server asks to retry. */
const TRIES = 5;

/** Why the page asks for a token; empty: it has a session. */
export const signInReason = signal(/** @type {"" | "missing" | "refused" | "offline"} */ (""));

/** The session in browsers without storage. */
let unstored = /** @type {Session | null} */ (null);
/** @type {Promise<unknown> | null} */
let renewing = null;

/** @returns {Session | null} */
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(storageKey()) ?? "null");
    return typeof found?.text === "string" && typeof found.renewAt === "number" ? found : unstored;
  } catch {
    return unstored;
  }
}

/** @param {Session | null} session */
function write(session) {
  unstored = session;
  try {
    if (session) localStorage.setItem(storageKey(), JSON.stringify(session));
    else localStorage.removeItem(storageKey());
  } catch {
    // only `unstored` keeps it
  }
}

export const hasSession = () => read() !== null;

/** Removes the token from the address before others can see it. It may be after `#`, which servers and proxies do not receive. */
function takeToken() {
  const url = new URL(location.href);
  const hash = new URLSearchParams(url.hash.slice(1));
  const token = hash.get("token") ?? url.searchParams.get("token");
  if (token === null) return "";
  url.searchParams.delete("token");
  if (hash.has("token")) url.hash = "";
  history.replaceState(null, "", url.pathname + url.search + url.hash);
  return token;
}

/** @param {string} text a token, or the session to renew @returns {Promise<"" | "refused" | "offline">} */
async function begin(text) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch("session", { method: "POST", headers: { [HEADER]: text }, credentials: "same-origin", cache: "no-store" })
      .catch(() => null);
    if (response?.status === 201) {
      const { session, expiresSeconds } = await response.json();
      write({ text: session, renewAt: Date.now() + expiresSeconds * 500 });
      return "";
    }
    if (response?.status === 401) return "refused";
    const wait = Number(response?.headers.get("retry-after")) || 0;
    if (wait === 0 || tries === TRIES) return "offline";
    await new Promise((resolve) => { setTimeout(resolve, wait * 1000); });
  }
}

/** Signs in with a token. @param {string} token */
export async function signIn(token) {
  const problem = await begin(token);
  signInReason.value = problem;
  return problem === "";
}

/** Ends the session, here and in all tabs. */
export async function signOut() {
  const session = read();
  write(null);
  signInReason.value = "missing";
  if (session) await fetch("session", { method: "DELETE", headers: { [HEADER]: session.text } }).catch(() => null);
}

const token = takeToken();
/** All requests wait for it. */
const entered = token ? signIn(token) : Promise.resolve(true);

/** The headers of a request. @returns {Promise<Record<string, string>>} */
export async function credentials() {
  await entered;
  const session = read();
  if (!session) return {};
  if (Date.now() > session.renewAt && !renewing) {
    renewing = begin(session.text).finally(() => { renewing = null; });
  }
  return { [HEADER]: session.text };
}

/** Handles a 401. @param {Record<string, string>} carried @returns {boolean} whether to ask again */
export function refused(carried) {
  const now = read();
  const sent = carried[HEADER] ?? "";
  // another tab has signed in or renewed
  if (now && now.text !== sent) return true;
  if (sent) write(null);
  signInReason.value ||= "missing";
  return false;
}

addEventListener("storage", (event) => {
  if (event.key !== storageKey()) return;
  if (event.newValue === null) signInReason.value = "missing";
  else if (signInReason.peek()) location.reload();
});
