// The list of nodes. Each leads to the page of the node, which the gateway serves below api/nodes/ID/.

const KEY = "vmlog-gateway-token";
const REFRESH_MS = 15_000;
const RECORDS = 50;

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** The token is kept as long as the tab is open. */
let token = sessionStorage.getItem(KEY) ?? "";
/** @type {any[]} */
let nodes = [];

/** @param {string} path */
async function get(path) {
  const headers = token ? { "X-Vmlog-Session": token } : {};
  const response = await fetch(path, { headers, credentials: "same-origin", cache: "no-store" });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.message), { status: response.status });
  return body;
}

/** @param {string} name @param {string} text @param {string} [style] */
function make(name, text, style) {
  const made = document.createElement(name);
  made.textContent = text;
  if (style) made.className = style;
  return made;
}

/** @param {any} node */
function row(node) {
  const made = document.createElement("tr");
  const link = /** @type {HTMLAnchorElement} */ (make("a", node.id));
  link.href = `api/nodes/${encodeURIComponent(node.id)}/${token ? `#token=${encodeURIComponent(token)}` : ""}`;
  const labels = document.createElement("td");
  for (const [name, value] of Object.entries(node.labels)) labels.append(make("span", `${name}=${value}`, "label"));
  const seen = node.lastSeen ? new Date(node.lastSeen).toLocaleTimeString() : "Not asked yet";
  const cell = document.createElement("td");
  cell.append(link);
  made.append(cell, labels, make("td", node.workspaces.join(", ")), make("td", seen),
    node.fault ? make("td", node.fault.replaceAll("_", " "), "fault") : make("td", node.lastSeen ? "OK" : ""));
  return made;
}

function show() {
  const wanted = element("filter").value.trim().toLowerCase();
  const text = (/** @type {any} */ node) => [node.id, ...Object.entries(node.labels).map(([name, value]) => `${name}=${value}`)].join(" ").toLowerCase();
  const shown = nodes.filter((node) => text(node).includes(wanted));
  element("nodes").replaceChildren(...shown.map(row));
  element("count").textContent = shown.length === nodes.length ? `${nodes.length} nodes` : `${shown.length} of ${nodes.length} nodes`;
}

/** @param {any} entry */
function line(entry) {
  const made = document.createElement("li");
  made.append(make("time", new Date(entry.timestamp).toLocaleString()), ` ${entry.node} `, make("span", entry.source, "source"), " ",
    make("span", entry.message, entry.level));
  return made;
}

/** @param {any} page */
function report(page) {
  const failed = page.nodes.failed.map((/** @type {any} */ node) => `${node.id} (${node.reason.replaceAll("_", " ")})`);
  const problem = element("problem");
  problem.hidden = failed.length === 0;
  problem.textContent = failed.length ? `${failed.length} of ${page.nodes.asked} nodes did not answer: ${failed.slice(0, 10).join(", ")}` : "";
}

async function refresh() {
  try {
    const page = await get(`api/logs?level=warn&limit=${RECORDS}`).catch((error) => {
      if (error.status === 401) throw error;
      element("problem").hidden = false;
      element("problem").textContent = error.message;
      return null;
    });
    if (page) {
      element("records").replaceChildren(...page.entries.map(line));
      report(page);
    }
    nodes = (await get("api/nodes")).nodes;
    element("sign-in").hidden = true;
    show();
  } catch (error) {
    const isRefused = /** @type {any} */ (error).status === 401;
    element("sign-in").hidden = !isRefused;
    element("refused").hidden = !(isRefused && token);
    if (!isRefused) {
      element("problem").hidden = false;
      element("problem").textContent = "Can't reach the gateway. Retrying…";
    }
  }
}

element("filter").addEventListener("input", show);
element("sign-in").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  token = element("token").value.trim();
  sessionStorage.setItem(KEY, token);
  refresh();
});
refresh();
setInterval(() => { if (!document.hidden && element("sign-in").hidden) refresh(); }, REFRESH_MS);
