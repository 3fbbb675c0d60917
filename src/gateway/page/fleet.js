// The list of nodes: which have problems, how much they log, when they were last seen. Each leads to its own page, which the gateway
// serves below api/nodes/ID/.

const KEY = "vmlog-gateway-token";
const REFRESH_MS = 15_000;
const RECORDS = 50;
/** Problems and counts of a node are asked for when its row comes into view, and again after this time. */
const DETAILS_MS = 60_000;
/** Requests for details at a time: the rest of the page does not wait for a thousand nodes. */
const AT_ONCE = 4;
const PROBLEMS = 20;
const BUCKETS = 30;
/** More workspaces of one node are left to its page. */
const WORKSPACES = 5;
const [WIDTH, HEIGHT] = [160, 24];

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** After `#` a token stays in the browser. The tab keeps it until it is closed. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return sessionStorage.getItem(KEY) ?? "";
  history.replaceState(null, "", location.pathname + location.search);
  sessionStorage.setItem(KEY, given);
  return given;
}

let token = takeToken();
/** @type {any[]} */
let nodes = [];

/** @typedef {{problems: any[], hasMore: boolean, buckets: any[], askedAt: number}} Details */

/** @type {Map<string, Details>} */
const details = new Map();

/** @param {string} path */
async function get(path) {
  /** @type {Record<string, string>} */
  const headers = token ? { "X-Vmlog-Session": token } : {};
  const response = await fetch(path, { headers, credentials: "same-origin", cache: "no-store" });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.message), { status: response.status, code: body.error });
  return body;
}

/** @param {string} name @param {string} text @param {string} [style] */
function make(name, text, style) {
  const made = document.createElement(name);
  made.textContent = text;
  if (style) made.className = style;
  return made;
}

/** @param {string} node @param {Record<string, string>} [where] what its page shows */
function address(node, where = {}) {
  const query = new URLSearchParams(where).toString();
  return `api/nodes/${encodeURIComponent(node)}/${query && `?${query}`}${token ? `#token=${encodeURIComponent(token)}` : ""}`;
}

/** @param {string} text @param {string} href @param {string} [style] */
function link(text, href, style) {
  const made = /** @type {HTMLAnchorElement} */ (make("a", text, style));
  made.href = href;
  return made;
}

/** In the zone of the browser: `2026-02-17 14:30:15`. @param {string} time */
function stamp(time) {
  const ms = Date.parse(time);
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace("T", " ");
}

// ---- details of a node

/** Asks a node; for somebody who has several workspaces on it, each of them. @param {any} node @param {string} path @returns {Promise<any[]>} */
async function ask(node, path) {
  const base = `api/nodes/${encodeURIComponent(node.id)}/${path}`;
  try {
    return [await get(base)];
  } catch (error) {
    if (/** @type {any} */ (error).code !== "workspace_required") throw error;
    const own = node.workspaces.slice(0, WORKSPACES);
    return Promise.all(own.map((/** @type {string} */ name) => get(`${base}&workspace=${encodeURIComponent(name)}`).then((body) => ({ ...body, workspace: name }))));
  }
}

/** @param {any} node */
async function look(node) {
  const [problems, counts] = await Promise.all([ask(node, `problems?since=-24h&limit=${PROBLEMS}`), ask(node, `logs/histogram?start=-1h&buckets=${BUCKETS}`)]);
  details.set(node.id, {
    problems: problems.flatMap((body) => body.problems.map((/** @type {any} */ one) => ({ ...one, workspace: body.workspace }))),
    hasMore: problems.some((body) => body.hasMore),
    buckets: counts.flatMap((body) => body.buckets),
    askedAt: Date.now(),
  });
}

/** @type {Set<string>} */
const wanted = new Set();
let running = 0;

function work() {
  while (running < AT_ONCE && wanted.size > 0) {
    const [id = ""] = wanted;
    wanted.delete(id);
    const node = nodes.find((one) => one.id === id);
    if (!node) continue;
    running += 1;
    // a node that does not answer says so in its state
    look(node).catch(() => details.set(id, { problems: [], hasMore: false, buckets: [], askedAt: Date.now() })).finally(() => {
      running -= 1;
      redraw(node);
      work();
    });
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const id = /** @type {HTMLElement} */ (target).dataset.id ?? "";
    if (isIntersecting && Date.now() - (details.get(id)?.askedAt ?? 0) > DETAILS_MS) wanted.add(id);
  }
  work();
});

