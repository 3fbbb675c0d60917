// Events, lanes of sources, saved views and muting, against a server in memory.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, launch, newPage, ready } from "../lib/browser.js";
import { Mock } from "../lib/mock.js";
import { record, records } from "../lib/data.js";

const AXE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

describe("views", { timeout: 240_000 }, () => {
  const mock = new Mock(records(1500));
  let base = "";
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    base = await mock.listen();
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await mock.close();
  });

  afterEach(async () => {
    await closeAll(browser);
    [mock.events, mock.views] = [null, null];
  });

  /** @param {string} [query] @param {import("playwright-core").BrowserContextOptions} [options] */
  async function open(query = "", options = {}) {
    const page = await newPage(browser, options);
    await page.goto(base + query);
    await page.waitForSelector(".app[aria-busy=false]");
    return page;
  }

  /** @param {import("playwright-core").Page} page @param {string} what */
  async function check(page, what) {
    await page.evaluate(AXE);
    const found = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
    const said = found.violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.map((/** @type {any} */ node) => node.html.slice(0, 160)).join(" | ")}`);
    assert.deepEqual(said, [], what);
  }

  /** 130 events, the newest first. */
  const events = () => Array.from({ length: 130 }, (_, at) => 130 - at).map((n) => ({
    id: `01KJ5P4ZHS0G5CV2TNMQ8${String(n).padStart(5, "0")}`, created_at: new Date(Date.now() - (130 - n) * 600_000).toISOString(),
    ...(n % 10 === 0 ? { type: "deploy.failed", severity: "error", message: `Deployment ${n} failed`, app_id: "api", payload: { exit_code: 3, duration_ms: 1200 } }
      : n % 10 === 5 ? { type: "deploy.started", severity: "info", message: `Deployment ${n} started`, app_id: "api" }
        : { type: "snapshot.captured", severity: "info", message: `Captured ${n}`, workspace_id: n % 2 ? "blue" : "green", payload: { record_id: mock.rows[100].id } }),
  }));

  test("events are a timeline with filters by type and scope, which the link keeps", async () => {
    mock.events = events();
    const page = await open();
    await page.getByRole("link", { name: "Events" }).click();
    await page.waitForSelector(".event");
    assert.equal(await page.locator(".event").count(), 100);
    assert.equal(await page.locator(".event-what p").first().textContent(), "error: Deployment 130 failed");
    assert.match(await page.locator(".event").first().innerText(), /exit_code=3/);
    await check(page, "events");
    await page.getByRole("button", { name: "Load older events" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 130);
    await page.getByText("First event").waitFor();
    assert.deepEqual(await page.getByLabel("Type").locator("option").allInnerTexts(), ["All types", "deploy.*", "deploy.failed", "deploy.started", "snapshot.captured"]);
    await page.getByLabel("Type").selectOption("deploy.*");
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 26);
    await page.locator(".event", { hasText: "Deployment 130" }).getByRole("button", { name: "deploy.failed" }).click();
    await page.waitForURL(/view=events&type=deploy\.failed/);
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 13);
    await page.getByRole("button", { name: "Show all" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".event").length === 100);
    await page.getByLabel("Scope").selectOption("workspace blue");
    await page.waitForURL(/about=workspace_id(?:=|%3D)blue/);
    await page.reload();
    await page.waitForFunction(() => document.querySelectorAll(".event").length > 0 && [...document.querySelectorAll(".event .scope")].every((one) => one.textContent === "workspace blue"));
    await page.getByRole("button", { name: /^Open in the log: Captured/ }).first().click();
    await page.waitForURL(/context=101/);
    await page.locator("#row-101.selected").waitFor();
    await done(page);
  });

  test("a server without events says so, and one whose events are new shows how to make some", async () => {
    const page = await open("?view=events");
    await page.getByText("This server does not store events.").waitFor();
    mock.events = [];
    await page.reload();
    await page.getByText("No events yet.").waitFor();
    await page.setViewportSize({ width: 320, height: 640 });
    assert.equal(await page.evaluate(() => Math.max(document.documentElement.scrollWidth, .../** @type {any} */ ([...document.querySelectorAll(".top *")].map((one) => Math.round(one.getBoundingClientRect().right)))) <= innerWidth), true, "nothing goes sideways at 320 px");
    await done(page);
  });

  test("lanes split the histogram by source; a click shows one source, and the next all again", async () => {
    const page = await open();
    await ready(page);
    await page.getByRole("button", { name: "Split by source" }).click();
    const lanes = page.locator(".lane");
    await lanes.nth(5).waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll(".lane path:not(.error)")].filter((one) => one.getAttribute("d")).length === 6);
    await check(page, "lanes");
    const first = await lanes.first().locator("span").innerText();
    await lanes.first().click();
    await page.waitForURL(/source=/);
    await page.waitForFunction(() => document.querySelectorAll(".lane").length === 1);
    assert.equal(await lanes.first().locator("span").innerText(), first);
    await lanes.first().click();
    await page.waitForFunction(() => document.querySelectorAll(".lane").length === 6);
    await lanes.first().hover();
    await page.locator(".lanes li").first().getByRole("button", { name: /^Hide/ }).click();
    await page.waitForURL(/source=-/);
    await page.reload();
    await lanes.first().waitFor();
    assert.notEqual(await lanes.first().locator("span").innerText(), first, "the switch is kept, and the hidden source has no lane");
    await done(page);
  });

  test("views are saved on the server, renamed, linked and deleted; those of the browser move there", async () => {
    mock.views = [{ name: "all errors", query: "?level=error" }];
    const page = await newPage(browser, { permissions: ["clipboard-read", "clipboard-write"] });
    await page.addInitScript(() => {
      if (!localStorage.getItem("seeded")) localStorage.setItem("vmlog-views", JSON.stringify([{ name: "old one", search: "?source=docker:postgres" }]));
      localStorage.setItem("seeded", "yes");
    });
    await page.goto(`${base}?level=warn&columns=unit`);
    await ready(page);
    await page.getByRole("button", { name: "Saved views" }).click();
    await page.getByRole("button", { name: "old one", exact: true }).waitFor();
    assert.deepEqual(mock.views?.map(({ name }) => name), ["all errors", "old one"]);
    assert.equal(await page.evaluate(() => localStorage.getItem("vmlog-views")), "[]");
    await page.keyboard.type("warnings");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "warnings", exact: true }).waitFor();
    assert.equal(mock.views?.find(({ name }) => name === "warnings")?.query, "?level=warn&columns=unit");
    await check(page, "saved views");
    await page.getByRole("button", { name: "Rename warnings" }).click();
    await page.getByLabel("New name of warnings").fill("warnings and units");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "warnings and units", exact: true }).waitFor();
    assert.deepEqual(mock.views?.map(({ name }) => name), ["all errors", "old one", "warnings and units"]);
    await page.getByRole("button", { name: "Copy a link to all errors" }).click();
    await page.getByText("Link copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${base}?level=error`);
    await page.getByRole("button", { name: "Delete old one" }).click();
    assert.equal(mock.views?.length, 3, "a second click confirms");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.waitForFunction(() => document.querySelectorAll(".view-list li").length === 2);
    assert.deepEqual(mock.views?.map(({ name }) => name), ["all errors", "warnings and units"]);
    await page.getByRole("button", { name: "all errors", exact: true }).click();
    await page.waitForURL(/\?level=error$/);
    await done(page);
  });

  test("the noisiest source is muted in one click while Live runs", async () => {
    const page = await open("?view=live");
    await page.waitForSelector(".live-bar.open");
    let id = mock.rows.length;
    const from = id;
    const push = (/** @type {string} */ source, /** @type {string} */ text) => mock.push(record((id += 1), Date.now(), source, "info", text));
    const timer = setInterval(() => {
      for (let n = 0; n < 20; n += 1) push("docker:chatty", `noise ${id}`);
      push("system:quiet", `signal ${id}`);
    }, 50);
    try {
      const mute = page.getByRole("button", { name: /^Mute chatty/ });
      await mute.waitFor();
      await page.locator(".source-name", { hasText: "chatty" }).waitFor();
      await mute.click();
      await page.waitForURL(/source=-docker:chatty/);
      await page.waitForFunction(() => {
        const rows = [...document.querySelectorAll(".list-host:not([hidden]) .row .text")];
        return rows.length > 5 && rows.some((row) => row.textContent?.startsWith("signal")) && !rows.some((row) => row.textContent?.startsWith("noise"));
      });
      await page.waitForFunction(() => !document.querySelector(".mute"));
      await page.getByRole("button", { name: "Remove -source:docker:chatty" }).click();
      await page.waitForFunction(() => [...document.querySelectorAll(".row .text")].some((row) => row.textContent?.startsWith("noise")));
    } finally {
      clearInterval(timer);
      mock.rows.splice(from);
    }
    await done(page);
  });
});
