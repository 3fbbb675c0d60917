// Asks for the newest records while the rest of the page is on its way, which saves a round trip on a slow link. It does what
// core/session.js and data/browse.js do for the plain address of somebody who is signed in; core/api.js takes the answer.

{
  let session = "";
  try {
    session = JSON.parse(localStorage.getItem(`vmlog-session:${location.pathname}`) ?? "null")?.text ?? "";
  } catch {
    // without storage there is no session yet
  }
  if (session && !location.search && !location.hash) {
    const headers = { "X-Vmlog-Session": session };
    Object.assign(globalThis, { vmlogFirst: { address: "logs?limit=200", response: fetch("logs?limit=200", { headers, credentials: "same-origin", cache: "no-store" }) } });
  }
}