// ---- rows

/** @param {any} node */
function state(node) {
  const name = node.fault ? node.fault.replaceAll("_", " ") : node.lastSeen ? "responds" : "not asked yet";
  const made = make("span", "", `state ${node.fault ? "bad" : node.lastSeen ? "well" : ""}`);
  made.title = name;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", name);
  return made;
}

/** @param {any} node */
function problemsOf(node) {
  const cell = make("td", "", "problems");
  const known = details.get(node.id);
  if (node.fault) cell.append(make("span", node.fault.replaceAll("_", " "), "fault"));
  else if (!known) cell.append(make("span", "\u2026", "quiet"));
  else if (known.problems.length === 0) cell.append(make("span", "none", "quiet"));
  for (const one of known?.problems.slice(0, 2) ?? []) {
    const at = { ...(one.workspace ? { workspace: one.workspace } : {}), context: one.cause?.id ?? one.firstId, record: one.cause?.id ?? one.firstId };
    const made = link("", address(node.id, at), one.severity);
    made.append(make("b", one.title), " ", make("span", (one.cause?.message ?? "").split("\n")[0].slice(0, 200)));
    cell.append(made);
  }
  const more = (known?.problems.length ?? 0) - 2;
  if (more > 0) cell.append(link(`${more}${known?.hasMore ? " or more" : ""} more`, address(node.id), "quiet"));
  return cell;
}

