// The order of the list: the newest record at the end, or at the top.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, list, newPage, ready, scrollTo, visibleTexts } from "../lib/browser.js";
import { Server } from "../lib/server.js";

const LINES = 3_000;
const SOURCE = "source=file:live";

describe("order of the list", { timeout: 240_000 }, () => {
  const server = new Server(200);
  /** @type {import("playwright-core").Browser} */
  let browser;
  let n = 0;

  /** @param {number} lines */
  const write = (lines) => server.write(...Array.from({ length: lines }, () => `line ${(n += 1)}${n % 50 === 0 ? " with many words that take more than one line of the list, so that not all rows have one height".repeat(3) : ""}`));

  before(async () => {
    write(LINES);
    server.rows += LINES;
    await server.start();
    await server.filled();
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await server.remove();
  });

  afterEach(() => closeAll(browser));

  /** @param {string} query */
  async function open(query) {
    const page = await newPage(browser);
    await page.addInitScript(() => localStorage.setItem("vmlog", JSON.stringify({ newest: true })));
    await page.goto(server.page(query));
    return page;
  }

  /** Numbers of the lines on the screen, from top to bottom. @param {import("playwright-core").Page} page */
  const numbers = async (page) => (await visibleTexts(page)).map((text) => Number(/^line (\d+)/.exec(text)?.[1]));

  /** @param {readonly number[]} shown */
  const falls = (shown) => shown.every((one, at) => at === 0 || one === /** @type {number} */ (shown[at - 1]) - 1);

  test("the newest record is at the top, and every older one below it", async () => {
    const page = await open(SOURCE);
    await ready(page);
    assert.equal((await numbers(page))[0], n);
    /** @type {Set<number>} */
    const seen = new Set();
    for (let i = 0; i < 500 && !seen.has(1); i += 1) {
      const shown = await numbers(page);
      assert.ok(falls(shown), `the rows are in order: ${shown}`);
      for (const one of shown) seen.add(one);
      await list(page).evaluate((one) => {
        one.dispatchEvent(new WheelEvent("wheel"));
        one.scrollTop += one.clientHeight - 60;
      });
      await frames(page);
    }
    assert.equal(seen.size, n, "no line is missing");
    assert.equal(await page.locator(".edge").first().textContent(), "First match");
    await done(page);
  });

  test("newer pages are put above, and what is read stays in its place", async () => {
    const found = await server.get(`logs?${SOURCE}&q=%22line%20500%22&limit=1`);
    const page = await open(`${SOURCE}&at=${found.entries[0].id}`);
    await ready(page);
    assert.ok((await numbers(page)).includes(500));
    for (let i = 0; i < 500; i += 1) {
      const before = await numbers(page);
      assert.ok(falls(before), `the rows are in order: ${before}`);
      if (before[0] === n) break;
      await list(page).evaluate((one) => {
        one.dispatchEvent(new WheelEvent("wheel"));
        one.scrollTop -= 300;
      });
      await frames(page);
      const after = await numbers(page);
      assert.ok((after.at(-1) ?? 0) >= (before.at(-1) ?? 0) && (after.at(-1) ?? 0) <= (before[0] ?? 0), `${before} moved to ${after}`);
    }
    assert.equal((await numbers(page))[0], n);
    await done(page);
  });

  test("keys follow what is seen; the switch keeps what is read", async () => {
    const page = await open(SOURCE);
    await ready(page);
    const opened = (/** @type {number} */ line) => page.locator(".detail .message", { hasText: new RegExp(`^line ${line}\\b`) }).waitFor();
    await page.keyboard.press("j");
    await opened(n);
    await page.keyboard.press("ArrowDown");
    await opened(n - 1);
    await page.keyboard.press("k");
    await opened(n);
    await page.keyboard.press("Escape");
    await page.keyboard.press("G");
    await page.waitForFunction(() => document.querySelector(".edge")?.textContent === "First match");
    assert.equal((await numbers(page)).at(-1), 1, "G goes to the bottom, which is the oldest");
    await page.keyboard.press("g");
    await page.waitForFunction((last) => [...document.querySelectorAll(".row .text")].some((one) => one.textContent?.startsWith(`line ${last}`)), n);
    assert.equal((await numbers(page))[0], n);
    await page.keyboard.press("o");
    await frames(page);
    assert.equal((await numbers(page)).at(-1), n, "the newest is at the end again");
    assert.equal(await page.evaluate(() => JSON.parse(localStorage.getItem("vmlog") ?? "{}").newest), false);
    await done(page);
  });

  test("live puts new records at the top, and pauses for who reads below", async () => {
    const page = await open(`view=live&${SOURCE}`);
    await page.waitForSelector(".live-bar.open");
    write(40);
    await page.waitForFunction((last) => [...document.querySelectorAll(".row .text")].some((one) => one.textContent === `line ${last}`), n);
    await frames(page);
    assert.equal((await numbers(page))[0], n);
    assert.ok(falls(await numbers(page)));
    await scrollTo(page, 600);
    await page.waitForSelector(".live-bar.paused");
    const before = await numbers(page);
    write(17);
    await page.getByText(": 17 new").waitFor();
    assert.deepEqual(await numbers(page), before, "what is read does not move");
    await page.locator(".pill").click();
    await page.waitForSelector(".live-bar.open");
    await page.waitForFunction((last) => [...document.querySelectorAll(".row .text")].some((one) => one.textContent === `line ${last}`), n);
    assert.equal((await numbers(page))[0], n);
    await done(page);
  });
});
