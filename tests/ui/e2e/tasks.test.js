// Five tasks of somebody who sees the page for the first time: how many clicks each takes, and how many seconds.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, launch, newPage, ready } from "../lib/browser.js";
import { Mock } from "../lib/mock.js";
import { record } from "../lib/data.js";

/** What a click takes a person: to decide, to point, to press (the keystroke-level model of Card, Moran and Newell). */
const CLICK_S = 1.35 + 1.1 + 0.2;
/** Most seconds of a task. */
const TASK_S_MAX = 15;

const TRACE = [
  "TypeError: Cannot read properties of undefined (reading 'vat')",
  "    at renderInvoice (/app/dist/handlers/invoice.js:88:31)",
  "    at async next (/app/node_modules/express/lib/router/route.js:144:13)",
  "    at async Route.dispatch (/app/node_modules/express/lib/router/route.js:114:3)",
  "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
];
const REQUEST = "7f3a9c2e41d05b68";
const CAUSE = "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)";

describe("five tasks", { timeout: 180_000 }, () => {
  /** @type {any[]} */
  const rows = [];
  const begun = Date.now() - 1_800_000;
  const add = (/** @type {string} */ source, /** @type {string} */ level, /** @type {string} */ message, /** @type {object} */ metadata = {}) => {
    const made = record(rows.length + 1, begun + rows.length * 900, source, level, message);
    rows.push({ ...made, metadata: { ...made.metadata, ...metadata } });
    return rows[rows.length - 1];
  };
  for (let i = 0; i < 1800; i += 1) {
    if (i === 40) add("system:nginx", "error", CAUSE);
    if (i === 41) add("system:nginx", "error", "nginx.service: Failed with result 'exit-code'.");
    if (i % 600 === 500) for (const source of ["docker:web-nginx", "docker:api", "docker:billing"]) add(source, "info", `request of ${source}`, { request_id: i === 1700 ? REQUEST : `other${i}` });
    add(i % 3 ? "docker:chatty" : "docker:api", "info", `heartbeat ${i}`);
  }
  for (const source of ["docker:web-nginx", "docker:api", "docker:billing"]) add(source, "info", `GET /orders by ${source}`, { request_id: REQUEST });
  for (const line of TRACE) add("docker:api", "error", line);
  const failed = rows.find(({ message }) => message === CAUSE);
  const mock = new Mock(rows);
  mock.problems = [{
    kind: "unit_failed", title: "nginx.service failed", severity: "error", subject: "nginx.service", source: "system:nginx", count: 1, first: failed.timestamp, last: failed.timestamp,
    firstId: failed.id, lastId: failed.id, cause: { id: failed.id, timestamp: failed.timestamp, source: failed.source, level: "error", message: failed.message }, context: [], boot: null,
  }];
  mock.boots = [0, -1].map((index) => ({
    index, id: String(index + 2).repeat(32), first: rows[0].timestamp, last: rows.at(-1).timestamp, firstId: rows[0].id, lastId: rows.at(-1).id, records: rows.length, clean: null, problems: 1,
  }));
  let base = "";
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {{task: string, clicks: number, seconds: number}[]} */
  const table = [];

  before(async () => {
    base = await mock.listen();
    browser = await launch();
  });

  after(async () => {
    const wide = Math.max(...table.map(({ task }) => task.length));
    console.log(["task".padEnd(wide), "clicks", "seconds"].join("  "));
    for (const { task, clicks, seconds } of table) console.log([task.padEnd(wide), String(clicks).padStart(6), seconds.toFixed(1).padStart(7)].join("  "));
    await browser?.close();
    await mock.close();
  });

  afterEach(() => closeAll(browser));

  /**
   * Carries out a task on the page as it opens.
   * @param {string} task
   * @param {number} clicksMax
   * @param {(page: import("../lib/browser.js").Watched, click: (target: import("playwright-core").Locator) => Promise<void>) => Promise<void>} carryOut
   */
  async function timed(task, clicksMax, carryOut) {
    const page = await newPage(browser, { permissions: ["clipboard-read", "clipboard-write"] });
    await page.goto(base);
    await ready(page);
    await page.getByText("nginx.service failed").waitFor();
    let clicks = 0;
    let waited = 0;
    let since = performance.now();
    await carryOut(page, async (target) => {
      clicks += 1;
      await target.click();
      waited += performance.now() - since;
      since = performance.now();
    });
    waited += performance.now() - since;
    const seconds = waited / 1000 + clicks * CLICK_S;
    table.push({ task, clicks, seconds });
    assert.ok(clicks <= clicksMax, `${task}: ${clicks} clicks`);
    assert.ok(seconds < TASK_S_MAX, `${task}: ${seconds} s`);
    await done(page);
  }

  test("why did nginx not start", () => timed("Why did nginx not start?", 2, async (page, click) => {
    const line = page.locator(".problem", { hasText: "nginx.service failed" });
    assert.match(await line.innerText(), /Address already in use/, "the cause is on the first screen");
    await click(line.locator(".problem-line"));
    await click(line.getByRole("button", { name: "Open in the log" }));
    await page.locator(`#row-${failed.id}`).waitFor();
  }));

  test("all lines of this request", () => timed("All lines of this request", 2, async (page, click) => {
    await click(page.locator(".row", { hasText: "GET /orders by docker:api" }).locator(".text"));
    const leaf = page.locator(".leaf", { has: page.locator(".key", { hasText: /^request_id$/ }) });
    await leaf.hover();
    await click(leaf.getByRole("button", { name: `Show all records with request_id ${REQUEST}` }));
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row").length === 6);
    const sources = await page.locator(".list-host:not([hidden]) .row .source").evaluateAll((all) => all.map((one) => one.getAttribute("title")));
    assert.deepEqual([...new Set(sources)].sort(), ["docker:api", "docker:billing", "docker:web-nginx"]);
  }));

  test("what changed since the last boot", () => timed("What changed since the last boot?", 1, async (page, click) => {
    await click(page.getByRole("button", { name: "Compare", exact: true }));
    await page.locator(".change.new").first().waitFor();
    assert.match(await page.locator(".compared").innerText(), /database is locked/);
  }));

  test("mute the noisy service", () => timed("Mute the noisy service", 1, async (page, click) => {
    const source = page.locator(".source-line", { hasText: "chatty" });
    await source.hover();
    await click(source.getByRole("button", { name: /^Hide/ }));
    await page.waitForFunction(() => {
      const shown = [...document.querySelectorAll(".list-host:not([hidden]) .row .source")];
      return shown.length > 5 && shown.every((one) => one.getAttribute("title") !== "docker:chatty");
    });
  }));

  test("a search that finds one line of a trace opens all of it", async () => {
    const page = await newPage(browser, { permissions: ["clipboard-read", "clipboard-write"] });
    await page.goto(`${base}?q=TypeError`);
    await ready(page);
    await page.locator(".row", { hasText: "TypeError" }).locator(".time").click();
    await page.locator(".detail .message", { hasText: "processTicksAndRejections" }).waitFor();
    await page.getByRole("button", { name: "Markdown" }).click();
    await page.getByText("Markdown copied").waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    for (const line of TRACE) assert.ok(copied.includes(line), line);
    await done(page);
  });

  test("copy the stack trace for an issue", () => timed("Copy the stack trace for an issue", 2, async (page, click) => {
    await click(page.locator(".row", { hasText: "TypeError" }).locator(".time"));
    const shown = await page.locator(".detail .message").innerText();
    for (const line of TRACE) assert.ok(shown.includes(line.trim()), `${line} is in the panel`);
    await click(page.getByRole("button", { name: "Markdown" }));
    await page.getByText("Markdown copied").waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    for (const line of TRACE) assert.ok(copied.includes(line), line);
    assert.match(copied, /^```\n[^]*\n```\nhttp/, "fenced, with a link");
  }));
});
