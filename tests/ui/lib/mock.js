// A server that speaks the same API from memory: for looking at the page without a store, and for answers that a real one
// gives only on bad days.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { hasOr, simple, terms } from "../../../src/ui/lib/query/terms.js";
import { runsOf } from "./data.js";

const UI = fileURLToPath(new URL("../../../src/ui/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const LEVELS = ["debug", "info", "warn", "error"];
export const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** @typedef {import("./data.js").record} Make */

export class Mock {
  /** @param {any[]} rows */
  constructor(rows) {
    this.rows = rows;
    /** @type {Set<{send: (row: any) => void, raw: (text: string) => void, end: () => void}>} */
    this.tails = new Set();
    this.delayMs = 0;
    /** @type {null | ((path: string) => {status: number, body: object, headers?: object} | null)} */
    this.fault = null;
    this.runs = true;
    this.histogram = true;
    /** What the server says of problems and boots; null: it does not know these endpoints. @type {any[] | null} */
    this.problems = null;
    /** @type {any[] | null} */
    this.boots = null;
    /** Events, newest first, and saved views; null: the server keeps none. @type {any[] | null} */
    this.events = null;
    /** @type {{name: string, query: string}[] | null} */
    this.views = null;
    /** @type {string[]} */
    this.asked = [];
    this.server = createServer((request, response) => this.answer(request, response));
  }

  /** @param {number} [port] @returns {Promise<string>} its address */
  listen(port = 0) {
    return new Promise((resolve) => {
      this.server.listen(port, "127.0.0.1", () => resolve(`http://127.0.0.1:${/** @type {any} */ (this.server.address()).port}/`));
    });
  }

  async close() {
    for (const tail of this.tails) tail.end();
    this.server.closeAllConnections();
    await new Promise((resolve) => { this.server.close(resolve); });
  }

  /** @param {any} row */
  push(row) {
    this.rows.push(row);
    for (const tail of this.tails) tail.send(row);
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async answer(request, response) {
    const url = new URL(request.url ?? "/", "http://x");
    const path = url.pathname;
    response.setHeader("content-security-policy", CSP);
    if (path === "/" || path.startsWith("/ui/")) return file(path, response);
    this.asked.push(path + url.search);
    const fault = this.fault?.(path);
    if (fault) return json(response, fault.body, fault.status, fault.headers);
    if (this.delayMs) await new Promise((resolve) => { setTimeout(resolve, this.delayMs); });
    const q = url.searchParams;
    if (path === "/logs/tail") return this.tail(request, q, response);
    const wrong = refuse(q);
    if (wrong) return json(response, wrong, 400);
    if (path === "/logs") return json(response, this.page(q));
    if (path === "/logs/sources") return json(response, { sources: this.sources(q) });
    if (path === "/logs/histogram" && this.histogram) return json(response, this.bars(q));
    if (path === "/logs/fields") return json(response, this.fields(q));
    if (path === "/logs/patterns") return json(response, this.patterns(q));
    if (path === "/problems" && this.problems) return json(response, { problems: this.problems, partial: false, searched: { since: null, until: null }, warnings: [] });
    if (path === "/boots" && this.boots) return json(response, { boots: this.boots });
    if (path === "/logs/compare" && this.boots) return json(response, this.compare());
    if (path === "/events" && this.events) return json(response, this.eventPage(q));
    if (path === "/views" && this.views) return this.answerViews(request, q, response);
    if (path === "/metrics") return text(response, `vmlog_store_records ${this.rows.length}\nvmlog_store_bytes 4900000\nvmlog_store_segments 3\nvmlog_store_records_max 1000000\nvmlog_store_bytes_max 536870912\nvmlog_store_age_max_seconds 604800\n`);
    if (path === "/runs" && this.runs) return json(response, this.runList(q));
    const run = /^\/runs\/(.+)$/.exec(path);
    const known = run && this.runs && runsOf(this.rows).find((one) => one.id === run[1]);
    if (known) return json(response, known);
    const one = /^\/logs\/(\d+)$/.exec(path);
    const row = one && this.rows.find((known) => known.id === one[1]);
    if (row) return json(response, row);
    if (path === "/readyz") return json(response, { status: "ready", collectors: { journald: { running: true, read: 2981, stored: 2981, filtered: 0, gaps: 1, errors: 0, notFollowed: 0, lagSeconds: 0 }, docker: { running: false } } });
    return json(response, { error: "not_found", message: "no such path" }, 404);
  }

  /** @param {URLSearchParams} q */
  filtered(q) {
    const keep = matcher(q);
    return this.rows.filter(keep);
  }

  /** @param {URLSearchParams} q */
  page(q) {
    const rows = this.filtered(q);
    const limit = Number(q.get("limit") ?? 100);
    const cursor = q.has("cursor") ? Number(atob(q.get("cursor") ?? "")) : null;
    const forward = q.get("direction") === "forward";
    const beyond = rows.filter((row) => cursor === null || (forward ? Number(row.id) > cursor : Number(row.id) < cursor));
    const entries = forward ? beyond.slice(0, limit) : beyond.slice(-limit).reverse();
    const hasMore = beyond.length > entries.length;
    return { entries, nextCursor: hasMore ? btoa(entries.at(-1).id) : null, hasMore };
  }

  /** @param {URLSearchParams} q */
  sources(q) {
    const found = new Map();
    for (const row of this.filtered(q)) {
      const one = found.get(row.source) ?? { name: row.source, label: row.source, entryCount: 0, lastTimestamp: "", levels: { debug: 0, info: 0, warn: 0, error: 0 } };
      one.entryCount += 1;
      one.levels[row.level] += 1;
      one.lastTimestamp = row.timestamp;
      found.set(row.source, one);
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @param {URLSearchParams} q */
  runList(q) {
    const success = q.get("success");
    const names = q.getAll("source");
    const all = runsOf(this.rows).filter((run) => (success === null || String(run.success) === success) && (names.length === 0 || names.some((name) => hits(name, run.source))));
    const from = Number(q.get("cursor") ?? 0);
    const limit = Number(q.get("limit") ?? 50);
    const hasMore = all.length > from + limit;
    return { runs: all.slice(from, from + limit), nextCursor: hasMore ? String(from + limit) : null, hasMore };
  }

  /** @param {URLSearchParams} q */
  fields(q) {
    /** @type {Map<string, Map<string, number>>} */
    const found = new Map();
    for (const row of this.filtered(q)) {
      for (const [key, value] of Object.entries(row.metadata)) {
        const values = found.get(key) ?? new Map();
        const said = typeof value === "object" ? JSON.stringify(value) : String(value);
        values.set(said, (values.get(said) ?? 0) + 1);
        found.set(key, values);
      }
    }
    const key = q.get("key");
    const values = [...(found.get(key ?? "") ?? [])].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count).slice(0, Number(q.get("limit") ?? 100));
    if (key) return { key, values, hasMore: false, partial: false };
    return { keys: [...found].map(([name, known]) => ({ key: name, count: [...known.values()].reduce((sum, n) => sum + n, 0), examples: [...known.keys()].slice(0, 3) })), hasMore: false, partial: false };
  }

  /** @param {URLSearchParams} q */
  patterns(q) {
    /** @type {Map<string, any>} */
    const found = new Map();
    const rows = this.filtered(q);
    for (const row of rows) {
      const template = templateOf(row.message);
      const one = found.get(template) ?? { template, count: 0, levels: {}, first: row.timestamp, last: row.timestamp, buckets: [1, 2, 3], examples: [row.id] };
      one.count += 1;
      one.levels[row.level] = (one.levels[row.level] ?? 0) + 1;
      one.last = row.timestamp;
      found.set(template, one);
    }
    const patterns = [...found.values()].sort((a, b) => b.count - a.count);
    return { patterns: patterns.slice(0, Number(q.get("limit") ?? 50)), hasMore: false, total: rows.length, ungrouped: 0, continued: 0, start: null, bucketMs: 1000, partial: false };
  }

  /** @param {URLSearchParams} q */
  eventPage(q) {
    const type = q.get("type") ?? "";
    const hitsType = (/** @type {any} */ event) => (type.endsWith("*") ? event.type.startsWith(type.slice(0, -1)) : !type || event.type === type);
    const about = [...q].filter(([name]) => name.endsWith("_id"));
    const found = (this.events ?? []).filter((event) => hitsType(event) && about.every(([name, value]) => event[name] === value) && (!q.has("before") || event.id < /** @type {string} */ (q.get("before"))));
    const events = found.slice(0, Number(q.get("limit")));
    return { events, nextBefore: found.length > events.length ? events.at(-1).id : null, hasMore: found.length > events.length };
  }

  /** @param {import("node:http").IncomingMessage} request @param {URLSearchParams} q @param {import("node:http").ServerResponse} response */
  async answerViews(request, q, response) {
    const views = this.views ?? [];
    if (request.method === "PUT") {
      let text = "";
      for await (const part of request) text += part;
      const { name, query, replaces } = JSON.parse(text);
      this.views = [...views.filter((view) => view.name !== name && view.name !== replaces), { name, query }].sort((a, b) => (a.name < b.name ? -1 : 1));
    } else if (request.method === "DELETE") this.views = views.filter((view) => view.name !== q.get("name"));
    return json(response, { views: this.views });
  }

  compare() {
    const example = { id: this.rows[0].id, source: "docker:postgres", message: "FATAL: database is locked" };
    return { a: { since: "", until: "", records: 900 }, b: { since: "", until: "", records: 1200 }, partial: false, warnings: [],
      patterns: [{ template: "FATAL: database is locked", change: "new", a: 0, b: 12, surprise: 3.1, level: "error", levels: { debug: 0, info: 9, warn: 0, error: 3 }, example }] };
  }

  /** @param {URLSearchParams} q */
  bars(q) {
    const rows = this.filtered(q);
    const times = rows.map((row) => Date.parse(row.timestamp));
    const start = bound(q.get("start")) ?? times[0] ?? Date.now() - 1;
    const end = bound(q.get("end")) ?? Math.max(...times.slice(-1), start) + 1;
    const n = Number(q.get("buckets") ?? 60);
    const bucketMs = Math.max(1, Math.ceil((end - start) / n));
    const buckets = Array.from({ length: Math.ceil((end - start) / bucketMs) }, (_, i) => ({
      start: new Date(start + i * bucketMs).toISOString(), levels: { debug: 0, info: 0, warn: 0, error: 0 },
    }));
    rows.forEach((row, i) => {
      const bucket = buckets[Math.floor((/** @type {number} */ (times[i]) - start) / bucketMs)];
      if (bucket) bucket.levels[/** @type {"info"} */ (row.level)] += 1;
    });
    return { start: new Date(start).toISOString(), end: new Date(start + buckets.length * bucketMs).toISOString(), bucketMs, buckets };
  }

  /** @param {import("node:http").IncomingMessage} request @param {URLSearchParams} q @param {import("node:http").ServerResponse} response */
  tail(request, q, response) {
    const keep = matcher(q);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const rows = this.rows.filter(keep);
    const after = q.get("after");
    const missed = after ? rows.filter((row) => Number(row.id) > Number(after)) : rows.slice(rows.length - Number(q.get("tail") ?? 0));
    const write = (/** @type {any} */ row) => response.write(`id: ${row.id}\ndata: ${JSON.stringify(row)}\n\n`);
    response.write("retry: 1000\n\n");
    missed.forEach(write);
    const tail = {
      send: (/** @type {any} */ row) => { if (keep(row)) write(row); },
      raw: (/** @type {string} */ text) => { response.write(text); },
      end: () => { response.end('event: end\ndata: {"reason":"shutdown"}\n\n'); },
    };
    this.tails.add(tail);
    request.on("close", () => this.tails.delete(tail));
  }
}

/** @param {string | null} text */
function bound(text) {
  if (!text) return null;
  const relative = /^-(\d+)([smhd])$/.exec(text);
  if (relative) return Date.now() - Number(relative[1]) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[/** @type {"s"} */ (relative[2])];
  return Date.parse(text);
}

/** @param {string} message */
const templateOf = (message) => message.split("\n")[0]?.replace(/\d+/g, "<num>") ?? "";

/** @param {URLSearchParams} q */
function refuse(q) {
  const query = q.get("q") ?? "";
  const open = query.lastIndexOf("(");
  if (open >= 0 && !query.includes(")", open) && !query.includes("/")) {
    return { error: "invalid_q", parameter: "q", message: `the bracket is not closed (character ${open + 1})` };
  }
  const twice = [...q.keys()].find((name, at, names) => name !== "source" && name !== "where" && !name.startsWith("pattern") && names.indexOf(name) !== at);
  if (twice) return { error: "invalid_parameter", parameter: twice, message: `${twice} may be given only once` };
  return null;
}

/** @param {string} pattern @param {string} source */
const hits = (pattern, source) => pattern === source || (pattern.endsWith(":") && source.startsWith(pattern));

/** A condition on metadata, as the API reads it. @param {string} text @param {any} row */
function holds(text, row) {
  const [, not, key = "", differs, value = ""] = /^(-?)(.*?)(!?)=(.*)$/.exec(text) ?? [];
  const found = row.metadata[key];
  const equal = value.endsWith("*") ? String(found).startsWith(value.slice(0, -1)) : String(found) === value;
  return (found !== undefined && equal !== (differs === "!")) !== (not === "-");
}

/** Whether a row matches a term of an expression. @param {string} term @param {any} row @returns {boolean} */
function matches(term, row) {
  if (hasOr(term)) return term.replace(/^\(|\)$/g, "").split(" OR ").some((part) => terms(part).every(({ text: one }) => matches(one, row)));
  if (/^\(.*\)$/.test(term)) return terms(term.slice(1, -1)).every(({ text: one }) => matches(one, row));
  const said = simple(term);
  if (!said) return false;
  const value = said.key === "" || said.key === "message" ? [row.message, ...(said.key ? [] : Object.values(row.metadata).map(String))] : [valueAt(row, said.key)];
  const equal = said.key !== "" && said.key !== "message" && said.kind !== "regex";
  const literal = said.value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const wanted = new RegExp(said.kind === "regex" ? said.value : equal ? `^${literal.replace(/\\\*$/, ".*")}$` : literal, "i");
  return value.some((one) => one !== undefined && wanted.test(String(one))) !== said.negated;
}

/** @param {any} row @param {string} key */
const valueAt = (row, key) => row.metadata[key] ?? key.split(".").reduce((inner, part) => inner?.[part], row.metadata);

/** @param {URLSearchParams} q @returns {(row: any) => boolean} */
function matcher(q) {
  const names = q.getAll("source").flatMap((value) => value.split(","));
  const [out, only] = [names.filter((s) => s.startsWith("-")).map((s) => s.slice(1)), names.filter((s) => !s.startsWith("-"))];
  const levels = q.get("levels")?.split(",") ?? LEVELS.slice(Math.max(0, LEVELS.indexOf(q.get("level") ?? "")));
  const [start, end] = [bound(q.get("start")), bound(q.get("end"))];
  const search = q.get("search");
  const flags = q.get("case") === "sensitive" ? "" : "i";
  const find = search ? new RegExp(q.get("regex") === "true" ? search : search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags) : null;
  const invert = q.get("invert") === "true";
  const asked = terms(q.get("q") ?? "");
  return (row) => {
    const ms = Date.parse(row.timestamp);
    return levels.includes(row.level) && !out.some((p) => hits(p, row.source)) && (only.length === 0 || only.some((p) => hits(p, row.source)))
      && (start === null || ms >= start) && (end === null || ms < end) && (!find || find.test(row.message) !== invert)
      && q.getAll("where").every((text) => holds(text, row)) && asked.every(({ text: term }) => matches(term, row))
      && q.getAll("pattern").every((template) => templateOf(row.message) === template) && q.getAll("pattern.exclude").every((template) => templateOf(row.message) !== template);
  };
}

/** @param {string} path @param {import("node:http").ServerResponse} response */
function file(path, response) {
  const name = path === "/" ? "index.html" : normalize(path.slice(4));
  if (!existsSync(UI + name) || name.startsWith("..")) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[/** @type {".js"} */ (extname(name))] ?? "text/plain" });
  return createReadStream(UI + name).pipe(response);
}

/** @param {import("node:http").ServerResponse} response @param {string} body */
const text = (response, body) => response.writeHead(200, { "content-type": "text/plain" }).end(body);

/** @param {import("node:http").ServerResponse} response @param {object} body @param {number} [status] @param {object} [headers] */
function json(response, body, status = 200, headers = {}) {
  const text = gzipSync(JSON.stringify(body), { level: 1 });
  response.writeHead(status, { "content-type": "application/json", "content-encoding": "gzip", ...headers }).end(text);
}
