// The query bar, the panels, and what a pointer does to rows, against a server in memory.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, newPage, ready } from "../lib/browser.js";
import { Mock } from "../lib/mock.js";
import { record, records } from "../lib/data.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe("query", { timeout: 600_000 }, () => {
  const mock = new Mock(records(2000));
  let base = "";
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    const from = mock.rows.length;
    const more = [["docker:api", "error", "request completed", { req: { method: "GET", url: "/invoice" }, res: { statusCode: 502 }, trace_id: "abc123def456" }],
      ["docker:api", "info", "see https://example.org/docs for the word needle", {}], ["docker:web", "warn", "upstream is slow", { trace_id: "abc123def456" }]];
    more.forEach(([source, level, message, fields], at) => {
      const made = record(from + at + 1, Date.now() - 3000 + at, /** @type {string} */ (source), /** @type {string} */ (level), /** @type {string} */ (message));
      mock.rows.push({ ...made, metadata: { ...made.metadata, .../** @type {object} */ (fields) } });
    });
    base = await mock.listen();
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await mock.close();
  });

  afterEach(() => closeAll(browser));

  /** @param {string} [query] @param {import("playwright-core").BrowserContextOptions} [options] */
  async function open(query = "", options = {}) {
    const page = await newPage(browser, options);
    await page.goto(base + query);
    await ready(page);
    return page;
  }

  /** @param {import("playwright-core").Page} page @param {string} where */
  async function check(page, where) {
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      // @ts-ignore axe is what was just put there
      const { violations } = await axe.run(document, { resultTypes: ["violations"] });
      return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.slice(0, 3).map((/** @type {any} */ node) => `${node.target.join(" ")} (${node.any[0]?.message ?? node.failureSummary})`).join("; ")}`);
    });
    assert.deepEqual(found, [], where);
  }

  const chips = (/** @type {import("playwright-core").Page} */ page) => page.locator(".chips .chip-text").allInnerTexts();

  test("terms become chips: edited, removed, turned into their opposite; levels and sources are the same as their controls", async () => {
    const page = await open();
    await page.fill("#search", "level>=warn source:docker:api status:502 needle OR completed");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=/);
    assert.deepEqual(await chips(page), ["level>=warn source:docker:api status:502 needle OR completed"], "OR keeps its parts together");
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.fill("#search", "level>=warn source:docker:api completed");
    await page.keyboard.press("Enter");
    await page.waitForURL(/source=docker:api&level=warn&q=completed/);
    assert.deepEqual(await chips(page), ["source:docker:api", "level>=warn", "completed"]);
    assert.equal(await page.locator(".level-button.info").getAttribute("aria-pressed"), "false");
    assert.equal(await page.locator(".source-line", { hasText: "api" }).first().locator(".source-name").getAttribute("aria-pressed"), "true");
    await page.locator(".level-button.info").click();
    await page.waitForFunction(() => [...document.querySelectorAll(".chips .chip-text")].some((one) => one.textContent === "level>=info"));
    await page.locator(".chips .chip-q .chip-text").click({ modifiers: ["Alt"] });
    await page.waitForURL(/q=-completed/);
    await page.locator(".chips .chip-q .chip-text").click();
    assert.equal(await page.inputValue("#search"), "-completed", "a chip is edited where it was typed");
    await page.fill("#search", "");
    await page.keyboard.press("Backspace");
    assert.equal(await page.inputValue("#search"), "level>=info", "Backspace takes the last chip back");
    await done(page);
  });

  test("fields and values are completed, by key and by pointer; queries are remembered", async () => {
    const page = await open();
    await page.locator("#search").focus();
    await page.keyboard.type("trace");
    await page.locator(".suggestions li", { hasText: "trace_id:" }).waitFor();
    await check(page, "suggestions");
    await page.keyboard.press("ArrowDown");
    assert.match((await page.getAttribute("#search", "aria-activedescendant")) ?? "", /^suggestion-/);
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector("#search")).value === "trace_id:");
    await page.locator(".suggestions li span", { hasText: /^abc123def456$/ }).click();
    await page.waitForURL(/q=trace_id:abc123def456/);
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row").length === 2);
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.locator(".suggestions li", { hasText: "trace_id:abc123def456" }).filter({ hasText: "recent" }).click();
    await page.waitForURL(/q=trace_id:abc123def456/);
    await done(page);
  });

  test("a mistake is shown at its place, over the rows that were there", async () => {
    const page = await open();
    await page.fill("#search", "refused (a OR b");
    await page.keyboard.press("Enter");
    await page.locator(".query-wrong").waitFor();
    assert.equal(await page.locator(".query-wrong mark").innerText(), "(");
    assert.ok(await page.locator(".list-host:not([hidden]) .row").count() > 0);
    await check(page, "mistake");
    await done(page);
  });

  test("rows show the fields of structured records and links; an id leads to all its records", async () => {
    const page = await open("?source=docker:api");
    const row = page.locator(".row", { hasText: "request completed" });
    assert.match(await row.innerText(), /req\.method=GET\s+req\.url=\/invoice\s+res\.statusCode=502/);
    assert.equal(await row.locator(".bad").innerText(), "502");
    assert.equal(await page.locator(".link-text").getAttribute("href"), "https://example.org/docs");
    await row.locator(".text").click();
    await page.getByRole("button", { name: "Show all records with trace_id abc123def456" }).click();
    await page.waitForURL((url) => url.searchParams.get("q") === "trace_id:abc123def456" && !url.searchParams.has("source"));
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row").length === 2);
    await done(page);
  });

  test("a record opens over the list; a double click selects a word; rows are copied with time and source", async () => {
    const page = await open("", { permissions: ["clipboard-read", "clipboard-write"] });
    const word = page.locator(".row .text", { hasText: "the word needle" });
    const places = () => page.locator(".list-host:not([hidden]) .row").evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().top + row.getBoundingClientRect().width));
    await page.waitForSelector(".startup");
    await frames(page);
    const before = await places();
    await page.locator(".row .text", { hasText: "upstream is slow" }).click();
    await page.waitForSelector(".detail");
    await frames(page);
    assert.deepEqual(await places(), before, "no row moves");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".detail", { state: "detached" });
    const box = await word.boundingBox();
    assert.ok(box);
    await page.mouse.dblclick(box.x + 8, box.y + 9);
    await frames(page);
    assert.match(await page.evaluate(() => String(getSelection())), /^see ?$/);
    await page.waitForSelector(".detail", { state: "detached" });
    await page.evaluate(() => {
      const texts = [...document.querySelectorAll(".list-host:not([hidden]) .row .text")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).slice(-3);
      const range = document.createRange();
      range.setStart(/** @type {Element} */ (texts[0]), 0);
      range.setEnd(/** @type {Element} */ (texts[2]), 1);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
    });
    await page.keyboard.press("Control+c");
    const lines = (await page.evaluate(() => navigator.clipboard.readText())).split("\n");
    assert.equal(lines.length, 3);
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\S+ docker:(?:api|web) (?:error|info|warn) \S/);
    await done(page);
  });

  for (const options of [{}, { viewport: { width: 375, height: 812 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }]) {
    test("patterns, fields, comparison and status: each says what it is, filters, and pleases axe", async () => {
      mock.boots = [0, -1].map((index) => ({ index, id: String(index + 1).repeat(32).slice(0, 32), first: mock.rows[0].timestamp, last: mock.rows[9].timestamp, firstId: "1", lastId: "10", records: 10, clean: true, problems: 0 }));
      mock.problems = [];
      const page = await open("", options);
      await page.getByRole("button", { name: "Patterns", exact: true }).click();
      await page.locator(".pattern").first().waitFor();
      await check(page, "patterns");
      const template = (await page.locator(".pattern .template").first().textContent()) ?? "";
      await page.getByRole("button", { name: "Hide these records" }).first().click();
      await page.waitForURL(/pattern\.exclude=/);
      await page.waitForFunction((text) => [...document.querySelectorAll(".pattern .template")].every((one) => one.textContent !== text), template);
      await page.locator(".chips .chip-pattern .chip-remove").click();
      await page.getByRole("button", { name: "Fields", exact: true }).click();
      await page.locator(".facet-value").first().waitFor();
      await check(page, "fields");
      await page.getByRole("button", { name: "Compare", exact: true }).click();
      await page.locator(".change.new").waitFor();
      await check(page, "compare");
      await page.getByRole("button", { name: "Records", exact: true }).click();
      await ready(page);
      await page.getByRole("link", { name: "Status" }).click();
      await page.locator(".collectors-table").waitFor();
      assert.match(await page.locator(".figures").innerText(), /4\.9 MB/);
      await check(page, "status");
      await page.goBack();
      await page.locator(".time-button").click();
      await page.locator(".boots button").first().waitFor();
      await check(page, "time");
      [mock.boots, mock.problems] = [null, null];
      await done(page);
    });
  }

  test("a view is saved and opened again; display options are kept", async () => {
    const page = await open("?level=error");
    await page.getByRole("button", { name: "Saved views" }).click();
    await page.fill(".save-view input", "only errors");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.waitForURL((url) => !url.search.includes("level"));
    await page.getByRole("button", { name: "Saved views" }).click();
    await page.getByRole("button", { name: "only errors", exact: true }).click();
    await page.waitForURL(/level=error/);
    await page.getByRole("button", { name: "Display options" }).first().click();
    await page.getByLabel(/Show fields in rows/).uncheck();
    await page.getByLabel(/Compact rows/).check();
    await check(page, "display options");
    await page.keyboard.press("Escape");
    await page.reload();
    await ready(page);
    assert.equal(await page.locator(".list.dense").count(), 2);
    assert.ok(!(await page.locator(".row", { hasText: "request completed" }).innerText()).includes("statusCode"));
    await done(page);
  });

  test("Live draws in the frame that scrolls: no frame is empty", async () => {
    const page = await newPage(browser);
    await page.goto(`${base}?view=live&source=docker:flood`);
    await page.waitForSelector(".live-bar.open");
    let id = mock.rows.length;
    const flood = (/** @type {number} */ n) => {
      for (let i = 0; i < n; i += 1) mock.push(record((id += 1), Date.now(), "docker:flood", i % 7 ? "info" : "warn", `flood ${id} ${"some words of a line ".repeat(i % 9)}`));
    };
    flood(200);
    await page.waitForSelector(".row");
    const counting = page.evaluate(() => new Promise((resolve) => {
      const list = /** @type {HTMLElement} */ ([...document.querySelectorAll(".list")].find((one) => one.clientHeight > 0));
      const seen = { frames: 0, empty: 0 };
      const end = performance.now() + 4000;
      const step = () => {
        const box = list.getBoundingClientRect();
        seen.frames += 1;
        // what is painted now: after all callbacks of this frame
        queueMicrotask(() => {
          const hit = document.elementFromPoint(box.left + 60, box.top + box.height / 2);
          if (!hit?.closest(".item")) seen.empty += 1;
        });
        if (performance.now() < end) requestAnimationFrame(step);
        else resolve(seen);
      };
      requestAnimationFrame(step);
    }));
    for (let i = 0; i < 40; i += 1) {
      flood(200);
      await page.waitForTimeout(90);
    }
    const seen = /** @type {{frames: number, empty: number}} */ (await counting);
    assert.ok(seen.frames > 20, `${seen.frames} frames`);
    assert.equal(seen.empty, 0, `${seen.empty} of ${seen.frames} frames were empty`);
    await page.waitForFunction(() => /\d/.test(document.querySelector(".source-line .source-name[title^='docker:flood'] small")?.textContent ?? ""));
    const rate = Number((await page.locator(".rate").innerText()).replace(/\D/g, ""));
    assert.ok(rate > 100 && rate < 4000, `${rate} a second`);
    await page.locator(".source-line", { hasText: "flood" }).hover();
    await page.getByRole("button", { name: "Hide docker:flood" }).click();
    await page.waitForURL((url) => !url.searchParams.getAll("source").includes("docker:flood"));
    await done(page);
  });
});
