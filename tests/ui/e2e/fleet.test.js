// The list of nodes that a gateway serves, in front of answers as the gateway gives them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, launch, newPage } from "../lib/browser.js";
import { CSP } from "../lib/mock.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGE = new URL("../../../src/gateway/page/", import.meta.url);
const FILES = { "/": ["fleet.html", "text/html"], "/fleet.js": ["fleet.js", "text/javascript"], "/fleet.css": ["fleet.css", "text/css"] };
const SEEN = "2026-02-17T14:30:15.000000Z";

/** @param {string} id @param {object} [more] */
const node = (id, more = {}) => ({ id, labels: {}, workspaces: [], lastSeen: SEEN, fault: null, ...more });

/** @param {string} title @param {string} message */
const problem = (title, message) => ({ title, severity: "error", firstId: "7", lastId: "9", count: 1, cause: { id: "8", message } });

const bucket = { start: SEEN, total: 6, levels: { debug: 1, info: 2, warn: 1, error: 2 } };

/** @param {import("playwright-core").Page} page @returns {Promise<string[]>} */
async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    // @ts-ignore axe is what was just put there
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map((/** @type {any} */ one) => one.id);
  });
}

describe("the list of nodes", { timeout: 120_000 }, () => {
  /** @type {any[]} */
  let nodes = [];
  /** @type {string[]} */
  let asked = [];
  /** @type {string[][]} */
  let clones = [];

  /** @param {URL} url @returns {[number, any]} */
  function answer(url) {
    const [, id, path] = url.pathname.match(/^\/api\/nodes\/([^/]+)\/(.*)$/) ?? [];
    if (url.pathname === "/api/nodes") return [200, { nodes, clones, stale: false }];
    if (url.pathname === "/api/logs") {
      const failed = nodes.filter(({ fault }) => fault).map((one) => ({ id: one.id, reason: one.fault }));
      const entry = (/** @type {string} */ at, /** @type {string} */ message) => ({ id: at, node: "web-1", source: "system:nginx", level: "error", timestamp: SEEN, message });
      return [200, { entries: [entry("12", "the newest"), entry("11", "<b>older</b>")], nodes: { asked: nodes.length, failed } }];
    }
    if (id === "shared" && !url.searchParams.has("workspace")) return [400, { error: "workspace_required", message: "name one" }];
    if (path === "problems") {
      const own = { "web-1": [problem("nginx.service failed", "bind() failed\nsecond line"), problem("a", "b"), problem("c", "d")], shared: [problem(`of ${url.searchParams.get("workspace")}`, "x")] };
      return [200, { problems: own[/** @type {"shared"} */ (id)] ?? [], hasMore: false }];
    }
    return [200, { buckets: [bucket] }];
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    const file = FILES[/** @type {"/"} */ (url.pathname)];
    if (file) {
      response.writeHead(200, { "content-type": file[1], "content-security-policy": CSP });
      response.end(readFileSync(new URL(String(file[0]), PAGE)));
      return;
    }
    asked.push(url.pathname + url.search);
    const [status, body] = request.headers["x-vmlog-session"] === "secret" ? answer(url) : [401, { error: "unauthorized", message: "sign in" }];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  let base = "";
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(null)); });
    base = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`;
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    server.close();
  });

  afterEach(() => closeAll(browser));

  /** @param {any[]} list @param {string} [hash] */
  async function open(list, hash = "#token=secret") {
    [nodes, asked] = [list, []];
    const page = await newPage(browser);
    await page.goto(base + hash);
    return page;
  }

  test("a node shows its problems with their causes, its volume and its state, and all of them lead to its page", async () => {
    clones = [["web-1", "web-2"]];
    const page = await open([node("web-1", { labels: { role: "web" } }), node("web-2"), node("db-1", { fault: "node_unreachable" })]);
    await page.waitForSelector("tr[data-id=web-1] .problems a");
    assert.equal(new URL(page.url()).hash, "", "the token does not stay in the address");
    const row = page.locator("tr[data-id=web-1]");
    assert.equal(await row.locator(".problems a").first().textContent(), "nginx.service failed bind() failed");
    assert.equal(await row.locator(".problems a").first().getAttribute("href"), "api/nodes/web-1/?context=8&record=8#token=secret");
    assert.equal(await row.locator(".problems a").last().textContent(), "1 more");
    assert.equal(await row.locator("svg").getAttribute("aria-label"), "6 records, 2 errors");
    assert.equal(await row.locator(".label").textContent(), "role=web");
    await page.locator("tr[data-id=web-2] .problems", { hasText: "none" }).waitFor();
    assert.equal(await page.locator("tr[data-id=db-1] .problems").textContent(), "node unreachable");
    assert.equal(await page.locator("#problem").textContent(), "1 of 3 nodes did not answer: db-1 (node unreachable). web-1 and web-2 have the same store: one is a copy of the other.");
    const records = page.locator("#records a");
    assert.deepEqual(await records.locator("span:last-child").allTextContents(), ["the newest", "<b>older</b>"]);
    assert.equal(await records.first().getAttribute("href"), "api/nodes/web-1/?context=12&record=12#token=secret");
    await row.locator("td:first-child a").focus();
    await page.evaluate(() => document.getElementById("filter")?.dispatchEvent(new Event("input")));
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "web-1", "a new list leaves the keyboard where it was");
    await page.getByLabel("Only with problems").check();
    await page.waitForFunction(() => document.getElementById("nodes")?.childElementCount === 2);
    await page.getByLabel("Filter by name or label").fill("role=web");
    assert.equal(await page.locator("#count").textContent(), "1 of 3 nodes");
    clones = [];
    await done(page);
  });

  test("who has several workspaces on a node sees each of them", async () => {
    const page = await open([node("shared", { workspaces: ["ws-1", "ws-2"] })]);
    await page.waitForSelector(".problems a");
    assert.deepEqual(await page.locator(".problems b").allTextContents(), ["of ws-1", "of ws-2"]);
    assert.equal(await page.locator(".problems a").first().getAttribute("href"), "api/nodes/shared/?workspace=ws-1&context=8&record=8#token=secret");
    assert.equal(await page.locator(".workspaces a").last().getAttribute("href"), "api/nodes/shared/?workspace=ws-2#token=secret");
    await done(page);
  });

  test("of a thousand nodes only those on the screen are asked", async () => {
    const page = await open(Array.from({ length: 1000 }, (_, n) => node(`n-${String(n).padStart(4, "0")}`)));
    await page.locator("tr[data-id=n-0000] .problems", { hasText: "none" }).waitFor();
    await page.waitForTimeout(500);
    assert.ok(asked.length < 200, `${asked.length} requests`);
    const before = asked.length;
    await page.locator("tr[data-id=n-0999]").scrollIntoViewIfNeeded();
    await page.locator("tr[data-id=n-0999] .problems", { hasText: "none" }).waitFor();
    assert.ok(asked.length > before);
    await done(page);
  });

  test("without a token there is a form for it; nothing is wrong for those who cannot see", async () => {
    const page = await open([node("web-1")], "");
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This token is not accepted.").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByLabel("Token").fill("secret");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForSelector("tr[data-id=web-1] .problems a");
    assert.equal(await page.locator("#sign-in").isVisible(), false);
    assert.deepEqual(await violations(page), []);
    await page.emulateMedia({ colorScheme: "dark" });
    assert.deepEqual(await violations(page), []);
    await done(page);
  });
});
