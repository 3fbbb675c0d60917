// Access: a token from the address is exchanged, once, for a session, which this origin keeps in its own storage. Not in a cookie:
// a browser sends those to every port of a host.

import { signal } from "./vendor/signals.js";

/** @typedef {{text: string, renewAt: number}} Session `renewAt`: milliseconds; from then on it is renewed */

/** Servers that a proxy puts under paths of one origin have a session each. */
const storageKey = () => `vmlog-session:${new URL(".", location.href).pathname}`;
const HEADER = "X-Vmlog-Session";
/** A server that asks to come again is asked again, this often. */
const TRIES = 5;

/** Why the page asks for a token; empty: it does not. */
export const signInReason = signal(/** @type {"" | "missing" | "refused" | "offline"} */ (""));

/** What a browser that stores nothing has until it leaves the page. */
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
    // kept in `unstored` alone
  }
}

export const hasSession = () => read() !== null;

/** Takes the token out of the address before anybody sees it there. It may follow `#`, which no server or proxy gets to see. */
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

/** @param {string} text a token, or the session that is to be renewed @returns {Promise<"" | "refused" | "offline">} */
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
/** Nothing is asked of the server before. */
const entered = token ? signIn(token) : Promise.resolve(true);

/** What a request carries. @returns {Promise<Record<string, string>>} */
export async function credentials() {
  await entered;
  const session = read();
  if (!session) return {};
  if (Date.now() > session.renewAt && !renewing) {
    renewing = begin(session.text).finally(() => { renewing = null; });
  }
  return { [HEADER]: session.text };
}

/** The server took none of what a request carried. @param {Record<string, string>} carried @returns {boolean} whether to ask again */
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