/** The last hour as bars, errors at the bottom. @param {any} node */
function volumeOf(node) {
  const cell = document.createElement("td");
  const times = new Map();
  for (const bucket of details.get(node.id)?.buckets ?? []) {
    const levels = times.get(bucket.start) ?? { error: 0, warn: 0, info: 0 };
    for (const [level, count] of Object.entries(bucket.levels)) levels[level === "debug" ? "info" : level] += count;
    times.set(bucket.start, levels);
  }
  const list = [...times].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, levels]) => levels);
  const most = Math.max(...list.map(({ error, warn, info }) => error + warn + info), 0);
  if (most === 0) return cell;
  const sum = (/** @type {string} */ level) => list.reduce((all, levels) => all + levels[level], 0);
  const [records, errors] = [sum("error") + sum("warn") + sum("info"), sum("error")];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "volume");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${records} records, ${errors} errors`);
  const step = WIDTH / list.length;
  for (const level of ["error", "warn", "info"]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", level);
    path.setAttribute("d", list.map((levels, at) => {
      const below = level === "error" ? 0 : level === "warn" ? levels.error : levels.error + levels.warn;
      const [bottom, height] = [HEIGHT - (below / most) * HEIGHT, (levels[level] / most) * HEIGHT];
      return height > 0 ? `M${(at * step).toFixed(1)} ${bottom.toFixed(1)}v${(-height).toFixed(1)}h${Math.max(1, step - 1).toFixed(1)}v${height.toFixed(1)}z` : "";
    }).join(""));
    svg.append(path);
  }
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = `${records} records, ${errors} errors`;
  svg.append(title);
  cell.append(svg);
  return cell;
}

/** @param {any} node */
function row(node) {
  const made = document.createElement("tr");
  made.dataset.id = node.id;
  const name = document.createElement("td");
  name.append(state(node), link(node.id, address(node.id)));
  if (node.workspaces.length > 0) {
    const list = make("span", "", "workspaces");
    node.workspaces.slice(0, WORKSPACES).forEach((/** @type {string} */ workspace, /** @type {number} */ at) => list.append(at > 0 ? ", " : "", link(workspace, address(node.id, { workspace }))));
    if (node.workspaces.length > WORKSPACES) list.append(` and ${node.workspaces.length - WORKSPACES} more`);
    name.append(list);
  }
  const labels = document.createElement("td");
  for (const [key, value] of Object.entries(node.labels)) labels.append(make("span", `${key}=${value}`, "label"));
  made.append(name, problemsOf(node), volumeOf(node), labels, make("td", node.lastSeen ? stamp(node.lastSeen).slice(11) : "not asked yet", "quiet"));
  return made;
}

/** Draws anew, and gives the keyboard back to the link that had it. @param {() => void} draw */
function keepingFocus(draw) {
  const focused = document.activeElement?.getAttribute("href");
  draw();
  if (!focused || document.activeElement !== document.body) return;
  const same = [...document.links].find((one) => one.getAttribute("href") === focused);
  same?.focus({ preventScroll: true });
}

/** @param {any} node */
function redraw(node) {
  if (element("troubled").checked) {
    show();
    return;
  }
  const old = [...element("nodes").children].find((/** @type {any} */ one) => one.dataset.id === node.id);
  if (!old) return;
  const fresh = row(node);
  seen.unobserve(old);
  keepingFocus(() => old.replaceWith(fresh));
  seen.observe(fresh);
}

function show() {
  const text = element("filter").value.trim().toLowerCase();
  const said = (/** @type {any} */ node) => [node.id, ...node.workspaces, ...Object.entries(node.labels).map(([name, value]) => `${name}=${value}`)].join(" ").toLowerCase();
  const isTroubled = (/** @type {any} */ node) => node.fault || (details.get(node.id)?.problems.length ?? 0) > 0;
  const isOnlyTroubled = element("troubled").checked;
  // only nodes that were asked can be known to be well
  if (isOnlyTroubled) for (const node of nodes) if (!details.has(node.id)) wanted.add(node.id);
  const shown = nodes.filter((node) => said(node).includes(text) && (!isOnlyTroubled || isTroubled(node)));
  seen.disconnect();
  keepingFocus(() => element("nodes").replaceChildren(...shown.map(row)));
  for (const one of element("nodes").children) seen.observe(one);
  element("none").hidden = shown.length > 0;
  element("count").textContent = shown.length === nodes.length ? `${nodes.length} nodes` : `${shown.length} of ${nodes.length} nodes`;
  work();
}

// ---- the newest records

/** @param {any} entry */
function line(entry) {
  const made = document.createElement("li");
  const to = link("", address(entry.node, { context: entry.id, record: entry.id }));
  const message = entry.message.split("\n")[0];
  to.append(make("time", stamp(entry.timestamp)), make("span", entry.node), make("span", entry.source, "source"), make("span", message, entry.level));
  made.append(to);
  return made;
}

/** @param {any} page @param {string[][]} clones @param {boolean} isStale */
function report(page, clones, isStale) {
  const failed = page?.nodes.failed.map((/** @type {any} */ node) => `${node.id} (${node.reason.replaceAll("_", " ")})`) ?? [];
  const said = [
    failed.length > 0 ? `${failed.length} of ${page.nodes.asked} nodes did not answer: ${failed.slice(0, 10).join(", ")}.` : "",
    ...clones.map((group) => `${group.join(" and ")} have the same store: one is a copy of the other.`),
    isStale ? "The list of nodes could not be read again; this is the last one." : "",
  ].filter(Boolean);
  element("problem").hidden = said.length === 0;
  element("problem").textContent = said.join(" ");
}

async function refresh() {
  try {
    const list = await get("api/nodes");
    ({ nodes } = list);
    element("sign-in").hidden = true;
    element("list").hidden = false;
    show();
    const page = await get(`api/logs?level=warn&limit=${RECORDS}`);
    keepingFocus(() => element("records").replaceChildren(...page.entries.map(line)));
    report(page, list.clones, list.stale);
  } catch (error) {
    const isRefused = /** @type {any} */ (error).status === 401;
    element("sign-in").hidden = !isRefused;
    element("list").hidden = isRefused;
    element("refused").hidden = !(isRefused && token);
    element("problem").hidden = isRefused;
    element("problem").textContent = /** @type {any} */ (error).status ? /** @type {any} */ (error).message : "Can't reach the gateway. Retrying\u2026";
  }
}

element("filter").addEventListener("input", show);
element("troubled").addEventListener("change", show);
element("sign-in").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  token = element("token").value.trim();
  sessionStorage.setItem(KEY, token);
  refresh();
});
refresh();
setInterval(() => { if (!document.hidden && element("sign-in").hidden) refresh(); }, REFRESH_MS);
